#include "planner/partition_parent.hpp"

#include <nlohmann/json.hpp>

namespace pgsluice::planner {

void to_json(nlohmann::json& json, const PartitionParent& parent) {
  json = {{"schema", parent.name.schema},
          {"name", parent.name.name},
          {"oid", parent.oid},
          {"bound", parent.bound},
          {"constraint", parent.constraint},
          {"others", parent.others},
          {"inherited_triggers", parent.inherited_triggers},
          {"inherited_foreign_keys", parent.inherited_foreign_keys}};
  if (parent.default_partition) {
    json["default_schema"] = parent.default_partition->schema;
    json["default_name"] = parent.default_partition->name;
  }
}

void from_json(const nlohmann::json& json, PartitionParent& parent) {
  parent.name = {json.at("schema").get<std::string>(), json.at("name").get<std::string>()};
  json.at("oid").get_to(parent.oid);
  json.at("bound").get_to(parent.bound);
  json.at("constraint").get_to(parent.constraint);
  json.at("others").get_to(parent.others);
  json.at("inherited_triggers").get_to(parent.inherited_triggers);
  json.at("inherited_foreign_keys").get_to(parent.inherited_foreign_keys);
  parent.default_partition.reset();
  if (json.contains("default_name")) {
    parent.default_partition = {json.at("default_schema").get<std::string>(),
                                json.at("default_name").get<std::string>()};
  }
}

}  // namespace pgsluice::planner

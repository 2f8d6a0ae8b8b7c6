#include "planner/catalog_parent.hpp"

#include <charconv>

#include "planner/catalog_snapshot.hpp"
#include "planner/result_row.hpp"

namespace pgsluice::planner {

namespace {

PartitionMethod method_of(const std::string& strategy) {
  return strategy == "h" ? PartitionMethod::hash : strategy == "r" ? PartitionMethod::range : PartitionMethod::list;
}

std::vector<std::uint32_t> oids_of(const std::vector<std::string>& texts) {
  std::vector<std::uint32_t> oids;
  for (const std::string& text : texts) {
    std::from_chars(text.data(), text.data() + text.size(), oids.emplace_back());
  }
  return oids;
}

}  // namespace

std::optional<ParentFacts> read_parent(pg::Connection& connection, std::uint32_t oid) {
  const pg::Result rows = read_statement(connection, "partition_parent", {std::to_string(oid)});
  if (rows.row_count() == 0) {
    return std::nullopt;
  }
  const ResultRow row(rows, 0);
  ParentFacts facts;
  PartitionParent& parent = facts.parent;
  parent.name = {row.text("schema"), row.text("name")};
  parent.oid = static_cast<std::uint32_t>(row.integer("oid"));
  parent.bound = row.text("bound");
  parent.constraint = row.text("constraint_text");
  if (const std::optional<std::string> name = row.optional_text("default_name")) {
    parent.default_partition = {row.text("default_schema"), *name};
  }
  if (parent.source_is_default()) {
    parent.others = oids_of(row.texts("others"));
  }
  parent.inherited_triggers = row.texts("inherited_triggers");
  parent.inherited_foreign_keys = row.texts("inherited_foreign_keys");
  facts.method = method_of(row.text("strategy"));
  facts.key_columns = row.texts("key_columns");
  facts.key_is_plain = row.boolean("key_is_plain");
  facts.key_is_collated = row.boolean("key_is_collated");
  facts.is_owned = row.boolean("is_owned");
  facts.default_is_owned = row.boolean("default_is_owned");
  facts.default_is_partitioned = row.text("default_kind") != "r";
  facts.is_partition = row.boolean("is_partition");
  facts.is_pending = row.boolean("is_pending");
  facts.incoming_keys = row.texts("incoming_keys");
  facts.leafwise_publications = row.texts("leafwise_publications");
  facts.lacks_index = row.text("lacks_index");
  return facts;
}

std::vector<SiblingBound> read_sibling_bounds(pg::Connection& connection, const PartitionParent& parent,
                                              std::uint32_t oid) {
  const pg::Result rows =
      read_statement(connection, "sibling_bounds", {std::to_string(parent.oid), std::to_string(oid)});
  std::vector<SiblingBound> bounds;
  for (int i = 0; i < rows.row_count(); ++i) {
    const ResultRow row(rows, i);
    bounds.push_back({{row.text("schema"), row.text("name")}, row.text("bound")});
  }
  return bounds;
}

}  // namespace pgsluice::planner

#include "planner/layout.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace pgsluice::planner {

namespace {

constexpr std::array<std::string_view, 3> kMethodNames = {"hash", "range", "list"};  // By enum value.

void visit(const PartitionNode& node, std::vector<const PartitionNode*>& found, bool leaves_only) {
  if (!leaves_only || node.is_leaf()) {
    found.push_back(&node);
  }
  for (const PartitionNode& child : node.children) {
    visit(child, found, leaves_only);
  }
}

nlohmann::json node_to_json(const PartitionNode& node) {
  nlohmann::json json = {{"schema", node.name.schema}, {"name", node.name.name}, {"bound", node.bound}};
  if (node.method) {
    json["method"] = kMethodNames[static_cast<std::size_t>(*node.method)];
    json["key_columns"] = node.key_columns;
    json["key_definition"] = node.key_definition;
    json["children"] = nlohmann::json::array();
    for (const PartitionNode& child : node.children) {
      json["children"].push_back(node_to_json(child));
    }
  }
  return json;
}

PartitionNode node_from_json(const nlohmann::json& json) {
  PartitionNode node;
  node.name = {json.at("schema").get<std::string>(), json.at("name").get<std::string>()};
  node.bound = json.at("bound").get<std::string>();
  if (json.contains("method")) {
    const auto* const found = std::find(kMethodNames.begin(), kMethodNames.end(), json.at("method").get<std::string>());
    if (found == kMethodNames.end()) {
      throw nlohmann::json::other_error::create(501, "unknown partition method", &json);
    }
    node.method = static_cast<PartitionMethod>(found - kMethodNames.begin());
    node.key_columns = json.at("key_columns").get<std::vector<std::string>>();
    node.key_definition = json.at("key_definition").get<std::string>();
    for (const nlohmann::json& child : json.at("children")) {
      node.children.push_back(node_from_json(child));
    }
  }
  return node;
}

}  // namespace

std::vector<const PartitionNode*> leaves(const Layout& layout) {
  std::vector<const PartitionNode*> found;
  visit(layout.root, found, true);
  return found;
}

std::vector<const PartitionNode*> nodes(const Layout& layout) {
  std::vector<const PartitionNode*> found;
  visit(layout.root, found, false);
  return found;
}

std::vector<std::string> partition_key_columns(const Layout& layout) {
  std::vector<std::string> columns;
  for (const PartitionNode* node : nodes(layout)) {
    for (const std::string& column : node->key_columns) {
      if (!column.empty() && std::find(columns.begin(), columns.end(), column) == columns.end()) {
        columns.push_back(column);
      }
    }
  }
  return columns;
}

bool has_expression_key(const Layout& layout) {
  const std::vector<const PartitionNode*> all = nodes(layout);
  return std::any_of(all.begin(), all.end(), [](const PartitionNode* node) {
    return std::any_of(node->key_columns.begin(), node->key_columns.end(),
                       [](const std::string& column) { return column.empty(); });
  });
}

void to_json(nlohmann::json& json, const Layout& layout) {
  json = {{"root", node_to_json(layout.root)}, {"existing", layout.existing}};
}

void from_json(const nlohmann::json& json, Layout& layout) {
  layout.root = node_from_json(json.at("root"));
  layout.existing = json.at("existing").get<bool>();
}

}  // namespace pgsluice::planner

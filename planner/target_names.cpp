#include "planner/target_names.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "planner/names.hpp"

namespace pgsluice::planner {

namespace {

using NamesBySchema = std::map<std::string, std::set<std::string>>;

std::string first_tag(const TableFacts& facts, const std::string& name) {
  const std::string prefix = facts.name.name + "_";
  return name.starts_with(prefix) && name.size() > prefix.size() ? name.substr(prefix.size()) : name;
}

std::string tagged(const PartitionNode& node, const std::string& tag) {
  return fitted_name(node.name.name + "_" + tag);
}

// Finds the first of tag, tag_1, tag_2, … that gives every node a free name, and takes those names.
std::string take_tag(const std::vector<const PartitionNode*>& all, const std::string& wanted, NamesBySchema& taken) {
  std::string tag = wanted;
  for (int attempt = 1;; ++attempt) {
    std::set<QualifiedName> names;
    const bool is_free = std::all_of(all.begin(), all.end(), [&](const PartitionNode* node) {
      const std::string name = tagged(*node, tag);
      return !taken[node->name.schema].contains(name) && names.insert({node->name.schema, name}).second;
    });
    if (is_free) {
      for (const QualifiedName& name : names) {
        taken[name.schema].insert(name.name);
      }
      return tag;
    }
    tag = wanted + "_" + std::to_string(attempt);
  }
}

std::string known_or(const std::map<std::string, std::string>& known, const std::string& key,
                     const std::string& otherwise) {
  const auto found = known.find(key);
  return found == known.end() ? otherwise : found->second;
}

std::string first_sequence_name(const Layout& layout, const std::string& column) {
  return layout.root.name.name + "_" + column + "_seq";
}

}  // namespace

TargetNames choose_target_names(const TableFacts& facts, const Layout& layout, const TakenNames& taken) {
  const std::vector<const PartitionNode*> all = nodes(layout);
  NamesBySchema relations = taken.relations;
  NamesBySchema statistics = taken.statistics;
  for (const PartitionNode* node : all) {
    relations[node->name.schema].insert(node->name.name);
  }
  TargetNames names;
  for (const Index& index : facts.indexes) {
    names.index_tags[index.name] = take_tag(all, first_tag(facts, index.name), relations);
  }
  for (const Statistics& object : facts.statistics) {
    names.statistics_tags[pg::display(object.name)] = take_tag(all, first_tag(facts, object.name.name), statistics);
  }
  NameAllocator free_in_root_schema(relations[layout.root.name.schema]);
  for (const Column& column : facts.columns) {
    if (column.owned_sequence) {
      names.sequences[column.name] = free_in_root_schema.allocate(first_sequence_name(layout, column.name));
    }
  }
  return names;
}

std::string index_name(const TargetNames& names, const TableFacts& facts, const PartitionNode& node,
                       const Index& index) {
  return tagged(node, known_or(names.index_tags, index.name, first_tag(facts, index.name)));
}

QualifiedName statistics_name(const TargetNames& names, const TableFacts& facts, const PartitionNode& node,
                              const Statistics& statistics) {
  const std::string tag =
      known_or(names.statistics_tags, pg::display(statistics.name), first_tag(facts, statistics.name.name));
  return {node.name.schema, tagged(node, tag)};
}

QualifiedName sequence_name(const TargetNames& names, const Layout& layout, const std::string& column) {
  return {layout.root.name.schema, known_or(names.sequences, column, fitted_name(first_sequence_name(layout, column)))};
}

void to_json(nlohmann::json& json, const TargetNames& names) {
  json = {{"index_tags", names.index_tags}, {"statistics_tags", names.statistics_tags}, {"sequences", names.sequences}};
}

void from_json(const nlohmann::json& json, TargetNames& names) {
  json.at("index_tags").get_to(names.index_tags);
  json.at("statistics_tags").get_to(names.statistics_tags);
  json.at("sequences").get_to(names.sequences);
}

}  // namespace pgsluice::planner

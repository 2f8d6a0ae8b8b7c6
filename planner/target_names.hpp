// Names of what is made beside the target's tables: indexes and statistics objects of every node of its tree, and own
// sequences. They are chosen when the plan is made, all at once, so that none is taken and none exceeds 63 bytes;
// afterwards each follows from the plan.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>

#include "planner/layout.hpp"
#include "planner/table_facts.hpp"

namespace pgsluice::planner {

struct TargetNames {
  std::map<std::string, std::string> index_tags;  // By the name of the source's index.
  std::map<std::string, std::string>
      statistics_tags;                           // By the name of the source's statistics object, with its schema.
  std::map<std::string, std::string> sequences;  // By column: the name of an own sequence, in the root's schema.
  bool operator==(const TargetNames&) const = default;
};

// What is taken on the target's side, by schema.
struct TakenNames {
  std::map<std::string, std::set<std::string>> relations;
  std::map<std::string, std::set<std::string>> statistics;
};

// A tag is the source's name without the table's (`sources_pkey` gives `pkey`), with _1, _2, … where some node's name
// would be taken. Sequences are named for every column that owns one, whether the target will need it or not.
TargetNames choose_target_names(const TableFacts& facts, const Layout& layout, const TakenNames& taken);

// The name on one node of the target's tree: node, "_", tag, fitted. Where the plan has no tag, the tag that would be
// tried first.
std::string index_name(const TargetNames& names, const TableFacts& facts, const PartitionNode& node,
                       const Index& index);
QualifiedName statistics_name(const TargetNames& names, const TableFacts& facts, const PartitionNode& node,
                              const Statistics& statistics);
QualifiedName sequence_name(const TargetNames& names, const Layout& layout, const std::string& column);

void to_json(nlohmann::json& json, const TargetNames& names);
void from_json(const nlohmann::json& json, TargetNames& names);

}  // namespace pgsluice::planner

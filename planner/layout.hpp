// How the target is partitioned: a tree of tables, fully named and bounded when the plan is made, so that every later
// step (DDL, index builds, verify, rollback) walks the same tree. Values only; layout_design.hpp makes one.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "pg/identifier.hpp"

namespace pgsluice::planner {

enum class PartitionMethod { hash, range, list };

// A table of the target's tree. The root has no bound; leaves have no key.
struct PartitionNode {
  pg::QualifiedName name;
  std::string bound;  // SQL text: `FOR VALUES FROM ('…') TO ('…')`, `DEFAULT`. Empty for the root.
  std::optional<PartitionMethod> method;  // How its children are divided; absent for a leaf.
  std::vector<std::string>
      key_columns;             // Unquoted. An existing target may have an expression, which stands as an empty string.
  std::string key_definition;  // SQL text after PARTITION BY: `HASH ("uid")`. Empty for a leaf.
  std::vector<PartitionNode> children;
  bool is_leaf() const { return !method.has_value(); }
};

struct Layout {
  PartitionNode root;
  bool existing = false;  // The target was there before us: filled as it is, never altered or dropped.
};

// All leaves, in tree order. Pointers into `layout`.
std::vector<const PartitionNode*> leaves(const Layout& layout);

// All nodes, parents before children. Pointers into `layout`.
std::vector<const PartitionNode*> nodes(const Layout& layout);

// The plain columns of every level's key, without repetition, in tree order: what a unique constraint must contain.
std::vector<std::string> partition_key_columns(const Layout& layout);

// True when some level is divided by an expression.
bool has_expression_key(const Layout& layout);

void to_json(nlohmann::json& json, const Layout& layout);
void from_json(const nlohmann::json& json, Layout& layout);

}  // namespace pgsluice::planner

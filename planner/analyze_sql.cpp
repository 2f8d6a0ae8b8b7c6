#include "planner/analyze_sql.hpp"

#include <utility>

namespace pgsluice::planner {

namespace {

constexpr std::string_view kMode = "SHARE UPDATE EXCLUSIVE";

}  // namespace

Statement analyze_sql(const PartitionNode& node) {
  return {"ANALYZE " + pg::quoted(node.name), std::string(kMode),
          pg::display(node.name) + (node.is_leaf() ? "" : " and each partition in turn")};
}

Statement analyze_only_sql(const PartitionNode& node) {
  return {"ANALYZE ONLY " + pg::quoted(node.name), std::string(kMode), pg::display(node.name)};
}

Statement analyze_unheld_sql(const PartitionNode& root) {
  return {"ANALYZE (SKIP_LOCKED) " + pg::quoted(root.name), std::string(kMode), pg::display(root.name)};
}

Statement hold_leaves_sql(std::span<const PartitionNode* const> leaves) {
  std::string names;
  for (const PartitionNode* leaf : leaves) {
    names += (names.empty() ? "" : ", ") + pg::quoted(leaf->name);
  }
  return {"LOCK TABLE " + names + " IN " + std::string(kMode) + " MODE", std::string(kMode), "every leaf"};
}

Statement freeze_leaf_sql(const PartitionNode& leaf, bool analyzes) {
  return {"VACUUM (FREEZE" + std::string(analyzes ? ", ANALYZE" : "") + ") " + pg::quoted(leaf.name),
          std::string(kMode), pg::display(leaf.name)};
}

Statements analyze_target_sql(const Plan& plan) {
  const PartitionNode& root = plan.layout.root;
  if (plan.layout.existing) {
    return {analyze_sql(root)};
  }
  constexpr int kMajor = 10'000;
  const bool has_only = has_analyze_only(plan.target_database.server_version / kMajor);
  const std::vector<const PartitionNode*> all_leaves = leaves(plan.layout);
  Statements statements;
  for (const PartitionNode* leaf : all_leaves) {
    statements.push_back(analyze_sql(*leaf));
  }
  if (!has_only) {
    Statement unheld = analyze_unheld_sql(root);
    unheld.on += ", and every leaf by another session of ours meanwhile";
    statements.push_back(std::move(unheld));
    return statements;
  }
  for (const PartitionNode* node : nodes(plan.layout)) {
    if (!node->is_leaf()) {
      statements.push_back(analyze_only_sql(*node));
    }
  }
  return statements;
}

bool has_analyze_only(int server_major_version) {
  constexpr int kFirst = 18;
  return server_major_version >= kFirst;
}

}  // namespace pgsluice::planner

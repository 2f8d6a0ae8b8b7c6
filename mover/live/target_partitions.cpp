#include "mover/live/target_partitions.hpp"

#include <set>
#include <string>

#include "mover/target_session.hpp"

namespace pgsluice::mover {

PartitionChanges read_partition_changes(pg::Connection& connection, const planner::Plan& plan,
                                        const pg::QualifiedName& table) {
  const pg::Result rows = fixed_query(connection, "partition_names", {pg::quoted(table)});
  std::set<pg::QualifiedName> present;
  for (int i = 0; i < rows.row_count(); ++i) {
    present.insert({std::string(rows.text(i, 0)), std::string(rows.text(i, 1))});
  }
  PartitionChanges changes;
  std::set<pg::QualifiedName> planned;
  for (const planner::PartitionNode* node : planner::nodes(plan.layout)) {
    if (node == &plan.layout.root) {
      continue;
    }
    planned.insert(node->name);
    if (!present.contains(node->name)) {
      changes.missing.push_back(node->name);
    }
  }
  for (const pg::QualifiedName& name : present) {
    if (!planned.contains(name)) {
      changes.added.push_back(name);
    }
  }
  return changes;
}

}  // namespace pgsluice::mover

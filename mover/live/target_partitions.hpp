// What became of the target's partitions since they were made: after the cutover it is the operator's own table.
#pragma once

#include <vector>

#include "pg/connection.hpp"
#include "planner/plan.hpp"

namespace pgsluice::mover {

struct PartitionChanges {
  std::vector<pg::QualifiedName> missing;  // Dropped or detached.
  std::vector<pg::QualifiedName> added;    // Made or attached by somebody else.
  bool is_none() const { return missing.empty() && added.empty(); }
};

// `table`: what the target is called now. Fails: server, connection.
PartitionChanges read_partition_changes(pg::Connection& connection, const planner::Plan& plan,
                                        const pg::QualifiedName& table);

}  // namespace pgsluice::mover

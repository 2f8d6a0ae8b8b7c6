// Builds one index on one leaf, as a step that can be repeated: by the phase that builds them all (indexes.hpp), and
// before it for leaves that have all their rows (early_indexes.hpp).
#pragma once

#include <optional>
#include <vector>

#include "gate/work.hpp"
#include "pg/connection.hpp"
#include "planner/layout.hpp"
#include "planner/plan.hpp"
#include "planner/target_index.hpp"

namespace pgsluice::mover {

// The target's indexes, in the order in which a leaf gets them: the primary key, other unique ones, the rest.
std::vector<planner::TargetIndex> leaf_indexes(const planner::Plan& plan);

// Ensures, when it returns something and the open transaction is committed: the leaf has that index, and it is valid.
// Returns what building it touched; nothing when another session is at it.
// Fails: server (23505 when rows are equal where they must not be; the message names leaf and index), connection.
std::optional<gate::Touched> build_leaf_index(pg::Connection& target, const planner::Plan& plan,
                                              const planner::TargetIndex& index, const planner::PartitionNode& leaf);

}  // namespace pgsluice::mover

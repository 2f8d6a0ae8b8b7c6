// The SQL of the target's outgoing foreign keys: NOT VALID on each leaf, validated leaf by leaf, and then on the root,
// where PostgreSQL takes the leaves' in without checking a row again. Before PostgreSQL 18 a partitioned table can have
// no NOT VALID foreign key: one that the source never validated stays on the leaves.
#pragma once

#include <vector>

#include "planner/plan.hpp"
#include "planner/statement.hpp"

namespace pgsluice::planner {

// Those that the target gets: neither self-referencing nor NOT ENFORCED ones. Pointers into the facts.
std::vector<const ForeignKey*> kept_foreign_keys(const TableFacts& facts);

Statement add_leaf_foreign_key_sql(const ForeignKey& key, const PartitionNode& leaf);
Statement validate_foreign_key_sql(const ForeignKey& key, const PartitionNode& leaf);
// With its comment, if it has one.
Statements add_root_foreign_key_sql(const ForeignKey& key, const PartitionNode& root);

// Waits for a table of our own as long as it takes, before a statement asks for the application's table with little
// patience.
Statement lock_leaf_sql(const PartitionNode& leaf);

}  // namespace pgsluice::planner

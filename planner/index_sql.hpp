// The SQL of the target's indexes, in three steps that a crash may part: each leaf gets its own (SHARE, so that several
// are built on one leaf at once), unique ones become constraints where the source's were (a change of the catalogue
// only), and then each partitioned table gets its index ON ONLY itself and takes its partitions' in. ATTACH fails where
// two indexes differ; a plain CREATE INDEX on the parent would silently build again, and would lock all leaves in one
// transaction.
#pragma once

#include <string>

#include "planner/plan.hpp"
#include "planner/statement.hpp"
#include "planner/target_index.hpp"

namespace pgsluice::planner {

// What follows are the indexes of this plan; the pointers in them point into plan.source.
std::vector<TargetIndex> target_indexes(const Plan& plan);

// The index on one leaf. For one transaction: the tablespace is set for it.
Statements create_leaf_index_sql(const Plan& plan, const TargetIndex& index, const PartitionNode& leaf);

// Makes the leaf's index the primary key or unique constraint that it is to be.
Statement make_constraint_sql(const Plan& plan, const TargetIndex& index, const PartitionNode& leaf);

// The index or constraint of a partitioned table, still without its partitions'.
Statements create_parent_index_sql(const Plan& plan, const TargetIndex& index, const PartitionNode& node);
Statement attach_index_sql(const Plan& plan, const TargetIndex& index, const PartitionNode& node,
                           const PartitionNode& parent);

// The comment of the root's index or constraint. The source's index must have one.
Statement comment_on_index_sql(const Plan& plan, const TargetIndex& index);

Statement drop_index_sql(const QualifiedName& index, const PartitionNode& node);

// The name of that index on that node.
QualifiedName name_on(const Plan& plan, const TargetIndex& index, const PartitionNode& node);

}  // namespace pgsluice::planner

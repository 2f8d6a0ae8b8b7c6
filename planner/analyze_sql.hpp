// The SQL of the target's statistics, and of freezing its rows. A partitioned table's own statistics come from a sample
// of all its leaves; gathering them with a plain ANALYZE gathers those of every leaf, too, one leaf after another. So
// leaves are analyzed by themselves, several at once, and the partitioned tables without them: since version 18 with
// ONLY; before, a session holds the leaves in a mode that keeps ANALYZE from taking them and lets it read them, and
// SKIP_LOCKED passes over them (each skipped leaf is a warning in the server's log).
// Source: PostgreSQL manual, ANALYZE; src/backend/commands/vacuum.c (vacuum_open_relation) and analyze.c
// (acquire_inherited_sample_rows takes ACCESS SHARE).
#pragma once

#include <span>

#include "planner/plan.hpp"
#include "planner/statement.hpp"

namespace pgsluice::planner {

// Any table by itself; a partitioned one takes its partitions in.
Statement analyze_sql(const PartitionNode& node);

// A partitioned table alone. Since version 18.
Statement analyze_only_sql(const PartitionNode& node);

// The partitioned tables of a tree, without the leaves that another session holds with hold_leaves_sql().
Statement analyze_unheld_sql(const PartitionNode& root);
Statement hold_leaves_sql(std::span<const PartitionNode* const> leaves);

// Freezes the rows of a leaf; for the planner's statistics, too, when `analyzes`. Not in a transaction block.
Statement freeze_leaf_sql(const PartitionNode& leaf, bool analyzes);

// For plans: what analyze_target() sends, but for the LOCK of the session that only holds the leaves.
Statements analyze_target_sql(const Plan& plan);

// True where a partitioned table can be analyzed alone.
bool has_analyze_only(int server_major_version);

}  // namespace pgsluice::planner

// The table that the cutover put aside: it is brought up to date from time to time, so that the log of what it lacks
// stays small and the way back short. It is guarded against those who know it by its identity, and, where it is
// partitioned, what belonged to it then is listed.
#pragma once

#include "mover/live/applier.hpp"
#include "mover/live/change_feed.hpp"
#include "mover/retry.hpp"
#include "mover/sessions.hpp"
#include "planner/plan.hpp"

namespace pgsluice::mover {

// `feed` leads to the old table, and the caller has the migration's claim. After a TRUNCATE of the table in use the old
// one is filled anew. Fails: as catch_up.
void bring_old_table_near(const ChangeFeed& feed, const Sessions& sessions, const RetryContext& context,
                          const ApplierOptions& options);

// In the cutover's transaction, which holds the table against everybody; see create_old_table_guard_sql(). The second
// takes back what the first did.
void install_old_table_guard(pg::Connection& connection, const planner::Plan& plan, const pg::QualifiedName& old_table);
void remove_old_table_guard(pg::Connection& connection, const planner::Plan& plan, const pg::QualifiedName& old_table);

// What came to the old table since then, and what is gone from it. Nothing where the source was a plain table.
// Fails: server, connection.
PartitionDrift read_old_table_drift(pg::Connection& connection, const planner::Plan& plan);
// While a partition of the old table is away, nothing can be brought over to it: a row that is deleted would not be
// found, and be there again when the partition comes back. Fails: refused; server, connection.
void refuse_old_table_in_part(pg::Connection& connection, const planner::Plan& plan);

// The list goes; the guard goes with remove_guard(). Repeatable.
void forget_old_partitions(pg::Connection& connection, const planner::Plan& plan);

}  // namespace pgsluice::mover

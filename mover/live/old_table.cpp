#include "mover/live/old_table.hpp"

#include <vector>

#include "mover/live/following.hpp"
#include "mover/target_session.hpp"
#include "pg/failure.hpp"
#include "planner/guard_sql.hpp"
#include "planner/swap_names_sql.hpp"

namespace pgsluice::mover {

namespace {

// The table in use is small after a TRUNCATE, as a rule.
void fill_anew(const ChangeFeed& feed, const Sessions& sessions, const RetryContext& context) {
  Session session([&sessions] { return open_patient_target(sessions, "filling the old table anew"); });
  repeat_until_done(session, context, "filling the old table anew", [&](pg::Connection& connection) {
    connection.begin("ISOLATION LEVEL REPEATABLE READ");
    try {
      feed.start_over(connection);
      feed.refill(connection);
    } catch (...) {
      connection.rollback();
      throw;
    }
    connection.commit();
  });
}

std::vector<pg::QualifiedName> read_partitions(pg::Connection& connection, const planner::Plan& plan,
                                               const pg::QualifiedName& table) {
  std::vector<pg::QualifiedName> partitions;
  if (plan.source.is_partitioned()) {
    const pg::Result rows = fixed_query(connection, "partition_names", {pg::quoted(table)});
    for (int i = 0; i < rows.row_count(); ++i) {
      partitions.push_back({std::string(rows.text(i, 0)), std::string(rows.text(i, 1))});
    }
  }
  return partitions;
}

}  // namespace

void bring_old_table_near(const ChangeFeed& feed, const Sessions& sessions, const RetryContext& context,
                          const ApplierOptions& options) {
  if (catch_up(feed, sessions, context, options).left.holds_truncate) {
    fill_anew(feed, sessions, context);
  }
}

void install_old_table_guard(pg::Connection& connection, const planner::Plan& plan,
                             const pg::QualifiedName& old_table) {
  connection.run_script(planner::script_of(
      planner::create_old_table_guard_sql(plan, old_table, read_partitions(connection, plan, old_table))));
}

void remove_old_table_guard(pg::Connection& connection, const planner::Plan& plan, const pg::QualifiedName& old_table) {
  connection.run_script(planner::script_of(
      planner::drop_old_table_guard_sql(plan, old_table, read_partitions(connection, plan, old_table))));
}

PartitionDrift read_old_table_drift(pg::Connection& connection, const planner::Plan& plan) {
  PartitionDrift drift;
  if (!plan.source.is_partitioned()) {
    return drift;
  }
  const pg::Result rows = connection.query(planner::old_table_drift_sql(plan, planner::name_after_swap(plan)));
  for (int i = 0; i < rows.row_count(); ++i) {
    (rows.boolean(i, 1) ? drift.gone : drift.added).emplace_back(rows.text(i, 0));
  }
  return drift;
}

void refuse_old_table_in_part(pg::Connection& connection, const planner::Plan& plan) {
  const PartitionDrift drift = read_old_table_drift(connection, plan);
  if (!drift.gone.empty()) {
    throw pg::Failure(pg::FailureKind::refused, "partitions of the old table are gone since the cutover")
        .detail(drift_text({{}, drift.gone, {}}) + ".")
        .hint("Attach them again, then run the same command again; or go on with `pgsluice finish`.")
        .status("changes stay noted; nothing was changed");
  }
}

void forget_old_partitions(pg::Connection& connection, const planner::Plan& plan) {
  if (const planner::Statements statements = planner::drop_old_partitions_sql(plan); !statements.empty()) {
    connection.run_script(planner::script_of(statements));
  }
}

}  // namespace pgsluice::mover

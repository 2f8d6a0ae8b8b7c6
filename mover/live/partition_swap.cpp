#include "mover/live/partition_swap.hpp"

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "mover/live/search_path.hpp"
#include "mover/target_session.hpp"
#include "pg/failure.hpp"
#include "pg/statements.hpp"
#include "planner/mark.hpp"

namespace pgsluice::mover {

namespace {

using planner::BoundCheck;
using planner::Plan;
using planner::QualifiedName;
using planner::SplitLeaf;
using planner::SplitStanding;
using planner::SwapDirection;

constexpr std::string_view kUndefinedTable = "42P01";
constexpr std::string_view kUndefinedObject = "42704";
constexpr const char* kSerializationFailure = "40001";

pg::Failure not_standing(const Plan& plan, bool before) {
  return pg::Failure(pg::FailureKind::refused,
                     before ? "the partitions have been exchanged already" : "the partitions have not been exchanged")
      .detail(pg::display(plan.source.name) + (before ? " is not a partition of " : " is still a partition of ") +
              pg::display(plan.parent->name) + ".")
      .status("nothing was changed");
}

pg::Failure changed_meanwhile(const std::string& why) {
  return pg::Failure(pg::FailureKind::server, "what stands around the partitions has changed meanwhile")
      .sqlstate(kSerializationFailure)
      .detail(why)
      .status("nothing was changed");
}

// By table: whether it is valid.
std::map<QualifiedName, bool> read_checks(pg::Connection& connection, const Plan& plan) {
  const pg::Result rows = fixed_query(connection, "marked_checks", {planner::mark(plan.migration_id)});
  std::map<QualifiedName, bool> checks;
  for (int i = 0; i < rows.row_count(); ++i) {
    checks[{std::string(rows.text(i, 0)), std::string(rows.text(i, 1))}] = rows.boolean(i, rows.column("is_valid"));
  }
  return checks;
}

// What to do about one CHECK is decided from the catalogue, so it goes on where a crash came.
void ensure_check(const Plan& plan, const BoundCheck& check, const Sessions& sessions, Session& session,
                  const RetryContext& context) {
  const std::string what = "proving that each row of " + pg::display(check.table) + " is in its place";
  leave_if_stopped(context, what);
  repeat_naming_holders(session, context, what, check.table, [&](pg::Connection& target) {
    if (!read_checks(target, plan).contains(check.table)) {
      in_transaction(target, [&] {
        wait_briefly(target, sessions);
        target.run_script(planner::script_of(planner::add_bound_check_sql(plan, check)));
      });
    }
  });
  repeat_until_done(session, context, what, [&](pg::Connection& target) {
    if (!read_checks(target, plan).at(check.table)) {
      target.query(planner::validate_bound_check_sql(plan, check.table).sql);
    }
  });
}

void ensure_checks(const Plan& plan, const std::vector<BoundCheck>& checks, const Sessions& sessions,
                   const RetryContext& context) {
  Session session([&sessions] { return open_patient_target(sessions, "proving bounds"); });
  context.observer.phase_began("proving which rows are where", "partitions");
  for (const BoundCheck& check : checks) {
    ensure_check(plan, check, sessions, session, context);
  }
}

// As planner::lock_against_vacuum_sql says: taken and given back at once.
void take_autovacuum_off(const Plan& plan, const SplitStanding& standing, const Sessions& sessions,
                         const RetryContext& context) {
  Session session([&sessions] { return open_patient_target(sessions, "making room"); });
  std::vector<QualifiedName> tables = {plan.source.name};
  for (const SplitLeaf& leaf : standing.leaves) {
    tables.push_back(leaf.node->name);
  }
  if (standing.default_partition) {
    tables.push_back(*standing.default_partition);
  }
  for (const QualifiedName& table : tables) {
    leave_if_stopped(context, "making room");
    repeat_until_done(session, context, "taking autovacuum off " + pg::display(table), [&](pg::Connection& target) {
      in_transaction(target, [&] { target.query(planner::lock_against_vacuum_sql(table).sql); });
    });
  }
}

SplitStanding read_standing_now(Session& session, const Plan& plan, const RetryContext& context) {
  SplitStanding standing;
  repeat_until_done(session, context, "looking at the partitions", [&](pg::Connection& connection) {
    in_transaction(connection, [&] { standing = planner::read_split_standing(connection, plan); });
  });
  return standing;
}

void gather_leaves(const Plan& plan, const SplitStanding& standing, const Sessions& sessions,
                   const RetryContext& context) {
  if (standing.staging_oid == 0) {
    return;
  }
  Session session([&sessions] { return open_patient_target(sessions, "settling"); });
  for (const SplitLeaf& leaf : standing.leaves) {
    if (leaf.parent_oid == 0) {
      const std::string what = "bringing " + pg::display(leaf.node->name) + " below its root again";
      leave_if_stopped(context, what);
      repeat_until_done(session, context, what,
                        [&](pg::Connection& target) { target.query(planner::gather_leaf_sql(plan, *leaf.node).sql); });
    }
  }
}

}  // namespace

bool PartitionSwap::is_done(pg::Connection& connection) const {
  bool is_done = false;
  in_transaction(connection, [&] {
    is_done = planner::read_split_standing(connection, plan_).standing != planner::standing_before(direction_);
  });
  return is_done;
}

SplitStanding PartitionSwap::read(pg::Connection& connection) const {
  SplitStanding standing = planner::read_split_standing(connection, plan_);
  if (standing.standing != planner::standing_before(direction_)) {
    throw not_standing(plan_, direction_ == SwapDirection::forward);
  }
  return standing;
}

void PartitionSwap::prepare(Session& target, const Sessions& sessions, const RetryContext& context) {
  repeat_until_done(target, context, "looking at the partitions", [&](pg::Connection& connection) {
    in_transaction(connection, [&] {
      standing_ = read(connection);
      obstacles_ = planner::split_obstacles(plan_, standing_, direction_);
    });
  });
  take_autovacuum_off(plan_, standing_, sessions, context);
}

void PartitionSwap::make_ready(Session& /*target*/, const Sessions& sessions, const RetryContext& context) {
  ensure_checks(plan_, planner::bound_checks(plan_, standing_, direction_), sessions, context);
}

void PartitionSwap::give_up(Session& target, const Sessions& sessions, const RetryContext& context) {
  if (!standing_.default_partition) {
    return;
  }
  const QualifiedName& table = *standing_.default_partition;
  repeat_until_done(target, context, "removing a check of ours from " + pg::display(table),
                    [&](pg::Connection& connection) {
                      in_transaction(connection, [&] {
                        wait_briefly(connection, sessions);
                        connection.query(planner::drop_bound_check_sql(plan_, table).sql);
                      });
                    });
}

void PartitionSwap::look(pg::Connection& connection) const {
  SearchPath search_path(connection);
  if (read(connection) != standing_) {
    throw changed_meanwhile("Something was made, changed or dropped that has to do with them.");
  }
  const std::map<QualifiedName, bool> checks = read_checks(connection, plan_);
  for (const BoundCheck& check : planner::bound_checks(plan_, standing_, direction_)) {
    const auto found = checks.find(check.table);
    if (found == checks.end() || !found->second) {
      throw pg::Failure(pg::FailureKind::refused, "the CHECK that proves what " + pg::display(check.table) +
                                                      " holds is gone; without it every row would be read")
          .hint("Run the same command again: it makes another one.")
          .status("nothing was changed");
    }
  }
  search_path.restore();
}

void PartitionSwap::lock(pg::Connection& connection) const {
  try {
    connection.run_script(planner::script_of(planner::split_locks_sql(plan_, standing_, direction_)));
  } catch (const pg::Failure& failure) {
    if (failure.sqlstate() == kUndefinedTable || failure.sqlstate() == kUndefinedObject) {
      throw changed_meanwhile(failure.what());
    }
    throw;
  }
  look(connection);
}

void PartitionSwap::swap(pg::Connection& connection) const {
  SearchPath search_path(connection);
  connection.run_script(pg::statement("catalog_settings", connection.server_major_version()));
  connection.run_script(planner::script_of(planner::split_exchange_sql(plan_, standing_, direction_)));
  search_path.restore();
}

void PartitionSwap::settle(Session& target, const Sessions& sessions, const RetryContext& context, unsigned /*jobs*/) {
  const SplitStanding standing = read_standing_now(target, plan_, context);
  if (standing.standing == planner::standing_before(direction_)) {
    throw not_standing(plan_, direction_ != SwapDirection::forward);
  }
  if (direction_ == SwapDirection::forward) {
    ensure_checks(plan_, planner::bound_checks_behind(plan_), sessions, context);
  } else {
    gather_leaves(plan_, standing, sessions, context);
  }
}

void drop_bound_checks(const Plan& plan, const Sessions& sessions, const RetryContext& context) {
  Session session([&sessions] { return open_patient_target(sessions, "removing checks"); });
  std::map<QualifiedName, bool> checks;
  repeat_until_done(session, context, "looking for checks of ours",
                    [&](pg::Connection& target) { checks = read_checks(target, plan); });
  for (const auto& [table, is_valid] : checks) {
    leave_if_stopped(context, "removing checks of ours");
    repeat_naming_holders(session, context, "removing a check of ours from " + pg::display(table), table,
                          [&, &on = table](pg::Connection& target) {
                            in_transaction(target, [&] {
                              wait_briefly(target, sessions);
                              target.query(planner::drop_bound_check_sql(plan, on).sql);
                            });
                          });
  }
}

}  // namespace pgsluice::mover

#include "mover/live/finish_migration.hpp"

#include <string>
#include <vector>

#include "mover/guard.hpp"
#include "mover/ledger.hpp"
#include "mover/live/exchange.hpp"
#include "mover/live/finish.hpp"
#include "mover/live/following.hpp"
#include "mover/live/old_table.hpp"
#include "mover/live/trigger_log.hpp"
#include "pg/failure.hpp"
#include "planner/planning.hpp"

namespace pgsluice::mover {

namespace {

using pg::Failure;
using pg::FailureKind;
using planner::Phase;

void refuse_other_phase(const planner::Checkpoint& checkpoint, Phase in_ledger) {
  const bool ledger_is_gone = in_ledger == Phase::planned && checkpoint.phase() == Phase::cut_over;
  if (in_ledger == Phase::cut_over || in_ledger == Phase::finished || ledger_is_gone) {
    return;
  }
  throw Failure(FailureKind::refused, "there is no cutover to finish")
      .detail("The migration is in phase " + std::string(name_of(in_ledger)) + ".")
      .hint("`pgsluice cutover` comes first.")
      .status("nothing was changed");
}

void end_capture(const planner::Plan& plan, const Sessions& sessions, const RetryContext& context) {
  constexpr std::string_view kLockNotAvailable = "55P03";
  try {
    end_following(TriggerLog(planner::reverse_feed(plan)), sessions, context);
  } catch (const Failure& failure) {
    if (failure.sqlstate() != kLockNotAvailable) {
      throw;
    }
    throw Failure(FailureKind::interrupted,
                  "no gap was found to take our triggers off " + pg::display(planner::table_in_use(plan)))
        .detail(failure.what())
        .hint("Run the same command again at a quieter moment, or with a longer --lock-timeout.")
        .status("nothing was dropped; the table is in use as before");
  }
}

// Before the capture ends: until then there is a way back.
void refuse_used_table(pg::Connection& connection, const planner::Plan& plan) {
  std::string users;
  for (const planner::Dependent& user : read_users_of_old_table(connection, plan)) {
    users += (users.empty() ? "" : "\n") + user.kind + " " + user.name;
  }
  const PartitionDrift drift =
      old_table_is_gone(connection, plan) ? PartitionDrift{} : read_old_table_drift(connection, plan);
  if (!drift.added.empty()) {
    throw Failure(FailureKind::refused, "partitions were added to the old table since the cutover")
        .detail(drift_text(drift))
        .hint("Detach them, or they would be dropped with it; then run the same command again.")
        .status("nothing was changed; `pgsluice rollback` still goes back");
  }
  if (!users.empty()) {
    throw Failure(FailureKind::refused, "the old table is still used")
        .detail(users)
        .hint("Drop them or make them anew upon " + pg::display(planner::table_in_use(plan)) +
              ", then run the same command again.")
        .status("nothing was changed; `pgsluice rollback` still goes back");
  }
}

}  // namespace

FinishSummary finish_migration(planner::Checkpoint& checkpoint, const Sessions& sessions, const RetryOptions& retry,
                               const StopRequest& stop, Observer& observer) {
  const planner::Plan& plan = checkpoint.plan();
  // As patient as a cutover: the triggers' lock has to find a gap, too.
  RetryOptions patient = retry;
  patient.statement_attempts_max = 200;
  patient.pause_max = std::chrono::seconds(3);
  const RetryContext context{patient, stop, observer};
  if (checkpoint.phase() == Phase::finished) {
    return {true};
  }
  Session lead([&sessions] { return sessions.open_target("finishing the migration"); });
  bool is_mine = false;
  repeat_until_done(lead, context, "looking at the migration", [&](pg::Connection& connection) {
    planner::check_databases(plan, connection, connection);
    const Phase phase = read_phase(connection, plan.migration_id);
    refuse_other_phase(checkpoint, phase);
    is_mine = try_claim_migration(connection, plan.migration_id);
    if (is_mine && phase == Phase::cut_over) {
      refuse_used_table(connection, plan);
    }
  });
  if (!is_mine) {
    throw Failure(FailureKind::refused, "another pgsluice works on this migration")
        .hint("Let it end, or stop it, then run the same command again.")
        .status("nothing was changed");
  }
  bool is_gone = false;
  repeat_until_done(lead, context, "looking for the old table",
                    [&](pg::Connection& connection) { is_gone = old_table_is_gone(connection, plan); });
  // Foreign keys and materialized views that a crash behind the cutover left. Of partitions nothing is left but what a
  // way back would need.
  if (!is_gone && !plan.parent) {
    make_exchange(plan, planner::SwapDirection::forward)->settle(lead, sessions, context, 1);
  }
  repeat_until_done(lead, context, "entering the phase finished", [&](pg::Connection& connection) {
    if (read_phase(connection, plan.migration_id) == Phase::cut_over) {
      write_phase(connection, plan.migration_id, Phase::finished);
    }
  });
  end_capture(plan, sessions, context);
  forget_feed(TriggerLog(planner::forward_feed(plan)), sessions, context);
  finish_swap(plan, sessions, context);
  repeat_until_done(lead, context, "forgetting the old table's partitions",
                    [&](pg::Connection& connection) { forget_old_partitions(connection, plan); });
  remove_guard(plan, sessions, context);  // Of the old table; its triggers went with it.
  repeat_until_done(lead, context, "removing the migration from the ledger",
                    [&](pg::Connection& connection) { remove_from_ledger(connection, plan.migration_id); });
  checkpoint.record_phase(Phase::finished);
  return {};
}

}  // namespace pgsluice::mover

#include "mover/live/cutover.hpp"

#include <algorithm>
#include <optional>
#include <random>
#include <utility>

#include "mover/analyzing.hpp"
#include "mover/ledger.hpp"
#include "mover/live/applier.hpp"
#include "mover/live/cutover_state.hpp"
#include "mover/live/follower.hpp"
#include "mover/live/following.hpp"
#include "mover/live/old_table.hpp"
#include "mover/live/preflight.hpp"
#include "mover/target_session.hpp"
#include "pg/failure.hpp"
#include "planner/planning.hpp"
#include "planner/refresh_sql.hpp"

namespace pgsluice::mover {

namespace {

using Clock = std::chrono::steady_clock;
using pg::Failure;
using pg::FailureKind;
using planner::Phase;
using planner::SwapDirection;

constexpr std::string_view kUniqueViolation = "23505";
constexpr std::string_view kQueryCanceled = "57014";

Phase phase_before(SwapDirection direction) {
  return direction == SwapDirection::forward ? Phase::complete : Phase::cut_over;
}

Phase phase_after(SwapDirection direction) {
  return direction == SwapDirection::forward ? Phase::cut_over : Phase::complete;
}

Phase read_current_phase(Cutover& cutover) {
  Phase phase = Phase::planned;
  repeat_until_done(cutover.lead, cutover.retry, "reading the ledger", [&](pg::Connection& connection) {
    planner::check_databases(cutover.plan(), connection, connection);
    phase = read_phase(connection, cutover.plan().migration_id);
  });
  return phase;
}

void refuse_other_strategy(const planner::Plan& plan) {
  if (plan.strategy != planner::Strategy::capture) {
    throw Failure(FailureKind::refused,
                  "this migration has no cutover: its strategy is " + std::string(name_of(plan.strategy)))
        .hint("`pgsluice run` printed how the tables are exchanged by hand; or plan with --strategy capture.")
        .status("nothing was changed");
  }
}

void refuse_other_phase(const Cutover& cutover, Phase phase) {
  if (phase == phase_before(cutover.direction)) {
    return;
  }
  Failure failure(FailureKind::refused, cutover.direction == SwapDirection::forward
                                            ? "the target is not ready for a cutover"
                                            : "there is no cutover to take back");
  failure.detail("The migration is in phase " + std::string(name_of(phase)) + ".").status("nothing was changed");
  if (phase < Phase::complete) {
    failure.hint("Let `pgsluice run` come to its end first.");
  } else if (phase == Phase::finished) {
    failure.hint("It is finished: the old table is gone.");
  }
  throw failure;
}

void claim(Cutover& cutover) {
  bool is_mine = false;
  repeat_until_done(cutover.lead, cutover.retry, "claiming the migration", [&](pg::Connection& connection) {
    is_mine = try_claim_migration(connection, cutover.plan().migration_id);
  });
  if (!is_mine) {
    throw Failure(FailureKind::refused, "another pgsluice works on this migration")
        .hint("Let it end, or stop it, then run the same command again.")
        .status("nothing was changed");
  }
}

std::string read_stamp(const Cutover& cutover, pg::Connection& connection) {
  const planner::Feed& feed = cutover.feed().feed();
  return std::string(fixed_query(connection, "tables_stamp", {pg::quoted(feed.from), pg::quoted(feed.to)}).text(0, 0));
}

// ---- Before the lock

// The last refresh reads the whole file: one that is large and empty would hold the lock for nothing.
void give_space_back(Cutover& cutover) {
  constexpr std::int64_t kBlocksMax = 2000;
  repeat_until_done(cutover.target, cutover.retry, "tidying the log of changes", [&](pg::Connection& connection) {
    if (cutover.feed().read_extent(connection) > kBlocksMax) {
      cutover.feed().tidy(connection, true);
    }
  });
}

void come_near(Cutover& cutover) {
  const ApplierOptions options{cutover.options.workers, cutover.options.gate, kNotesBeforeLock};
  if (cutover.direction == SwapDirection::back) {
    bring_old_table_near(cutover.feed(), cutover.sessions, cutover.retry, options);
    return;
  }
  if (catch_up(cutover.feed(), cutover.sessions, cutover.retry, options).left.holds_truncate) {
    throw Failure(FailureKind::refused, cutover.table() + " was emptied by TRUNCATE, or part of it")
        .hint("Run `pgsluice run`: it copies the rows of now; then cut over.")
        .status(state_text(cutover));
  }
}

// ---- An attempt

std::string milliseconds_text(std::chrono::milliseconds duration) {
  return std::to_string(std::max<std::chrono::milliseconds::rep>(1, duration.count())) + "ms";
}

// By updating in place, which is faster; where rows of different moments meet in a unique index, all at once.
std::uint64_t refresh_for_the_last_time(const Cutover& cutover, pg::Connection& connection) {
  const planner::Range everything;
  connection.query(planner::savepoint_sql());
  try {
    return cutover.feed().apply_range(connection, cutover.plan().key, everything);
  } catch (const Failure& failure) {
    if (failure.sqlstate() != kUniqueViolation) {
      throw explained_refresh(failure, cutover.feed().feed());
    }
  }
  connection.query(planner::rollback_to_savepoint_sql());
  return cutover.feed().apply_everything(connection);
}

void exchange(Cutover& cutover, pg::Connection& connection) {
  plan_as_applier(connection);
  wait_briefly(connection, cutover.sessions);
  cutover.swap->look(connection);
  const auto asked = Clock::now();
  cutover.swap->lock(connection);
  if (read_stamp(cutover, connection) != cutover.stamp) {
    throw Failure(FailureKind::server, "one of the tables was altered a moment ago").sqlstate("40001");
  }
  // From here on others wait; nothing below may take long.
  set_for_transaction(connection, "statement_timeout", milliseconds_text(cutover.options.max_lock));
  if (cutover.feed().read_backlog(connection).holds_truncate) {
    throw Failure(FailureKind::server, cutover.table() + " was emptied by TRUNCATE a moment ago").sqlstate("40001");
  }
  if (!cutover.feed().read_drift(connection).is_none()) {
    throw Failure(FailureKind::server, "a partition of " + cutover.table() + " came or went a moment ago")
        .sqlstate("40001");
  }
  const std::uint64_t rows = refresh_for_the_last_time(cutover, connection);
  cutover.feed().stop(connection);
  const pg::QualifiedName old_table = planner::name_after_swap(cutover.plan());
  PartitionDrift drift;
  if (cutover.direction == SwapDirection::back) {
    drift = read_old_table_drift(connection, cutover.plan());
    if (!drift.gone.empty()) {
      throw Failure(FailureKind::server, "a partition of the old table went a moment ago").sqlstate("40001");
    }
    remove_old_table_guard(connection, cutover.plan(), old_table);
  }
  cutover.swap->swap(connection);
  if (cutover.direction == SwapDirection::forward) {
    install_old_table_guard(connection, cutover.plan(), old_table);
  }
  cutover.next_feed().install(connection);
  cutover.next_feed().forget_partitions(connection, drift.added);  // The next run brings their rows over.
  cutover.next_feed().refuse_old_snapshots(connection);
  write_phase(connection, cutover.plan().migration_id, phase_after(cutover.direction));
  if (Clock::now() - asked > cutover.options.max_lock + cutover.sessions.options().lock_timeout) {
    throw Failure(FailureKind::server, "the exchange took longer than --max-lock allows")
        .sqlstate(std::string(kQueryCanceled));
  }
  connection.commit();
  cutover.summary.lock_held = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - asked);
  cutover.summary.rows_refreshed = rows;
}

// A failure after which the next attempt may succeed.
bool is_worth_another_attempt(const Failure& failure) {
  return failure.is_transient() || failure.sqlstate() == kQueryCanceled || failure.kind() == FailureKind::connection;
}

// True when the exchange is committed.
bool attempt(Cutover& cutover) {
  ++cutover.summary.attempts;
  Session session([&] { return cutover.sessions.open_target("cutover", {{"synchronous_commit", "on"}}); });
  try {
    pg::Connection& connection = session.connection();
    connection.begin();
    try {
      exchange(cutover, connection);
    } catch (...) {
      connection.rollback();
      throw;
    }
    return true;
  } catch (const Failure& failure) {
    if (failure.kind() == FailureKind::in_doubt) {
      return read_current_phase(cutover) == phase_after(cutover.direction);
    }
    if (!is_worth_another_attempt(failure)) {
      throw;
    }
    std::string holders;
    try {
      holders = read_lock_holders(session.connection(), pg::quoted(planner::table_in_use(cutover.plan())), true);
    } catch (const Failure&) {
      session.drop();  // The next attempt has another one.
    }
    cutover.retry.observer.noted("attempt " + std::to_string(cutover.summary.attempts) + " failed: " + failure.what() +
                                 "; " + state_text(cutover) + (holders.empty() ? "" : ":\n" + holders));
    return false;
  }
}

bool pause_between(const Cutover& cutover, std::mt19937& random) {
  constexpr std::chrono::milliseconds kFirst{250};
  constexpr unsigned kDoublingsMax = 10;
  const auto grown = kFirst * (1U << std::min(cutover.summary.attempts - 1, kDoublingsMax));
  const auto most = std::min<std::chrono::milliseconds>(grown, cutover.options.pause_max);
  std::uniform_int_distribution<std::int64_t> jitter(most.count() / 2, most.count());
  return pause(std::chrono::milliseconds(jitter(random)), cutover.retry.stop);
}

// All that the capture the other way round needs, but its triggers.
void make_next_feed_ready(Cutover& cutover) {
  repeat_until_done(cutover.target, cutover.retry, "preparing the capture of what comes after",
                    [&](pg::Connection& connection) {
                      in_transaction(connection, [&] { cutover.next_feed().make_ready(connection); });
                    });
}

// The log that was brought over to its last row. Decided from the catalogue: a crash may have come in between.
void remove_last_feed(Cutover& cutover) {
  repeat_until_done(cutover.target, cutover.retry, "removing the log", [&](pg::Connection& connection) {
    in_transaction(connection, [&] { cutover.feed().remove(connection); });
  });
}

void attempt_until_done(Cutover& cutover) {
  make_next_feed_ready(cutover);
  std::mt19937 random(std::random_device{}());
  const auto begun = Clock::now();
  while (true) {
    // Hours may have passed since the last look.
    repeat_until_done(cutover.target, cutover.retry, "looking at the tables",
                      [&](pg::Connection& connection) { cutover.stamp = read_stamp(cutover, connection); });
    std::vector<Finding> findings = look_at_tables(cutover);
    std::erase_if(findings, [](const Finding& finding) { return !finding.blocks; });
    refuse_if_blocked(cutover, findings);
    come_near(cutover);
    if (attempt(cutover)) {
      return;
    }
    const bool is_late = Clock::now() - begun > cutover.options.timeout;
    if (is_late || !pause_between(cutover, random)) {
      throw Failure(FailureKind::interrupted, is_late ? "no attempt succeeded within --cutover-timeout"
                                                      : "stopped between two attempts, as asked")
          .detail(std::to_string(cutover.summary.attempts) + " attempts were made.")
          .hint("Run the same command again, at a quieter moment or with a longer --lock-timeout.")
          .status(state_text(cutover));
    }
  }
}

void settle(Cutover& cutover) {
  cutover.checkpoint.record_phase(phase_after(cutover.direction));
  remove_last_feed(cutover);
  cutover.swap->settle(cutover.target, cutover.sessions, cutover.retry, cutover.options.workers);
}

Cutover make_cutover(planner::Checkpoint& checkpoint, const Sessions& sessions, SwapDirection direction,
                     const CutoverOptions& options, const RetryContext& retry) {
  const planner::Plan& plan = checkpoint.plan();
  planner::SwapOptions swap_options;
  swap_options.sequence_gap = options.sequence_gap;
  return {checkpoint,
          sessions,
          direction,
          options,
          retry,
          TriggerLog(planner::forward_feed(plan)),
          TriggerLog(planner::reverse_feed(plan)),
          Session([&sessions] { return sessions.open_target("cutover, lead"); }),
          Session([&sessions] { return open_patient_target(sessions, "cutover, preparing"); }),
          make_exchange(plan, direction, swap_options)};
}

// The other table is kept near meanwhile.
void wait_for_moment(Cutover& cutover) {
  if (!cutover.options.wait_for_moment) {
    return;
  }
  const std::jthread follower = follow_in_background(cutover.feed(), cutover.sessions, cutover.retry,
                                                     {cutover.options.workers, cutover.options.gate, kNotesBeforeLock});
  if (!cutover.options.wait_for_moment()) {
    leave_if_stopped(cutover.retry, "waiting for the moment of the cutover");
  }
}

void call_hook(const Cutover& cutover, std::string_view moment, const std::string& status) {
  if (!cutover.options.hook) {
    return;
  }
  try {
    cutover.options.hook(moment);
  } catch (Failure& failure) {
    throw failure.status(status);
  }
}

void exchange_when_ready(Cutover& cutover) {
  cutover.swap->make_ready(cutover.target, cutover.sessions, cutover.retry);
  come_near(cutover);
  give_space_back(cutover);
  wait_for_moment(cutover);
  call_hook(cutover, "before-cutover", state_text(cutover));
  attempt_until_done(cutover);
}

// Why it came to nothing is told by the caller, and is what counts.
void give_up(Cutover& cutover) {
  try {
    cutover.swap->give_up(cutover.target, cutover.sessions, cutover.retry);
  } catch (const Failure& failure) {
    cutover.retry.observer.noted(std::string("what was made for the cutover is still there: ") + failure.what());
  }
}

}  // namespace

std::vector<Finding> preflight(planner::Checkpoint& checkpoint, const Sessions& sessions, SwapDirection direction,
                               const CutoverOptions& options, const RetryContext& context) {
  refuse_other_strategy(checkpoint.plan());
  Cutover cutover = make_cutover(checkpoint, sessions, direction, options, context);
  refuse_other_phase(cutover, read_current_phase(cutover));
  return look_around(cutover);
}

CutoverSummary cut_over(planner::Checkpoint& checkpoint, const Sessions& sessions, SwapDirection direction,
                        const CutoverOptions& options, const StopRequest& stop, Observer& observer) {
  refuse_other_strategy(checkpoint.plan());
  const auto begun = Clock::now();
  Cutover cutover = make_cutover(checkpoint, sessions, direction, options, {options.retry, stop, observer});
  const Phase phase = read_current_phase(cutover);
  if (phase == phase_after(direction) && cutover.direction == SwapDirection::forward) {
    claim(cutover);
    cutover.summary.was_done_before = true;
    settle(cutover);  // What a crash may have left.
    return cutover.summary;
  }
  refuse_other_phase(cutover, phase);
  claim(cutover);
  if (direction == SwapDirection::forward) {  // What a crash behind the way back may have left.
    make_exchange(cutover.plan(), SwapDirection::back)
        ->settle(cutover.target, sessions, cutover.retry, options.workers);
  }
  refuse_if_blocked(cutover, look_around(cutover));
  if (direction == SwapDirection::forward) {
    analyze_target(cutover.plan(), sessions, cutover.retry, {options.workers, false});
  }
  try {
    exchange_when_ready(cutover);
  } catch (...) {
    give_up(cutover);
    throw;
  }
  settle(cutover);
  call_hook(cutover, "after-cutover", "the tables are exchanged; nothing is left to do");
  cutover.summary.duration = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begun);
  return cutover.summary;
}

}  // namespace pgsluice::mover

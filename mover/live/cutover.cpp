#include "mover/live/cutover.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <random>
#include <utility>

#include "mover/analyzing.hpp"
#include "mover/ledger.hpp"
#include "mover/live/applier.hpp"
#include "mover/live/exchange.hpp"
#include "mover/live/follower.hpp"
#include "mover/live/following.hpp"
#include "mover/live/old_table.hpp"
#include "mover/live/target_partitions.hpp"
#include "mover/live/trigger_log.hpp"
#include "mover/target_session.hpp"
#include "mover/verify.hpp"
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

constexpr std::uint64_t kNotesBeforeLock = 200;  // So few that bringing them over takes some milliseconds.
constexpr std::string_view kUniqueViolation = "23505";
constexpr std::string_view kQueryCanceled = "57014";

Phase phase_before(SwapDirection direction) {
  return direction == SwapDirection::forward ? Phase::complete : Phase::cut_over;
}

Phase phase_after(SwapDirection direction) {
  return direction == SwapDirection::forward ? Phase::cut_over : Phase::complete;
}

// One call, handed from step to step.
struct Cutover {
  planner::Checkpoint& checkpoint;
  const Sessions& sessions;
  SwapDirection direction;
  const CutoverOptions& options;
  RetryContext retry;
  TriggerLog forward;
  TriggerLog back;
  Session lead;  // Holds the claim.
  Session target;
  std::unique_ptr<Exchange> swap;
  CutoverSummary summary = {};
  std::string stamp = {};  // Of both tables' definitions, when the attempt that comes was prepared.

  const planner::Plan& plan() const { return checkpoint.plan(); }
  // What notes the changes of the table in use, and what is to note those of the one that takes its place.
  const TriggerLog& feed() const { return direction == SwapDirection::forward ? forward : back; }
  const TriggerLog& next_feed() const { return direction == SwapDirection::forward ? back : forward; }
  std::string table() const { return pg::display(feed().feed().from); }
};

std::string state_text(const Cutover& cutover) {
  return cutover.table() + " is as it was, in use and captured";
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

// ---- Preflight

void add_sessions(std::vector<Finding>& findings, const pg::Result& rows) {
  for (int i = 0; i < rows.row_count(); ++i) {
    findings.push_back({"a transaction has been using the table for " + std::string(rows.text(i, 3)),
                        "pid " + std::string(rows.text(i, 0)) + ", role " + std::string(rows.text(i, 1)) + ", " +
                            std::string(rows.text(i, 2)) + ": " + std::string(rows.text(i, 4)),
                        "No attempt can succeed before it ends.", false});
  }
}

void look_at_sessions(Cutover& cutover, std::vector<Finding>& findings) {
  constexpr const char* kSeconds = "5";
  repeat_until_done(cutover.target, cutover.retry, "looking at sessions", [&](pg::Connection& connection) {
    const std::string table = pg::quoted(planner::table_in_use(cutover.plan()));
    add_sessions(findings, fixed_query(connection, "long_transactions", {table, kSeconds}));
    for (const std::string& each : {table, pg::quoted(cutover.feed().feed().to)}) {
      const pg::Result vacuums = fixed_query(connection, "wraparound_vacuums", {each});
      for (int i = 0; i < vacuums.row_count(); ++i) {
        findings.push_back({"autovacuum works on " + std::string(vacuums.text(i, 1)) + " against wraparound",
                            "pid " + std::string(vacuums.text(i, 0)) + "; it does not step aside.",
                            "Wait until it ends.", true});
      }
    }
  });
}

void look_at_verification(const Cutover& cutover, std::vector<Finding>& findings) {
  if (cutover.direction == SwapDirection::back) {
    return;
  }
  std::size_t unknown = 0;
  std::size_t differing = 0;
  for (const planner::RangeState& state : cutover.checkpoint.states()) {
    unknown += state.verification == planner::Verification::unknown ? 1 : 0;
    differing += state.verification == planner::Verification::differs ? 1 : 0;
  }
  if (differing > 0) {
    findings.push_back({std::to_string(differing) + " ranges differ between source and target", "",
                        "`pgsluice verify --find` names the rows; do not cut over before you know why.", true});
  }
  if (unknown > 0 && !is_equal_in_total(cutover.checkpoint)) {
    findings.push_back({std::to_string(unknown) + " of " + std::to_string(cutover.checkpoint.states().size()) +
                            " ranges are not verified",
                        "", "Run `pgsluice verify`, or say --accept unverified.", !cutover.options.accepts_unverified});
  }
}

void look_at_plan(Cutover& cutover, std::vector<Finding>& findings) {
  try {
    repeat_until_done(
        cutover.target, cutover.retry, "comparing the table with the plan",
        [&](pg::Connection& connection) { planner::check_plan_still_holds(cutover.plan(), connection, connection); });
  } catch (const Failure& failure) {
    if (failure.kind() != FailureKind::refused) {
      throw;
    }
    findings.push_back({failure.what(), failure.detail(), failure.hint(), true});
  }
}

std::string list_of(const std::vector<pg::QualifiedName>& names) {
  std::string list;
  for (const pg::QualifiedName& name : names) {
    list += (list.empty() ? "" : ", ") + pg::display(name);
  }
  return list;
}

// On the way back: what was done to the table since the cutover, and the other one does not have.
void look_at_changes_since(Cutover& cutover, std::vector<Finding>& findings) {
  repeat_until_done(cutover.target, cutover.retry, "comparing both tables", [&](pg::Connection& connection) {
    PartitionChanges changes =
        read_partition_changes(connection, cutover.plan(), planner::table_in_use(cutover.plan()));
    if (cutover.plan().parent) {
      changes.added.clear();  // The others of the parent, which were not migrated.
    }
    if (!changes.missing.empty()) {
      findings.push_back({"partitions are gone since the cutover", list_of(changes.missing),
                          "Their rows are still in the old table and would come back: `pgsluice finish` is the way on.",
                          true});
    }
    if (!changes.added.empty()) {
      findings.push_back(
          {"partitions were added since the cutover", list_of(changes.added),
           "Rows that one of them had when it was attached are not in the old table. Where none had any, "
           "say --accept partitions.",
           !cutover.options.accepts_partitions});
    }
  });
}

void look_at_columns(Cutover& cutover, std::vector<Finding>& findings) {
  const planner::Feed& feed = cutover.feed().feed();
  repeat_until_done(cutover.target, cutover.retry, "comparing both tables", [&](pg::Connection& connection) {
    const pg::Result rows = fixed_query(connection, "differing_columns", {pg::quoted(feed.from), pg::quoted(feed.to)});
    std::string names;
    for (int i = 0; i < rows.row_count(); ++i) {
      names += (names.empty() ? "" : ", ") + pg::display(rows.text(i, 0));
    }
    if (!names.empty()) {
      findings.push_back({"both tables differ in columns", names, "Make them equal again first.", true});
    }
  });
}

// Of a partitioned source: what came or went without a trigger. On the way back: what was done to the old table since
// it was put aside.
void look_at_source_partitions(Cutover& cutover, std::vector<Finding>& findings) {
  repeat_until_done(cutover.target, cutover.retry, "looking at partitions", [&](pg::Connection& connection) {
    if (cutover.direction == SwapDirection::forward) {
      if (const PartitionDrift drift = cutover.feed().read_drift(connection); !drift.is_none()) {
        findings.push_back({"partitions of " + cutover.table() + " came or went", drift_text(drift),
                            std::string("Run `pgsluice run`: it ") +
                                (drift.loses_rows() ? "copies the rows of now."
                                                    : "brings their rows over. Then verify, and cut over."),
                            true});
      }
      return;
    }
    const PartitionDrift drift = read_old_table_drift(connection, cutover.plan());
    if (!drift.gone.empty()) {
      findings.push_back({"partitions of the old table are gone since the cutover", drift_text(drift),
                          "Attach them again; without their rows there is no way back.", true});
    }
  });
}

void look_at_definition(Cutover& cutover, std::vector<Finding>& findings) {
  if (cutover.plan().source.is_partitioned()) {
    look_at_source_partitions(cutover, findings);
  }
  cutover.direction == SwapDirection::forward ? look_at_plan(cutover, findings)
                                              : look_at_changes_since(cutover, findings);
  look_at_columns(cutover, findings);
}

void look_at_backlog(Cutover& cutover, std::vector<Finding>& findings) {
  repeat_until_done(cutover.target, cutover.retry, "looking at the changes", [&](pg::Connection& connection) {
    refuse_broken_capture(cutover.feed(), connection);
    const Backlog backlog = cutover.feed().read_backlog(connection);
    if (backlog.holds_truncate && cutover.direction == SwapDirection::forward) {
      findings.push_back({cutover.table() + " was emptied by TRUNCATE, or part of it",
                          "What was copied before stands for nothing.",
                          "Run `pgsluice run`: it copies the rows of now.", true});
    } else if (backlog.rows > kNotesBeforeLock) {
      findings.push_back({std::to_string(backlog.rows) + " changes are still to be brought over", "",
                          "It is done before the first attempt.", false});
    }
  });
}

// Of tables that are no longer what they were nothing more can be said.
void look_at_surroundings(Cutover& cutover, std::vector<Finding>& findings) {
  if (std::any_of(findings.begin(), findings.end(), [](const Finding& finding) { return finding.blocks; })) {
    return;
  }
  cutover.swap->prepare(cutover.target, cutover.sessions, cutover.retry);
  for (const planner::Obstacle& obstacle : cutover.swap->obstacles()) {
    findings.push_back({obstacle.what, obstacle.instead, obstacle.hint, obstacle.blocks});
  }
}

std::string read_stamp(const Cutover& cutover, pg::Connection& connection) {
  const planner::Feed& feed = cutover.feed().feed();
  return std::string(fixed_query(connection, "tables_stamp", {pg::quoted(feed.from), pg::quoted(feed.to)}).text(0, 0));
}

std::vector<Finding> look_around(Cutover& cutover) {
  std::vector<Finding> findings;
  look_at_definition(cutover, findings);
  look_at_surroundings(cutover, findings);
  look_at_verification(cutover, findings);
  look_at_backlog(cutover, findings);
  look_at_sessions(cutover, findings);
  return findings;
}

std::string text_of(const Finding& finding) {
  return finding.what + (finding.detail.empty() ? "" : ": " + finding.detail) +
         (finding.hint.empty() ? "" : (finding.detail.ends_with('.') ? " " : ". ") + finding.hint);
}

void refuse_if_blocked(const Cutover& cutover, const std::vector<Finding>& findings) {
  std::string reasons;
  for (const Finding& finding : findings) {
    if (finding.blocks) {
      reasons += (reasons.empty() ? "" : "\n") + text_of(finding);
    } else {
      cutover.retry.observer.noted(text_of(finding));
    }
  }
  if (!reasons.empty()) {
    throw Failure(FailureKind::refused, "the tables cannot be exchanged now")
        .detail(reasons)
        .status(state_text(cutover));
  }
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
  if (cutover.direction == SwapDirection::back) {
    remove_old_table_guard(connection, cutover.plan(), old_table);
  }
  cutover.swap->swap(connection);
  if (cutover.direction == SwapDirection::forward) {
    install_old_table_guard(connection, cutover.plan(), old_table);
  }
  cutover.next_feed().install(connection);
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
    std::vector<Finding> findings;
    look_at_definition(cutover, findings);
    look_at_surroundings(cutover, findings);
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

#include "mover/move.hpp"

#include <algorithm>
#include <optional>

#include "mover/comparison.hpp"
#include "mover/early_indexes.hpp"
#include "mover/finishing.hpp"
#include "mover/indexes.hpp"
#include "mover/ledger.hpp"
#include "mover/live/exchange.hpp"
#include "mover/live/following.hpp"
#include "mover/live/log_keeper.hpp"
#include "mover/live/old_table.hpp"
#include "mover/live/trigger_log.hpp"
#include "mover/pipeline.hpp"
#include "mover/prepare.hpp"
#include "mover/source_watch.hpp"
#include "mover/tally.hpp"
#include "mover/verify.hpp"
#include "pg/failure.hpp"
#include "planner/planning.hpp"

namespace pgsluice::mover {

namespace {

using planner::Phase;

// The state of one call of move_table, handed from step to step.
struct Run {
  planner::Checkpoint& checkpoint;
  const Sessions& sessions;
  const MoveOptions& options;
  RetryContext retry;
  Session lead;                      // On the target: phases, and the claim on everything that is not a range.
  Session source;                    // On the source.
  const ChangeFeed* feed = nullptr;  // Of the source's changes; absent where nobody writes.
  bool followed = false;             // In phase `complete`.
  const planner::Plan& plan() const { return checkpoint.plan(); }
};

void enter_phase(Run& run, Phase phase) {
  repeat_until_done(run.lead, run.retry, "entering the phase " + std::string(name_of(phase)),
                    [&](pg::Connection& target) { write_phase(target, run.plan().migration_id, phase); });
  run.checkpoint.record_phase(phase);
}

// Asked before every step, so that a rollback begun elsewhere ends this run at once.
Phase phase_in_ledger(Run& run) {
  Phase phase = Phase::planned;
  repeat_until_done(run.lead, run.retry, "reading the ledger",
                    [&](pg::Connection& target) { phase = read_phase(target, run.plan().migration_id); });
  if (phase == Phase::rolling_back || phase == Phase::rolled_back || run.checkpoint.phase() == Phase::rolled_back) {
    throw pg::Failure(pg::FailureKind::refused, "this migration is being, or was, rolled back")
        .hint("Finish with `pgsluice rollback`, then plan again with a new checkpoint.")
        .status("this command changed nothing more");
  }
  return phase;
}

void refuse_if_not_ours(Run& run) {
  const Phase now = phase_in_ledger(run);
  if (run.feed != nullptr && now == Phase::complete) {  // What a crash behind a cutover's way back may have left.
    make_exchange(run.plan(), planner::SwapDirection::back)->settle(run.lead, run.sessions, run.retry, 1);
  }
  repeat_until_done(run.source, run.retry, "comparing the table with the plan", [&](pg::Connection& source) {
    planner::check_plan_still_holds(run.plan(), source, run.lead.connection());
  });
  const Phase phase = phase_in_ledger(run);
  const bool was_registered = run.checkpoint.phase() != Phase::planned && run.checkpoint.phase() != Phase::preparing;
  if (phase == Phase::planned && was_registered) {
    throw pg::Failure(pg::FailureKind::refused,
                      "the ledger of this database does not know the migration of this checkpoint")
        .detail("Migration " + run.plan().migration_id + " is in phase " +
                std::string(name_of(run.checkpoint.phase())) + " here; schema pgsluice of " +
                run.lead.connection().description() + " has no row of it.")
        .hint("The database was restored to an earlier time, or this is another database: use --target, or plan again.")
        .status("nothing was changed; the checkpoint is as it was");
  }
}

void release_phase(Run& run) {
  if (!run.lead.is_open()) {
    return;
  }
  try {
    release_migration(run.lead.connection(), run.plan().migration_id);
  } catch (const pg::Failure&) {
    run.lead.drop();  // The claim ends with its session.
  }
}

// Everything but moving ranges is done by one mover; others wait until the phase has passed. Returns false when another
// mover left the phase meanwhile: forward, or back to its first rows.
bool claim_phase(Run& run, Phase phase) {
  bool told = false;
  while (true) {
    bool is_mine = false;
    repeat_until_done(run.lead, run.retry, "claiming the migration",
                      [&](pg::Connection& target) { is_mine = try_claim_migration(target, run.plan().migration_id); });
    if (is_mine) {
      const Phase now = phase_in_ledger(run);
      if (now == phase || (phase == Phase::preparing && now < phase)) {
        return true;
      }
      release_phase(run);
      return false;
    }
    if (!told) {
      run.retry.observer.noted("another mover works on this migration (" + std::string(name_of(phase)) +
                               "); waiting for it");
      told = true;
    }
    constexpr std::chrono::milliseconds kPeriod{500};
    if (!pause(kPeriod, run.retry.stop)) {
      throw pg::Failure(pg::FailureKind::interrupted, "stopped while waiting for another mover");
    }
    if (const Phase now = phase_in_ledger(run); now != phase && (phase != Phase::preparing || now > phase)) {
      return false;
    }
  }
}

void prepare(Run& run) {
  if (phase_in_ledger(run) > Phase::preparing || !claim_phase(run, Phase::preparing)) {
    return;
  }
  run.checkpoint.record_phase(Phase::preparing);
  repeat_until_done(run.lead, run.retry, "making the ledger", [&](pg::Connection& target) {
    create_ledger(target);
    register_migration(target, run.plan());
  });
  if (run.feed != nullptr) {
    remove_target(run.plan(), run.sessions, run.retry);  // With indexes, where all begins anew: see start_over().
  }
  prepare_target(run.plan(), run.sessions, run.retry);
  if (run.feed != nullptr) {
    begin_to_follow(*run.feed, run.sessions, run.retry);
  } else if (!run.plan().guard) {
    remember_source_writes(run.checkpoint, run.source.connection());
  }
  enter_phase(run, Phase::moving);
  release_phase(run);
}

Progress progress_so_far(const planner::Checkpoint& checkpoint, unsigned workers) {
  Progress progress;
  progress.workers = workers;
  progress.units_total = checkpoint.plan().ranges.size();
  progress.rows_planned = static_cast<std::uint64_t>(std::max(0.0, checkpoint.plan().source.size.rows_estimate));
  for (const planner::RangeState& state : checkpoint.states()) {
    progress.units_done += state.status == planner::RangeStatus::done ? 1 : 0;
    progress.rows_done += state.rows;
    progress.bytes_done += state.bytes;
  }
  progress.fraction =
      static_cast<double>(progress.units_done) / static_cast<double>(std::max<std::uint64_t>(1, progress.units_total));
  return progress;
}

[[noreturn]] void fail_for_ranges(const Run& run, std::uint64_t failed_count) {
  const std::vector<planner::RecordedError>& errors = run.checkpoint.errors();
  throw pg::Failure(pg::FailureKind::server, std::to_string(failed_count) + " of " +
                                                 std::to_string(run.plan().ranges.size()) +
                                                 " ranges could not be moved because of their rows")
      .detail(errors.empty() ? "" : "The last one:\n" + errors.back().text)
      .hint(
          "`pgsluice status` lists them. Mend the rows (or undo with `pgsluice rollback`), then run the same command "
          "again.")
      .status("all other ranges are moved and recorded; the failed ones keep their rows in the source");
}

[[noreturn]] void stop_here(const Run& run, std::string_view phase) {
  std::size_t done_count = 0;
  for (const planner::RangeState& state : run.checkpoint.states()) {
    done_count += state.status == planner::RangeStatus::done ? 1 : 0;
  }
  const std::size_t count = run.checkpoint.states().size();
  throw pg::Failure(pg::FailureKind::interrupted, "stopped while " + std::string(phase) + ", as asked")
      .detail(std::to_string(done_count) + " of " + std::to_string(count) +
              " ranges are done; batches in flight were finished or rolled back.")
      .hint("Run the same command again to go on, or undo with `pgsluice rollback`.")
      .status("nothing is lost and nothing is moved twice; the checkpoint is current");
}

// A server that crashed, or a standby that took over, may have lost the last commits of ranges that are remembered as
// done: a batch's COMMIT does not wait for the disk. The ledger decides.
bool has_lost_ranges(Run& run) {
  repeat_until_done(run.lead, run.retry, "reading the ledger",
                    [&](pg::Connection& target) { reconcile(run.checkpoint, target); });
  const std::vector<planner::RangeState>& states = run.checkpoint.states();
  const auto left = std::count_if(states.begin(), states.end(), [](const planner::RangeState& state) {
    return state.status != planner::RangeStatus::done;
  });
  if (left > 0) {
    run.retry.observer.noted("the server does not hold " + std::to_string(left) +
                             " ranges that it had taken, as after a crash; they are moved again");
  }
  return left > 0;
}

// The phase and the proof that it may be entered are one transaction, whose COMMIT waits for the disk, and with it for
// every batch before. False when the ledger lacks a range: the server lost commits since it was read.
bool enter_indexing(Run& run) {
  bool entered = false;
  repeat_until_done(run.lead, run.retry, "entering the phase indexing", [&](pg::Connection& target) {
    target.begin();
    write_phase(target, run.plan().migration_id, Phase::indexing);
    const std::map<std::uint32_t, LedgerEntry> ledger = read_ledger(target, run.plan().migration_id);
    const auto complete_count =
        std::count_if(ledger.begin(), ledger.end(), [](const auto& entry) { return entry.second.complete; });
    entered = static_cast<std::size_t>(complete_count) == run.plan().ranges.size();
    entered ? target.commit() : target.rollback();
  });
  if (entered) {
    run.checkpoint.record_phase(Phase::indexing);
  }
  return entered;
}

unsigned index_jobs(const MoveOptions& options) {
  return options.index_jobs != 0 ? options.index_jobs : options.workers;
}

SumForm read_sum_form(Run& run) {
  Comparison comparison;
  repeat_until_done(run.lead, run.retry, "reading the target's columns", [&](pg::Connection& target) {
    comparison = read_comparison(run.plan(), run.source.connection(), target);
  });
  return {comparison.form, comparison.target.cast};
}

// Phase `moving`: workers take ranges until the ledger holds all as complete.
void move_rows(Run& run, Tally& tally, MoveSummary& summary) {
  if (phase_in_ledger(run) > Phase::moving) {
    return;
  }
  run.checkpoint.record_phase(Phase::moving);
  tally.phase_began("moving rows", "ranges");
  tally.progressed(tally.progress());
  const auto begun = std::chrono::steady_clock::now();
  PipelineOptions options;
  options.workers = run.options.workers;
  options.workers_max = run.options.workers_max;
  options.optimize = run.options.optimize;
  options.batch_rows = run.options.batch_rows;
  options.batch_duration_target = run.options.batch_duration_target;
  options.gate = run.options.gate;
  options.control = run.options.control;
  options.retry = run.options.retry;
  std::optional<SumForm> sums;
  if (run.options.take_sums) {
    sums = read_sum_form(run);
    options.sums = &*sums;
  }
  std::optional<EarlyIndexes> early_indexes;
  if (run.feed == nullptr && EarlyIndexes::is_worthwhile(run.plan())) {
    early_indexes.emplace(run.checkpoint,
                          EarlyIndexesOptions{index_jobs(run.options), run.options.index_memory, run.options.gate},
                          tally);
    options.early_indexes = &*early_indexes;
  }
  std::optional<std::jthread> log_keeper;
  if (run.feed != nullptr) {
    log_keeper.emplace(keep_log_small(*run.feed, run.sessions, tally));
  }
  PipelineResult result;
  bool is_over = false;
  while (!is_over) {
    result = move_ranges(run.checkpoint, run.sessions, options, run.retry.stop, tally);
    is_over = result.stopped || result.ranges_failed > 0;
    if (is_over || has_lost_ranges(run)) {
      continue;
    }
    is_over = true;
    if (claim_phase(run, Phase::moving)) {
      is_over = enter_indexing(run);
      release_phase(run);
    }
  }
  if (early_indexes && early_indexes->built_count() > 0) {
    run.retry.observer.noted(std::to_string(early_indexes->built_count()) +
                             " indexes of leaves that were complete were built while other rows were moved");
  }
  summary.moving_duration =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begun);
  summary.ranges_failed = result.ranges_failed;
  if (result.stopped) {
    stop_here(run, "moving rows");
  }
  if (result.ranges_failed > 0) {
    fail_for_ranges(run, result.ranges_failed);
  }
}

// Brings the target up to the source as it is now. False when the source was emptied meanwhile, or lost a partition, so
// that all begins anew.
bool follow(Run& run) {
  take_partitions_in(*run.feed, run.sessions, run.retry);
  const CatchUp result = catch_up(*run.feed, run.sessions, run.retry, {run.options.workers, run.options.gate});
  if (!result.left.holds_truncate) {
    return true;
  }
  run.retry.observer.noted(pg::display(run.plan().source.name) +
                           " was emptied, or part of it; what was copied is removed, and its rows of now are copied");
  start_over(run.plan(), *run.feed, run.sessions, run.retry);
  run.checkpoint.record_phase(Phase::preparing);
  reconcile(run.checkpoint, run.lead.connection());
  return false;
}

void build(Run& run) {
  if (phase_in_ledger(run) != Phase::indexing || !claim_phase(run, Phase::indexing)) {
    return;
  }
  run.checkpoint.record_phase(Phase::indexing);
  const unsigned jobs = index_jobs(run.options);
  IndexOptions indexes{jobs, run.options.index_memory, run.options.gate, {}};
  if (run.feed == nullptr) {
    build_indexes(run.plan(), run.sessions, run.retry, indexes);
    add_constraints(run.plan(), run.sessions, run.retry, jobs);
  } else {
    // Rows are found again by the key's index, so it comes first. Between refreshes the target is a patchwork of
    // moments, in which two rows may hold one unique value: the other indexes are built on an exact snapshot.
    indexes.only = run.plan().key.index;
    build_indexes(run.plan(), run.sessions, run.retry, indexes);
    if (!follow(run)) {
      release_phase(run);
      return;
    }
    make_exact(*run.feed, run.sessions, run.retry);
    indexes.only.clear();
    const std::jthread log_keeper = keep_log_small(*run.feed, run.sessions, run.retry.observer);
    build_indexes(run.plan(), run.sessions, run.retry, indexes);
  }
  enter_phase(run, Phase::finishing);
  release_phase(run);
}

// A source that was emptied sends the run back to its first rows; whoever comes to a target that is complete brings it
// up to date.
bool is_complete(Run& run) {
  if (phase_in_ledger(run) < Phase::complete) {
    return false;
  }
  if (run.feed == nullptr || run.followed || !claim_phase(run, Phase::complete)) {
    return true;
  }
  run.followed = follow(run);
  release_phase(run);
  return run.followed;
}

void finish(Run& run) {
  if (phase_in_ledger(run) != Phase::finishing || !claim_phase(run, Phase::finishing)) {
    return;
  }
  run.checkpoint.record_phase(Phase::finishing);
  finish_target(run.plan(), run.sessions, run.retry, {index_jobs(run.options), run.options.vacuum_freeze});
  if (run.feed != nullptr && !follow(run)) {
    release_phase(run);
    return;
  }
  enter_phase(run, Phase::complete);
  release_phase(run);
}

// After the cutover the names mean other tables, and nothing is left to do but to keep the old one near.
void follow_backwards(Run& run) {
  const std::string table = pg::display(run.plan().source.name);
  if (!claim_phase(run, Phase::cut_over)) {
    throw pg::Failure(pg::FailureKind::refused, "the migration of " + table + " is in another phase than a moment ago")
        .hint("Run the same command again.")
        .status("nothing was changed");
  }
  run.checkpoint.record_phase(Phase::cut_over);
  const TriggerLog feed(planner::reverse_feed(run.plan()));
  repeat_until_done(run.lead, run.retry, "looking at what notes the changes", [&](pg::Connection& connection) {
    refuse_broken_capture(feed, connection);
    refuse_old_table_in_part(connection, run.plan());
  });
  bring_old_table_near(feed, run.sessions, run.retry, {run.options.workers, run.options.gate});
  release_phase(run);
}

// True when only that is left.
bool is_behind_the_cutover(Run& run) {
  repeat_until_done(run.lead, run.retry, "reading the ledger",
                    [&](pg::Connection& target) { planner::check_databases(run.plan(), target, target); });
  const Phase phase = phase_in_ledger(run);
  if (phase == Phase::finished) {
    throw pg::Failure(pg::FailureKind::refused, "this migration is finished: " + pg::display(run.plan().source.name) +
                                                    " is the partitioned table, and the old one is gone")
        .status("nothing was changed");
  }
  return phase == Phase::cut_over;
}

// With what the checkpoint knows.
MoveSummary complete(MoveSummary summary, const planner::Checkpoint& checkpoint,
                     std::chrono::steady_clock::time_point begun) {
  for (const planner::RangeState& state : checkpoint.states()) {
    summary.rows += state.rows;
    summary.bytes += state.bytes;
  }
  summary.phase = checkpoint.phase();
  summary.duration = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begun);
  return summary;
}

}  // namespace

std::uint64_t reconcile(planner::Checkpoint& checkpoint, pg::Connection& target) {
  const std::map<std::uint32_t, LedgerEntry> ledger = read_ledger(target, checkpoint.plan().migration_id);
  std::uint64_t differing_count = 0;
  for (const planner::Range& range : checkpoint.plan().ranges) {
    const planner::RangeState& remembered = checkpoint.state(range.index);
    planner::RangeState decided;
    if (const auto entry = ledger.find(range.index); entry != ledger.end()) {
      decided.status = entry->second.complete ? planner::RangeStatus::done : planner::RangeStatus::partial;
      decided.up_to = entry->second.up_to;
      decided.rows = entry->second.rows;
      decided.bytes = entry->second.bytes;
    }
    decided.verification =
        decided.status == remembered.status ? remembered.verification : planner::Verification::unknown;
    const bool only_failed_differs = remembered.status == planner::RangeStatus::failed &&
                                     decided.status != planner::RangeStatus::done && remembered.rows == decided.rows;
    if (decided != remembered && !only_failed_differs) {
      checkpoint.record_range(range.index, decided);
      ++differing_count;
    }
  }
  if (differing_count > 0) {
    forget_comparison(checkpoint);
  }
  return differing_count;
}

MoveSummary move_table(planner::Checkpoint& checkpoint, const Sessions& sessions, const MoveOptions& options,
                       const StopRequest& stop, Observer& observer) {
  const auto begun = std::chrono::steady_clock::now();
  Run run{checkpoint,
          sessions,
          options,
          {options.retry, stop, observer},
          Session([&sessions] {
            return sessions.open_target("lead", {{"synchronous_commit", "on"}});
          }),
          Session([&sessions] { return sessions.open_source("lead, source"); })};
  const std::optional<TriggerLog> feed =
      checkpoint.plan().strategy == planner::Strategy::capture
          ? std::optional<TriggerLog>(std::in_place, planner::forward_feed(checkpoint.plan()))
          : std::nullopt;
  run.feed = feed ? &*feed : nullptr;
  if (run.feed != nullptr && is_behind_the_cutover(run)) {
    follow_backwards(run);
    return complete(MoveSummary(), checkpoint, begun);
  }
  refuse_if_not_ours(run);
  prepare(run);
  if (const std::uint64_t differing_count = reconcile(checkpoint, run.lead.connection()); differing_count > 0) {
    observer.noted(std::to_string(differing_count) + " ranges brought in line with the ledger");
  }
  Tally tally(observer, progress_so_far(checkpoint, options.workers));
  Run moving{checkpoint, sessions, options, {options.retry, stop, tally}, std::move(run.lead), std::move(run.source),
             run.feed};
  MoveSummary summary;
  do {
    prepare(moving);
    move_rows(moving, tally, summary);
    build(moving);
    finish(moving);
  } while (!is_complete(moving));
  checkpoint.record_phase(Phase::complete);
  if (moving.feed == nullptr && !checkpoint.plan().guard) {
    repeat_until_done(moving.source, moving.retry, "asking whether somebody wrote", [&](pg::Connection& source) {
      summary.unguarded_writes = source_was_written(checkpoint, source);
    });
  }

  const Progress end = tally.progress();
  summary.rows_this_run = end.rows_this_run;
  summary.bytes_this_run = end.bytes_this_run;
  summary.batches = tally.batch_count();
  summary.retries = end.retries;
  summary.ranges_done = end.units_done;
  return complete(summary, checkpoint, begun);
}

}  // namespace pgsluice::mover

#include "mover/rehearsal.hpp"

#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>
#include <memory>
#include <mutex>
#include <utility>

#include "mover/analyzing.hpp"
#include "mover/calibration.hpp"
#include "mover/crew.hpp"
#include "mover/indexes.hpp"
#include "mover/leaf_index.hpp"
#include "mover/parallel_units.hpp"
#include "mover/prepare.hpp"
#include "mover/rehearsal_ledger.hpp"
#include "mover/tally.hpp"
#include "mover/target_session.hpp"
#include "mover/trial_observer.hpp"
#include "mover/trial_queue.hpp"
#include "mover/trial_sampler.hpp"
#include "pg/failure.hpp"
#include "planner/analyze_sql.hpp"
#include "planner/index_sql.hpp"

namespace pgsluice::mover {

namespace {

using Clock = std::chrono::steady_clock;

// How long a pass should take, and how much of the trial: several rounds over the strata fit into it.
constexpr double kPassSecondsMax = 15;
constexpr double kPassSecondsMin = 1;
constexpr double kRounds = 5;
// So many passes of each stratum, if it has the ranges: their spread is what is known of the uncertainty.
constexpr std::size_t kPassesWanted = 8;
// The server's counters of sessions that have ended are current after that.
constexpr std::chrono::milliseconds kCountersSettle{1200};
// Rows that ANALYZE samples for each unit of a statistics target. Source: analyze.c, std_typanalyze().
constexpr double kSampledPerTarget = 300;

double seconds_since(Clock::time_point begun) {
  return std::chrono::duration<double>(Clock::now() - begun).count();
}

double grown(std::uint64_t now, std::uint64_t before) {
  return now > before ? static_cast<double>(now - before) : 0;
}

// What several workers did together.
struct Moved {
  double rows = 0;
  double busy_seconds = 0;
  std::uint64_t ranges = 0;  // To their end; so are the two below.
  double rows_of_whole_ranges = 0;
  double rows_expected = 0;
};

// One call of rehearse().
class Rehearsal {
 public:
  Rehearsal(const planner::Plan& plan, const Sessions& sessions, const RehearsalOptions& options,
            const StopRequest& stop, Observer& observer)
      : plan_(plan),
        sessions_(sessions),
        options_(options),
        stop_(stop),
        observer_(observer, options.time_max, options.ranges_max),
        lead_(sessions.open_target("trial")) {}

  Findings act();

 private:
  RetryContext context() { return {options_.retry, stop_, observer_}; }
  RetryContext trial_context(Tally& tally) { return {options_.retry, trial_stop_, tally}; }
  TrialStage measured(const std::function<void()>& body);
  void measure_empty_leaf();
  void move_sample();
  planner::Method choose_method(Crew& crew, TrialQueue& queue);
  void move_in_passes(Crew& crew, TrialQueue& queue, TrialSampler& sampler);
  Moved move_ranges(Crew& crew, const std::vector<std::uint32_t>& ranges, planner::Method method);
  std::optional<CountedIo> count(const gate::MeterSample& before, Meter& meter);
  void settle(const gate::MeterSample& before, Meter& meter);
  void checkpoint();
  double pass_seconds() const;

  const planner::Plan& plan_;
  const Sessions& sessions_;
  const RehearsalOptions& options_;
  const StopRequest& stop_;
  TrialObserver observer_;
  pg::Connection lead_;
  StopRequest trial_stop_;  // When the trial's time is up, or the operator asked.
  Clock::time_point moving_begun_;
  Findings findings_;
};

TrialStage Rehearsal::measured(const std::function<void()>& body) {
  const ServerWork before = read_server_work(lead_, {});
  const auto begun = Clock::now();
  body();
  TrialStage stage;
  stage.seconds = seconds_since(begun);
  stage.work = difference(read_server_work(lead_, {}), before);
  stage.work.cpu_seconds.reset();  // Of no session that we could name.
  return stage;
}

void Rehearsal::checkpoint() {
  if (findings_.settings.may_checkpoint) {
    observer_.noted("writing what waits to be written (CHECKPOINT)");
    fixed_query(lead_, "checkpoint_now");
  }
}

// A small table in memory costs what making its files and catalogue entries costs: that does not grow with rows.
void Rehearsal::measure_empty_leaf() {
  const std::vector<planner::TargetIndex> indexes = leaf_indexes(plan_);
  const std::vector<const planner::PartitionNode*> leaves = planner::leaves(plan_.layout);
  if (!leaves.empty()) {
    findings_.empty_statistics = measured([&] { lead_.query(planner::analyze_sql(*leaves.front()).sql); });
  }
  findings_.has_indexes = !indexes.empty() && !leaves.empty();
  if (!findings_.has_indexes) {
    return;
  }
  const planner::PartitionNode& leaf = *leaves.front();
  findings_.empty_leaf = measured([&] {
    lead_.begin();
    for (const planner::TargetIndex& index : indexes) {
      for (const planner::Statement& statement : planner::create_leaf_index_sql(plan_, index, leaf)) {
        lead_.query(statement.sql);
      }
      if (index.is_constraint) {
        lead_.query(planner::make_constraint_sql(plan_, index, leaf).sql);
      }
    }
    lead_.rollback();
  });
}

Moved Rehearsal::move_ranges(Crew& crew, const std::vector<std::uint32_t>& ranges, planner::Method method) {
  Moved moved;
  std::mutex mutex;
  ParallelUnits units(options_.workers, trial_stop_);
  units.run(ranges.size(), [&](unsigned worker, std::size_t unit) {
    const auto begun = Clock::now();
    const RangeOutcome outcome = crew[worker].move(plan_.ranges[ranges[unit]], method);
    if (outcome.kind == RangeOutcome::Kind::failed) {
      throw pg::Failure(*outcome.failure).hint("A run would fail at these rows, too. Mend them first.");
    }
    const std::lock_guard lock(mutex);
    moved.busy_seconds += seconds_since(begun);
    moved.rows += static_cast<double>(outcome.rows_moved);
    if (outcome.kind == RangeOutcome::Kind::done) {
      ++moved.ranges;
      moved.rows_of_whole_ranges += static_cast<double>(outcome.rows_moved);
      moved.rows_expected += static_cast<double>(plan_.ranges[outcome.range].rows_estimate);
    }
  });
  findings_.ranges += moved.ranges;
  return moved;
}

// As a run finds it: each method moves some ranges, and the faster one goes on.
planner::Method Rehearsal::choose_method(Crew& crew, TrialQueue& queue) {
  CalibrationOptions wanted;
  wanted.methods = plan_.methods;
  wanted.workers = options_.workers;
  wanted.workers_max = options_.workers;
  wanted.ranges = queue.left();
  Calibration calibration(wanted);
  for (auto request = calibration.next(); request && !trial_stop_.is_requested(); request = calibration.next()) {
    std::vector<std::uint32_t> ranges;
    for (auto stratum = queue.next_stratum(); stratum && ranges.size() < request->ranges;
         stratum = queue.next_stratum()) {
      const std::vector<std::uint32_t> more = queue.take(*stratum, 1);
      ranges.insert(ranges.end(), more.begin(), more.end());
    }
    try {
      const Moved moved = move_ranges(crew, ranges, request->choice.method);
      Trial trial;
      trial.choice = request->choice;
      trial.rows = static_cast<std::uint64_t>(moved.rows);
      trial.rows_per_second = moved.busy_seconds > 0 ? options_.workers * moved.rows / moved.busy_seconds : 0;
      trial.is_warm_up = request->is_warm_up;
      calibration.add(trial);
    } catch (const pg::Failure& failure) {
      if (request->choice.method == plan_.method || failure.kind() != pg::FailureKind::server) {
        throw;
      }
      observer_.noted(display(request->choice) + " does not suit and is left out: " + failure.what());
      calibration.drop(request->choice.method);
    }
  }
  if (!calibration.trials().empty()) {
    observer_.noted("chose " + calibration.summary());
  }
  return calibration.chosen().method;
}

double Rehearsal::pass_seconds() const {
  const double strata = static_cast<double>(std::max<std::size_t>(1, options_.strata.size()));
  const double all = options_.time_max ? std::chrono::duration<double>(*options_.time_max).count()
                                       : std::numeric_limits<double>::infinity();
  return std::clamp(all / strata / kRounds, kPassSecondsMin, kPassSecondsMax);
}

void Rehearsal::move_in_passes(Crew& crew, TrialQueue& queue, TrialSampler& sampler) {
  const double wanted_seconds = pass_seconds();
  const std::size_t ranges = std::min<std::uint64_t>(queue.left(), options_.ranges_max.value_or(queue.left()));
  const std::size_t rounds_max = std::max<std::size_t>(
      1, ranges / std::max<std::size_t>(1, options_.strata.size()) / kPassesWanted / options_.workers);
  double ranges_per_second = 0;  // Of the last pass.
  for (auto stratum = queue.next_stratum(); stratum && !trial_stop_.is_requested(); stratum = queue.next_stratum()) {
    const double rounds = std::floor(ranges_per_second * wanted_seconds / options_.workers);
    const std::size_t count =
        options_.workers * std::clamp<std::size_t>(static_cast<std::size_t>(std::max(0.0, rounds)), 1, rounds_max);
    const std::vector<std::uint32_t> taken = queue.take(*stratum, count);
    sampler.stratum_is(*stratum);
    TrialPass pass;
    pass.stratum = *stratum;
    pass.begin_seconds = seconds_since(moving_begun_);
    const ServerWork before = read_server_work(lead_, crew.backend_pids());
    const Moved moved = move_ranges(crew, taken, findings_.method);
    pass.work = difference(read_server_work(lead_, crew.backend_pids()), before);
    pass.seconds = seconds_since(moving_begun_) - pass.begin_seconds;
    pass.rows = moved.rows;
    pass.busy_seconds = moved.busy_seconds;
    pass.rows_of_whole_ranges = moved.rows_of_whole_ranges;
    pass.rows_expected = moved.rows_expected;
    ranges_per_second = pass.seconds > 0 ? static_cast<double>(taken.size()) / pass.seconds : 0;
    if (pass.rows > 0) {
      findings_.passes.push_back(pass);
    }
  }
}

void Rehearsal::move_sample() {
  Progress progress;
  progress.workers = options_.workers;
  progress.units_total =
      std::min<std::uint64_t>(plan_.ranges.size(), options_.ranges_max.value_or(plan_.ranges.size()));
  Tally tally(observer_, progress);
  BatchSizerOptions sizes;
  sizes.rows_fixed = options_.batch_rows;
  sizes.row_bytes = average_row_bytes(plan_.source);
  TrialQueue queue(options_.strata, options_.trials_before,
                   options_.ranges_max.value_or(std::numeric_limits<std::uint64_t>::max()));
  observer_.phase_began("moving a sample", "ranges");
  const std::jthread alarm = watch_time(stop_, trial_stop_, options_.time_max);
  const RetryContext retrying = trial_context(tally);
  Crew crew(plan_, sessions_, sizes, retrying, tally, nullptr, nullptr, options_.workers);
  const std::jthread watcher = watch_for_urgency(trial_stop_, crew);
  findings_.method = plan_.method;
  for (const planner::Method method : plan_.methods) {
    for (unsigned worker = 0; worker < options_.workers; ++worker) {
      crew[worker].open(method);
    }
  }
  findings_.moving = measured([&] {
    findings_.method = plan_.methods.size() > 1 ? choose_method(crew, queue) : plan_.method;
    TrialSampler sampler(sessions_, tally, options_.meter);
    moving_begun_ = Clock::now();
    move_in_passes(crew, queue, sampler);
    findings_.seconds = sampler.finish();
  });
  findings_.rows_in_target = static_cast<double>(tally.progress().rows_this_run);
  findings_.moved_everything = queue.left() == 0 && !trial_stop_.is_requested();
}

// Everything that was done shows in the counters from here on.
std::optional<CountedIo> Rehearsal::count(const gate::MeterSample& before, Meter& meter) {
  checkpoint();
  pause(kCountersSettle, stop_);
  const gate::MeterSample after = meter.read(lead_);
  if (after.stats_reset != before.stats_reset) {
    return std::nullopt;
  }
  CountedIo counted;
  counted.pages_read = grown(after.pages_read, before.pages_read);
  counted.pages_written = grown(after.pages_written, before.pages_written);
  if (after.device_operations && before.device_operations) {
    counted.device_operations = grown(*after.device_operations, *before.device_operations);
  }
  return counted;
}

void Rehearsal::settle(const gate::MeterSample& before, Meter& meter) {
  findings_.ended_with_checkpoint = findings_.settings.may_checkpoint;
  if (const std::optional<CountedIo> counted = count(before, meter)) {
    findings_.pages_read = counted->pages_read;
    findings_.pages_written = counted->pages_written;
    findings_.device_operations = counted->device_operations;
  }
  const pg::Result sizes = fixed_query(lead_, "tree_sizes", {pg::quoted(plan_.layout.root.name)});
  findings_.target_bytes = sizes.number(0, 0);
  findings_.target_index_bytes = sizes.number(0, 1);
}

Findings Rehearsal::act() {
  findings_.workers = options_.workers;
  findings_.index_jobs = options_.index_jobs == 0 ? options_.workers : options_.index_jobs;
  findings_.batch_rows = options_.batch_rows;
  findings_.strata = options_.strata;
  register_rehearsal(lead_, plan_);
  findings_.settings = read_trial_settings(lead_);
  for (const planner::Column& column : plan_.source.columns) {
    findings_.settings.sampled_rows =
        std::max(findings_.settings.sampled_rows, kSampledPerTarget * column.statistics_target.value_or(0));
  }
  findings_.preparing = measured([&] { prepare_target(plan_, sessions_, context()); });
  measure_empty_leaf();
  checkpoint();
  const std::unique_ptr<Meter> meter = make_meter(lead_, options_.meter);
  findings_.meter_text = meter->description();
  const gate::MeterSample before = meter->read(lead_);
  move_sample();
  if (!stop_.is_requested() && findings_.settings.may_checkpoint) {
    findings_.counted_moving = count(before, *meter);
  }
  if (!stop_.is_requested()) {
    findings_.indexing = measured([&] {
      build_indexes(plan_, sessions_, context(), {findings_.index_jobs, options_.index_memory, nullptr, {}});
    });
    findings_.analyzing = measured([&] { analyze_target(plan_, sessions_, context(), {findings_.index_jobs, false}); });
    settle(before, *meter);
  }
  return findings_;
}

void refuse_emptying(planner::Method method) {
  if (!planner::empties_source(method)) {
    return;
  }
  throw pg::Failure(pg::FailureKind::refused, "estimate does not rehearse the method " + std::string(name_of(method)) +
                                                  ", because it takes the rows out of the source")
      .hint(
          "Rehearse --method insert: it reads and writes the same rows. A method that empties the source also deletes "
          "them: that writes each page of the source once more, and about as much WAL again.")
      .status("nothing was changed");
}

[[noreturn]] void fail_with_remains(const planner::Plan& plan, const pg::Failure& why) {
  throw pg::Failure(why.kind(), std::string("the trial could not be removed: ") + why.what())
      .detail(why.detail())
      .sqlstate(why.sqlstate())
      .hint("Remove it when the cause is mended: pgsluice estimate --remove-leftovers, with the same --table.")
      .status("the source is as it was; the scratch target " + pg::display(plan.layout.root.name) +
              " and a row of the ledger may be left");
}

}  // namespace

TrialSettings read_trial_settings(pg::Connection& target) {
  const pg::Result row = fixed_query(target, "trial_settings");
  TrialSettings settings;
  settings.server_major_version = target.server_major_version();
  settings.max_wal_bytes = row.number(0, 0);
  settings.sorting_bytes = row.number(0, 1);
  settings.cache_bytes = row.number(0, 2);
  settings.may_checkpoint = row.boolean(0, 3);
  settings.has_logical_slot = row.boolean(0, 4);
  settings.sampled_rows = kSampledPerTarget * row.number(0, 5);
  return settings;
}

Findings rehearse(const planner::Plan& wanted, const Sessions& sessions, const RehearsalOptions& options,
                  const StopRequest& stop, Observer& observer) {
  refuse_emptying(wanted.method);
  planner::Plan plan = wanted;
  plan.guard = false;
  Findings findings;
  std::exception_ptr failure;
  try {
    findings = Rehearsal(plan, sessions, options, stop, observer).act();
  } catch (...) {
    failure = std::current_exception();
  }
  const StopRequest never;  // Whoever asked to stop wants the database as it was.
  try {
    remove_rehearsal(plan, sessions, {options.retry, never, observer});
  } catch (const pg::Failure& why) {
    fail_with_remains(plan, why);
  }
  if (stop.is_requested()) {
    throw pg::Failure(pg::FailureKind::interrupted, "stopped before the trial was over, as asked")
        .hint("A shorter one: --for 1min, or --ranges 20.")
        .status("nothing of the trial is left, and the source is as it was");
  }
  if (failure) {
    std::rethrow_exception(failure);
  }
  return findings;
}

}  // namespace pgsluice::mover

#include "mover/reading_trial.hpp"

#include <deque>
#include <limits>
#include <memory>
#include <mutex>

#include "mover/batch_method.hpp"
#include "mover/parallel_units.hpp"
#include "mover/tally.hpp"
#include "mover/trial_observer.hpp"
#include "mover/trial_queue.hpp"
#include "mover/trial_sampler.hpp"
#include "pg/failure.hpp"
#include "planner/key.hpp"

namespace pgsluice::mover {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kRowsBetweenCounts = 4096;

double seconds_since(Clock::time_point begun) {
  return std::chrono::duration<double>(Clock::now() - begun).count();
}

struct ReadRows {
  std::uint64_t rows = 0;
  bool is_whole = false;
};

// Ends early, between two rows, when a stop is requested.
ReadRows read_range(pg::Connection& source, const std::string& sql, const StopRequest& stop, Tally& tally) {
  ReadRows read;
  std::uint64_t bytes = 0;
  std::uint64_t counted = 0;
  const auto count = [&] {
    tally.batch_moved(read.rows - counted, bytes, 0, 0);
    counted = read.rows;
    bytes = 0;
  };
  pg::CopyOut out = source.copy_out(sql);
  while (!stop.is_requested()) {
    const auto message = out.next();
    if (!message) {
      read.is_whole = true;
      break;
    }
    bytes += message->size();
    if (++read.rows % kRowsBetweenCounts == 0) {
      count();
    }
  }
  count();
  return read;
}

}  // namespace

std::string read_range_sql(const planner::Plan& plan, const planner::Range& range) {
  return "COPY (SELECT " + travelling_columns_sql(plan.source) + " FROM " + source_rows_sql(plan) + " WHERE " +
         planner::between_literals_sql(plan.key, range.lower, range.upper) + ") TO STDOUT";
}

Findings read_sample(const planner::Plan& plan, const Sessions& sessions, const RehearsalOptions& options,
                     const StopRequest& stop, Observer& observer) {
  TrialObserver shown(observer, options.time_max, options.ranges_max);
  pg::Connection lead = sessions.open_source("trial");
  Findings findings;
  findings.only_read = true;
  findings.method = plan.method;
  findings.workers = options.workers;
  findings.index_jobs = options.workers;
  findings.strata = options.strata;
  findings.settings = read_trial_settings(lead);
  Progress progress;
  progress.workers = options.workers;
  progress.units_total = plan.ranges.size();
  Tally tally(shown, progress);
  TrialQueue queue(options.strata, options.trials_before,
                   options.ranges_max.value_or(std::numeric_limits<std::uint64_t>::max()));
  StopRequest trial_stop;
  ParallelUnits units(options.workers, trial_stop);
  const Sessions::Settings settings =
      plan.key.is_ctid() ? Sessions::Settings{} : Sessions::Settings{{"enable_seqscan", "off"}};
  std::deque<Session> readers;
  std::vector<int> pids;
  for (unsigned worker = 0; worker < options.workers; ++worker) {
    readers.emplace_back(
        units.cancellable([&sessions, settings] { return sessions.open_source("trial, reading", settings); }));
    pids.push_back(readers.back().connection().backend_pid());
  }
  const std::unique_ptr<Meter> meter = make_meter(lead, options.meter);
  findings.meter_text = meter->description();
  const gate::MeterSample counted_before = meter->read(lead);

  shown.phase_began("reading a sample", "ranges");
  const std::jthread alarm = watch_time(stop, trial_stop, options.time_max);
  TrialSampler sampler(sessions, tally, options.meter);
  const auto begun = Clock::now();
  for (auto stratum = queue.next_stratum(); stratum && !trial_stop.is_requested(); stratum = queue.next_stratum()) {
    const std::vector<std::uint32_t> ranges = queue.take(*stratum, options.workers);
    sampler.stratum_is(*stratum);
    TrialPass pass;
    pass.stratum = *stratum;
    pass.begin_seconds = seconds_since(begun);
    const ServerWork before = read_server_work(lead, pids);
    std::mutex mutex;
    units.run(ranges.size(), [&](unsigned worker, std::size_t unit) {
      const auto range_begun = Clock::now();
      const ReadRows read =
          read_range(readers[worker].connection(), read_range_sql(plan, plan.ranges[ranges[unit]]), trial_stop, tally);
      if (read.is_whole) {
        tally.range_done(0);
      }
      const std::lock_guard lock(mutex);
      pass.rows += static_cast<double>(read.rows);
      pass.busy_seconds += seconds_since(range_begun);
      if (read.is_whole) {
        ++findings.ranges;
        pass.rows_of_whole_ranges += static_cast<double>(read.rows);
        pass.rows_expected += static_cast<double>(plan.ranges[ranges[unit]].rows_estimate);
      }
    });
    pass.work = difference(read_server_work(lead, pids), before);
    pass.seconds = seconds_since(begun) - pass.begin_seconds;
    if (pass.rows > 0) {
      findings.passes.push_back(pass);
    }
  }
  findings.moving.seconds = seconds_since(begun);
  findings.seconds = sampler.finish();
  findings.moved_everything = queue.left() == 0 && !trial_stop.is_requested();
  readers.clear();
  if (stop.is_requested()) {
    throw pg::Failure(pg::FailureKind::interrupted, "stopped before the trial was over, as asked")
        .status("nothing was changed");
  }
  constexpr std::chrono::milliseconds kCountersSettle{1200};
  pause(kCountersSettle, stop);
  const gate::MeterSample counted = meter->read(lead);
  if (counted.stats_reset == counted_before.stats_reset && counted.pages_read > counted_before.pages_read) {
    findings.pages_read = static_cast<double>(counted.pages_read - counted_before.pages_read);
  }
  return findings;
}

}  // namespace pgsluice::mover

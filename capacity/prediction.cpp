#include "capacity/prediction.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "capacity/block_bootstrap.hpp"

namespace pgsluice::capacity {

namespace {

constexpr double kLowShare = 0.05;
constexpr double kHighShare = 0.95;

// How what nobody knows is decided.
struct Assumption {
  double ops_position = 1;
  double unknown_credits = 0;
  double Stratum::*times = nullptr;  // The doubt about what was measured but once; null: none.
};

Demand demand_of(const Work& row, const Job& job, const Server& server, double ops_position) {
  Demand demand;
  demand.ops_per_unit = row.ops_lower + ops_position * (row.ops_upper - row.ops_lower);
  demand.bytes_per_unit = row.bytes;
  const double workers = job.workers;
  const unsigned class_cores = server.instance ? server.instance->cores : 0;
  const unsigned cores = job.cores.value_or(class_cores);
  if (row.cpu_seconds > 0) {
    const double busy = cores == 0 ? workers : std::min<double>(workers, cores);
    demand.caps.push_back({Limit::cpu, busy / row.cpu_seconds});
  }
  if (row.session_seconds > 0) {
    demand.caps.push_back({Limit::sessions, workers / row.session_seconds});
  }
  if (row.wal_bytes > 0 && job.wal_bytes_per_second_max) {
    demand.caps.push_back({Limit::wal_bytes, *job.wal_bytes_per_second_max / row.wal_bytes});
  }
  return demand;
}

struct Course {
  double seconds = 0;
  std::vector<JobPhase> phases;
};

// `rows[i]` is the work of a row of stratum i.
Course course_of(const Server& server, const Job& job, const std::vector<Work>& rows, const Assumption& assumption) {
  Simulation simulation(
      server,
      {.unknown_credits = assumption.unknown_credits, .foreground = job.foreground, .target_ops = job.target_ops});
  Course course;
  for (std::size_t i = 0; i < job.strata.size(); ++i) {
    const double factor = assumption.times != nullptr ? job.strata[i].*assumption.times : 1;
    simulation.work(demand_of(times(rows[i], factor), job, server, assumption.ops_position), job.strata[i].rows);
    while (course.phases.size() < simulation.phases().size()) {
      course.phases.push_back({i, simulation.phases()[course.phases.size()]});
    }
  }
  course.seconds = simulation.seconds();
  return course;
}

// The same job with batches drawn anew.
std::vector<Work> resampled(const Job& job, BlockBootstrap& bootstrap) {
  std::vector<Work> rows;
  for (const Stratum& stratum : job.strata) {
    Stratum drawn;
    drawn.per_row = stratum.per_row;
    double drawn_rows = 0;
    for (const std::size_t index : bootstrap.draw(stratum.batches.size())) {
      drawn.batches.push_back(stratum.batches[index]);
      drawn_rows += drawn.batches.back().rows;
    }
    // A draw of empty batches alone says nothing of a row.
    rows.push_back(work_per_row(drawn_rows > 0 ? drawn : stratum));
  }
  return rows;
}

DurationRange range_of(const Server& server, const Job& job, const std::vector<Work>& means, double expected_seconds) {
  const Assumption best{.ops_position = 0, .unknown_credits = 1, .times = &Stratum::times_low};
  const Assumption worst{.ops_position = 1, .unknown_credits = 0, .times = &Stratum::times_high};
  std::vector<double> low = {course_of(server, job, means, best).seconds};
  std::vector<double> high = {course_of(server, job, means, worst).seconds};
  const bool has_spread = std::any_of(job.strata.begin(), job.strata.end(),
                                      [](const Stratum& stratum) { return stratum.batches.size() > 1; });
  BlockBootstrap bootstrap(job.seed);
  for (unsigned i = 0; has_spread && i < job.resamples; ++i) {
    const std::vector<Work> rows = resampled(job, bootstrap);
    low.push_back(course_of(server, job, rows, best).seconds);
    high.push_back(course_of(server, job, rows, worst).seconds);
  }
  return {std::min(quantile(std::move(low), kLowShare), expected_seconds), expected_seconds,
          std::max(quantile(std::move(high), kHighShare), expected_seconds)};
}

Limit longest_limit(const std::vector<JobPhase>& phases) {
  std::map<Limit, double> seconds;
  Limit longest = Limit::nothing;
  for (const JobPhase& each : phases) {
    double& sum = seconds[each.phase.limit];
    sum += each.phase.seconds;
    longest = sum > seconds[longest] ? each.phase.limit : longest;
  }
  return longest;
}

std::vector<BurstEnd> burst_ends_in(const std::vector<JobPhase>& phases) {
  std::vector<BurstEnd> ends;
  for (std::size_t i = 0; i + 1 < phases.size(); ++i) {
    const Phase& before = phases[i].phase;
    const Phase& after = phases[i + 1].phase;
    if (before.emptied && phases[i].stratum == phases[i + 1].stratum &&
        after.units_per_second < before.units_per_second) {
      ends.push_back({before.end_seconds(), *before.emptied, before.units_per_second, after.units_per_second});
    }
  }
  return ends;
}

std::vector<ProgressPoint> progress_of(const std::vector<JobPhase>& phases) {
  std::vector<ProgressPoint> points(1);
  for (const JobPhase& each : phases) {
    if (std::isfinite(each.phase.seconds)) {
      points.push_back({each.phase.end_seconds(), points.back().rows + each.phase.units});
    }
  }
  return points;
}

JobTotals totals_of(const Job& job, const std::vector<Work>& means) {
  JobTotals totals;
  for (std::size_t i = 0; i < job.strata.size(); ++i) {
    const double rows = job.strata[i].rows;
    totals.rows += rows;
    totals.work.ops_lower += rows * means[i].ops_lower;
    totals.work.ops_upper += rows * means[i].ops_upper;
    totals.work.bytes += rows * means[i].bytes;
    totals.work.wal_bytes += rows * means[i].wal_bytes;
    totals.work.cpu_seconds += rows * means[i].cpu_seconds;
    totals.work.session_seconds += rows * means[i].session_seconds;
    totals.space_bytes += rows * job.strata[i].target_bytes_per_row;
  }
  totals.space_bytes += std::min(totals.work.wal_bytes, job.wal_kept_bytes);
  return totals;
}

}  // namespace

Prediction predict(const Server& server, const Job& job) {
  check(job);
  std::vector<Work> means;
  for (const Stratum& stratum : job.strata) {
    means.push_back(work_per_row(stratum));
  }
  Course expected = course_of(server, job, means, {.ops_position = job.ops_position, .unknown_credits = 0});
  Prediction prediction;
  prediction.duration = range_of(server, job, means, expected.seconds);
  prediction.limit = longest_limit(expected.phases);
  prediction.burst_ends = burst_ends_in(expected.phases);
  prediction.progress = progress_of(expected.phases);
  prediction.totals = totals_of(job, means);
  prediction.phases = std::move(expected.phases);
  return prediction;
}

}  // namespace pgsluice::capacity

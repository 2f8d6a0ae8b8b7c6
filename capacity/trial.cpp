#include "capacity/trial.hpp"

#include <algorithm>
#include <cmath>

#include "pg/failure.hpp"

namespace pgsluice::capacity {

namespace {

// One series of the trial, a value for each sample.
struct Series {
  TrialSeries is;
  std::vector<double> values;
};

void check(std::span<const TrialSample> samples) {
  double begin = 0;
  for (const TrialSample& sample : samples) {
    for (const double value : {sample.rows, sample.ops, sample.bytes, sample.latency_seconds.value_or(0)}) {
      if (!std::isfinite(value) || value < 0) {
        throw pg::Failure(pg::FailureKind::refused, "a sample of the trial is negative or not finite");
      }
    }
    if (!std::isfinite(sample.end_seconds) || sample.end_seconds <= begin) {
      throw pg::Failure(pg::FailureKind::refused, "the samples of the trial are not in the order of time");
    }
    begin = sample.end_seconds;
  }
}

std::vector<Series> series_of(std::span<const TrialSample> samples) {
  std::vector<Series> all = {
      {TrialSeries::rows, {}}, {TrialSeries::ops, {}}, {TrialSeries::bytes, {}}, {TrialSeries::latency, {}}};
  double begin = 0;
  for (const TrialSample& sample : samples) {
    const double seconds = sample.end_seconds - begin;
    all[0].values.push_back(sample.rows / seconds);
    all[1].values.push_back(sample.ops / seconds);
    all[2].values.push_back(sample.bytes / seconds);
    if (sample.latency_seconds) {
      all[3].values.push_back(*sample.latency_seconds);
    }
    begin = sample.end_seconds;
  }
  if (all[3].values.size() < samples.size()) {
    all.pop_back();  // Seen now and then, it has no place in time.
  }
  return all;
}

std::vector<TrialChange> changes_in(std::span<const TrialSample> samples, const ChangeOptions& options) {
  std::vector<TrialChange> changes;
  for (const Series& series : series_of(samples)) {
    for (const ChangePoint& point : change_points(series.values, options)) {
      const bool is_known = std::any_of(changes.begin(), changes.end(), [&](const TrialChange& change) {
        return std::max(change.index, point.index) - std::min(change.index, point.index) < options.length_min;
      });
      if (!is_known) {
        const bool is_slower =
            series.is == TrialSeries::latency ? point.after > point.before : point.after < point.before;
        changes.push_back({point.index, samples[point.index - 1].end_seconds,
                           is_slower ? ChangeKind::burst_end : ChangeKind::other, series.is, point.before,
                           point.after});
      }
    }
  }
  std::sort(changes.begin(), changes.end(),
            [](const TrialChange& a, const TrialChange& b) { return a.index < b.index; });
  for (TrialChange& change : changes) {
    if (change.kind == ChangeKind::burst_end) {
      break;
    }
    change.kind = ChangeKind::warm_up_end;
  }
  return changes;
}

}  // namespace

std::vector<BurstSuspect> burst_suspects(const Server& server, const Load& demand) {
  std::vector<BurstSuspect> suspects;
  const double ops = std::max(demand.ops, demand.bytes / server.volume.operation_bytes_max);
  for (const LimitBucket& bucket : limits_of(server)) {
    // Without I/O credits a small gp2 volume does not reach its throughput.
    const bool is_volume_bytes = bucket.limit == Limit::volume_bytes;
    const double sustained = is_volume_bytes ? server.volume.base_bytes : bucket.base;
    const double share = (bucket.counts_ops() ? ops : demand.bytes) / sustained;
    if (share > kSuspectShare) {
      suspects.push_back({bucket.limit, share, bucket.burst > sustained});
    }
  }
  return suspects;
}

TrialAnalysis analyze_trial(std::span<const TrialSample> samples, const Server* server, const ChangeOptions& options) {
  check(samples);
  TrialAnalysis analysis;
  analysis.changes = changes_in(samples, options);
  analysis.steady_begin = analysis.changes.empty() ? 0 : analysis.changes.back().index;
  analysis.steady_end = samples.size();
  if (samples.empty()) {
    return analysis;
  }
  const double begin = analysis.changes.empty() ? 0 : analysis.changes.back().seconds;
  analysis.steady_seconds = samples.back().end_seconds - begin;
  for (const TrialSample& sample : samples.subspan(analysis.steady_begin)) {
    analysis.rows_per_second += sample.rows / analysis.steady_seconds;
    analysis.ops_per_second += sample.ops / analysis.steady_seconds;
    analysis.bytes_per_second += sample.bytes / analysis.steady_seconds;
  }
  if (server != nullptr) {
    analysis.burst_suspects = burst_suspects(*server, {analysis.ops_per_second, analysis.bytes_per_second});
  }
  return analysis;
}

}  // namespace pgsluice::capacity

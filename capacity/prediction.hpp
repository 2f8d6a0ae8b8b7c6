// How long a whole job takes on a server, and why: work per row against what the server does, credits included.
#pragma once

#include <cstddef>
#include <vector>

#include "capacity/job.hpp"

namespace pgsluice::capacity {

// Infinite: the job never ends, because others leave nothing.
struct DurationRange {
  double low_seconds = 0;  // Every doubt in the job's favour.
  double expected_seconds = 0;
  double high_seconds = 0;  // Every doubt against it.
};

struct JobPhase {
  std::size_t stratum = 0;  // 0-based.
  Phase phase;              // Its units are rows.
};

// Credits that end while the job runs, so that it goes on at a lower rate.
struct BurstEnd {
  double seconds = 0;  // From the start.
  Limit limit = Limit::nothing;
  double rows_per_second_before = 0;
  double rows_per_second_after = 0;
};

struct ProgressPoint {
  double seconds = 0;
  double rows = 0;
};

struct JobTotals {
  double rows = 0;
  Work work;
  double space_bytes = 0;  // The target, and the WAL that is kept.
};

struct Prediction {
  DurationRange duration;
  // Of the expected course:
  std::vector<JobPhase> phases;
  Limit limit = Limit::nothing;  // What binds for the longest time.
  std::vector<BurstEnd> burst_ends;
  std::vector<ProgressPoint> progress;  // Straight lines lie between. Ends before the end when the job never ends.
  JobTotals totals;
};

// The expected course takes the batches' means, operations at `ops_position`, and unknown credits as spent. The low
// duration is the 5th percentile of resampled batches with the least number of operations, the least work of what was
// measured but once, and unknown credits as full; the high one the 95th percentile with the greatest of these and
// unknown credits as spent. Strata are moved one after the other.
//
// Fails: refused, as check() does.
Prediction predict(const Server& server, const Job& job);

}  // namespace pgsluice::capacity

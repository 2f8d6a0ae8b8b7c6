// A whole job as work per row: what a trial measured, stratum by stratum. Rows a second are not in it, on purpose: they
// belong to the trial's moment, while work per row belongs to the table.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "capacity/simulation.hpp"

namespace pgsluice::capacity {

// What rows cost. Device operations cannot be seen through SQL, so they lie between two figures: pages merged as well
// as can be, and each page an operation of its own.
struct Work {
  double ops_lower = 0;  // Everything that reaches the volumes, WAL included.
  double ops_upper = 0;
  double bytes = 0;            // The same; WAL included.
  double wal_bytes = 0;        // Of these.
  double cpu_seconds = 0;      // On the server.
  double session_seconds = 0;  // How long the worker's session was busy while nothing was throttled; 0 when not known.
};

Work times(Work work, double factor);

// One batch of the trial: its rows and what all of them cost.
struct BatchSample {
  double rows = 0;
  Work work;
};

// Rows that cost about the same: a span of keys, old rows, wide rows.
struct Stratum {
  std::string name;
  double rows = 0;                  // In the whole table.
  double target_bytes_per_row = 0;  // On disk, heap, TOAST and indexes.
  Work per_row;                     // Used where there are no batches.
  std::vector<BatchSample>
      batches;  // In the order of time. Their sums are the work per row, their spread its interval.
  // What was measured but once has no spread: its work may be so many times as much, at the least and at the most.
  double times_low = 1;
  double times_high = 1;
};

// Fails: refused, when the batches hold no row.
Work work_per_row(const Stratum& stratum);

struct Job {
  std::vector<Stratum> strata;  // In the order in which they are moved.
  unsigned workers = 1;
  std::optional<unsigned> cores = std::nullopt;     // Of the server; by default what the instance class has.
  std::optional<double> target_ops = std::nullopt;  // --max-iops: the most for the whole server, a second.
  std::optional<double> wal_bytes_per_second_max = std::nullopt;
  Load foreground = {};
  double wal_kept_bytes = 0;  // The most WAL that stays on the volume: max_wal_size, or more with a replication slot.

  double ops_position = 1;  // Where device operations lie between lower (0) and upper (1); 1 is the safe side.
  std::uint64_t seed = 1;   // Of the resampling.
  unsigned resamples = 400;
};

// Fails: refused, naming the stratum: figures that are negative or not finite, ops_lower above ops_upper, rows whose
// work was not measured at all; no worker; ops_position outside 0 to 1.
void check(const Job& job);

}  // namespace pgsluice::capacity

// What a trial found, as plain values: rows and the work that they caused, kind by kind, stage by stage and second by
// second. What follows from it for the whole job is the business of extrapolation.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mover/server_work.hpp"
#include "mover/trial_ranges.hpp"
#include "planner/plan.hpp"

namespace pgsluice::mover {

// A few ranges of one stratum, moved by all workers at once.
struct TrialPass {
  std::size_t stratum = 0;
  double begin_seconds = 0;  // From the first pass on.
  double seconds = 0;
  double busy_seconds = 0;  // Of all workers together.
  double rows = 0;
  // Of the ranges that were moved to their end, and what the plan expected of these.
  double rows_of_whole_ranges = 0;
  double rows_expected = 0;
  ServerWork work;  // Of the whole server meanwhile, WAL, reading and our sessions' processor time.
};

// About a second of the moving, by the server's counters.
struct TrialSecond {
  double end_seconds = 0;  // From the first pass on.
  std::size_t stratum = 0;
  double rows = 0;
  double wal_bytes = 0;
  double pages_read = 0;
  double pages_written = 0;
  std::optional<double> read_seconds;       // Waited for these pages, with track_io_timing.
  std::optional<double> device_operations;  // Where the volume tells.
};

// By the server and its volume.
struct CountedIo {
  double pages_read = 0;
  double pages_written = 0;
  std::optional<double> device_operations;
};

struct TrialStage {
  double seconds = 0;
  ServerWork work;
};

struct TrialSettings {
  int server_major_version = 0;
  double max_wal_bytes = 0;
  double sorting_bytes = 0;  // maintenance_work_mem
  double cache_bytes = 0;    // effective_cache_size
  bool may_checkpoint = false;
  bool has_logical_slot = false;  // Of this database: somebody may replicate what a trial writes.
  double sampled_rows = 30'000;   // By ANALYZE of each table at most, and so many pages.
};

struct Findings {
  bool only_read = false;
  planner::Method method = planner::Method::insert;
  unsigned workers = 1;
  unsigned index_jobs = 1;
  std::uint64_t batch_rows = 0;  // 0: sized by time.
  TrialSettings settings;

  std::vector<TrialStratum> strata;
  std::vector<TrialPass> passes;     // In the order of time.
  std::vector<TrialSecond> seconds;  // The same.
  std::uint64_t ranges = 0;          // That were moved to their end.
  bool moved_everything = false;     // There was no range left.

  TrialStage preparing;   // The scratch target's tables.
  TrialStage moving;      // From the first pass to the last; others' pages_read come late and are in it.
  TrialStage empty_leaf;  // The indexes of one leaf without rows: what does not grow with rows.
  TrialStage indexing;    // All indexes, on the rows that were moved.
  bool has_indexes = false;
  TrialStage empty_statistics;  // ANALYZE of one leaf without rows.
  TrialStage analyzing;         // Of the whole tree.

  double rows_in_target = 0;  // More than the passes' where methods were compared first.
  double target_bytes = 0;    // Heap and TOAST, of these rows.
  double target_index_bytes = 0;
  std::optional<double> pages_written;      // From the first pass to the end, by everybody.
  std::optional<double> device_operations;  // The same, where the volume tells.
  double pages_read = 0;                    // From the first pass to the end, by everybody.
  // The same three until the rows were moved; absent where a CHECKPOINT did not end that part.
  std::optional<CountedIo> counted_moving;
  bool ended_with_checkpoint = false;  // So that pages_written holds what was deferred.
  std::string meter_text;              // What the counters are and cannot see.
};

// The rows that the passes moved.
double rows_of(const Findings& findings);

}  // namespace pgsluice::mover

// From what a trial found to the whole job: work per row of each kind of rows, in the shares in which the table holds
// them, the building of indexes, and what does not grow with rows. How long that takes on a server is the business of
// capacity/. Pure.
//
// What a row costs in I/O:
//   reading   pages that the server read while rows were moved. A table that is larger than the server's cache is read
//             whole by the job, however much of the sample was in memory.
//   writing   what the target occupies, or what the server wrote until a CHECKPOINT ended the trial, if that is more:
//             each page of the target is written once at least.
//   WAL       as the server counted it in each pass.
//   operations  between pages merged as well as can be (16 read, 32 written at once, WAL by 256 KiB) and each page by
//             itself (WAL by 64 KiB); where the volume told its own count, in between accordingly.
// Building indexes reads the target once more where it is larger than the cache, and writes it, too, because whoever
// reads a row first notes in it that its transaction is committed; it writes and reads temporary files where a leaf's
// indexes are larger than maintenance_work_mem. None of that shows in a sample. ANALYZE grows with the rows that it
// samples: up to 300 times the statistics target for each leaf and each partitioned table.
//
// What is measured but once, everything except the moving of rows, is doubted: see Extrapolation::job.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "capacity/job.hpp"
#include "capacity/trial.hpp"
#include "mover/rehearsal_findings.hpp"
#include "planner/plan.hpp"

namespace pgsluice::mover {

struct WholeTable {
  double rows = 0;
  double bytes = 0;  // Heap and TOAST.
  std::size_t leaf_count = 0;
  std::size_t index_count = 0;   // Of each leaf.
  std::size_t parent_count = 0;  // Partitioned tables of the tree.
};
WholeTable whole_table(const planner::Plan& plan);

// Which part of the trial says how fast the sessions go.
enum class Pace {
  unthrottled,  // After its warm-up, before the end of a burst: for a server whose limits are known.
  latest,       // After its last change: for a server of which nothing is known.
};

struct Extrapolation {
  capacity::Job job;  // Its strata: what does not grow, kinds of rows in the order of the findings, indexes.
  std::size_t first_kind = 0;
  std::size_t kind_count = 0;
  std::optional<std::size_t> indexes;
  std::optional<std::size_t> statistics;
  std::vector<std::string> not_reached;  // Kinds that the trial moved nothing of: they count as the others' mean.
  bool reads_are_assumed = false;        // The table is larger than the cache, and the trial read less than all of it.
  bool rereads_are_assumed = false;      // For building indexes.
  bool sorts_are_assumed = false;        // Temporary files.
  bool operations_are_measured = false;  // By the volume.
  double fixed_bytes = 0;                // WAL that does not grow with rows.
};

// The course of the trial as capacity/ judges it, with rows weighed by what their kind costs, so that a change of kind
// is no change of pace. `server` may be absent.
capacity::TrialAnalysis analyze(const Findings& findings, const capacity::Server* server);

// Fails: refused, when the trial moved nothing.
Extrapolation extrapolate(const Findings& findings, const WholeTable& table, const capacity::TrialAnalysis& analysis,
                          Pace pace);

}  // namespace pgsluice::mover

// A trial: makes a scratch target, moves sampled ranges of the source into it as a run would, builds its indexes on
// what was moved, analyzes it, measures all of it, and removes everything again, also when it fails or is stopped. The
// source is only read: a method that empties it is refused.
//
// How work is told apart: ranges of one stratum are moved at a time, by all workers (a pass), in rounds over the
// strata, so that what the server counted in a pass belongs to that stratum. Writing is deferred, and counted once for
// all, after a CHECKPOINT at the end where the role may send one.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mover/meter.hpp"
#include "mover/observer.hpp"
#include "mover/rehearsal_findings.hpp"
#include "mover/retry.hpp"
#include "mover/sessions.hpp"
#include "mover/stop.hpp"
#include "planner/plan.hpp"

namespace pgsluice::mover {

struct RehearsalOptions {
  unsigned workers = 4;
  unsigned index_jobs = 0;       // 0: as many as workers.
  std::string index_memory;      // As MoveOptions.
  std::uint64_t batch_rows = 0;  // 0: sized by time.
  // The moving ends with whichever comes first; without both, when no range is left.
  std::optional<std::chrono::milliseconds> time_max;
  std::optional<std::uint64_t> ranges_max;
  std::vector<TrialStratum> strata;  // Of the plan's ranges.
  std::size_t trials_before = 0;     // Of the same strata: this one begins with other ranges, as far as there are some.
  MeterOptions meter;                // Not `none`.
  RetryOptions retry;
};

// `plan`: as a run would have it, into a target of its own (rehearsal_target_name()). Its guard is never set.
// Ensures: nothing of the trial is left in the database, unless the failure says so.
// Fails: refused, for a method that empties the source, or when something else has one of the names; interrupted, when
// asked to stop; server, when rows cannot be moved: a run would fail at them, too; connection.
Findings rehearse(const planner::Plan& plan, const Sessions& sessions, const RehearsalOptions& options,
                  const StopRequest& stop, Observer& observer);

// What the trial must know of the server. Fails: server, connection.
TrialSettings read_trial_settings(pg::Connection& target);

}  // namespace pgsluice::mover

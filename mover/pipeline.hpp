// Moves every range that is not done, in parallel: next range (serial) -> move the range (parallel, one worker each) ->
// record (serial). The pool has as many threads as workers, whatever the number of cores, because workers wait for the
// server. Where the plan leaves a choice, the first ranges are trials (calibration.hpp) and the rest goes by the best.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "mover/batch_sums.hpp"
#include "mover/calibration.hpp"
#include "mover/control_settings.hpp"
#include "mover/early_indexes.hpp"
#include "mover/observer.hpp"
#include "mover/retry.hpp"
#include "mover/sessions.hpp"
#include "mover/stop.hpp"
#include "mover/tally.hpp"
#include "planner/checkpoint.hpp"

namespace pgsluice::mover {

struct PipelineOptions {
  unsigned workers = 4;      // To begin with.
  unsigned workers_max = 0;  // More than `workers`: the best number up to this is found by measuring.
  Optimize optimize = Optimize::time;
  std::chrono::seconds rate_window{60};  // How long the rate must be down by a third before all is measured again.
  std::uint64_t batch_rows = 0;          // 0: sized by time.
  std::chrono::milliseconds batch_duration_target{500};
  EarlyIndexes* early_indexes = nullptr;  // To build beside the moving; must outlive the call.
  GateKeeper* gate = nullptr;             // Batches wait for it; must outlive the call.
  ControlSettings* control = nullptr;     // Workers and batch rows may change meanwhile; must outlive the call.
  const SumForm* sums = nullptr;          // Take checksums of rows that stay in the source; must outlive the call.
  RetryOptions retry;
};

struct PipelineResult {
  std::uint64_t ranges_done = 0;  // In this run.
  std::uint64_t ranges_failed = 0;
  bool stopped = false;  // Ranges are left because the operator asked to stop.
};

// Ensures: when it returns without `stopped` and without failed ranges, the ledger holds every range as complete,
// whoever moved it. Fails: the first failure that is not the data's fault, after every worker has come to rest; what is
// done is recorded.
PipelineResult move_ranges(planner::Checkpoint& checkpoint, const Sessions& sessions, const PipelineOptions& options,
                           const StopRequest& stop, Tally& tally);

}  // namespace pgsluice::mover

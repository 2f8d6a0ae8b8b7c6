// The cutover: source and target exchange their places in one short transaction, forward or back. One code path with a
// direction.
//
//   all that is slow     ANALYZE, catching up with the changes
//   an attempt           lock, last refresh, exchange, capture the other way round, COMMIT
//   after it             foreign keys are validated, materialized views rebuilt
//
// Invariants:
//   X1  The exchange, the phase in the ledger, the end of one capture and the beginning of the other are one
//       transaction: what is committed is one of two states, and each of them is captured.
//   X2  No lock is waited for longer than --lock-timeout, and none that others wait behind is held longer than
//   max_lock. X3  An attempt that fails leaves the old state, serving and captured.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "mover/gate_keeper.hpp"
#include "mover/observer.hpp"
#include "mover/retry.hpp"
#include "mover/sessions.hpp"
#include "mover/stop.hpp"
#include "planner/checkpoint.hpp"
#include "planner/swap_sql.hpp"

namespace pgsluice::mover {

struct CutoverOptions {
  unsigned workers = 2;
  std::chrono::milliseconds max_lock{1000};     // For the last refresh and the exchange, once the lock is there.
  std::chrono::seconds timeout{600};            // Over all attempts.
  std::chrono::milliseconds pause_max{10'000};  // Between two attempts.
  std::int64_t sequence_gap = 0;
  bool accepts_unverified = false;
  bool accepts_partitions = false;  // Of the way back: partitions were made or attached since the cutover.
  GateKeeper* gate = nullptr;
  // Called between the slow part and the first attempt; returns false when a stop was requested meanwhile.
  std::function<bool()> wait_for_moment;
  // "before-cutover", "after-cutover"; what it throws ends the cutover.
  std::function<void(std::string_view moment)> hook;
  RetryOptions retry;
};

// Something that stands in the way, or that should be known before.
struct Finding {
  std::string what;
  std::string detail;
  std::string hint;
  bool blocks = false;
};

struct CutoverSummary {
  bool was_done_before = false;
  unsigned attempts = 0;
  std::chrono::microseconds lock_held{0};  // From asking for the first lock of the attempt that succeeded to its end.
  std::uint64_t rows_refreshed = 0;        // Under the lock.
  std::chrono::milliseconds duration{0};
};

// Everything that stands in the way, all at once. Changes nothing. Fails: refused, when this migration has no cutover
// in that direction now; server, connection.
std::vector<Finding> preflight(planner::Checkpoint& checkpoint, const Sessions& sessions,
                               planner::SwapDirection direction, const CutoverOptions& options,
                               const RetryContext& context);

// Fails: refused, when something blocks (each finding in the detail); interrupted, when asked to stop or when the
// timeout passed without an attempt that succeeded: the old state serves on, captured, and the same call tries again;
// server, connection, in_doubt, mismatch never.
CutoverSummary cut_over(planner::Checkpoint& checkpoint, const Sessions& sessions, planner::SwapDirection direction,
                        const CutoverOptions& options, const StopRequest& stop, Observer& observer);

}  // namespace pgsluice::mover

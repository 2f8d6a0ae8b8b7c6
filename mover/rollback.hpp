// Undoes a migration at any point of its life: the source is afterwards what it was, and nothing of ours is left in the
// databases.
//
// The order is the safety:
//   1. In one transaction the ledger enters the phase `rolling-back` and every range is closed, so that no mover,
//   wherever it runs, can
//      commit another batch.
//   2. Methods that empty the source: rows are moved back until the target is empty (move_back.hpp). An existing target
//   that received
//      copies is emptied, but only while it holds exactly the rows that we brought. A target of our own is left as it
//      is.
//   3. The target is dropped, unless it was there before us.
//   4. The guard goes: the application may write again.
//   5. The migration leaves the ledger; the checkpoint remembers `rolled-back`.
// Each step looks first at what is done already, so the same call goes on after a crash in any of them.
#pragma once

#include <cstdint>

#include "mover/observer.hpp"
#include "mover/retry.hpp"
#include "mover/sessions.hpp"
#include "mover/stop.hpp"
#include "planner/checkpoint.hpp"

namespace pgsluice::mover {

struct RollbackOptions {
  unsigned workers = 4;
  RetryOptions retry;
};

struct RollbackSummary {
  bool nothing_to_do = false;         // It was rolled back before.
  std::uint64_t rows_moved_back = 0;  // By this call and earlier ones that were interrupted.
  std::uint64_t rows_dropped = 0;     // Copies that went with the target; the source always had them.
};

// Fails: refused, when a mover works on the migration, the databases are not those of the plan, or the target holds
// rows or partitions
//        that are not ours; interrupted, when asked to stop; mismatch, when everything is undone, but the rows that
//        came back are not those that had left, because somebody changed rows in the target; server, connection. The
//        same call goes on from there.
RollbackSummary roll_back(planner::Checkpoint& checkpoint, const Sessions& sessions, const RollbackOptions& options,
                          const StopRequest& stop, Observer& observer);

}  // namespace pgsluice::mover

// The end of a migration after its cutover, in the order that a crash at any point can be gone on from: the capture
// ends, the old table goes (finish.hpp), and the ledger forgets the migration last.
#pragma once

#include "mover/observer.hpp"
#include "mover/retry.hpp"
#include "mover/sessions.hpp"
#include "mover/stop.hpp"
#include "planner/checkpoint.hpp"

namespace pgsluice::mover {

struct FinishSummary {
  bool was_done_before = false;
};

// Fails: refused, when there was no cutover, when another pgsluice works on the migration, or when somebody uses the
// old table (each is named, and nothing is dropped); server, connection, interrupted: the same call goes on.
FinishSummary finish_migration(planner::Checkpoint& checkpoint, const Sessions& sessions, const RetryOptions& retry,
                               const StopRequest& stop, Observer& observer);

}  // namespace pgsluice::mover

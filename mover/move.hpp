// The main path: prepare the target, move every range, build indexes and constraints, finish. Each step is decided from
// the ledger and the catalogue, so the same call goes on after a crash in any of them.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "mover/calibration.hpp"
#include "mover/gate_keeper.hpp"
#include "mover/observer.hpp"
#include "mover/retry.hpp"
#include "mover/sessions.hpp"
#include "mover/stop.hpp"
#include "planner/checkpoint.hpp"

namespace pgsluice::mover {

struct MoveOptions {
  unsigned workers = 4;      // To begin with.
  unsigned workers_max = 0;  // More than `workers`: the best number up to this is found by measuring.
  Optimize optimize = Optimize::time;
  std::uint64_t batch_rows = 0;  // 0: sized by time.
  std::chrono::milliseconds batch_duration_target{500};
  unsigned index_jobs = 0;     // 0: as many as workers.
  std::string index_memory;    // maintenance_work_mem of index builds; empty: the server's own.
  bool take_sums = false;      // Checksums of rows that stay in the source are taken as they travel.
  bool vacuum_freeze = false;  // Freezes the rows of every leaf at the end.
  GateKeeper* gate = nullptr;  // What the run's work waits for; absent: nothing. Must outlive the call.
  RetryOptions retry;
};

struct MoveSummary {
  std::uint64_t rows = 0;  // Of the whole migration.
  std::uint64_t bytes = 0;
  std::uint64_t rows_this_run = 0;
  std::uint64_t bytes_this_run = 0;
  std::uint64_t batches = 0;
  std::uint64_t retries = 0;
  std::uint64_t ranges_done = 0;  // Of the whole migration.
  std::uint64_t ranges_failed = 0;
  std::chrono::milliseconds duration{0};
  std::chrono::milliseconds moving_duration{0};  // The part spent on moving rows.
  planner::Phase phase = planner::Phase::planned;
  bool unguarded_writes =
      false;  // --guard off, and the server's counters say that somebody wrote to the source meanwhile.
};

// Fails: refused, when the checkpoint does not belong to these databases, the table has changed, or the migration is
// rolled back;
//        interrupted, when asked to stop; server, when ranges failed (each is recorded) or a statement was rejected for
//        good; mismatch, when checksums were taken and a batch did not arrive as it left; connection, in_doubt, when
//        the server stayed away. In every case the same call goes on from there.
MoveSummary move_table(planner::Checkpoint& checkpoint, const Sessions& sessions, const MoveOptions& options,
                       const StopRequest& stop, Observer& observer);

// Brings the checkpoint in line with the ledger, which decides. Returns how many ranges differed.
std::uint64_t reconcile(planner::Checkpoint& checkpoint, pg::Connection& target);

}  // namespace pgsluice::mover

// One worker: moves ranges, one at a time, batch by batch, with its own sessions.
//
// Invariants:
//   M1  A batch's rows and its ledger row are in one transaction.
//   M2  After anything that leaves a batch's outcome unknown, the position is read from the ledger before the next
//       batch.
//   M3  A worker moves a range only while its session holds the range's claim, and gives it back with the COMMIT of the
//       range's last batch.
//
// Where the server moves the rows itself (insert, move), a range of one batch takes three round trips: the claim with
// the ledger's entry, the batch's bounds, and a look for its leaf; the rows; the ledger's row with COMMIT.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "mover/batch_method.hpp"
#include "mover/batch_sizer.hpp"
#include "mover/batch_sums.hpp"
#include "mover/gate_keeper.hpp"
#include "mover/leaf_completion.hpp"
#include "mover/ledger.hpp"
#include "mover/retry.hpp"
#include "mover/sessions.hpp"
#include "mover/slicer.hpp"
#include "mover/tally.hpp"
#include "pg/failure.hpp"
#include "planner/checkpoint.hpp"
#include "planner/plan.hpp"

namespace pgsluice::mover {

struct RangeOutcome {
  enum class Kind {
    done,
    stopped,            // The operator asked; what is moved is in `state`.
    claimed_elsewhere,  // Another mover has it.
    failed,             // Its rows cannot be moved (data error); `failure` says why.
  };
  std::uint32_t range = 0;
  Kind kind = Kind::done;
  planner::RangeState state;
  bool is_state_known = false;   // Somebody has looked into the ledger.
  std::uint64_t rows_moved = 0;  // By this call.
  Landing landing;               // Of these.
  std::optional<pg::Failure> failure;
};

class RangeMover {
 public:
  // Everything referred to must outlive it. `context.observer` is the tally. With `sums`, the ledger takes the
  // checksums of rows that stay in the source, too.
  // Batches wait for `gate`, if there is one.
  RangeMover(const planner::Plan& plan, const Sessions& sessions, const BatchSizerOptions& sizes,
             const RetryContext& context, Tally& tally, const SumForm* sums = nullptr, GateKeeper* gate = nullptr);

  // Moves what is not moved of the range, by `method`, one of the plan's. Fails: connection or in_doubt, when the
  // server stayed away; server, for anything that is neither transient nor the data's fault; mismatch, when a batch did
  // not arrive as it left.
  RangeOutcome move(const planner::Range& range, planner::Method method);

  // Opens the sessions that the method needs. Fails: connection, refused; nothing is tried twice.
  void open(planner::Method method);

  unsigned sessions_missing(planner::Method method) const;

  // Lends the session on the target for other work, between two ranges. A failure of `body` ends the session where its
  // state may be unsure. Fails: as `body` does.
  void lend_target(const std::function<void(pg::Connection&)>& body);

  // Closes the sessions, and forgets what the methods keep in memory; the next range opens them again.
  void close();

  // The server processes that work for this one; none before the first range.
  std::vector<int> backend_pids();

  // From the next batch on, this many rows; 0: sized by time. Thread: any.
  void fix_batch_rows(std::uint64_t rows) { batch_rows_ = rows; }

  // Cancels the statement that runs now. Thread: any.
  void cancel() const;

 private:
  struct Position {
    std::optional<planner::Key> up_to;  // What the ledger's row says; absent when there is none.
    bool complete = false;
    std::uint64_t rows = 0;
    std::uint64_t bytes = 0;
  };
  // What was asked with the claim of a range that nobody began.
  struct FirstBatch {
    Cut cut;
    std::optional<pg::Result> answer;  // To the method's question, if it had one.
  };
  bool claim(pg::Connection& target, const planner::Range& range, BatchMethod& method);
  void release(const planner::Range& range);
  void take_position(const std::optional<LedgerEntry>& entry);
  // One batch, or none where the range turns out to be another mover's; returns whose it is.
  bool move_next(const std::string& what, const planner::Range& range, BatchMethod& method);
  std::uint64_t rows_of_batch() const;
  void note_work(const BatchResult& result);
  void show_work_to_meter();
  void move_batch(pg::Connection& target, const planner::Range& range, BatchMethod& method);
  BatchMethod& method_named(planner::Method method);
  void publish_cancellers(pg::Connection& target);
  double part_done(const planner::Range& range) const;
  RangeOutcome outcome(const planner::Range& range, RangeOutcome::Kind kind) const;

  const planner::Plan& plan_;
  const SumForm* sums_;
  const RetryContext context_;
  Tally& tally_;
  Session target_;
  Session source_;
  std::map<planner::Method, std::unique_ptr<BatchMethod>> methods_;  // Made when first used.
  Slicer slicer_;
  BatchSizer sizer_;
  Position position_;
  bool position_is_certain_ = false;
  bool position_was_read_ = false;  // Of the range in hand.
  std::optional<FirstBatch> first_batch_;
  GateKeeper* gate_;
  std::uint64_t rows_allowed_ = 0;            // In the batch in hand, by the gate.
  gate::Work work_;                           // Of the attempts at it.
  std::optional<double> flushed_at_;          // When the server was last told to count our work.
  std::atomic<std::uint64_t> batch_rows_{0};  // As the operator fixed it.
  std::uint64_t rows_moved_ = 0;              // Of the range in hand, by this mover.
  std::optional<Landing> landing_;            // Of these.
  unsigned claim_generation_ = 0;             // The target session that holds the claim; 0 for none.
  mutable std::mutex cancellers_mutex_;
  std::optional<pg::Canceller> target_canceller_;
};

}  // namespace pgsluice::mover

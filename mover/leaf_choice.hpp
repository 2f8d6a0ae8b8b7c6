// Whether a worker's rows go straight into the leaves or through the parent, and why. Decided when the first batch
// comes, because then the target exists; taken back for good when the server disagrees later. Where both ways are
// right, the faster has its way.
//
//   D1  A row in the wrong leaf fails loudly (the leaf's own partition constraint) and rolls its batch back.
//   D2  A batch is committed only if the leaves it went to are still partitions of the target.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mover/leaf_copy.hpp"
#include "mover/leaf_routes.hpp"
#include "mover/way_trial.hpp"
#include "pg/connection.hpp"
#include "pg/failure.hpp"
#include "planner/plan.hpp"

namespace pgsluice::mover {

class LeafChoice {
 public:
  explicit LeafChoice(const planner::Plan& plan) : plan_(plan) {}

  // The routes for the next batch, read and checked when there are none yet; nullptr for the parent's own routing.
  // Asked once a batch.
  // `source` may be the same session as `target`. Fails: connection; server, from the source.
  const LeafRoutes* routes(pg::Connection& target, pg::Connection& source);

  // One batch into the leaves; finish_copy() ends it and then makes sure of D2.
  LeafCopy begin_copy(pg::Connection& target);
  std::uint64_t finish_copy(LeafCopy& copy, pg::Connection& target);
  LeafBuffers& buffers() { return *buffers_; }

  // A batch that went to the leaves failed. Where the route may be to blame, throws a transient failure in its place:
  // the repeated batch goes through the parent, and shows whose fault it was.
  void blame(const pg::Failure& failure);
  // The same for a batch that went through the parent: it failed too, or it succeeded.
  void parent_failed(const pg::Failure& failure);
  void parent_succeeded(std::uint64_t rows);

  // What the next batch does: "direct to 16 leaves"; "through the parent, because …"; empty before the first batch.
  std::string description() const;

 private:
  void decide(pg::Connection& target, pg::Connection& source);

  const planner::Plan& plan_;
  bool is_decided_ = false;
  std::optional<LeafRoutes> routes_;
  std::optional<LeafBuffers> buffers_;
  std::uint64_t rows_worth_it_ = 0;
  WayTrial trial_;
  std::chrono::steady_clock::time_point batch_began_;
  std::string why_not_;
  std::string doubt_;  // Why the batch that comes now goes through the parent, though there are routes.
};

}  // namespace pgsluice::mover

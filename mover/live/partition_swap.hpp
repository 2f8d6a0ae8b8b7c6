// The exchange of one partition for those that it was split into, and back: its CHECKs are made and validated before
// the lock, then partitions are detached and attached without a look at their rows (see planner/split_sql.hpp).
#pragma once

#include <vector>

#include "mover/live/exchange.hpp"
#include "planner/split_sql.hpp"
#include "planner/split_standing.hpp"

namespace pgsluice::mover {

class PartitionSwap final : public Exchange {
 public:
  // `plan` must outlive the object, and have a parent.
  PartitionSwap(const planner::Plan& plan, planner::SwapDirection direction) : plan_(plan), direction_(direction) {}

  bool is_done(pg::Connection& connection) const override;
  void prepare(Session& target, const Sessions& sessions, const RetryContext& context) override;
  const std::vector<planner::Obstacle>& obstacles() const override { return obstacles_; }
  // Adds the CHECKs, each under a lock that the application waits for no longer than --lock-timeout, and validates
  // them, which reads the rows and keeps nobody waiting.
  void make_ready(Session& target, const Sessions& sessions, const RetryContext& context) override;
  // Takes the CHECK off a DEFAULT partition that the application writes to: see S2.
  void give_up(Session& target, const Sessions& sessions, const RetryContext& context) override;
  void look(pg::Connection& connection) const override;
  void lock(pg::Connection& connection) const override;
  // Ensures: S1 to S4 of split_sql.hpp.
  void swap(pg::Connection& connection) const override;
  // Forward: the CHECK that the way back needs, where it could not be made before. Back: the new partitions come below
  // their own root again, so that rows can be brought over.
  void settle(Session& target, const Sessions& sessions, const RetryContext& context, unsigned jobs) override;

 private:
  planner::SplitStanding read(pg::Connection& connection) const;

  const planner::Plan& plan_;
  planner::SwapDirection direction_;
  planner::SplitStanding standing_;
  std::vector<planner::Obstacle> obstacles_;
};

// Takes our CHECKs off, wherever they are. Repeatable. Fails: server (55P03), connection, interrupted.
void drop_bound_checks(const planner::Plan& plan, const Sessions& sessions, const RetryContext& context);

}  // namespace pgsluice::mover

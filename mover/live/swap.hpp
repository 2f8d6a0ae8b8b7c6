// One swap of source and target, forward or back: what is read and pushed out of the way before the lock, the locks,
// the exchange itself, and what is validated and rebuilt when it is committed. The transaction, its lock_timeout, the
// last refresh and the repetition of a failed attempt are the caller's; see exchange.hpp for the order of the calls.
#pragma once

#include <vector>

#include "mover/live/exchange.hpp"
#include "mover/retry.hpp"
#include "mover/sessions.hpp"
#include "pg/connection.hpp"
#include "planner/plan.hpp"
#include "planner/surroundings.hpp"
#include "planner/swap_obstacles.hpp"
#include "planner/swap_sql.hpp"

namespace pgsluice::mover {

class Swap final : public Exchange {
 public:
  // `plan` must outlive the object, and be of one database.
  Swap(const planner::Plan& plan, planner::SwapDirection direction, planner::SwapOptions options = {})
      : plan_(plan), direction_(direction), options_(options) {}

  bool is_done(pg::Connection& connection) const override;
  void prepare(Session& target, const Sessions& sessions, const RetryContext& context) override;
  const std::vector<planner::Obstacle>& obstacles() const override { return obstacles_; }
  const planner::Surroundings& surroundings() const { return surroundings_; }
  // Nothing: names and what hangs on them are exchanged at once.
  void make_ready(Session& /*target*/, const Sessions& /*sessions*/, const RetryContext& /*context*/) override {}
  void give_up(Session& /*target*/, const Sessions& /*sessions*/, const RetryContext& /*context*/) override {}
  void look(pg::Connection& connection) const override;
  // For the locks see swap_locks_sql.
  void lock(pg::Connection& connection) const override;
  // Changes of the catalogue only. Ensures: W1 to W4 of swap_sql.hpp.
  void swap(pg::Connection& connection) const override;
  // Validates the foreign keys that were valid before, takes the leaves' in on the root, and exchanges materialized
  // views. Fails also: server (23503, naming table and key).
  void settle(Session& target, const Sessions& sessions, const RetryContext& context, unsigned jobs = 1) override;

 private:
  planner::Surroundings read(pg::Connection& connection) const;

  const planner::Plan& plan_;
  planner::SwapDirection direction_;
  planner::SwapOptions options_;
  planner::Surroundings surroundings_;
  std::vector<planner::Obstacle> obstacles_;
};

}  // namespace pgsluice::mover

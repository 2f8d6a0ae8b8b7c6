// One swap of source and target, forward or back: what is read and pushed out of the way before the lock, the locks,
// the exchange itself, and what is validated and rebuilt when it is committed. The transaction, its lock_timeout, the
// last refresh and the repetition of a failed attempt are the caller's.
//
//   Swap swap(plan, planner::SwapDirection::forward);
//   swap.prepare(target, sessions, retry);          // Outside; again before each attempt.
//   … refuse when an obstacle blocks …
//   connection.begin(); … SET LOCAL lock_timeout …
//   swap.lock(connection); … the last refresh …; swap.swap(connection); … capture …
//   connection.commit();
//   swap.settle(target, sessions, retry);           // Outside; again after a crash, with a new object.
//
// A process that dies in between leaves nothing half done: all of the swap is one transaction, and prepare and settle
// look into the catalogue before each step.
#pragma once

#include <optional>
#include <vector>

#include "mover/retry.hpp"
#include "mover/sessions.hpp"
#include "pg/connection.hpp"
#include "planner/plan.hpp"
#include "planner/surroundings.hpp"
#include "planner/swap_obstacles.hpp"
#include "planner/swap_sql.hpp"

namespace pgsluice::mover {

class Swap {
 public:
  // `plan` must outlive the object, and be of one database.
  Swap(const planner::Plan& plan, planner::SwapDirection direction, planner::SwapOptions options = {})
      : plan_(plan), direction_(direction), options_(options) {}

  // Whether this swap is committed already: to be asked after a COMMIT whose answer was lost, and when a command
  // begins. Fails: refused, when the tables stand as neither before nor after; server, connection.
  bool is_done(pg::Connection& connection) const;

  // Reads what stands around the tables, and takes autovacuum off them, which the short lock_timeout of the swap could
  // not wait for. Holds no lock that a reader or writer waits for. Repeatable; to be repeated when lock() says so.
  // Fails: refused, when the tables do not stand as they must before this swap; server, connection, interrupted.
  void prepare(Session& target, const Sessions& sessions, const RetryContext& context);

  // As prepare() found them. The swap must not be tried while one of them blocks.
  const std::vector<planner::Obstacle>& obstacles() const { return obstacles_; }
  const planner::Surroundings& surroundings() const { return surroundings_; }

  // In the open transaction, before lock(): compares what stands around the tables with what prepare() found. Nobody
  // waits for this look, and it fills the session's caches for the one behind the locks (measured: 60 ms, then 10).
  // Fails: as lock().
  void look(pg::Connection& connection) const;

  // In the open transaction: takes every lock that can be taken beforehand (see swap_locks_sql), then reads the
  // surroundings once more. Fails: server with SQLSTATE 40001, when they are not what prepare() found: roll back,
  // prepare() and try again; server (55P03 when a lock was not to be had in time), connection.
  void lock(pg::Connection& connection) const;

  // In the same transaction: changes of the catalogue only. Ensures: W1 to W4 of swap_sql.hpp.
  // Fails: server, connection; nothing of it is done then.
  void swap(pg::Connection& connection) const;

  // After COMMIT: validates the foreign keys that were valid before, takes the leaves' in on the root, and exchanges
  // materialized views. Repeatable. Fails: refused, when the swap is not done; server (23503, naming table and key),
  // connection, interrupted.
  void settle(Session& target, const Sessions& sessions, const RetryContext& context, unsigned jobs = 1);

 private:
  planner::Surroundings read(pg::Connection& connection) const;

  const planner::Plan& plan_;
  planner::SwapDirection direction_;
  planner::SwapOptions options_;
  planner::Surroundings surroundings_;
  std::vector<planner::Obstacle> obstacles_;
};

}  // namespace pgsluice::mover

// What a cutover does to the catalogue, and the way back of it, behind one face: two tables exchange their names
// (swap.hpp), or partitions of one table exchange their places (partition_swap.hpp). The plan says which.
//
//   exchange->prepare(target, sessions, retry);          // Outside; again before each attempt.
//   … refuse when an obstacle blocks …
//   exchange->make_ready(target, sessions, retry);       // Outside, once: what may take long.
//   connection.begin(); … SET LOCAL lock_timeout …
//   exchange->lock(connection); … the last refresh …; exchange->swap(connection); … capture …
//   connection.commit();
//   exchange->settle(target, sessions, retry);           // Outside; again after a crash, with a new object.
//
// A process that dies in between leaves nothing half done: all of the swap is one transaction, and what stands outside
// of it looks into the catalogue before each step.
#pragma once

#include <memory>
#include <vector>

#include "mover/retry.hpp"
#include "mover/sessions.hpp"
#include "pg/connection.hpp"
#include "planner/plan.hpp"
#include "planner/swap_obstacles.hpp"
#include "planner/swap_sql.hpp"

namespace pgsluice::mover {

class Exchange {
 public:
  Exchange() = default;
  Exchange(const Exchange&) = default;
  Exchange(Exchange&&) = default;
  Exchange& operator=(const Exchange&) = delete;
  Exchange& operator=(Exchange&&) = delete;
  virtual ~Exchange() = default;

  // Whether it is committed already: to be asked after a COMMIT whose answer was lost, and when a command begins.
  // Fails: refused, when the tables stand as neither before nor after; server, connection.
  virtual bool is_done(pg::Connection& connection) const = 0;

  // Reads what stands around the tables, and takes autovacuum off them, which the short lock_timeout of the swap could
  // not wait for. Holds no lock that a reader or writer waits for. Repeatable; to be repeated when lock() says so.
  // Fails: refused, when the tables do not stand as they must before this swap; server, connection, interrupted.
  virtual void prepare(Session& target, const Sessions& sessions, const RetryContext& context) = 0;

  // As prepare() found them. The swap must not be tried while one of them blocks.
  virtual const std::vector<planner::Obstacle>& obstacles() const = 0;

  // After prepare(): makes what the swap needs and what takes too long for it. Repeatable: what is there is not made
  // again. Fails: server, connection, interrupted; what is done stays.
  virtual void make_ready(Session& target, const Sessions& sessions, const RetryContext& context) = 0;

  // After make_ready(), when there will be no attempt for now: takes back what should not stand about. Fails: as
  // make_ready(); the same call, or the next command, does the rest.
  virtual void give_up(Session& target, const Sessions& sessions, const RetryContext& context) = 0;

  // In the open transaction, before lock(): compares what stands around the tables with what prepare() found. Nobody
  // waits for this look, and it fills the session's caches for the one behind the locks (measured: 60 ms, then 10).
  // Fails: as lock().
  virtual void look(pg::Connection& connection) const = 0;

  // In the open transaction: takes every lock that can be taken beforehand, then reads the surroundings once more.
  // Fails: server with SQLSTATE 40001, when they are not what prepare() found: roll back, prepare() and try again;
  // server (55P03 when a lock was not to be had in time), connection.
  virtual void lock(pg::Connection& connection) const = 0;

  // In the same transaction. Fails: server, connection; nothing of it is done then.
  virtual void swap(pg::Connection& connection) const = 0;

  // After COMMIT: what is left to do outside. Repeatable. Fails: refused, when the swap is not done; server,
  // connection, interrupted.
  virtual void settle(Session& target, const Sessions& sessions, const RetryContext& context, unsigned jobs) = 0;
};

// `plan` must outlive the object, and be of one database.
std::unique_ptr<Exchange> make_exchange(const planner::Plan& plan, planner::SwapDirection direction,
                                        planner::SwapOptions options = {});

}  // namespace pgsluice::mover

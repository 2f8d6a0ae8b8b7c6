// A change feed tells which rows of a table changed, and brings them over to another table again. The log that triggers
// write (trigger_log.hpp) is one; logical decoding could be another. What is done with a feed, and when, is the
// applier's, the cutover's and verify's business, which know nothing of where it comes from.
//
// Invariants: F1 to F4, see planner/feed.hpp and planner/refresh_sql.hpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

#include "pg/connection.hpp"
#include "planner/feed.hpp"
#include "planner/key.hpp"

namespace pgsluice::mover {

// What is noted and not yet brought over.
struct Backlog {
  std::uint64_t rows = 0;            // A row that changed often may count as often.
  std::chrono::milliseconds age{0};  // Of the oldest.
  std::uint64_t bytes = 0;           // Of the file, free space included.
  bool holds_truncate = false;       // The table was emptied: what was copied of it is worth nothing.
};

// A share of the backlog, so that several sessions can bring it over at once.
struct Share {
  std::int64_t place_begin = 0;  // Of [0, read_extent()).
  std::int64_t place_end = 0;
  std::vector<unsigned> lanes;  // Of all (planner::kLaneCount): keys are divided among them by their hash.
};

// How the partitions of a partitioned source differ from those that are followed (F3), as a person reads them.
struct PartitionDrift {
  std::vector<std::string> added;
  std::vector<std::string> gone;  // Dropped or detached, with rows that were followed.
  // Added, and emptied or written anew before anybody looked; or detached and attached again: nobody knows which of its
  // rows went.
  std::vector<std::string> doubtful;
  bool is_none() const { return added.empty() && gone.empty() && doubtful.empty(); }
  // What was copied stands for nothing.
  bool loses_rows() const { return !gone.empty() || !doubtful.empty(); }
};

// Thread: any, each with a connection of its own.
class ChangeFeed {
 public:
  virtual ~ChangeFeed() = default;
  virtual const planner::Feed& feed() const = 0;

  // Makes what install() needs, anew where it is there already: nothing is noted yet. In the caller's transaction.
  virtual void make_ready(pg::Connection& connection) const = 0;
  // Begins to note changes; in the caller's transaction.
  virtual void install(pg::Connection& connection) const = 0;
  // Ends it, in the caller's transaction; what was noted stays.
  virtual void stop(pg::Connection& connection) const = 0;
  // Forgets what was noted, and whatever make_ready() made; in the caller's transaction. Nothing may be noted any more.
  virtual void remove(pg::Connection& connection) const = 0;

  // In part: somebody has taken away, or switched off, what notes the changes, so that some are missing.
  enum class Installed { no, in_part, wholly };
  virtual Installed read_installed(pg::Connection& connection) const = 0;

  virtual PartitionDrift read_drift(pg::Connection& connection) const = 0;
  // Notes every row of a partition that was added, and from now on its TRUNCATE; where rows are gone, notes the same as
  // a TRUNCATE. In transactions of its own, of which only short ones hold a lock that others wait for; the session's
  // lock_timeout should be short. Repeatable. Returns what it found; more may have come meanwhile.
  virtual PartitionDrift take_partitions_in(pg::Connection& connection) const = 0;

  virtual Backlog read_backlog(pg::Connection& connection) const = 0;
  virtual std::int64_t read_extent(pg::Connection& connection) const = 0;

  // Calls `body` while nobody else brings over keys of these lanes, in this process or another (F4). What it calls of
  // what is below must begin with a snapshot of its own.
  virtual void with_lanes(pg::Connection& connection, const std::vector<unsigned>& lanes,
                          const std::function<void()>& body) const = 0;
  // The same for the keys of one range; who does it for another range is not kept off.
  virtual void with_range(pg::Connection& connection, const planner::Range& range,
                          const std::function<void()>& body) const = 0;

  // Brings a share over, in a transaction of its own; the caller has its lanes. Returns how many notes it was. Rows are
  // updated in place or, if `exactly`, deleted and inserted, so that those of the share cannot be in each other's way.
  // The connection must come from open_applier(). Fails: server (40001, to be repeated; 23505, when rows of different
  // moments meet in a unique index: apply_exactly() then; 23514, when no partition takes a row), connection, in_doubt
  // (to be repeated).
  virtual std::uint64_t apply(pg::Connection& connection, const Share& share, bool exactly) const = 0;

  // Everything of a range, in the caller's REPEATABLE READ transaction.
  virtual std::uint64_t apply_range(pg::Connection& connection, const planner::RangeKey& key,
                                    const planner::Range& range) const = 0;

  // Everything, in the caller's transaction: REPEATABLE READ, or one that holds the table against writers. `to` is then
  // what the transaction sees of `from`.
  virtual std::uint64_t apply_everything(pg::Connection& connection) const = 0;

  // Makes the backlog smaller where it says the same thing repeatedly. Returns how many notes went; none where somebody
  // applies it at the same time.
  virtual std::uint64_t reduce(pg::Connection& connection) const = 0;
  // Lets free space be used again, or gives it back to the server; not in a transaction.
  virtual void tidy(pg::Connection& connection, bool gives_back) const = 0;

  // Empties `to` and the backlog, in the caller's transaction: after a TRUNCATE of `from`, when all is copied anew.
  virtual void start_over(pg::Connection& connection) const = 0;
  // Copies all of `from`, after start_over(), in the same transaction.
  virtual std::uint64_t refill(pg::Connection& connection) const = 0;
};

}  // namespace pgsluice::mover

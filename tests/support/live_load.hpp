// An application that writes to the table and to its twin from several sessions at once, all day, whatever happens to
// the table meanwhile: see live_transaction.hpp for what it writes. It knows nothing of pgsluice. What may also happen
// without a migration is tried again and counted by SQLSTATE; everything else is a failure:
//
//   40001, 40P01            tried again, a few times. A deadlock with a session that is none of the load's is a
//   failure. 23505                   the row is there already: counted, not tried again, as a form that is sent twice.
//   lost connection, 57P0x  a new connection is made for as long as reconnect_max; the transaction in doubt is left as
//                           it is, because table and twin changed together or not at all.
//   Mismatch                in READ COMMITTED counted as a race; else a failure.
//   a statement that takes longer than statement_max   a failure.
//
//   LiveLoad load({.conninfo = database.conninfo(), .layout = &live_layout("hash"), .seed = 7});
//   … a migration …
//   load.stop();
//   std::cout << load.tally();
//   EXPECT_THAT(load.tally().failures, IsEmpty());
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/live_layout.hpp"
#include "tests/support/live_transaction.hpp"

namespace pgsluice::tests {

struct LiveLoadOptions {
  std::string conninfo;
  const LiveLayout* layout = nullptr;
  std::uint64_t seed = 0;
  int sessions = 4;  // They take the statement styles in turn.
  std::int64_t key_count = 4000;
  std::chrono::milliseconds statement_max{5000};
  std::chrono::milliseconds reconnect_max{60'000};
  int rows_max = LiveTransactionOptions().rows_max;
};

// How long statements took, in classes that double.
class DurationClasses {
 public:
  void add(std::chrono::microseconds duration);
  void add(const DurationClasses& other);
  // An upper bound of the given share of all; zero when there are none.
  std::chrono::microseconds quantile(double share) const;

 private:
  std::array<std::uint64_t, 40> counts_{};
};

struct LiveTally {
  std::uint64_t committed = 0;    // Transactions.
  std::uint64_t rolled_back = 0;  // On purpose.
  std::uint64_t retries = 0;      // Of transactions, after 40001 and 40P01.
  std::uint64_t given_up = 0;     // Those that failed each time.
  std::uint64_t races = 0;        // See live_transaction.hpp.
  std::uint64_t reconnections = 0;
  ChangeCounts changes{};  // Rows changed by committed transactions, each counted once though twice written.
  std::map<std::string, std::uint64_t> errors;  // By SQLSTATE.
  std::uint64_t statements = 0;
  DurationClasses durations;
  std::chrono::microseconds longest{0};
  std::string longest_sql;
  std::uint64_t failure_count = 0;
  std::vector<std::string> failures;  // The first of them.

  std::uint64_t writes() const;
  void add(const LiveTally& other);
};
std::ostream& operator<<(std::ostream& stream, const LiveTally& tally);

// Thread: one at a time, beside its own.
class LiveLoad {
 public:
  explicit LiveLoad(LiveLoadOptions options);  // Starts it.
  LiveLoad(const LiveLoad&) = delete;
  LiveLoad& operator=(const LiveLoad&) = delete;
  ~LiveLoad();

  void stop();  // Returns when every session has ended its transaction.
  // One of the next transactions empties the table, and most often fills it with some rows. Only then: a table that is
  // emptied again and again would never be copied.
  void truncate_soon() { keys_.truncate_is_due = true; }
  // From now on rows also get partition keys that nobody planned for.
  void go_beyond_the_plan() { keys_.partition_values = kPartitionsEnd; }
  LiveTally tally() const;
  // Waits until so many rows have been written since the start; false when the time passed before.
  bool writes_reach(std::uint64_t count, std::chrono::milliseconds time);

 private:
  class Session;

  void note_backend(int pid);
  // Whether one of the processes that a deadlock's detail names is none of this load's.
  bool names_a_stranger(const std::string& deadlock_detail) const;

  const LiveLoadOptions options_;
  LiveKeys keys_;
  std::atomic<bool> is_stopping_ = false;
  mutable std::mutex mutex_;  // Guards what follows.
  LiveTally tally_;
  std::set<int> backends_;  // All that the load has ever had.
  std::vector<std::thread> threads_;
};

}  // namespace pgsluice::tests

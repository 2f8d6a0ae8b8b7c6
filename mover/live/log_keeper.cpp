#include "mover/live/log_keeper.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "mover/live/following.hpp"
#include "mover/retry.hpp"
#include "mover/target_session.hpp"
#include "pg/failure.hpp"

namespace pgsluice::mover {

namespace {

constexpr std::int64_t kSmallestBlocks = 2000;  // 16 MB, some 200,000 notes: nothing to do below that.

class LogKeeper {
 public:
  LogKeeper(const ChangeFeed& feed, const Sessions& sessions, Observer& observer)
      : feed_(feed),
        sessions_(sessions),
        observer_(observer),
        session_([&sessions] { return open_patient_target(sessions, "log keeper"); }) {}

  void look() {
    try {
      pg::Connection& connection = session_.connection();
      take_partitions_in(connection);
      const std::int64_t blocks = feed_.read_extent(connection);
      if (blocks < kSmallestBlocks || blocks < blocks_after_ + blocks_after_ / 2) {
        return;
      }
      const std::uint64_t removed = feed_.reduce(connection);
      feed_.tidy(connection, true);
      blocks_after_ = feed_.read_extent(connection);
      if (removed > 0) {
        observer_.noted("the log of changes was reduced by " + std::to_string(removed) +
                        " notes of rows that had changed before");
      }
    } catch (const pg::Failure& failure) {
      session_.drop();
      observer_.noted(std::string("the log of changes was not looked after: ") + failure.what());
    }
  }

 private:
  // Early, because what is written to a new partition and then emptied by TRUNCATE makes all begin anew.
  void take_partitions_in(pg::Connection& connection) {
    if (feed_.read_drift(connection).is_none()) {
      return;
    }
    pg::Connection brief = sessions_.open_source("looking at partitions");
    const PartitionDrift drift = feed_.take_partitions_in(brief);
    observer_.noted("partitions of " + pg::display(feed_.feed().from) + " came or went; " + drift_text(drift));
  }

  const ChangeFeed& feed_;
  const Sessions& sessions_;
  Observer& observer_;
  Session session_;
  std::int64_t blocks_after_ = 0;
};

}  // namespace

std::jthread keep_log_small(const ChangeFeed& feed, const Sessions& sessions, Observer& observer) {
  return std::jthread([&feed, &sessions, &observer](const std::stop_token& end) {
    constexpr std::chrono::seconds kPeriod{5};
    LogKeeper keeper(feed, sessions, observer);
    std::mutex mutex;
    std::condition_variable_any ended;
    std::unique_lock lock(mutex);
    while (!ended.wait_for(lock, end, kPeriod, [] { return false; }) && !end.stop_requested()) {
      keeper.look();
    }
  });
}

}  // namespace pgsluice::mover

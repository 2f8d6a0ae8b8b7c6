#include "mover/progress_poll.hpp"

#include <chrono>
#include <utility>
#include <vector>

#include "mover/retry.hpp"
#include "mover/target_session.hpp"
#include "pg/failure.hpp"

namespace pgsluice::mover {

namespace {

std::string to_array_text(const std::vector<int>& pids) {
  std::string text = "{";
  for (const int pid : pids) {
    text += (text.size() == 1 ? "" : ",") + std::to_string(pid);
  }
  return text + "}";
}

}  // namespace

ProgressPoll::ProgressPoll(const Sessions& sessions, std::string statement, UnitProgress& progress)
    : sessions_(sessions),
      statement_(std::move(statement)),
      progress_(progress),
      thread_([this] { ask_until_ended(); }) {}

ProgressPoll::~ProgressPoll() {
  {
    const std::lock_guard lock(mutex_);
    is_ended_ = true;
  }
  ended_.notify_all();
  thread_.join();
}

void ProgressPoll::ask_until_ended() {
  constexpr std::chrono::seconds kPeriod{1};
  constexpr std::chrono::seconds kPeriodAfterFailure{
      30};  // A server without room for one more session is not pestered.
  Session session([this] { return sessions_.open_target("watching progress"); });
  std::chrono::seconds period = kPeriod;
  std::unique_lock lock(mutex_);
  while (!ended_.wait_for(lock, period, [this] { return is_ended_; })) {
    const std::vector<int> pids = progress_.busy_sessions();
    if (pids.empty()) {
      continue;
    }
    lock.unlock();
    period = kPeriod;
    try {
      const pg::Result rows = fixed_query(session.connection(), statement_, {to_array_text(pids)});
      for (int i = 0; i < rows.row_count(); ++i) {
        progress_.reached(static_cast<int>(rows.integer(i, 0)), rows.number(i, 1));
      }
      progress_.tell();
    } catch (const pg::Failure& failure) {
      session.drop();
      if (failure.kind() != pg::FailureKind::connection) {
        return;  // A role that may not look.
      }
      period = kPeriodAfterFailure;
    } catch (...) {
      return;  // Out of memory, say: the workers will meet it, too, and know what to do.
    }
    lock.lock();
  }
}

}  // namespace pgsluice::mover

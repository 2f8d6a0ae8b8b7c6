#include "mover/retry.hpp"

#include <algorithm>
#include <random>
#include <thread>

#include "pg/statements.hpp"

namespace pgsluice::mover {

namespace {

using Clock = std::chrono::steady_clock;

std::chrono::milliseconds with_jitter(std::chrono::milliseconds pause) {
  thread_local std::minstd_rand random(std::random_device{}());
  std::uniform_int_distribution<std::int64_t> spread(pause.count() / 2, pause.count());
  return std::chrono::milliseconds(spread(random));
}

pg::Failure stopped_while(std::string_view what) {
  return pg::Failure(pg::FailureKind::interrupted, "stopped while " + std::string(what) + " was being retried");
}

bool is_lost_link(const pg::Failure& failure) {
  return failure.kind() == pg::FailureKind::connection || failure.kind() == pg::FailureKind::in_doubt;
}

}  // namespace

pg::Connection& Session::connection() {
  if (connection_ && !connection_->is_open()) {
    connection_.reset();
  }
  if (!connection_) {
    connection_.emplace(open_());
    ++generation_;
  }
  return *connection_;
}

bool pause(std::chrono::milliseconds duration, const StopRequest& stop) {
  constexpr std::chrono::milliseconds kStep{20};
  const auto end = Clock::now() + duration;
  while (Clock::now() < end) {
    if (stop.is_requested()) {
      return false;
    }
    std::this_thread::sleep_for(std::min<Clock::duration>(kStep, end - Clock::now()));
  }
  return !stop.is_requested();
}

void repeat_until_done(Session& session, const RetryContext& context, std::string_view what,
                       const std::function<void(pg::Connection&)>& body) {
  std::chrono::milliseconds delay = context.options.pause_min;
  unsigned statement_attempts = 0;
  std::optional<Clock::time_point> link_lost_at;
  while (true) {
    try {
      pg::Connection& connection = session.connection();
      body(connection);
      return;
    } catch (const pg::Failure& failure) {
      if (is_lost_link(failure)) {
        session.drop();
        const auto now = Clock::now();
        link_lost_at = link_lost_at.value_or(now);
        if (now - *link_lost_at > context.options.reconnect_limit) {
          throw;
        }
      } else if (failure.is_transient()) {
        if (session.is_open()) {
          session.connection().rollback();
        }
        link_lost_at.reset();
        if (++statement_attempts >= context.options.statement_attempts_max) {
          throw;
        }
      } else {
        if (failure.kind() != pg::FailureKind::refused) {
          session.drop();  // Whatever state the transaction is in ends with its session.
        }
        throw;
      }
      const std::chrono::milliseconds wait = with_jitter(delay);
      context.observer.retrying(what, failure.what(), wait);
      delay = std::min(delay * 2, context.options.pause_max);
      if (!pause(wait, context.stop)) {
        throw stopped_while(what);
      }
    }
  }
}

std::string read_lock_holders(pg::Connection& connection, const std::string& quoted_table, bool of_readers) {
  const pg::Result rows = connection.query(pg::statement("lock_holders", connection.server_major_version()),
                                           {quoted_table, of_readers ? "true" : "false"});
  std::string text;
  for (int i = 0; i < rows.row_count(); ++i) {
    text += (text.empty() ? "pid " : "\npid ") + std::string(rows.text(i, 0)) + ", role " +
            std::string(rows.text(i, 1)) + ", " + std::string(rows.text(i, 2)) + " for " +
            std::string(rows.text(i, 3)) + ": " + std::string(rows.text(i, 4));
  }
  return text;
}

}  // namespace pgsluice::mover

// Repeats work that failed for a passing reason: serialization failures, deadlocks, lock timeouts, lost connections, a
// server that restarts. What to repeat must be repeatable: it looks into the catalogue or the ledger first and does
// what is missing.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "mover/observer.hpp"
#include "mover/stop.hpp"
#include "pg/connection.hpp"
#include "pg/failure.hpp"

namespace pgsluice::mover {

struct RetryOptions {
  std::chrono::milliseconds pause_min{100};
  std::chrono::milliseconds pause_max{10'000};
  unsigned statement_attempts_max = 30;       // For failures that the server reports.
  std::chrono::seconds reconnect_limit{300};  // How long a server may be away before the run stops (exit 4).
};

// A session that can be opened again.
class Session {
 public:
  explicit Session(std::function<pg::Connection()> open) : open_(std::move(open)) {}
  // Opens if closed. Fails: as pg::Connection does.
  pg::Connection& connection();
  void drop() { connection_.reset(); }
  bool is_open() const { return connection_ && connection_->is_open(); }
  // Counts how often it was opened: a change means that session-level locks and settings are gone.
  unsigned generation() const { return generation_; }

 private:
  std::function<pg::Connection()> open_;
  std::optional<pg::Connection> connection_;
  unsigned generation_ = 0;
};

// Everything a retry needs to know about its surroundings.
struct RetryContext {
  RetryOptions options;
  const StopRequest& stop;
  Observer& observer;
};

// Calls `body` until it returns. After a failure the transaction is rolled back; after a lost connection the session is
// opened again. Pauses grow twofold, with jitter, and end early when a stop is requested. Fails: whatever is not
// transient, at once; the last failure when attempts or time are used up; interrupted, when asked to stop between two
// attempts.
void repeat_until_done(Session& session, const RetryContext& context, std::string_view what,
                       const std::function<void(pg::Connection&)>& body);

// Who holds locks that conflict with ours on this table, one per line: "pid 4711, role app, idle in transaction for
// 00:12:31: UPDATE …".
// With `of_readers` also those who only read, and so are in the way of an ACCESS EXCLUSIVE lock alone.
std::string read_lock_holders(pg::Connection& connection, const std::string& quoted_table, bool of_readers = false);

// Waits, unless a stop is requested meanwhile. Returns false when it was.
bool pause(std::chrono::milliseconds duration, const StopRequest& stop);

}  // namespace pgsluice::mover

// How a command reaches its databases: --source, --target and --lock-timeout made into sessions, and the first contact,
// whose failure means that nothing was changed.
#pragma once

#include <functional>
#include <string>

#include "cli/log.hpp"
#include "cli/options.hpp"
#include "mover/retry.hpp"
#include "mover/sessions.hpp"
#include "pg/connection.hpp"
#include "pg/identifier.hpp"

namespace pgsluice::cli {

// `log` must outlive what the result opens. Fails: refused, on a bad --lock-timeout.
mover::SessionsOptions sessions_options(const Options& options, Log& log, const std::string& migration_id);

struct FirstSessions {
  pg::Connection source;
  pg::Connection target;
};

// Opens one session on each side. Fails: refused, also where a server cannot be reached.
FirstSessions reach_both(const mover::Sessions& sessions, const std::string& purpose);
pg::Connection reach_target(const mover::Sessions& sessions, const std::string& purpose);

// Calls `body` with a session on each side until it returns, as mover::repeat_until_done does, for about ten seconds: a
// lock that somebody holds on `table` for a moment must not make a command fail. Retries go to the log. For what
// changes nothing. Fails: refused, naming who holds the lock, when it stays; otherwise as `body` does.
void read_with_retries(const mover::Sessions& sessions, const Options& options, Terminal& terminal, Log& log,
                       const pg::QualifiedName& table,
                       const std::function<void(pg::Connection& source, pg::Connection& target)>& body);

// --workers; where it is `auto` this machine's cores when both servers run on it, else 4. Fails: refused, when it is 0
// or beyond 1024.
unsigned worker_count(const Options& options, const FirstSessions& reached);

// How many a run may try: more than `workers` where --workers is `auto`.
unsigned worker_count_max(const Options& options, unsigned workers);

// --reconnect-limit.
mover::RetryOptions retry_options(const Options& options);

// A whole number from 1 to 1024 that counts sessions. Fails: refused.
unsigned session_count(const Options& options, std::string_view name, unsigned fallback);

}  // namespace pgsluice::cli

#include "cli/command_sessions.hpp"

#include <thread>

#include "cli/progress.hpp"
#include "mover/stop.hpp"
#include "pg/failure.hpp"

namespace pgsluice::cli {

namespace {

using pg::Failure;
using pg::FailureKind;

template <typename Open>
pg::Connection reach(std::string_view side, const Open& open) {
  try {
    return open();
  } catch (const Failure& failure) {
    Failure first(failure.kind() == FailureKind::connection ? FailureKind::refused : failure.kind(),
                  std::string(side) + ": " + failure.what());
    throw first.detail(failure.detail())
        .hint(failure.hint())
        .sqlstate(failure.sqlstate())
        .status(failure.status().empty() ? "nothing was changed" : failure.status());
  }
}

}  // namespace

mover::SessionsOptions sessions_options(const Options& options, Log& log, const std::string& migration_id) {
  mover::SessionsOptions chosen;
  chosen.source_conninfo = options.text("source");
  chosen.target_conninfo = options.text("target");
  chosen.migration_id = migration_id;
  chosen.lock_timeout = options.duration("lock-timeout", chosen.lock_timeout);
  if (chosen.lock_timeout.count() == 0) {
    // For the server, 0 means to wait for ever, and everybody else behind us.
    throw Failure(FailureKind::refused, "--lock-timeout must not be 0")
        .hint("A statement of ours that waits for a lock makes others wait behind it; 200ms is the default.");
  }
  chosen.statement_observer = [&log](const pg::StatementEvent& event) { log.statement(event); };
  return chosen;
}

pg::Connection reach_target(const mover::Sessions& sessions, const std::string& purpose) {
  return reach("target", [&] { return sessions.open_target(purpose); });
}

FirstSessions reach_both(const mover::Sessions& sessions, const std::string& purpose) {
  pg::Connection source = reach("source", [&] { return sessions.open_source(purpose); });
  return {std::move(source), reach_target(sessions, purpose)};
}

void read_with_retries(const mover::Sessions& sessions, const Options& options, Terminal& terminal, Log& log,
                       const pg::QualifiedName& table,
                       const std::function<void(pg::Connection& source, pg::Connection& target)>& body) {
  mover::RetryOptions retry = retry_options(options);
  retry.statement_attempts_max = 8;
  const mover::StopRequest never;  // A signal ends the process here: there is nothing to finish first.
  ProgressDisplay display(terminal, log, ProgressMode::none);
  const std::string what = options.command();
  mover::Session source([&] { return sessions.open_source(what); });
  mover::Session target([&] { return sessions.open_target(what); });
  try {
    mover::repeat_until_done(source, {retry, never, display}, "reading " + pg::display(table),
                             [&](pg::Connection& connection) { body(connection, target.connection()); });
  } catch (const Failure& failure) {
    constexpr const char* kLockNotAvailable = "55P03";
    if (failure.sqlstate() != kLockNotAvailable) {
      throw;
    }
    pg::Connection asking = sessions.open_source(what);
    throw Failure(FailureKind::refused, pg::display(table) + " stays locked by others")
        .detail(mover::read_lock_holders(asking, pg::quoted(table)))
        .hint("Try again when they are done.")
        .sqlstate(failure.sqlstate());
  }
}

unsigned session_count(const Options& options, std::string_view name, unsigned fallback) {
  constexpr std::uint64_t kMax = 1024;
  const std::uint64_t count = options.count(name, fallback);
  if (count == 0 || count > kMax) {
    throw Failure(FailureKind::refused, "--" + std::string(name) + " is a number from 1 to " + std::to_string(kMax));
  }
  return static_cast<unsigned>(count);
}

namespace {

constexpr std::string_view kAuto = "auto";

}  // namespace

unsigned worker_count(const Options& options, const FirstSessions& reached) {
  constexpr unsigned kElsewhere = 4;
  const bool is_here = reached.source.is_local() && reached.target.is_local();
  const unsigned cores = std::thread::hardware_concurrency();
  const unsigned first_guess = is_here && cores > 0 ? cores : kElsewhere;
  return options.text("workers", kAuto) == kAuto ? first_guess : session_count(options, "workers", first_guess);
}

unsigned worker_count_max(const Options& options, unsigned workers) {
  constexpr unsigned kGrowth = 4;
  return options.text("workers", kAuto) == kAuto ? kGrowth * workers : workers;
}

mover::RetryOptions retry_options(const Options& options) {
  mover::RetryOptions retry;
  retry.reconnect_limit =
      std::chrono::duration_cast<std::chrono::seconds>(options.duration("reconnect-limit", retry.reconnect_limit));
  if (retry.reconnect_limit < std::chrono::seconds(1)) {
    throw Failure(FailureKind::refused, "--reconnect-limit is shorter than a second")
        .hint("A time without a unit is in milliseconds, as in PostgreSQL. Write 60s, or 5min.");
  }
  return retry;
}

}  // namespace pgsluice::cli

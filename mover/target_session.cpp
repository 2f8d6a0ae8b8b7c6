#include "mover/target_session.hpp"

#include <algorithm>

#include "pg/failure.hpp"
#include "pg/statements.hpp"

namespace pgsluice::mover {

namespace {

constexpr std::chrono::milliseconds kPatience{10'000};
constexpr std::string_view kLockNotAvailable = "55P03";

std::string milliseconds_text(std::chrono::milliseconds duration) {
  return std::to_string(duration.count()) + "ms";
}

}  // namespace

pg::Connection open_patient_target(const Sessions& sessions, std::string_view purpose,
                                   const Sessions::Settings& settings) {
  Sessions::Settings all = {{"lock_timeout", milliseconds_text(std::max(kPatience, sessions.options().lock_timeout))},
                            {"default_tablespace", ""}};
  all.insert(all.end(), settings.begin(), settings.end());
  return sessions.open_target(purpose, all);
}

void wait_briefly(pg::Connection& connection, const Sessions& sessions) {
  set_for_transaction(connection, "lock_timeout", milliseconds_text(sessions.options().lock_timeout));
}

void be_patient(pg::Connection& connection) {
  set_for_transaction(connection, "lock_timeout", milliseconds_text(kPatience));
}

void set_for_transaction(pg::Connection& connection, std::string_view name, const std::string& value) {
  fixed_query(connection, "set_for_transaction", {std::string(name), value});
}

void repeat_naming_holders(Session& session, const RetryContext& context, std::string_view what,
                           const pg::QualifiedName& table, const std::function<void(pg::Connection&)>& body) {
  repeat_until_done(session, context, what, [&](pg::Connection& connection) {
    try {
      body(connection);
    } catch (pg::Failure& failure) {
      if (failure.sqlstate() == kLockNotAvailable) {
        failure.hint(
            "Choose a quieter moment and run the same command again. When autovacuum holds the table, --lock-timeout "
            "1500ms "
            "helps: PostgreSQL takes it off only after deadlock_timeout (1 s by default), and others may wait as long "
            "meanwhile.");
        connection.rollback();
        const std::string holders = read_lock_holders(connection, pg::quoted(table));
        context.observer.noted(pg::display(table) + " is in use; " + std::string(what) + " waits for a gap" +
                               (holders.empty() ? "" : ":\n" + holders));
      }
      throw;
    }
  });
}

void in_transaction(pg::Connection& connection, const std::function<void()>& body) {
  connection.begin();
  try {
    body();
  } catch (...) {
    connection.rollback();
    throw;
  }
  connection.commit();
}

pg::Result fixed_query(pg::Connection& connection, std::string_view statement_name, const pg::Parameters& parameters) {
  return connection.query(pg::statement(statement_name, connection.server_major_version()), parameters);
}

void leave_if_stopped(const RetryContext& context, std::string_view doing) {
  if (context.stop.is_requested()) {
    throw pg::Failure(pg::FailureKind::interrupted, "stopped while " + std::string(doing) + ", as asked")
        .hint("Run the same command again to go on, or undo with `pgsluice rollback`.")
        .status("what was finished stays and is not done again");
  }
}

}  // namespace pgsluice::mover

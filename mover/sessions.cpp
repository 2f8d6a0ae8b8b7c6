#include "mover/sessions.hpp"

#include "pg/statements.hpp"

namespace pgsluice::mover {

namespace {

pg::SessionOptions session_options(const SessionsOptions& options, const std::string& conninfo,
                                   std::string_view purpose, const Sessions::Settings& settings) {
  pg::SessionOptions session;
  session.conninfo = conninfo;
  session.application_name = "pgsluice " + std::string(purpose);
  session.observer = options.statement_observer;
  session.settings = Sessions::common_settings();
  session.settings.emplace_back("lock_timeout", std::to_string(options.lock_timeout.count()) + "ms");
  session.settings.emplace_back("pgsluice.migration", options.migration_id);
  session.settings.insert(session.settings.end(), settings.begin(), settings.end());
  if (options.read_only) {
    session.settings.emplace_back("default_transaction_read_only", "on");
  }
  return session;
}

pg::Connection staying_open(const pg::SessionOptions& options) {
  constexpr int kHasIdleSessionTimeoutSince = 14;
  pg::Connection connection(options);
  if (connection.server_major_version() >= kHasIdleSessionTimeoutSince) {
    connection.query(pg::statement("stay_open", connection.server_major_version()));
  }
  return connection;
}

}  // namespace

const Sessions::Settings& Sessions::common_settings() {
  static const Settings settings = {
      // One text form for every value, whatever the role's or the database's defaults.
      {"TimeZone", "UTC"},
      {"DateStyle", "ISO, YMD"},
      {"IntervalStyle", "postgres"},
      {"extra_float_digits", "3"},
      {"bytea_output", "hex"},
      {"xmloption", "content"},
      {"array_nulls", "on"},  // Else the word NULL in an array's text is a word.
      {"lc_monetary", "C"},
      // A policy that would hide rows must be an error, never a smaller result.
      {"row_security", "off"},
      // What the methods are made for; predicate locks on a whole table would be a burden to everybody.
      {"default_transaction_isolation", "read committed"},
      // Our statements are long by design; our waits are not.
      {"statement_timeout", "0"},
      {"idle_in_transaction_session_timeout", "0"},
      // Batches are small and many; compiling each costs more than it saves.
      {"jit", "off"},
  };
  return settings;
}

pg::Connection Sessions::open_source(std::string_view purpose, const Settings& settings) const {
  return staying_open(session_options(options_, options_.source_conninfo, purpose, settings));
}

pg::Connection Sessions::open_target(std::string_view purpose, const Settings& settings) const {
  const std::string& conninfo = options_.target_conninfo.empty() ? options_.source_conninfo : options_.target_conninfo;
  return staying_open(session_options(options_, conninfo, purpose, settings));
}

}  // namespace pgsluice::mover

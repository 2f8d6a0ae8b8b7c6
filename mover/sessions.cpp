#include "mover/sessions.hpp"

namespace pgsluice::mover {

namespace {

pg::SessionOptions session_options(const SessionsOptions& options, const std::string& conninfo,
                                   std::string_view purpose) {
  pg::SessionOptions session;
  session.conninfo = conninfo;
  session.application_name = "pgsluice " + std::string(purpose);
  session.observer = options.statement_observer;
  session.settings = {
      // One text form for every value, whatever the role's or the database's defaults.
      {"TimeZone", "UTC"},
      {"DateStyle", "ISO, YMD"},
      {"IntervalStyle", "postgres"},
      {"extra_float_digits", "3"},
      {"bytea_output", "hex"},
      {"xmloption", "content"},
      // A policy that would hide rows must be an error, never a smaller result.
      {"row_security", "off"},
      // Our statements are long by design; our waits are not.
      {"statement_timeout", "0"},
      {"idle_in_transaction_session_timeout", "0"},
      {"lock_timeout", std::to_string(options.lock_timeout.count()) + "ms"},
      // Batches are small and many; compiling each costs more than it saves.
      {"jit", "off"},
      {"pgsluice.migration", options.migration_id},
  };
  if (options.read_only) {
    session.settings.emplace_back("default_transaction_read_only", "on");
  }
  return session;
}

}  // namespace

pg::Connection Sessions::open_source(std::string_view purpose) const {
  return pg::Connection(session_options(options_, options_.source_conninfo, purpose));
}

pg::Connection Sessions::open_target(std::string_view purpose) const {
  const std::string& conninfo = options_.target_conninfo.empty() ? options_.source_conninfo : options_.target_conninfo;
  return pg::Connection(session_options(options_, conninfo, purpose));
}

}  // namespace pgsluice::mover

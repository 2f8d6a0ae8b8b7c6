// Creates and drops a test's database.
#include "tests/support/database.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>

#include "pg/failure.hpp"
#include "pg/identifier.hpp"

namespace pgsluice::tests {

namespace {

pg::Connection connect_to(const std::string& conninfo) {
  pg::SessionOptions session;
  session.conninfo = conninfo;
  session.application_name = "test";
  return pg::Connection(session);
}

// No two databases of a cluster share a name, whichever processes make them.
std::string unused_name() {
  static std::atomic<int> count = 0;
  const auto now = std::chrono::system_clock::now().time_since_epoch().count();
  return "test_" + std::to_string(getpid()) + "_" + std::to_string(++count) + "_" + std::to_string(now % 1'000'000'000);
}

std::string create_database_sql(const std::string& name, const DatabaseOptions& options) {
  std::string sql = "CREATE DATABASE " + pg::quoted(name) + " TEMPLATE template0";
  if (!options.encoding.empty()) sql += " ENCODING " + pg::literal(options.encoding);
  if (!options.locale.empty()) sql += " LOCALE " + pg::literal(options.locale);
  return sql;
}

}  // namespace

Database::Database(const ServerAddress& server, const DatabaseOptions& options)
    : server_(server), name_(unused_name()) {
  connect_to(server_.conninfo("postgres", kSuperuser)).query(create_database_sql(name_, options));
  pg::Connection connection = connect_as_superuser();
  const std::string owner = pg::quoted(kOwner);
  connection.query("GRANT CREATE ON DATABASE " + pg::quoted(name_) + " TO " + owner);
  connection.query("ALTER SCHEMA public OWNER TO " + owner);
}

Database::~Database() {
  try {
    connect_to(server_.conninfo("postgres", kSuperuser)).query("DROP DATABASE " + pg::quoted(name_) + " WITH (FORCE)");
  } catch (const pg::Failure& failure) {
    // A server that a test stopped for good takes its databases with it.
    if (failure.kind() != pg::FailureKind::connection)
      ADD_FAILURE() << "dropping " << name_ << ": " << to_text(failure);
  }
}

pg::Connection Database::connect(std::string_view role) const {
  return connect_to(conninfo(role));
}

}  // namespace pgsluice::tests

// Creates and drops a test's role.
#include "tests/support/role.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>

#include "pg/connection.hpp"
#include "pg/failure.hpp"
#include "pg/identifier.hpp"

namespace pgsluice::tests {

namespace {

void run_as_superuser(const ServerAddress& server, const std::string& sql) {
  pg::SessionOptions session;
  session.conninfo = server.conninfo("postgres", kSuperuser);
  session.application_name = "test";
  pg::Connection(session).query(sql);
}

std::string unused_name(std::string_view name) {
  static std::atomic<int> count = 0;
  return std::string(name) + " " + std::to_string(getpid()) + "_" + std::to_string(++count);
}

}  // namespace

Role::Role(std::string_view name, std::string_view attributes, const ServerAddress& server)
    : server_(server), name_(unused_name(name)) {
  run_as_superuser(server_, "CREATE ROLE " + pg::quoted(name_) + " " + std::string(attributes));
}

Role::~Role() {
  try {
    run_as_superuser(server_, "DROP ROLE " + pg::quoted(name_));
  } catch (const pg::Failure& failure) {
    // A server that a test stopped for good takes its roles with it.
    if (failure.kind() != pg::FailureKind::connection)
      ADD_FAILURE() << "dropping " << name_ << ": " << to_text(failure);
  }
}

}  // namespace pgsluice::tests

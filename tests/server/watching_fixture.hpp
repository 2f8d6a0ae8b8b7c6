// Tests of the meter and the brakes start here: two roles that are no superusers, one that may monitor and one that may
// not, and sessions as a mover opens them.
#pragma once

#include <gmock/gmock.h>

#include <chrono>
#include <functional>
#include <string>
#include <thread>

#include "mover/sessions.hpp"
#include "pg/failure.hpp"
#include "pg/identifier.hpp"
#include "tests/support/database.hpp"
#include "tests/support/role.hpp"

namespace pgsluice::tests {

class WatchingFixture : public testing::Test {
 protected:
  void SetUp() override {
    database_.connect_as_superuser().query("GRANT pg_monitor TO " + pg::quoted(monitor_.name()));
  }

  // A session of the mover, as `role`.
  pg::Connection session(std::string_view role) const {
    mover::SessionsOptions options;
    options.source_conninfo = database_.conninfo(role);
    options.migration_id = "m";
    return mover::Sessions(options).open_target("watch");
  }
  pg::Connection monitor() const { return session(monitor_.name()); }
  pg::Connection owner() const { return session(kOwner); }

  // Rows, their pages and their WAL.
  void write_rows(pg::Connection& connection) {
    connection.query("CREATE TABLE IF NOT EXISTS rows_written (note text)");
    connection.query("INSERT INTO rows_written SELECT repeat(md5(i::text), 8) FROM generate_series(1, 4000) i");
  }

 public:
  // Waits for what another thread or the server will do.
  static testing::AssertionResult comes_true(const std::function<bool()>& condition) {
    constexpr std::chrono::seconds kLimit{30};
    constexpr std::chrono::milliseconds kPause{10};
    for (const auto begun = std::chrono::steady_clock::now(); std::chrono::steady_clock::now() - begun < kLimit;) {
      if (condition()) return testing::AssertionSuccess();
      std::this_thread::sleep_for(kPause);
    }
    return testing::AssertionFailure() << "not within " << kLimit.count() << " s";
  }

 protected:
  template <typename Act>
  static std::string refusal_of(Act act) {
    try {
      act();
    } catch (const pg::Failure& failure) {
      EXPECT_EQ(failure.kind(), pg::FailureKind::refused);
      return to_text(failure);
    }
    return "not refused";
  }

  Role monitor_{"monitor"};
  Database database_;
};

}  // namespace pgsluice::tests

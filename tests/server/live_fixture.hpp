// A small table that stays in use while it is migrated, for tests of the strategy capture: plan, run, and what must be
// true of source and target afterwards. Rows are compared whole, never by our own checksum.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/database.hpp"
#include "tests/support/migration.hpp"

namespace pgsluice::tests {

class LiveTable : public testing::Test {
 protected:
  static constexpr const char* kTarget = "public.items_partitioned";

  void SetUp() override {
    connection_.run_script(
        "CREATE TABLE items (id bigint PRIMARY KEY, region text NOT NULL, at date, note text, email text, "
        "UNIQUE (email, region));"
        "INSERT INTO items SELECT i, 'r' || i % 3, date '2025-01-01' + i % 200, 'n' || i, 'e' || i "
        "FROM generate_series(1, 3000) i; ANALYZE items;");
  }

  Outcome plan(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {"--table", "items",        "--by", "LIST (region)", "--default", "--strategy",
                                          "capture", "--range-rows", "500"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return migration_.plan(arguments);
  }

  void bring_to_complete(const std::vector<std::string>& more = {}) const {
    const Outcome planned = plan(more);
    ASSERT_EQ(planned.exit_code, 0) << planned;
    follow();
  }
  void follow() const {
    const Outcome outcome = migration_.run();
    ASSERT_EQ(outcome.exit_code, 0) << outcome;
  }
  Outcome command(const std::string& name, const std::vector<std::string>& arguments = {}) const {
    return tests::run(migration_.command(name, arguments));
  }

  // Rows of one that the other lacks, both ways.
  std::int64_t differences(const std::string& one, const std::string& other) {
    return connection_
        .query("SELECT count(*) FROM ((TABLE " + one + " EXCEPT ALL TABLE " + other + ") UNION ALL (TABLE " + other +
               " EXCEPT ALL TABLE " + one + ")) AS d")
        .integer(0, 0);
  }
  void expect_target_equals_source(const std::string& when = "") {
    EXPECT_EQ(differences("public.items", kTarget), 0) << when;
  }

  std::int64_t count(const std::string& table) {
    return connection_.query("SELECT count(*) FROM " + table).integer(0, 0);
  }
  // Notes that wait, in the log that is written now; the other one may be there, too.
  std::int64_t noted() {
    const pg::Result log = connection_.query(
        "SELECT c.oid::regclass::text FROM pg_class c WHERE c.relnamespace = to_regnamespace("
        "'pgsluice') AND c.relkind = 'r' AND c.relname LIKE 'changes%' ORDER BY c.relname LIKE 'changes_back%'");
    return log.row_count() == 0 ? -1 : count(std::string(log.text(0, 0)));
  }

  Database database_;
  pg::Connection connection_ = database_.connect();
  Migration migration_{database_};
};

}  // namespace pgsluice::tests

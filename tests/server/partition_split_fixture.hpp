// A table whose partitions are split while it is in use, for tests of `plan --into` the parent: plan, run, and what
// must be true afterwards.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/database.hpp"
#include "tests/support/migration.hpp"

namespace pgsluice::tests {

// A year, and everything else in DEFAULT: half of a year before it and a year behind.
inline constexpr const char* kEvents =
    "CREATE TABLE events (id bigint, created_at timestamptz NOT NULL, note text, PRIMARY KEY (id, created_at)) "
    "PARTITION BY RANGE (created_at); CREATE INDEX ON events (note);"
    "CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01Z') TO ('2025-01-01Z');"
    "CREATE TABLE events_default PARTITION OF events DEFAULT;"
    "INSERT INTO events SELECT i, '2023-07-01Z'::timestamptz + i * interval '6 hours', 'n' || i "
    "FROM generate_series(1, 3600) i; ANALYZE events";

class PartitionSplit : public testing::Test {
 protected:
  Outcome plan(const std::string& table, const std::string& into, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {"--table", table, "--into", into, "--strategy", "capture"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return migration_.plan(arguments);
  }
  Outcome command(const std::string& name, const std::vector<std::string>& arguments = {}) const {
    return tests::run(migration_.command(name, arguments));
  }
  void succeed(const std::string& name, const std::vector<std::string>& arguments = {}) const {
    const Outcome outcome = command(name, arguments);
    ASSERT_EQ(outcome.exit_code, 0) << name << ": " << outcome;
  }
  void bring_to_verified(const std::string& table, const std::string& into, const std::vector<std::string>& more = {}) {
    const Outcome planned = plan(table, into, more);
    ASSERT_EQ(planned.exit_code, 0) << planned;
    succeed("run");
    succeed("verify");
  }

  std::int64_t number(const std::string& sql) { return connection_.query(sql).integer(0, 0); }
  std::int64_t count(const std::string& table) { return number("SELECT count(*) FROM " + table); }
  std::int64_t differences(const std::string& one, const std::string& other) {
    return count("((TABLE " + one + " EXCEPT ALL TABLE " + other + ") UNION ALL (TABLE " + other +
                 " EXCEPT ALL TABLE " + one + ")) AS d");
  }
  bool is_partition(const std::string& table) {
    return connection_.query("SELECT relispartition FROM pg_class WHERE oid = $1::regclass", {table}).boolean(0, 0);
  }
  std::int64_t partition_count(const std::string& table) {
    return number("SELECT count(*) FROM pg_inherits WHERE inhparent = '" + table + "'::regclass");
  }
  void expect_nothing_of_ours() {
    EXPECT_EQ(count("pg_namespace WHERE nspname = 'pgsluice'"), 0);
    EXPECT_EQ(count("pg_description WHERE description LIKE '%[pgsluice%'"), 0);
    EXPECT_EQ(count("pg_constraint WHERE conname LIKE 'pgsluice%'"), 0);
    EXPECT_EQ(count("pg_trigger WHERE tgname LIKE 'pgsluice%'"), 0);
  }

  Database database_;
  pg::Connection connection_ = database_.connect();
  Migration migration_{database_};
};

}  // namespace pgsluice::tests

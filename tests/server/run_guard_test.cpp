// Strategy offline: nobody writes to the source, and that is enforced. An application's write fails with an error that
// says why, during the run and after it, until rollback; without a guard the run notices the write.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "pg/failure.hpp"
#include "tests/support/database.hpp"
#include "tests/support/migration.hpp"

namespace pgsluice::tests {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

std::optional<pg::Failure> failure_of(pg::Connection& connection, const std::string& sql) {
  try {
    connection.query(sql);
    return std::nullopt;
  } catch (const pg::Failure& failure) {
    return failure;
  }
}

class Guard : public testing::Test {
 protected:
  void SetUp() override {
    connection_.run_script(
        "CREATE TABLE items (id int PRIMARY KEY, name text NOT NULL);"
        "INSERT INTO items SELECT i, 'n' || i % 10 FROM generate_series(1, 2000) i; ANALYZE items;");
  }

  Outcome plan(const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"--table",      "items", "--by",         "HASH (name)",
                                          "--partitions", "2",     "--range-rows", "500"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return migration_.plan(arguments);
  }

  // 55P03 is no verdict of the guard: the mover may hold a lock for a moment.
  void expect_writes_are_rejected(const std::string& when) {
    for (const char* write :
         {"INSERT INTO items VALUES (100000, 'x')", "UPDATE items SET name = 'x' WHERE id = 1500",
          "DELETE FROM items WHERE id = 1500", "TRUNCATE items", "UPDATE items SET name = 'x' WHERE false",
          "INSERT INTO items VALUES (1500, 'x') ON CONFLICT (id) DO UPDATE SET name = 'x'"}) {
      const std::optional<pg::Failure> failure = failure_of(connection_, write);
      ASSERT_TRUE(failure.has_value()) << when << ": " << write;
      EXPECT_EQ(failure->sqlstate(), "25006") << when << ": " << write;
      EXPECT_THAT(failure->what(), HasSubstr("items"));
      EXPECT_THAT(failure->what(), HasSubstr("pgsluice"));
      EXPECT_THAT(failure->detail(), HasSubstr("items_partitioned"));
      EXPECT_THAT(failure->hint(), HasSubstr("pgsluice rollback"));
    }
    EXPECT_EQ(connection_.query("SELECT count(*) FROM items").row_count(), 1) << when << ": reading goes on";
  }

  Database database_;
  pg::Connection connection_ = database_.connect();
  Migration migration_{database_};
};

TEST_F(Guard, RejectsWritesDuringTheRunAfterItAndNotAfterRollback) {
  ASSERT_EQ(plan().exit_code, 0);
  connection_.query("UPDATE items SET name = name WHERE id = 1");  // A plan stops nobody.
  Program running(migration_.command("run", {"--workers", "1", "--batch-rows", "1", "--progress", "none"}));
  while (connection_.query("SELECT to_regclass('pgsluice.batch_done')").is_null(0, 0) ||
         connection_.query("SELECT count(*) FROM pgsluice.batch_done").integer(0, 0) == 0) {
    ASSERT_FALSE(running.ends_within(5ms)) << running.wait();
  }
  expect_writes_are_rejected("during the run");
  ASSERT_FALSE(running.ends_within(0ms)) << "the run was too short for this test";
  running.send(SIGINT);
  EXPECT_EQ(running.wait().exit_code, 4);
  expect_writes_are_rejected("between two runs");
  const Outcome rest = migration_.run();
  ASSERT_EQ(rest.exit_code, 0) << rest;
  EXPECT_THAT(rest.output, HasSubstr("Writes to public.items stay rejected"));
  expect_writes_are_rejected("after the run");
  EXPECT_EQ(connection_.query("SELECT count(*) FROM items_partitioned").integer(0, 0), 2000);
  ASSERT_EQ(migration_.rollback().exit_code, 0);
  EXPECT_FALSE(failure_of(connection_, "INSERT INTO items VALUES (100000, 'x')").has_value());
  EXPECT_FALSE(failure_of(connection_, "TRUNCATE items").has_value());
}

TEST_F(Guard, HoldsForASuperuserAndForReplicationRoleReplica) {
  ASSERT_EQ(plan().exit_code, 0);
  ASSERT_EQ(migration_.run().exit_code, 0);
  pg::Connection superuser = database_.connect_as_superuser();
  superuser.query("SET session_replication_role = replica");
  const std::optional<pg::Failure> failure = failure_of(superuser, "DELETE FROM public.items");
  ASSERT_TRUE(failure.has_value());
  EXPECT_EQ(failure->sqlstate(), "25006");
}

TEST_F(Guard, WaitsForAWriterThatIsNotYetCommittedAndTakesItsRow) {
  ASSERT_EQ(plan().exit_code, 0);
  pg::Connection writer = database_.connect();
  writer.begin();
  writer.query("INSERT INTO items VALUES (5000, 'late')");
  Program running(migration_.command("run", {"--progress", "none"}));
  EXPECT_FALSE(running.ends_within(1s)) << running.wait();
  writer.commit();
  const Outcome outcome = running.wait();
  ASSERT_EQ(outcome.exit_code, 0) << outcome;
  EXPECT_EQ(connection_.query("SELECT count(*) FROM items_partitioned WHERE name = 'late'").integer(0, 0), 1);
}

// The guard's lock waits no longer than --lock-timeout, so that those who queue behind it go on.
TEST_F(Guard, DoesNotMakeOthersQueueBehindItsLockForLong) {
  ASSERT_EQ(plan().exit_code, 0);
  pg::Connection writer = database_.connect();
  writer.begin();
  writer.query("UPDATE items SET name = name WHERE id = 1");
  Program running(migration_.command("run", {"--progress", "none", "--lock-timeout", "100ms"}));
  const auto until = std::chrono::steady_clock::now() + 2s;
  std::chrono::steady_clock::duration longest{0};
  while (std::chrono::steady_clock::now() < until) {
    const auto begun = std::chrono::steady_clock::now();
    connection_.query("UPDATE items SET name = name WHERE id = 2");
    longest = std::max(longest, std::chrono::steady_clock::now() - begun);
  }
  EXPECT_LT(longest, 1s);
  writer.rollback();
  const Outcome outcome = running.wait();
  EXPECT_EQ(outcome.exit_code, 0) << outcome;
}

TEST_F(Guard, LeavesNothingOfItselfInTheTarget) {
  ASSERT_EQ(plan().exit_code, 0);
  ASSERT_EQ(migration_.run().exit_code, 0);
  EXPECT_FALSE(failure_of(connection_, "INSERT INTO items_partitioned VALUES (100000, 'x')").has_value());
  EXPECT_FALSE(failure_of(connection_, "DELETE FROM items_partitioned").has_value());
}

TEST_F(Guard, SwapByHandAsTheRunPrintsItLeavesAWritableTable) {
  ASSERT_EQ(plan().exit_code, 0);
  const Outcome outcome = migration_.run();
  ASSERT_EQ(outcome.exit_code, 0);
  const std::size_t from = outcome.output.find("put the target into the source's place");
  ASSERT_NE(from, std::string::npos) << outcome;
  std::string sql;
  for (std::size_t at = outcome.output.find("\n    ", from); at != std::string::npos;
       at = outcome.output.find("\n    ", at + 1)) {
    sql += outcome.output.substr(at + 5, outcome.output.find('\n', at + 1) - at - 5) + "\n";
  }
  ASSERT_THAT(sql, HasSubstr("RENAME"));
  connection_.run_script(sql);
  EXPECT_FALSE(failure_of(connection_, "INSERT INTO items VALUES (100000, 'x')").has_value()) << sql;
  EXPECT_EQ(connection_.query("SELECT count(*) FROM items").integer(0, 0), 2001);
  EXPECT_EQ(connection_.query("SELECT relkind FROM pg_class WHERE oid = 'items'::regclass").text(0, 0), "p");
}

class WithoutGuard : public Guard, public testing::WithParamInterface<const char*> {};

TEST_P(WithoutGuard, WriteDuringTheRunIsNoticedAtItsEnd) {
  ASSERT_EQ(plan({"--guard", "off", "--method", GetParam()}).exit_code, 0);
  Program running(migration_.command("run", {"--workers", "1", "--batch-rows", "1", "--progress", "none", "--json"}));
  while (connection_.query("SELECT to_regclass('pgsluice.batch_done')").is_null(0, 0) ||
         connection_.query("SELECT count(*) FROM pgsluice.batch_done").integer(0, 0) == 0) {
    ASSERT_FALSE(running.ends_within(5ms)) << running.wait();
  }
  {
    // The server learns what a session has written when the session ends, or some seconds later.
    pg::Connection writer = database_.connect();
    EXPECT_FALSE(failure_of(writer, "INSERT INTO items VALUES (0, 'before the first')").has_value());
  }
  const Outcome outcome = running.wait();
  ASSERT_EQ(outcome.exit_code, 0) << outcome;
  EXPECT_TRUE(nlohmann::json::parse(outcome.output)["unguarded_writes"]) << outcome;
  EXPECT_EQ(migration_.verify().exit_code, 3);
}

TEST_P(WithoutGuard, NothingIsNoticedWhereNobodyWrote) {
  ASSERT_EQ(plan({"--guard", "off", "--method", GetParam()}).exit_code, 0);
  const Outcome outcome = migration_.run({"--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome;
  EXPECT_FALSE(nlohmann::json::parse(outcome.output)["unguarded_writes"]) << outcome;
}

INSTANTIATE_TEST_SUITE_P(By, WithoutGuard, testing::Values("insert", "move", "stream", "stream-move"),
                         [](const auto& parameter) {
                           std::string name = parameter.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace pgsluice::tests

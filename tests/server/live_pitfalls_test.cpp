// What has cost others rows, or could have cost ours: each is a story that was once seen to end badly.
#include <atomic>
#include <chrono>
#include <thread>

#include "pg/failure.hpp"
#include "tests/server/live_fixture.hpp"

namespace pgsluice::tests {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class LivePitfalls : public LiveTable {
 protected:
  void bring_to_verified(const std::vector<std::string>& more = {}) {
    bring_to_complete(more);
    ASSERT_EQ(migration_.verify().exit_code, 0);
  }
  bool is_plain() {
    return connection_.query("SELECT relkind FROM pg_class WHERE oid = 'items'::regclass").text(0, 0) == "r";
  }
};

// Rows that live for a moment, as in a queue: the note of the insert and that of the delete are far apart in the log,
// and several sessions read it. None may come back.
TEST_F(LivePitfalls, ARowThatWasDeletedDoesNotComeBackWhileSeveralSessionsApply) {
  bring_to_complete();
  std::atomic<bool> ends = false;
  std::vector<std::thread> queues;
  for (int queue = 0; queue < 3; ++queue) {
    queues.emplace_back([&, queue] {
      pg::Connection session = database_.connect();
      for (std::int64_t i = 0; !ends; ++i) {
        const std::string id = std::to_string(100'000 + queue * 1'000'000 + i);
        session.query_prepared("INSERT INTO items VALUES ($1, 'r1', NULL, repeat('x', 200))", {id});
        if (i >= 40) {
          session.query_prepared("DELETE FROM items WHERE id = $1",
                                 {std::to_string(100'000 + queue * 1'000'000 + i - 40)});
        }
      }
    });
  }
  for (int i = 0; i < 6; ++i) {
    const Outcome outcome = migration_.run({"--workers", "4"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome;
  }
  const Outcome verified = migration_.verify({"--again", "--workers", "3"});
  EXPECT_EQ(verified.exit_code, 0) << verified;
  ends = true;
  for (std::thread& queue : queues) {
    queue.join();
  }
  follow();
  expect_target_equals_source();
}

TEST_F(LivePitfalls, AKeyThatChangesIntoAnEqualOneArrivesAsItIs) {
  connection_.run_script(
      "CREATE TABLE priced (id numeric PRIMARY KEY, kind text NOT NULL); INSERT INTO priced SELECT i, 'k' || i % "
      "2 FROM generate_series(1, 200) i; ANALYZE priced");
  const Migration migration(database_);
  ASSERT_EQ(migration.plan({"--table", "priced", "--by", "LIST (kind)", "--strategy", "capture"}).exit_code, 0);
  ASSERT_EQ(migration.run().exit_code, 0);
  connection_.query("UPDATE priced SET id = 5.00 WHERE id = 5");
  ASSERT_EQ(migration.run({"--workers", "4"}).exit_code, 0);
  EXPECT_EQ(connection_.query("SELECT id::text FROM priced_partitioned WHERE id = 5").text(0, 0), "5.00");
  EXPECT_EQ(migration.verify().exit_code, 0);
}

TEST_F(LivePitfalls, APublicationOfAllTablesIsNoHindrance) {
  pg::Connection superuser = database_.connect_as_superuser();
  superuser.query("CREATE PUBLICATION everything FOR ALL TABLES");
  bring_to_complete();
  connection_.query("DELETE FROM items WHERE id < 100");
  connection_.query("UPDATE items SET note = 'published' WHERE id = 200");
  follow();
  expect_target_equals_source();
}

TEST_F(LivePitfalls, AColumnCalledLikeAVariableOfPlPgSqlIsAColumn) {
  connection_.run_script(
      "CREATE TABLE named (found int PRIMARY KEY, tg_op text NOT NULL, old int, new int); INSERT INTO named "
      "SELECT i, 'r' || i % 2 FROM generate_series(1, 50) i; ANALYZE named");
  for (const char* form : {"row", "statement"}) {
    const Migration migration(database_);
    ASSERT_EQ(
        migration
            .plan({"--table", "named", "--by", "LIST (tg_op)", "--default", "--strategy", "capture", "--capture", form})
            .exit_code,
        0);
    ASSERT_EQ(migration.run().exit_code, 0);
    connection_.run_script(
        "UPDATE named SET old = 1 WHERE found < 10; UPDATE named SET found = found + 1000 WHERE found > 40; "
        "DELETE FROM named WHERE found = 20; INSERT INTO named VALUES (7000, 'x')");
    ASSERT_EQ(migration.run().exit_code, 0);
    EXPECT_EQ(differences("named", "named_partitioned"), 0) << form;
    ASSERT_EQ(migration.rollback().exit_code, 0);
    connection_.query("UPDATE named SET found = found - 1000 WHERE found > 1000 AND found < 2000");
    connection_.query("DELETE FROM named WHERE found = 7000");
  }
}

TEST_F(LivePitfalls, AColumnAddedWhileTheCutoverWaitsForItsMomentStopsIt) {
  bring_to_verified();
  Program running(migration_.command("cutover", {"--wait"}));
  const auto tell = [&] {
    return tests::run({PGSLUICE_PROGRAM, {"control", migration_.checkpoint().string(), "cutover"}, {}, {}, {}, false});
  };
  std::this_thread::sleep_for(500ms);
  connection_.run_script("ALTER TABLE items ADD COLUMN extra int; UPDATE items SET extra = 1");
  for (int i = 0; i < 200 && tell().exit_code != 0; ++i) {
    std::this_thread::sleep_for(50ms);
  }
  const Outcome outcome = running.wait();
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_TRUE(is_plain());
}

TEST_F(LivePitfalls, TheWayBackIsRefusedWhereItWouldLoseWhatWasAddedSince) {
  bring_to_verified();
  ASSERT_EQ(command("cutover").exit_code, 0);
  connection_.run_script(
      "CREATE TABLE brought (LIKE items INCLUDING ALL); INSERT INTO brought VALUES (70000, 'east', NULL, 'x'); "
      "ALTER TABLE items ATTACH PARTITION brought FOR VALUES IN ('east')");
  Outcome outcome = migration_.rollback();
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("partitions were added"));
  connection_.run_script(
      "ALTER TABLE items DETACH PARTITION brought; ALTER TABLE items ADD COLUMN later int DEFAULT 7");
  outcome = migration_.rollback();
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("differ in columns"));
  connection_.run_script(
      "ALTER TABLE items DROP COLUMN later; CREATE TABLE items_east PARTITION OF items FOR VALUES IN ('north'); "
      "INSERT INTO items VALUES (70001, 'north', NULL, 'through the root')");
  outcome = migration_.rollback({"--accept", "partitions"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome;
  EXPECT_EQ(count("items WHERE id = 70001"), 1);
}

// It knows the table by its identity, so the exchange of names does not reach it.
TEST_F(LivePitfalls, WhoeverKnowsTheOldTableByItsIdentityCannotWriteIntoNothing) {
  if (connection_.server_major_version() < 14) {
    GTEST_SKIP() << "functions with an SQL-standard body came with 14";
  }
  connection_.query(
      "CREATE FUNCTION add_item(n bigint) RETURNS void BEGIN ATOMIC INSERT INTO items VALUES (n, 'r1'); END");
  bring_to_verified();
  connection_.query("SELECT add_item(60001)");
  ASSERT_EQ(command("cutover").exit_code, 0);
  EXPECT_EQ(count("items WHERE id = 60001"), 1);
  try {
    connection_.query("SELECT add_item(60002)");
    ADD_FAILURE() << "the row is in a table that is dropped soon";
  } catch (const pg::Failure& failure) {
    EXPECT_EQ(failure.sqlstate(), "25006");
    EXPECT_THAT(failure.what(), HasSubstr("put aside by a cutover"));
  }
  ASSERT_EQ(migration_.rollback().exit_code, 0);
  connection_.query("SELECT add_item(60003)");
  EXPECT_EQ(count("items WHERE id = 60003"), 1);
}

TEST_F(LivePitfalls, APartitionDroppedSinceTheCutoverDoesNotHinderTheEnd) {
  connection_.run_script(
      "CREATE TABLE regions (name text PRIMARY KEY); INSERT INTO regions VALUES ('r0'), ('r1'), ('r2'); ALTER TABLE "
      "items ADD FOREIGN KEY (region) REFERENCES regions");
  bring_to_verified();
  ASSERT_EQ(command("cutover").exit_code, 0);
  const pg::Result leaf = connection_.query("SELECT tableoid::regclass::text FROM items WHERE region = 'r1' LIMIT 1");
  connection_.query("DROP TABLE " + std::string(leaf.text(0, 0)));
  const Outcome back = migration_.rollback();
  EXPECT_EQ(back.exit_code, 2) << back;
  EXPECT_THAT(back.errors, HasSubstr("partitions are gone"));
  const Outcome end = command("finish");
  EXPECT_EQ(end.exit_code, 0) << end;
  EXPECT_EQ(count("pg_namespace WHERE nspname = 'pgsluice'"), 0);
}

TEST_F(LivePitfalls, ARunThatNeverCameToMakeItsTargetCanBeTakenBack) {
  ASSERT_EQ(plan().exit_code, 0);
  connection_.query("CREATE TABLE items_partitioned (taken int)");
  EXPECT_NE(migration_.run().exit_code, 0);
  connection_.query("DROP TABLE items_partitioned");
  const Outcome outcome = migration_.rollback();
  EXPECT_EQ(outcome.exit_code, 0) << outcome;
  EXPECT_EQ(count("pg_namespace WHERE nspname = 'pgsluice'"), 0);
}

}  // namespace
}  // namespace pgsluice::tests

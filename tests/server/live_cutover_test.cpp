// The cutover of a live table, forward and back: one of two states at every moment, each of them serving and captured;
// nobody waits for long, whoever is in the way is named, and what stands in the way is said before.
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "pg/failure.hpp"
#include "tests/server/live_fixture.hpp"
#include "tests/support/installation.hpp"

namespace pgsluice::tests {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

class Cutover : public LiveTable {
 protected:
  void bring_to_verified() {
    bring_to_complete();
    const Outcome outcome = migration_.verify();
    ASSERT_EQ(outcome.exit_code, 0) << outcome;
  }
  std::string kind_of(const std::string& table) {
    return std::string(
        connection_.query("SELECT relkind FROM pg_class WHERE oid = to_regclass($1)", {table}).text(0, 0));
  }
  bool is_there(const std::string& table) {
    return !connection_.query("SELECT to_regclass($1)", {table}).is_null(0, 0);
  }
};

TEST_F(Cutover, ExchangesTheTablesAndEveryLaterWriteIsKeptOnTheWayBack) {
  bring_to_verified();
  connection_.query("UPDATE items SET note = 'before' WHERE id % 3 = 0");
  const Outcome there = command("cutover", {"--json"});
  ASSERT_EQ(there.exit_code, 0) << there;
  const auto document = nlohmann::json::parse(there.output);
  EXPECT_EQ(document.at("phase"), "cut-over");
  EXPECT_GT(document.at("lock_ms").get<double>(), 0);
  EXPECT_EQ(kind_of("items"), "p");
  EXPECT_EQ(differences("items", "items_old"), 0);

  connection_.run_script(
      "INSERT INTO items VALUES (5001, 'r1', NULL, 'after'), (5002, 'new region', NULL, NULL); UPDATE items SET "
      "region = 'r2', note = 'after' WHERE id = 9; UPDATE items SET id = 6000 WHERE id = 10; DELETE FROM "
      "items WHERE id BETWEEN 20 AND 40; UPDATE items SET note = 'leaf' WHERE id = 50");
  connection_.run_script("CREATE TEMPORARY TABLE expected AS TABLE items");
  const Outcome back = migration_.rollback();
  ASSERT_EQ(back.exit_code, 0) << back;
  EXPECT_THAT(back.output, HasSubstr("the lock was held for"));
  EXPECT_EQ(kind_of("items"), "r");
  EXPECT_EQ(differences("items", "expected"), 0);

  // Captured again: forward once more.
  connection_.query("UPDATE items SET note = 'between' WHERE id < 300");
  ASSERT_EQ(command("cutover").exit_code, 0);
  EXPECT_EQ(differences("items", "items_old"), 0);
  connection_.query("DELETE FROM items WHERE id = 1");
  const Outcome end = command("finish");
  ASSERT_EQ(end.exit_code, 0) << end;
  EXPECT_FALSE(is_there("items_old"));
  EXPECT_EQ(kind_of("items"), "p");
  EXPECT_EQ(count("pg_namespace WHERE nspname = 'pgsluice'"), 0);
  EXPECT_EQ(count("pg_description WHERE description LIKE '%[pgsluice%'"), 0);
  EXPECT_EQ(command("finish").exit_code, 0) << "it may be repeated";
}

TEST_F(Cutover, ASecondRollbackRemovesEverything) {
  bring_to_verified();
  ASSERT_EQ(command("cutover").exit_code, 0);
  ASSERT_EQ(migration_.rollback().exit_code, 0);
  const Outcome outcome = migration_.rollback();
  ASSERT_EQ(outcome.exit_code, 0) << outcome;
  EXPECT_FALSE(is_there(kTarget));
  EXPECT_EQ(count("pg_namespace WHERE nspname = 'pgsluice'"), 0);
  EXPECT_EQ(count("pg_description WHERE description LIKE '%[pgsluice%'"), 0);
  EXPECT_EQ(count("items"), 3000);
}

TEST_F(Cutover, TruncateAfterItReachesTheOldTable) {
  bring_to_verified();
  ASSERT_EQ(command("cutover").exit_code, 0);
  connection_.run_script("TRUNCATE items; INSERT INTO items VALUES (1, 'r1'), (2, 'somewhere')");
  connection_.run_script("CREATE TEMPORARY TABLE expected AS TABLE items");
  ASSERT_EQ(migration_.rollback().exit_code, 0);
  EXPECT_EQ(differences("items", "expected"), 0);
}

TEST_F(Cutover, TruncateOfOnePartitionReachesTheOldTable) {
  bring_to_verified();
  ASSERT_EQ(command("cutover").exit_code, 0);
  const pg::Result leaf = connection_.query("SELECT tableoid::regclass::text FROM items WHERE region = 'r1' LIMIT 1");
  connection_.run_script("TRUNCATE " + std::string(leaf.text(0, 0)));
  connection_.run_script("CREATE TEMPORARY TABLE expected AS TABLE items");
  ASSERT_EQ(migration_.rollback().exit_code, 0);
  EXPECT_EQ(differences("items", "expected"), 0);
  EXPECT_EQ(count("items WHERE region = 'r1'"), 0);
}

class Blocked : public Cutover, public testing::WithParamInterface<const char*> {};

TEST_P(Blocked, GivesUpEachAttemptInTimeAndSucceedsWhenTheBlockerLeaves) {
  bring_to_verified();
  pg::Connection blocker = database_.connect();
  blocker.begin();
  blocker.query(GetParam());
  Program running(migration_.command("cutover", {"--lock-timeout", "100ms"}));
  pg::Connection application = database_.connect();
  std::chrono::milliseconds longest{0};
  const auto begun = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - begun < 3s) {
    const auto asked = std::chrono::steady_clock::now();
    application.query("UPDATE items SET note = 'application' WHERE id = 77");
    longest = std::max(longest,
                       std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - asked));
    std::this_thread::sleep_for(5ms);
  }
  EXPECT_LT(longest, 1500ms);
  EXPECT_EQ(kind_of("items"), "r");
  EXPECT_GE(noted(), 0) << "still captured";
  blocker.commit();
  const Outcome outcome = running.wait();
  ASSERT_EQ(outcome.exit_code, 0) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("attempt 1 failed"));
  EXPECT_THAT(outcome.errors, HasSubstr("in use and captured"));
  EXPECT_THAT(outcome.errors, HasSubstr("pid " + std::to_string(blocker.backend_pid())));
  EXPECT_EQ(kind_of("items"), "p");
  EXPECT_EQ(differences("items", "items_old"), 0);
}

INSTANTIATE_TEST_SUITE_P(By, Blocked,
                         testing::Values("SELECT count(*) FROM items", "UPDATE items SET note = 'open' WHERE id = 1"),
                         [](const auto& one) { return one.index == 0 ? "AReader" : "AWriter"; });

TEST_F(Cutover, GivesUpWhenItsTimeIsOverAndTheSameCommandTriesAgain) {
  bring_to_verified();
  pg::Connection blocker = database_.connect();
  blocker.begin();
  blocker.query("SELECT FROM items");
  const Outcome outcome = command("cutover", {"--cutover-timeout", "1s", "--lock-timeout", "50ms"});
  EXPECT_EQ(outcome.exit_code, 4) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("--cutover-timeout"));
  EXPECT_EQ(kind_of("items"), "r");
  connection_.query("UPDATE items SET note = 'still captured' WHERE id = 5");
  EXPECT_EQ(noted(), 1);
  blocker.commit();
  EXPECT_EQ(command("cutover").exit_code, 0);
  EXPECT_EQ(differences("items", "items_old"), 0);
}

TEST_F(Cutover, IsRefusedBeforeAnythingIsChanged) {
  EXPECT_EQ(command("cutover").exit_code, 2) << "there is no plan";
  ASSERT_EQ(plan().exit_code, 0);
  Outcome outcome = command("cutover");
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("not ready for a cutover"));
  follow();
  outcome = command("cutover");
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("ranges are not verified"));
  outcome = command("cutover", {"--check"});
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.output, HasSubstr("BLOCKS"));
  EXPECT_EQ(command("finish").exit_code, 2);
  EXPECT_EQ(command("cutover", {"--check", "--accept", "unverified"}).exit_code, 0);
  EXPECT_EQ(command("cutover", {"--accept", "unverified", "--hook", "no-such=true"}).exit_code, 2);
  EXPECT_EQ(command("cutover", {"--accept", "unverified", "--at", "tomorrow"}).exit_code, 2);
  EXPECT_EQ(kind_of("items"), "r");
}

TEST_F(Cutover, IsRefusedWhenRowsDiffer) {
  bring_to_complete();
  connection_.run_script(
      "UPDATE items_partitioned SET note = 'broken' WHERE id = 1234; DELETE FROM items_partitioned WHERE id = 20");
  const Outcome verified = migration_.verify({"--find"});
  EXPECT_EQ(verified.exit_code, 3) << verified;
  EXPECT_THAT(verified.output, HasSubstr("changed: (1234)"));
  EXPECT_THAT(verified.output, HasSubstr("missing: (20)"));
  const Outcome outcome = command("cutover", {"--accept", "unverified"});
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("ranges differ"));
  EXPECT_EQ(kind_of("items"), "r");
}

TEST_F(Cutover, IsRefusedWhenTheTableWasAlteredMeanwhile) {
  bring_to_verified();
  connection_.query("ALTER TABLE items ADD COLUMN more int");
  const Outcome outcome = command("cutover");
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("was changed after it was planned"));
  EXPECT_EQ(kind_of("items"), "r");
}

TEST_F(Cutover, IsRefusedWhenTheCaptureIsGone) {
  bring_to_verified();
  const pg::Result trigger =
      connection_.query("SELECT tgname FROM pg_trigger WHERE tgrelid = 'items'::regclass AND tgname LIKE '%row'");
  connection_.query("DROP TRIGGER " + std::string(trigger.text(0, 0)) + " ON items");
  const Outcome outcome = command("cutover");
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("are not captured"));
  EXPECT_EQ(kind_of("items"), "r");
  EXPECT_EQ(migration_.run().exit_code, 2);
  EXPECT_EQ(migration_.verify({"--again"}).exit_code, 2);
  EXPECT_EQ(migration_.rollback().exit_code, 0);
}

TEST_F(Cutover, IsRefusedWhenTheCaptureWasSwitchedOff) {
  bring_to_verified();
  connection_.query("ALTER TABLE items DISABLE TRIGGER USER");
  const Outcome outcome = command("cutover");
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("are not captured"));
}

TEST_F(Cutover, HooksAreCalledAndOneThatFailsEndsIt) {
  bring_to_verified();
  const std::string seen = (migration_.folder() / "seen").string();
  Outcome outcome =
      command("cutover", {"--hook", "before-cutover=echo $PGSLUICE_MOMENT $PGSLUICE_SOURCE > " + seen + "; exit 3"});
  EXPECT_EQ(outcome.exit_code, 1) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("exit code 3"));
  EXPECT_EQ(file_text(seen), "before-cutover public.items\n");
  EXPECT_EQ(kind_of("items"), "r");
  outcome =
      command("cutover", {"--hook", "before-cutover=true", "--hook", "after-cutover=echo $PGSLUICE_MOMENT > " + seen});
  EXPECT_EQ(outcome.exit_code, 0) << outcome;
  EXPECT_EQ(file_text(seen), "after-cutover\n");
}

TEST_F(Cutover, HoldsReadyUntilItIsTold) {
  bring_to_verified();
  Program running(migration_.command("cutover", {"--wait", "--progress", "plain"}));
  const auto tell = [&] {
    return tests::run({PGSLUICE_PROGRAM, {"control", migration_.checkpoint().string(), "cutover"}, {}, {}, {}, false});
  };
  for (int i = 0; i < 100 && tell().exit_code != 0; ++i) {
    connection_.query("UPDATE items SET note = 'meanwhile' WHERE id = 3");
    EXPECT_EQ(kind_of("items"), "r");
    std::this_thread::sleep_for(50ms);
  }
  const Outcome outcome = running.wait();
  EXPECT_EQ(outcome.exit_code, 0) << outcome;
  EXPECT_EQ(kind_of("items"), "p");
  EXPECT_EQ(differences("items", "items_old"), 0);
}

TEST_F(Cutover, SequencesGoOnWithTheGapThatWasAskedFor) {
  connection_.run_script(
      "CREATE TABLE numbered (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, serial_id serial, r int "
      "NOT NULL); INSERT INTO numbered (r) SELECT i % 2 FROM generate_series(1, 100) i; ANALYZE numbered");
  const Migration migration(database_);
  ASSERT_EQ(migration.plan({"--table", "numbered", "--by", "LIST (r)", "--strategy", "capture"}).exit_code, 0);
  ASSERT_EQ(migration.run().exit_code, 0);
  connection_.query("INSERT INTO numbered (r) VALUES (1)");
  ASSERT_EQ(migration.verify().exit_code, 0);
  const Outcome outcome = tests::run(migration.command("cutover", {"--sequence-gap", "1000"}));
  ASSERT_EQ(outcome.exit_code, 0) << outcome;
  const pg::Result next = connection_.query("INSERT INTO numbered (r) VALUES (0) RETURNING id, serial_id");
  EXPECT_EQ(next.integer(0, 0), 1102);
  ASSERT_EQ(tests::run(migration.command("finish")).exit_code, 0);
  EXPECT_GT(connection_.query("INSERT INTO numbered (r) VALUES (0) RETURNING id").integer(0, 0), 1102);
}

// Such a snapshot does not see what was brought over last; its write must not end in nothing.
TEST_F(Cutover, AWriteByASnapshotFromBeforeFailsInsteadOfFindingNothing) {
  bring_to_verified();
  const auto write_by_old_snapshot = [&](const std::string& command_name) {
    connection_.query("INSERT INTO items VALUES (5000 + (SELECT count(*) FROM items), 'r1', NULL, 'just now')");
    pg::Connection old = database_.connect();
    pg::Connection statement_by_statement = database_.connect();
    old.begin("ISOLATION LEVEL REPEATABLE READ");
    old.query("SELECT count(*) FROM pg_class");
    statement_by_statement.begin();
    statement_by_statement.query("SELECT count(*) FROM pg_class");
    const Outcome outcome = command(command_name);
    ASSERT_EQ(outcome.exit_code, 0) << outcome;
    EXPECT_EQ(statement_by_statement.query("UPDATE items SET note = 'later' WHERE note = 'just now'").affected_rows(),
              1U);
    statement_by_statement.commit();
    try {
      old.query("UPDATE items SET note = 'lost' WHERE note = 'just now'");
      FAIL() << "found nothing, or wrote over it, and said so to nobody";
    } catch (const pg::Failure& failure) {
      EXPECT_EQ(failure.sqlstate(), "40001");
    }
  };
  write_by_old_snapshot("cutover");
  write_by_old_snapshot("rollback");
}

TEST_F(Cutover, FinishIsRefusedWhileSomebodyUsesTheOldTable) {
  bring_to_verified();
  ASSERT_EQ(command("cutover").exit_code, 0);
  connection_.query("CREATE VIEW upon_the_old AS SELECT * FROM items_old");
  const Outcome outcome = command("finish");
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("upon_the_old"));
  EXPECT_TRUE(is_there("items_old"));
  connection_.query("DROP VIEW upon_the_old");
  EXPECT_EQ(command("finish").exit_code, 0);
}

TEST_F(Cutover, RunAfterItKeepsTheOldTableNear) {
  bring_to_verified();
  ASSERT_EQ(command("cutover").exit_code, 0);
  connection_.run_script(
      "INSERT INTO items VALUES (9001, 'r1'); UPDATE items SET note = 'new' WHERE id < 500; DELETE FROM items WHERE id "
      "BETWEEN 600 AND 900; UPDATE items SET region = 'r0', id = -id WHERE id BETWEEN 1000 AND 1100;");
  EXPECT_GT(differences("public.items", "public.items_old"), 0);
  const Outcome outcome = migration_.run();
  EXPECT_EQ(outcome.exit_code, 0) << outcome;
  EXPECT_THAT(outcome.output, HasSubstr("public.items_old has every change of public.items up to now"));
  EXPECT_EQ(differences("public.items", "public.items_old"), 0);
  EXPECT_EQ(noted(), 0);
  connection_.run_script("TRUNCATE items; INSERT INTO items VALUES (1, 'r1', NULL, 'alone');");
  EXPECT_EQ(migration_.run().exit_code, 0);
  EXPECT_EQ(differences("public.items", "public.items_old"), 0);
  connection_.query("INSERT INTO items VALUES (2, 'r2')");
  ASSERT_EQ(command("rollback").exit_code, 0);
  EXPECT_EQ(count("items"), 2);
  const Outcome forward = migration_.run();
  EXPECT_EQ(forward.exit_code, 0) << forward;
  expect_target_equals_source("after the way back");
}

TEST_F(Cutover, RunAfterItSaysWhatIsLeftToDo) {
  bring_to_verified();
  ASSERT_EQ(command("cutover").exit_code, 0);
  EXPECT_THAT(migration_.run().output, HasSubstr("pgsluice finish"));
  EXPECT_THAT(migration_.status().output, HasSubstr("pgsluice finish"));
  EXPECT_EQ(command("cutover").exit_code, 0) << "done before";
}

}  // namespace
}  // namespace pgsluice::tests

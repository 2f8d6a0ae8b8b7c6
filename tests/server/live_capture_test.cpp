// Strategy capture, from the plan to a target in step with its source: whatever the application does to the table,
// and by whom, is noted, and brought over by the next run. The application's statements never fail for a reason of
// ours.
#include <csignal>
#include <filesystem>
#include <map>
#include <optional>
#include <thread>

#include "pg/failure.hpp"
#include "pg/identifier.hpp"
#include "tests/server/live_fixture.hpp"
#include "tests/support/role.hpp"

namespace pgsluice::tests {
namespace {

using testing::HasSubstr;

struct Change {
  const char* name;
  const char* sql;  // One or more statements, in one transaction.
};

const std::vector<Change>& changes() {
  static const std::vector<Change> all = {
      {"Insert", "INSERT INTO items VALUES (9001, 'r1', '2025-05-05', 'x', 'x1')"},
      {"InsertOfManyRows",
       "INSERT INTO items SELECT i, 'r' || i % 4, NULL, NULL, NULL FROM generate_series(9001, 9200) i"},
      {"Update", "UPDATE items SET note = 'y' WHERE id = 17"},
      {"UpdateOfManyRows", "UPDATE items SET note = 'y' WHERE id % 7 = 0"},
      {"UpdateToNull", "UPDATE items SET note = NULL, at = NULL, email = NULL WHERE id IN (5, 6)"},
      {"Delete", "DELETE FROM items WHERE id = 44"},
      {"DeleteOfManyRows", "DELETE FROM items WHERE id BETWEEN 100 AND 400"},
      {"KeyForward", "UPDATE items SET id = 8000 WHERE id = 10"},
      {"KeyBackward", "UPDATE items SET id = -5 WHERE id = 2990"},
      {"KeyOfManyRows", "UPDATE items SET id = id + 10000 WHERE id % 5 = 0"},
      {"TwoKeysChangePlaces",
       "UPDATE items SET id = -1 WHERE id = 1; UPDATE items SET id = 1 WHERE id = 2; UPDATE items SET id = 2 WHERE id "
       "= -1"},
      {"PartitionKey", "UPDATE items SET region = 'r2' WHERE id = 3"},
      {"PartitionKeyToTheDefaultPartition", "UPDATE items SET region = 'nowhere' WHERE id % 9 = 0"},
      {"PartitionKeyThereAndBack",
       "UPDATE items SET region = 'r2' WHERE id = 3; UPDATE items SET region = 'r0' WHERE id = 3"},
      {"KeyAndPartitionKey", "UPDATE items SET id = 7777, region = 'r1' WHERE id = 3"},
      {"DeleteAndInsertOfOneKey",
       "DELETE FROM items WHERE id = 50; INSERT INTO items VALUES (50, 'r0', NULL, 'again', 'e50')"},
      {"DeleteAndInsertElsewhere",
       "DELETE FROM items WHERE id = 50; INSERT INTO items VALUES (50, 'other', NULL, 'again', 'e50')"},
      {"InsertAndDelete", "INSERT INTO items VALUES (9001, 'r1'); DELETE FROM items WHERE id = 9001"},
      {"Upsert",
       "INSERT INTO items VALUES (17, 'r1', NULL, 'n', 'e'), (9001, 'r1', NULL, 'n', 'f') ON CONFLICT (id) DO "
       "UPDATE SET note = 'upserted'"},
      {"SavepointRolledBack",
       "SAVEPOINT a; UPDATE items SET note = 'gone' WHERE id < 100; ROLLBACK TO a; UPDATE items SET note = 'here' "
       "WHERE id = 8"},
      {"UniqueValueChangesHands",
       "UPDATE items SET email = 'tmp' WHERE id = 3; UPDATE items SET email = 'e3' WHERE id = 6; UPDATE items SET "
       "email = "
       "'e6' WHERE id = 3"},
      {"EveryRow", "UPDATE items SET note = note || '!'"},
      {"AllRowsDeleted", "DELETE FROM items"},
      {"SelectForUpdate",
       "SELECT * FROM items WHERE id < 50 FOR UPDATE; UPDATE items SET note = 'locked' WHERE id = 49"},
  };
  return all;
}

class EveryChange : public LiveTable, public testing::WithParamInterface<std::string> {};

TEST_P(EveryChange, IsBroughtOverWholly) {
  bring_to_complete({"--capture", GetParam()});
  expect_target_equals_source("before any change");
  for (const Change& change : changes()) {
    connection_.run_script("CREATE TEMPORARY TABLE before AS TABLE items; BEGIN; " + std::string(change.sql) +
                           "; COMMIT;");
    EXPECT_GT(noted(), 0) << change.name;
    follow();
    expect_target_equals_source(change.name);
    connection_.run_script("BEGIN; DELETE FROM items; INSERT INTO items TABLE before; COMMIT; DROP TABLE before;");
    follow();
    expect_target_equals_source(std::string(change.name) + ", taken back");
  }
  const Outcome verified = migration_.verify();
  EXPECT_EQ(verified.exit_code, 0) << verified;
}

INSTANTIATE_TEST_SUITE_P(Forms, EveryChange, testing::Values("row", "statement"),
                         [](const auto& one) { return one.param; });

class Capture : public LiveTable {};

TEST_F(Capture, IsTakenBackWithEverythingElse) {
  bring_to_complete();
  connection_.query("UPDATE items SET note = 'y' WHERE id = 17");
  const Outcome outcome = migration_.rollback();
  ASSERT_EQ(outcome.exit_code, 0) << outcome;
  EXPECT_EQ(count("pg_trigger WHERE NOT tgisinternal"), 0);
  EXPECT_EQ(count("pg_namespace WHERE nspname = 'pgsluice'"), 0);
  EXPECT_EQ(count("pg_class WHERE relname LIKE 'items_part%'"), 0);
  EXPECT_EQ(count("items"), 3000);
}

TEST_F(Capture, TruncateSendsTheRunBackToTheFirstRows) {
  bring_to_complete();
  connection_.run_script(
      "BEGIN; TRUNCATE items; INSERT INTO items SELECT i, 'r1' FROM generate_series(1, 700) i; COMMIT");
  connection_.query("UPDATE items SET note = 'late' WHERE id = 7");
  const Outcome verified = migration_.verify();
  EXPECT_EQ(verified.exit_code, 2) << verified;
  EXPECT_THAT(verified.errors, HasSubstr("TRUNCATE"));
  follow();
  expect_target_equals_source();
  EXPECT_EQ(count(kTarget), 700);
  EXPECT_EQ(migration_.verify().exit_code, 0);
}

// Rows are copied from many moments: two of them may hold a unique value that the table never held twice.
TEST_F(Capture, AfterATruncateRowsDoNotMeetInTheUniqueIndexesOfBefore) {
  bring_to_complete();
  connection_.run_script(
      "BEGIN; TRUNCATE items; INSERT INTO items SELECT i, 'r1', NULL, NULL, 'e' || i FROM generate_series(1, 3000) i; "
      "COMMIT");
  std::jthread application([this](const std::stop_token& end) {
    pg::Connection session = database_.connect();
    for (int i = 0; !end.stop_requested(); ++i) {
      const std::string a = std::to_string(1 + i * 7 % 1500);
      const std::string b = std::to_string(1501 + i * 11 % 1500);
      try {
        session.run_script("BEGIN; UPDATE items SET email = 'tmp' || id WHERE id = " + a +
                           "; UPDATE items SET email = 'e' || " + a + " || '-' || id WHERE id = " + b +
                           "; UPDATE items SET email = 'e' || " + b + " WHERE id = " + a + "; COMMIT");
      } catch (const pg::Failure&) {
        session.rollback();  // Somebody has that value already.
      }
    }
  });
  follow();
  application.request_stop();
  application.join();
  follow();
  expect_target_equals_source();
}

TEST_F(Capture, TruncateBetweenTwoRunsThatMoveRowsLeavesNoOldRow) {
  ASSERT_EQ(plan().exit_code, 0);
  // A run that is killed when its first ranges are done.
  Program running(migration_.command("run", {"--workers", "1", "--max-iops", "20"}));
  const auto has_moved = [&] {
    return !connection_.query("SELECT to_regclass('pgsluice.batch_done')").is_null(0, 0) &&
           count("pgsluice.batch_done") > 0;
  };
  for (int i = 0; i < 600 && !has_moved(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  running.send(SIGKILL);
  running.wait();
  EXPECT_GT(count(kTarget), 0);
  EXPECT_LT(count(kTarget), 3000);
  connection_.run_script(
      "BEGIN; TRUNCATE items; INSERT INTO items SELECT i, 'r1' FROM generate_series(1, 50) i; COMMIT");
  follow();
  expect_target_equals_source();
}

TEST_F(Capture, NotesWhatCopyBringsAndWhatAReplicationWorkerWrites) {
  bring_to_complete();
  pg::Connection superuser = database_.connect_as_superuser();
  superuser.run_script(
      "SET session_replication_role = replica; UPDATE items SET note = 'replicated' WHERE id = 12; "
      "DELETE FROM items WHERE id = 13; INSERT INTO items VALUES (9002, 'r0')");
  pg::CopyIn copy = connection_.copy_in("COPY items (id, region) FROM STDIN");
  const std::string rows = "9003\tr1\n9004\tr2\n";
  copy.write({rows.data(), rows.size()});
  EXPECT_EQ(copy.finish(), 2U);
  EXPECT_EQ(noted(), 5);
  follow();
  expect_target_equals_source();
}

// Some role of the application that knows nothing of us, with every setting that could get in the way of a trigger.
TEST_F(Capture, AnyRoleThatMayWriteTheTableGoesOnWriting) {
  const Role clerk("clerk");
  {
    Database database;
    pg::Connection owner = database.connect();
    owner.run_script(
        "CREATE TABLE items (id bigint PRIMARY KEY, region text NOT NULL, note text); INSERT INTO items SELECT "
        "i, 'r' || i % 3 FROM generate_series(1, 300) i; ANALYZE items; GRANT SELECT, INSERT, UPDATE, DELETE, "
        "TRUNCATE ON items TO " +
        pg::quoted(clerk.name()));
    for (const char* form : {"row", "statement"}) {
      const Migration migration(database);
      const Outcome planned = migration.plan(
          {"--table", "items", "--by", "LIST (region)", "--default", "--strategy", "capture", "--capture", form});
      ASSERT_EQ(planned.exit_code, 0) << planned;
      ASSERT_EQ(migration.run().exit_code, 0);
      pg::Connection session = database.connect(clerk.name());
      session.run_script(
          "CREATE TEMPORARY TABLE changes (id int); SET search_path = pg_temp; SET default_transaction_isolation "
          "= 'serializable'; SET standard_conforming_strings = off; SET check_function_bodies = off; SET "
          "plpgsql.variable_conflict = 'error'");
      session.run_script("INSERT INTO public.items VALUES (1001, 'r1'), (1002, 'elsewhere')");
      session.run_script("UPDATE public.items SET region = 'r2', note = 'by the clerk' WHERE id < 20");
      session.run_script("DELETE FROM public.items WHERE id IN (30, 1002)");
      session.run_script(
          "BEGIN; UPDATE public.items SET id = id + 5000 WHERE id > 250; DELETE FROM public.items WHERE id = 1001; "
          "COMMIT");
      const Outcome followed = migration.run();
      ASSERT_EQ(followed.exit_code, 0) << followed;
      EXPECT_EQ(owner
                    .query("SELECT count(*) FROM ((TABLE items EXCEPT ALL TABLE items_partitioned) UNION ALL (TABLE "
                           "items_partitioned EXCEPT ALL TABLE items)) d")
                    .integer(0, 0),
                0)
          << form;
      session.run_script("TRUNCATE public.items");
      ASSERT_EQ(migration.run().exit_code, 0);
      EXPECT_EQ(owner.query("SELECT count(*) FROM items_partitioned").integer(0, 0), 0) << form;
      ASSERT_EQ(migration.rollback().exit_code, 0);
      owner.run_script("INSERT INTO items SELECT i, 'r' || i % 3 FROM generate_series(1, 300) i");
    }
  }
}

TEST_F(Capture, ARowThatNoPartitionTakesHarmsNobodyButTheRun) {
  const Outcome planned = migration_.plan({"--table", "items", "--by", "LIST (region)", "--strategy", "capture"});
  ASSERT_EQ(planned.exit_code, 0) << planned;
  follow();
  connection_.query("INSERT INTO items VALUES (9001, 'far away')");  // The application's statement is done.
  for (int i = 0; i < 2000; ++i) {
    connection_.query_prepared("UPDATE items SET note = 'y' WHERE id = $1", {std::to_string(i)});
  }
  const Outcome outcome = migration_.run();
  EXPECT_EQ(outcome.exit_code, 1) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("cannot be brought to public.items_partitioned"));
  EXPECT_THAT(outcome.errors, HasSubstr("Make a partition for it"));
  connection_.query("CREATE TABLE items_far PARTITION OF items_partitioned FOR VALUES IN ('far away')");
  follow();
  EXPECT_EQ(migration_.verify().exit_code, 0);
  expect_target_equals_source();
}

// A transaction that took a low id and commits late must not be forgotten by whoever empties the log up to a high one.
TEST_F(Capture, ALateCommitOfALowIdIsNotForgotten) {
  bring_to_complete();
  pg::Connection late = database_.connect();
  late.begin();
  late.query("INSERT INTO items VALUES (9001, 'r1', NULL, 'late')");
  late.query("UPDATE items SET note = 'late' WHERE id = 5");
  for (int i = 0; i < 1500; ++i) {
    connection_.query_prepared("INSERT INTO items VALUES ($1, 'r2')", {std::to_string(9100 + i)});
  }
  follow();
  late.commit();
  follow();
  EXPECT_EQ(migration_.verify().exit_code, 0);
  expect_target_equals_source();
}

TEST_F(Capture, IsInstalledOnlyWhenWritersHaveEndedAndMakesNobodyWaitLong) {
  ASSERT_EQ(plan().exit_code, 0);
  pg::Connection writer = database_.connect();
  writer.begin();
  writer.query("UPDATE items SET note = 'before the triggers' WHERE id = 1");
  Program running(migration_.command("run", {"--progress", "plain"}));
  pg::Connection other = database_.connect();
  const auto begun = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - begun < std::chrono::seconds(2)) {
    const auto asked = std::chrono::steady_clock::now();
    other.query("UPDATE items SET note = 'meanwhile' WHERE id = 2");
    EXPECT_LT(std::chrono::steady_clock::now() - asked, std::chrono::milliseconds(1500));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  writer.commit();
  const Outcome outcome = running.wait();
  EXPECT_EQ(outcome.exit_code, 0) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("is in use; capturing changes of public.items waits for a gap"));
  expect_target_equals_source();
}

TEST_F(Capture, IsRefusedWhereItCannotBeDone) {
  connection_.run_script(
      "CREATE TABLE keyless (a int, b int); CREATE TABLE parent (id int PRIMARY KEY) PARTITION BY RANGE "
      "(id); CREATE TABLE child PARTITION OF parent FOR VALUES FROM (1) TO (1000); CREATE TABLE ready "
      "(LIKE items) PARTITION BY LIST (region); CREATE TABLE ready_1 PARTITION OF ready DEFAULT");
  const std::map<std::string, std::vector<std::string>> wishes = {
      {"has no key", {"--table", "keyless", "--by", "HASH (a)", "--partitions", "2"}},
      {"is a partition of another table", {"--table", "child", "--by", "HASH (id)", "--partitions", "2"}},
      {"exists already", {"--table", "items", "--into", "ready"}},
      {"takes rows out of a table that is in use",
       {"--table", "items", "--by", "HASH (id)", "--partitions", "2", "--method", "move"}},
      {"cannot be captured by ctid",
       {"--table", "items", "--by", "HASH (id)", "--partitions", "2", "--split", "ctid"}}};
  for (const auto& [reason, arguments] : wishes) {
    const Migration migration(database_);
    std::vector<std::string> words = arguments;
    words.insert(words.end(), {"--strategy", "capture"});
    const Outcome outcome = migration.plan(words);
    EXPECT_EQ(outcome.exit_code, 2) << reason << outcome;
    EXPECT_THAT(outcome.errors, HasSubstr(reason));
  }
}

// Every place where a name stands between quotes of SQL, of a function's body and of a literal.
TEST_F(Capture, OddNamesAndTypesTravelLikeOthers) {
  connection_.run_script(
      "CREATE SCHEMA \"Odd \"\"schema'$$\"; CREATE DOMAIN \"Odd \"\"schema'$$\".\"pos itive\" AS int CHECK (VALUE > 0);"
      "CREATE TYPE \"Odd \"\"schema'$$\".mood AS ENUM ('good', 'bad');"
      "CREATE TABLE \"Odd \"\"schema'$$\".\"ta'ble \n\"\"x\" (\"noted_at\" \"Odd \"\"schema'$$\".\"pos itive\", \"k "
      "\"\"2'\" "
      "varchar(20) COLLATE \"C\", \"OLD\" \"Odd \"\"schema'$$\".mood NOT NULL, \"NEW\" timestamptz, PRIMARY KEY "
      "(\"noted_at\", "
      "\"k \"\"2'\"));"
      "INSERT INTO \"Odd \"\"schema'$$\".\"ta'ble \n\"\"x\" SELECT i, 'k' || i, CASE WHEN i % 2 = 0 THEN 'good' ELSE "
      "'bad' "
      "END::\"Odd \"\"schema'$$\".mood FROM generate_series(1, 100) i;");
  const Migration migration(database_);
  const std::string table = "\"Odd \"\"schema'$$\".\"ta'ble \n\"\"x\"";
  for (const char* form : {"row", "statement"}) {
    const Outcome planned = migration.plan(
        {"--table", table, "--by", "LIST (\"OLD\")", "--strategy", "capture", "--capture", form, "--into", "parted"});
    ASSERT_EQ(planned.exit_code, 0) << planned;
    const Outcome ran = migration.run();
    ASSERT_EQ(ran.exit_code, 0) << ran;
    connection_.run_script("UPDATE " + table + " SET \"OLD\" = 'good' WHERE \"noted_at\" % 3 = 0; DELETE FROM " +
                           table + " WHERE \"noted_at\" = 5; UPDATE " + table +
                           " SET \"noted_at\" = 500 WHERE \"noted_at\" = 6");
    ASSERT_EQ(migration.run().exit_code, 0);
    EXPECT_EQ(differences(table, "\"Odd \"\"schema'$$\".parted"), 0);
    EXPECT_EQ(migration.verify().exit_code, 0);
    ASSERT_EQ(migration.rollback().exit_code, 0);
    std::filesystem::remove(migration.checkpoint());
  }
}

}  // namespace
}  // namespace pgsluice::tests

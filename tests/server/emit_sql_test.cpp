// `plan --emit-sql`: the files alone, by psql, do what the commands do, there and back and to the end, while the
// application writes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <utility>

#include "mover/emit/emission.hpp"
#include "planner/checkpoint.hpp"
#include "planner/swap_sql.hpp"
#include "tests/server/busy_table.hpp"
#include "tests/server/emit_fixture.hpp"

namespace pgsluice::tests {
namespace {

using testing::HasSubstr;
using testing::Not;

void succeed(const Outcome& outcome) {
  ASSERT_EQ(outcome.exit_code, 0) << outcome;
}

class EmittedBusyTable : public WithBusyNames {
 protected:
  void SetUp() override { run(kBusyTable); }

  std::vector<std::string> arguments() const {
    return {"--table",    pg::quoted(nasty_), "--by",         "HASH (id)", "--partitions", "3",
            "--strategy", "capture",          "--range-rows", "20",        "--accept",     "rules,self-foreign-keys"};
  }
  void bring_to_cutover() {
    succeed(files_.plan(arguments()));
    for (const char* file : {"target.up.sql", "capture.up.sql"}) succeed(files_.run(file));
    run("UPDATE @table SET kind = 'captured' WHERE id = 11");
    succeed(files_.run("copy.up.sql"));
    run("UPDATE @table SET kind = 'before' WHERE id = 1; DELETE FROM @table WHERE id IN (316, 321);"
        "UPDATE @table SET id = 5001 WHERE id = 961;"
        "INSERT INTO @table (id, amount, parent_id) VALUES (-7, 7, 1)");
    for (const char* file : {"key-index.up.sql", "apply.up.sql", "indexes.up.sql"}) succeed(files_.run(file));
    run("INSERT INTO @table (id, amount, parent_id) VALUES (-9, 9, 1)");
    succeed(files_.run("apply.up.sql"));
    run("UPDATE @table SET kind = 'last' WHERE id = 31; DELETE FROM @table WHERE id = 326");
  }
  void cut_over() {
    succeed(files_.run("cutover.up.sql"));
    succeed(files_.run("settle.up.sql"));
  }
  void keep_rows() { run("DROP TABLE IF EXISTS pg_temp.kept; CREATE TEMPORARY TABLE kept AS TABLE @table"); }
  void expect_rows_kept() {
    EXPECT_EQ(read("SELECT count(*) FROM ((TABLE @table EXCEPT ALL TABLE kept) UNION ALL (TABLE kept EXCEPT ALL TABLE "
                   "@table)) AS d"),
              "0");
  }
  void expect_in_place(const Definition& before, const Definition& names_before) {
    EXPECT_EQ(kind_of_table(), "p");
    EXPECT_EQ(
        difference(as_planned(before, connection_), as_planned(without(definition(), "trigger pgsluice"), connection_)),
        "");
    EXPECT_EQ(difference(as_planned(names_before, connection_), as_planned(names(), connection_)), "");
  }

  EmittedFiles files_{database_};
};

TEST_F(EmittedBusyTable, FilesTakeItThereAndBackAndThereAgain) {
  const Definition before = definition();
  const Definition names_before = names();
  const std::string dump = schema_dump(database_);
  ASSERT_NO_FATAL_FAILURE(bring_to_cutover());
  for (int round = 0; round < 2; ++round) {
    keep_rows();
    ASSERT_NO_FATAL_FAILURE(cut_over());
    expect_in_place(before, names_before);
    expect_rows_kept();
    run("INSERT INTO @table (amount, parent_id, kind) VALUES (7, 1, 'live'); UPDATE @table SET kind = 'live' WHERE id "
        "= "
        "6; DELETE FROM @table WHERE id = (SELECT max(id) FROM @table WHERE kind = 'k1')");
    keep_rows();
    succeed(files_.run("cutover.down.sql"));
    EXPECT_EQ(kind_of_table(), "r");
    EXPECT_EQ(difference(before, without(definition(), "trigger pgsluice")), "");
    expect_rows_kept();
    EXPECT_EQ(read("SELECT sum(n) FROM \"Sp1eCial .Char\".upon_totals"), read("SELECT count(*) FROM @table"));
    run("UPDATE @table SET kind = 'again' WHERE id = 36");
    succeed(files_.run("apply.up.sql"));
  }
  keep_rows();
  succeed(files_.run("capture.down.sql"));
  succeed(files_.run("target.down.sql"));
  EXPECT_EQ(dump_difference(dump, schema_dump(database_)), "");
  expect_rows_kept();
}

TEST_F(EmittedBusyTable, FilesTakeItToTheEnd) {
  const Definition before = definition();
  const Definition names_before = names();
  ASSERT_NO_FATAL_FAILURE(bring_to_cutover());
  ASSERT_NO_FATAL_FAILURE(cut_over());
  keep_rows();
  const Outcome refused = files_.run("finish.up.sql");
  EXPECT_NE(refused.exit_code, 0) << "a function uses the old table's row";
  EXPECT_THAT(refused.errors, HasSubstr("uses_row"));
  run("DROP FUNCTION \"Sp1eCial .Char\".uses_row; INSERT INTO @table (amount) VALUES (3)");
  keep_rows();
  succeed(files_.run("finish.up.sql"));
  expect_in_place(before, names_before);
  expect_rows_kept();
  EXPECT_EQ(read("SELECT count(*) FROM pg_description WHERE description LIKE '%[pgsluice%'"), "0");
  EXPECT_EQ(read("SELECT count(*) FROM pg_namespace WHERE nspname = 'pgsluice'"), "0");
}

// Foreign keys may come in another order.
std::multiset<std::string> texts(const planner::Statements& statements) {
  std::multiset<std::string> all;
  for (const planner::Statement& statement : statements) all.insert(statement.sql);
  return all;
}

// The statements are those that the commands compose when they come to it.
TEST_F(EmittedBusyTable, ForeseesTheSurroundingsThatTheSwapsFind) {
  const Migration migration(database_);
  succeed(migration.plan(arguments()));
  const planner::Plan plan = planner::Checkpoint::read(migration.checkpoint()).plan();
  const mover::EmitFacts facts = mover::read_emit_facts(connection_, plan);
  const auto expect_foreseen = [&](planner::SwapDirection direction, const planner::Surroundings& foreseen) {
    connection_.begin();
    const planner::Surroundings found = planner::read_surroundings(connection_, plan);
    connection_.rollback();
    EXPECT_EQ(texts(swap_locks_sql(plan, foreseen, direction)), texts(swap_locks_sql(plan, found, direction)));
    EXPECT_EQ(texts(swap_sql(plan, foreseen, direction)), texts(swap_sql(plan, found, direction)));
  };
  succeed(migration.run());
  expect_foreseen(planner::SwapDirection::forward, facts.before_swap);
  succeed(tests::run(migration.command("cutover", {"--accept", "unverified"})));
  expect_foreseen(planner::SwapDirection::back, facts.after_swap);
}

TEST_F(EmittedBusyTable, EveryStatementStandsBehindItsLock) {
  succeed(files_.plan(arguments()));
  std::string all;
  for (const std::string& name : files_.names(".sql")) all += files_.text(name);
  for (const char* part : {"-- SHARE ROW EXCLUSIVE on ", "-- ACCESS EXCLUSIVE on ", "-- no lock that others feel\n",
                           "SET LOCAL lock_timeout = '200ms';", "\\set ON_ERROR_STOP on", "ATTACH PARTITION",
                           "It reflects the catalogue of database"}) {
    EXPECT_THAT(all, HasSubstr(part));
  }
  const std::string readme = files_.text("README.md");
  for (const std::string& name : files_.names(".up.sql")) EXPECT_THAT(readme, HasSubstr(name));
}

// A small table that a test may treat badly.
class EmittedSmallTable : public testing::Test {
 protected:
  void SetUp() override {
    connection_.run_script(
        "CREATE TABLE items (id bigint PRIMARY KEY, region text NOT NULL, note text, code serial, UNIQUE (note, "
        "region));"
        "INSERT INTO items SELECT i, 'r' || i % 3, 'n' || i FROM generate_series(1, 1000) i; ANALYZE items;"
        "GRANT SELECT ON items TO PUBLIC");
  }
  Outcome plan(const std::vector<std::string>& more = {"--strategy", "capture"}) {
    std::vector<std::string> arguments = {"--table",   "items",        "--by", "LIST (region)",
                                          "--default", "--range-rows", "100"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return files_.plan(arguments);
  }
  void bring_to_complete() {
    succeed(plan());
    for (const char* file :
         {"target.up.sql", "capture.up.sql", "copy.up.sql", "key-index.up.sql", "apply.up.sql", "indexes.up.sql"}) {
      succeed(files_.run(file));
    }
  }
  void expect_refused(const std::string& file, const std::string& message) {
    const Outcome refused = files_.run(file);
    EXPECT_EQ(refused.exit_code, 3) << file << refused;
    EXPECT_THAT(refused.errors, HasSubstr(message)) << file;
  }
  void expect_too_early(const std::vector<std::string>& files) {
    for (const std::string& file : files) expect_refused(file, "is not done to its end");
  }
  std::string some_leaf(const std::string& table) {
    const std::string query = "SELECT min(inhrelid::regclass::text) FROM pg_inherits WHERE inhparent = '";
    return std::string(connection_.query(query + table + "'::regclass").text(0, 0));
  }
  std::int64_t count(const std::string& table) {
    return connection_.query("SELECT count(*) FROM " + table).integer(0, 0);
  }
  std::int64_t differences(const std::string& one, const std::string& other) {
    return count("((TABLE " + one + " EXCEPT ALL TABLE " + other + ") UNION ALL (TABLE " + other +
                 " EXCEPT ALL TABLE " + one + ")) AS d");
  }

  Database database_;
  pg::Connection connection_ = database_.connect();
  EmittedFiles files_{database_};
};

TEST_F(EmittedSmallTable, EveryFileMayBeRunTwice) {
  succeed(plan());
  for (const std::string& name : files_.names(".up.sql")) {
    if (name.find("finish") != std::string::npos) continue;
    succeed(files_.psql(files_.folder() / name));
    succeed(files_.psql(files_.folder() / name));
  }
  EXPECT_EQ(differences("items", "items_old"), 0);
  EXPECT_EQ(count("items"), 1000);
  succeed(files_.run("cutover.down.sql"));
  succeed(files_.run("cutover.down.sql"));
  succeed(files_.run("copy.down.sql"));
  EXPECT_EQ(count("items_partitioned"), 0);
  succeed(files_.run("copy.up.sql"));
  EXPECT_EQ(differences("items", "items_partitioned"), 0);
}

TEST_F(EmittedSmallTable, AFileThatFailedGoesOnWhereItStopped) {
  succeed(plan());
  succeed(files_.run("target.up.sql"));
  succeed(files_.run("capture.up.sql"));
  connection_.query("ALTER TABLE items_partitioned ADD CONSTRAINT in_the_way CHECK (id <> 750)");
  const Outcome failed = files_.run("copy.up.sql");
  EXPECT_EQ(failed.exit_code, 3) << failed;
  EXPECT_THAT(failed.errors, HasSubstr("in_the_way"));
  const std::int64_t copied = count("items_partitioned");
  EXPECT_GT(copied, 0);
  EXPECT_LT(copied, 1000);
  connection_.query("ALTER TABLE items_partitioned DROP CONSTRAINT in_the_way");
  succeed(files_.run("copy.up.sql"));
  EXPECT_EQ(differences("items", "items_partitioned"), 0);
}

TEST_F(EmittedSmallTable, ACutoverWhoseLockIsNotToBeHadLeavesEverythingAsItWasAndMayBeRepeated) {
  bring_to_complete();
  pg::Connection blocker = database_.connect();
  blocker.begin();
  blocker.query("SELECT FROM items LIMIT 1");
  const std::string dump = schema_dump(database_);
  for (int i = 0; i < 2; ++i) {
    const Outcome failed = files_.run("cutover.up.sql");
    EXPECT_EQ(failed.exit_code, 3) << failed;
    EXPECT_THAT(failed.errors, HasSubstr("lock timeout"));
  }
  connection_.query("UPDATE items SET note = 'meanwhile' WHERE id = 5");
  blocker.commit();
  succeed(files_.run("cutover.up.sql"));
  EXPECT_EQ(differences("items", "items_old"), 0);
  EXPECT_EQ(connection_.query("SELECT note FROM items WHERE id = 5").text(0, 0), "meanwhile");
}

TEST_F(EmittedSmallTable, ACutoverIsRefusedWhenSomethingWasTiedToTheTableSince) {
  bring_to_complete();
  connection_.query("CREATE VIEW late AS SELECT * FROM items");
  const Outcome refused = files_.run("cutover.up.sql");
  EXPECT_EQ(refused.exit_code, 3) << refused;
  EXPECT_THAT(refused.errors, HasSubstr("is not what it was when this file was written"));
  connection_.query("DROP VIEW late; ");
  succeed(files_.run("cutover.up.sql"));
}

// What the copy of the table would not have.
TEST_F(EmittedSmallTable, ACutoverIsRefusedWhenTheTableWasAlteredSince) {
  bring_to_complete();
  const std::vector<std::pair<std::string, std::string>> changes = {
      {"ALTER TABLE items ENABLE ROW LEVEL SECURITY", "ALTER TABLE items DISABLE ROW LEVEL SECURITY"},
      {"ALTER TABLE items FORCE ROW LEVEL SECURITY", "ALTER TABLE items NO FORCE ROW LEVEL SECURITY"},
      {"CREATE POLICY late ON items USING (id > 0)", "DROP POLICY late ON items"},
      {"ALTER TABLE items ADD CONSTRAINT late CHECK (id > 0)", "ALTER TABLE items DROP CONSTRAINT late"},
      {"ALTER TABLE items ALTER note SET NOT NULL", "ALTER TABLE items ALTER note DROP NOT NULL"},
      {"ALTER TABLE items ALTER note SET DEFAULT 'late'", "ALTER TABLE items ALTER note DROP DEFAULT"},
      {"GRANT INSERT ON items TO PUBLIC", "REVOKE INSERT ON items FROM PUBLIC"},
      {"GRANT UPDATE (note) ON items TO PUBLIC", "REVOKE UPDATE (note) ON items FROM PUBLIC"},
      {"COMMENT ON TABLE items IS 'late'", "COMMENT ON TABLE items IS NULL"},
      {"COMMENT ON COLUMN items.note IS 'late'", "COMMENT ON COLUMN items.note IS NULL"},
      {"CREATE INDEX late ON items (note)", "DROP INDEX late"},
  };
  for (const auto& [change, undo] : changes) {
    SCOPED_TRACE(change);
    connection_.query(change);
    expect_refused("cutover.up.sql", "is not what it was when this file was written");
    connection_.query(undo);
  }
  for (const char* file : {"cutover.up.sql", "settle.up.sql", "cutover.down.sql", "apply.up.sql", "cutover.up.sql"}) {
    succeed(files_.run(file));
  }
}

TEST_F(EmittedSmallTable, NoFileBeginsBeforeThoseBeforeItAreDone) {
  succeed(plan());
  expect_too_early({"capture.up.sql"});
  succeed(files_.run("target.up.sql"));
  pg::Connection blocker = database_.connect();
  blocker.begin();
  blocker.query("LOCK TABLE items IN ROW EXCLUSIVE MODE");
  expect_refused("capture.up.sql", "lock timeout");
  blocker.rollback();
  expect_too_early({"copy.up.sql", "key-index.up.sql", "apply.up.sql"});
  EXPECT_EQ(count("items_partitioned"), 0);
  succeed(files_.run("capture.up.sql"));
  connection_.query("ALTER TABLE items_partitioned ADD CONSTRAINT in_the_way CHECK (id <> 750)");
  expect_refused("copy.up.sql", "in_the_way");
  expect_too_early(
      {"key-index.up.sql", "apply.up.sql", "indexes.up.sql", "cutover.up.sql", "settle.up.sql", "finish.up.sql"});
  connection_.query("ALTER TABLE items_partitioned DROP CONSTRAINT in_the_way");
  succeed(files_.run("copy.up.sql"));
  expect_too_early({"apply.up.sql", "indexes.up.sql", "cutover.up.sql"});
  succeed(files_.run("key-index.up.sql"));
  expect_too_early({"cutover.up.sql"});
  succeed(files_.run("indexes.up.sql"));
  succeed(files_.run("copy.down.sql"));
  expect_too_early({"apply.up.sql", "cutover.up.sql"});
  succeed(files_.run("copy.up.sql"));
  succeed(files_.run("cutover.up.sql"));
  expect_too_early({"finish.up.sql"});
  EXPECT_EQ(differences("items", "items_old"), 0);
}

TEST_F(EmittedSmallTable, FilesOfThePreparationDoNothingAfterTheCutover) {
  bring_to_complete();
  succeed(files_.run("cutover.up.sql"));
  connection_.query("UPDATE items SET note = 'since' WHERE id = 5");
  connection_.query("CREATE TEMPORARY TABLE kept AS TABLE items");
  for (const char* file :
       {"target.up.sql", "capture.up.sql", "copy.up.sql", "key-index.up.sql", "apply.up.sql", "indexes.up.sql"}) {
    succeed(files_.run(file));
  }
  succeed(files_.run("settle.up.sql"));
  expect_refused("target.down.sql", "the target is in use as");
  EXPECT_NE(files_.run("capture.down.sql").exit_code, 0);
  EXPECT_NE(files_.run("copy.down.sql").exit_code, 0);
  EXPECT_EQ(differences("items", "kept"), 0);
  succeed(files_.run("cutover.down.sql"));
  EXPECT_EQ(differences("items", "kept"), 0);
}

TEST_F(EmittedSmallTable, OfflineFilesKeepTheirOrderToo) {
  succeed(plan({}));
  succeed(files_.run("target.up.sql"));
  expect_too_early({"copy.up.sql"});
  succeed(files_.run("guard.up.sql"));
  connection_.query("ALTER TABLE items_partitioned ADD CONSTRAINT in_the_way CHECK (id <> 750)");
  expect_refused("copy.up.sql", "in_the_way");
  expect_too_early({"indexes.up.sql", "cutover.up.sql", "finish.up.sql"});
  EXPECT_EQ(count("items"), 1000);
  expect_refused("target.down.sql", "the stage `guard` still stands");
  connection_.query("ALTER TABLE items_partitioned DROP CONSTRAINT in_the_way");
  for (const char* file : {"copy.up.sql", "indexes.up.sql", "cutover.up.sql", "copy.up.sql"}) {
    succeed(files_.run(file));
  }
  EXPECT_EQ(differences("items", "items_old"), 0);
  expect_refused("target.down.sql", "the target is in use as");
  connection_.query("DROP TABLE " + some_leaf("items"));
  succeed(files_.run("finish.up.sql"));
  EXPECT_EQ(count("pg_description WHERE description LIKE '%[pgsluice%'"), 0);
}

TEST_F(EmittedSmallTable, TheTargetIsDroppedAfterWhatFillsIt) {
  const std::string dump = schema_dump(database_);
  bring_to_complete();
  pg::Connection blocker = database_.connect();
  blocker.begin();
  blocker.query("SELECT FROM items LIMIT 1");
  expect_refused("cutover.up.sql", "lock timeout");
  blocker.rollback();
  expect_refused("target.down.sql", "the stage `capture` still stands");
  connection_.query("UPDATE items SET note = 'captured' WHERE id = 5");
  succeed(files_.run("capture.down.sql"));
  blocker.begin();
  blocker.query("SELECT FROM " + some_leaf("items_partitioned") + " LIMIT 1");
  expect_refused("target.down.sql", "lock timeout");
  blocker.rollback();
  expect_too_early({"capture.up.sql"});
  succeed(files_.run("target.down.sql"));
  EXPECT_EQ(dump_difference(dump, schema_dump(database_)), "");
}

TEST_F(EmittedSmallTable, APartitionMayBeDroppedAfterTheCutover) {
  connection_.run_script(
      "CREATE TABLE parent (id int PRIMARY KEY); INSERT INTO parent VALUES (1); ALTER TABLE items ADD parent_id int "
      "DEFAULT 1 REFERENCES parent");
  bring_to_complete();
  succeed(files_.run("cutover.up.sql"));
  connection_.query("DROP TABLE " + some_leaf("items"));
  connection_.query("CREATE TEMPORARY TABLE kept AS TABLE items");
  succeed(files_.run("settle.up.sql"));
  expect_refused("cutover.down.sql", "partitions were added or are gone");
  succeed(files_.run("finish.up.sql"));
  EXPECT_EQ(differences("items", "kept"), 0);
  EXPECT_EQ(count("pg_description WHERE description LIKE '%[pgsluice%'"), 0);
  EXPECT_EQ(count("pg_constraint WHERE conrelid = 'items'::regclass AND contype = 'f' AND convalidated"), 1);
}

TEST_F(EmittedSmallTable, ATruncateIsNoticedBeforeTheCutoverAndBroughtBackAfterIt) {
  bring_to_complete();
  connection_.run_script("CREATE TABLE saved AS TABLE items; TRUNCATE items; INSERT INTO items TABLE saved LIMIT 10");
  for (const char* file : {"apply.up.sql", "cutover.up.sql"}) {
    const Outcome refused = files_.run(file);
    EXPECT_EQ(refused.exit_code, 3) << refused;
    EXPECT_THAT(refused.errors, HasSubstr("emptied by TRUNCATE"));
  }
  succeed(files_.run("copy.down.sql"));
  for (const char* file : {"copy.up.sql", "apply.up.sql", "cutover.up.sql", "settle.up.sql"}) {
    succeed(files_.run(file));
  }
  EXPECT_EQ(differences("items", "items_old"), 0);
  connection_.run_script("TRUNCATE items; INSERT INTO items TABLE saved LIMIT 20");
  connection_.run_script("CREATE TABLE kept AS TABLE items");
  succeed(files_.run("cutover.down.sql"));
  EXPECT_EQ(count("items"), 20);
  EXPECT_EQ(differences("items", "kept"), 0);
}

TEST_F(EmittedSmallTable, AGoingBackIsRefusedWhenPartitionsAreGone) {
  bring_to_complete();
  succeed(files_.run("cutover.up.sql"));
  succeed(files_.run("settle.up.sql"));
  connection_.query("CREATE TABLE more PARTITION OF items FOR VALUES IN ('x')");
  const Outcome refused = files_.run("cutover.down.sql");
  EXPECT_EQ(refused.exit_code, 3) << refused;
  EXPECT_THAT(refused.errors, HasSubstr("partitions were added"));
  connection_.query("DROP TABLE more");
  succeed(files_.run("cutover.down.sql"));
}

TEST_F(EmittedSmallTable, OfflineIsGuardedFilledAndExchangedByHand) {
  const Definition before = read_definition(connection_, "items");
  const std::string dump = schema_dump(database_);
  const auto prepare = [&] {
    for (const char* file : {"target.up.sql", "guard.up.sql", "copy.up.sql", "indexes.up.sql"}) {
      succeed(files_.run(file));
      succeed(files_.run(file));
    }
  };
  succeed(plan({}));
  prepare();
  EXPECT_THROW(connection_.query("UPDATE items SET note = 'x'"), pg::Failure);
  EXPECT_EQ(differences("items", "items_partitioned"), 0);
  succeed(files_.run("guard.down.sql"));
  succeed(files_.run("target.down.sql"));
  EXPECT_EQ(dump_difference(dump, schema_dump(database_)), "");

  connection_.query("UPDATE items SET note = 'between' WHERE id = 1");
  prepare();
  connection_.query("CREATE TEMPORARY TABLE kept AS TABLE items");
  succeed(files_.run("cutover.up.sql"));
  succeed(files_.run("finish.up.sql"));
  EXPECT_EQ(differences("items", "kept"), 0);
  EXPECT_EQ(connection_.query("INSERT INTO items (id, region) VALUES (5000, 'new') RETURNING code").integer(0, 0),
            1001);
  EXPECT_EQ(
      difference(before, read_definition(connection_, "items")),
      "- index: UNIQUE btree (id) constraint PRIMARY KEY (id) comment - valid true replica identity false comment "
      "-\n+ index: UNIQUE btree (id, region) constraint PRIMARY KEY (id, region) comment - valid true replica "
      "identity false comment -\n");
  EXPECT_EQ(count("pg_description WHERE description LIKE '%[pgsluice%'"), 0);
  EXPECT_EQ(count("pg_namespace WHERE nspname = 'pgsluice'"), 0);
}

TEST_F(EmittedSmallTable, AFolderThatCannotBeMadeIsRefusedBeforeAnything) {
  const std::filesystem::path folder = files_.folder();
  std::filesystem::create_directory(folder);
  succeed(plan());
  EXPECT_FALSE(files_.names(".sql").empty()) << "an empty folder is taken";
  const Outcome again = plan();
  EXPECT_EQ(again.exit_code, 2) << again;
  EXPECT_THAT(again.errors, HasSubstr("is not empty"));
  EXPECT_THAT(again.errors, HasSubstr("hint: "));
  const auto refused = [&](const std::string& where) {
    const Outcome outcome = files_.migration().plan({"--table", "items", "--by", "LIST (region)", "--emit-sql", where});
    EXPECT_EQ(outcome.exit_code, 2) << outcome;
    EXPECT_FALSE(std::filesystem::exists(files_.migration().checkpoint())) << "no plan without its files";
    return outcome.errors;
  };
  EXPECT_THAT(refused("/proc/pgsluice"), HasSubstr("cannot make the folder"));
  EXPECT_THAT(refused(files_.migration().folder() / "none/below"), HasSubstr("No such file or directory"));
  std::ofstream(files_.migration().folder() / "file") << "x";
  EXPECT_THAT(refused(files_.migration().folder() / "file"), HasSubstr("File exists"));
  for (const auto& entry : std::filesystem::directory_iterator(files_.migration().folder())) {
    EXPECT_THAT(entry.path().string(), Not(HasSubstr(".tmp")));
  }
}

TEST_F(EmittedSmallTable, WhatCannotBeFilesIsRefusedWithItsReason) {
  const auto refused = [&](const std::vector<std::string>& more) {
    const Outcome outcome = plan(more);
    EXPECT_EQ(outcome.exit_code, 2) << outcome;
    EXPECT_FALSE(std::filesystem::exists(files_.folder()));
    return outcome.errors;
  };
  EXPECT_THAT(refused({"--method", "move"}), HasSubstr("empties the source"));
  EXPECT_THAT(refused({"--emit", "no"}), HasSubstr("--emit"));
  EXPECT_THAT(refused({"--alembic-down-revision", "x"}), HasSubstr("--emit alembic"));
  const Outcome lonely = files_.migration().plan({"--table", "items", "--by", "LIST (region)", "--emit", "alembic"});
  EXPECT_EQ(lonely.exit_code, 2) << lonely;
  EXPECT_THAT(lonely.errors, HasSubstr("--emit-sql DIR"));
}

// Two levels in another schema, captured by statement, by a role that may act as the table's owner and is another.
TEST(EmittedBySomebodyElse, FilesTakeItThereAndBack) {
  const Role agent("agent");
  const Database database;
  pg::Connection superuser = database.connect_as_superuser();
  superuser.run_script("GRANT " + std::string(kOwner) + " TO " + pg::quoted(agent.name()) +
                       "; GRANT CREATE ON DATABASE " + pg::quoted(database.name()) + " TO " + pg::quoted(agent.name()));
  pg::Connection connection = database.connect();
  connection.run_script(
      "CREATE SCHEMA other; CREATE TABLE parent (id int PRIMARY KEY); INSERT INTO parent SELECT generate_series(0, 9);"
      "CREATE TABLE items (id bigint GENERATED ALWAYS AS IDENTITY, at timestamptz, parent int REFERENCES parent ON "
      "DELETE "
      "CASCADE, note text, PRIMARY KEY (id)); CREATE INDEX ON items (note); CREATE STATISTICS st ON at, note FROM "
      "items;"
      "CREATE VIEW v AS SELECT id, note FROM items;"
      "INSERT INTO items (at, parent, note) SELECT '2025-01-15'::timestamptz + i * interval '1 hour', i % 10, 'n' || i "
      "FROM generate_series(1, 2000) i; INSERT INTO items (note) VALUES ('no time'); ANALYZE items");
  const std::string dump = schema_dump(database);
  const auto count = [&](const std::string& table) {
    return connection.query("SELECT count(*) FROM " + table).integer(0, 0);
  };
  const auto expect_equal = [&](const std::string& one, const std::string& other) {
    EXPECT_EQ(count("((TABLE " + one + " EXCEPT ALL TABLE " + other + ") UNION ALL (TABLE " + other +
                    " EXCEPT ALL TABLE " + one + ")) AS d"),
              0);
  };
  const EmittedFiles files(database, agent.name());
  succeed(files.plan({"--table", "public.items", "--by", "RANGE (at)", "--interval", "1 month", "--default", "--then",
                      "HASH (id)", "--then-partitions", "2", "--into", "other.items_new", "--strategy", "capture",
                      "--capture", "statement", "--range-rows", "300"}));
  for (const char* file : {"target.up.sql", "capture.up.sql", "copy.up.sql"}) succeed(files.run(file));
  connection.run_script(
      "UPDATE items SET at = at + interval '1 month', note = 'moved' WHERE id % 50 = 1; DELETE FROM parent WHERE id = "
      "9;"
      "UPDATE items SET at = NULL WHERE id % 100 = 2; INSERT INTO items (at, note) VALUES (now(), 'late')");
  for (const char* file : {"key-index.up.sql", "apply.up.sql", "indexes.up.sql", "apply.up.sql"}) {
    succeed(files.run(file));
  }
  expect_equal("items", "other.items_new");
  connection.run_script("CREATE TABLE kept AS TABLE items");
  succeed(files.run("cutover.up.sql"));
  succeed(files.run("settle.up.sql"));
  expect_equal("items", "kept");
  EXPECT_EQ(count("pg_partitioned_table WHERE partrelid = 'public.items'::regclass"), 1);
  connection.run_script(
      "UPDATE items SET at = at + interval '1 month', note = 'moved back' WHERE id % 70 = 1; DELETE FROM parent WHERE "
      "id "
      "= 8; INSERT INTO items (at, note) VALUES (now(), 'later'); DROP TABLE kept; CREATE TABLE kept AS TABLE items");
  succeed(files.run("cutover.down.sql"));
  expect_equal("items", "kept");
  connection.query("DROP TABLE kept");
  succeed(files.run("capture.down.sql"));
  succeed(files.run("target.down.sql"));
  EXPECT_EQ(dump_difference(dump, schema_dump(database)), "");
}

}  // namespace
}  // namespace pgsluice::tests

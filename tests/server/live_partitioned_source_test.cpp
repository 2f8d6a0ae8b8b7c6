// A table that is partitioned already is partitioned otherwise while it is in use: nothing that is written to it, to
// one of its partitions, or by their coming and going, is lost; and the way back leaves it as it was.
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "pg/failure.hpp"
#include "pg/identifier.hpp"
#include "tests/server/live_fixture.hpp"
#include "tests/support/installation.hpp"
#include "tests/support/role.hpp"
#include "tests/support/table_definition.hpp"

namespace pgsluice::tests {
namespace {

using namespace std::chrono_literals;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

// Months and DEFAULT. February has a level of its own; March was a table of another shape before it was attached.
class PartitionedSource : public LiveTable {
 protected:
  static constexpr const char* kNew = "public.\"Ev \"\"ents_partitioned\"";
  static constexpr const char* kOld = "public.\"Ev \"\"ents_old\"";

  void SetUp() override {
    connection_.run_script(R"(
      CREATE TABLE kinds (id int PRIMARY KEY);
      INSERT INTO kinds SELECT generate_series(0, 9);
      CREATE TABLE "Ev ""ents" (gone int, id bigint NOT NULL, at date NOT NULL, region text, kind int DEFAULT 1, note text,
        CONSTRAINT "ke y" PRIMARY KEY (id, at), CONSTRAINT kind_fkey FOREIGN KEY (kind) REFERENCES kinds,
        CONSTRAINT plausible CHECK (id > 0)) PARTITION BY RANGE (at);
      ALTER TABLE "Ev ""ents" DROP COLUMN gone;
      COMMENT ON TABLE "Ev ""ents" IS 'what happened';
      CREATE TABLE january PARTITION OF "Ev ""ents" FOR VALUES FROM ('2025-01-01') TO ('2025-02-01') WITH (fillfactor = 80);
      CREATE TABLE february PARTITION OF "Ev ""ents" FOR VALUES FROM ('2025-02-01') TO ('2025-03-01') PARTITION BY RANGE (id);
      CREATE TABLE february_low PARTITION OF february FOR VALUES FROM (MINVALUE) TO (3000);
      CREATE TABLE "february rest" PARTITION OF february DEFAULT;
      CREATE TABLE march (note text, was int, at date NOT NULL, kind int, id bigint NOT NULL, region text,
        CONSTRAINT plausible CHECK (id > 0));
      ALTER TABLE march DROP COLUMN was;
      ALTER TABLE "Ev ""ents" ATTACH PARTITION march FOR VALUES FROM ('2025-03-01') TO ('2025-04-01');
      CREATE TABLE "Ev ""ents_p3" PARTITION OF "Ev ""ents" FOR VALUES FROM ('2025-04-01') TO ('2025-05-01');
      CREATE TABLE rest PARTITION OF "Ev ""ents" DEFAULT;
      CREATE INDEX by_note ON "Ev ""ents" (note);
      CREATE INDEX of_march ON march (region);
      CREATE TABLE seen (what text);
      CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.seen VALUES (TG_NAME); RETURN NULL; END $$;
      CREATE TRIGGER seen_by_table AFTER INSERT ON "Ev ""ents" FOR EACH ROW EXECUTE FUNCTION see();
      CREATE TRIGGER seen_by_march AFTER DELETE ON march FOR EACH ROW EXECUTE FUNCTION see();
      ALTER TABLE january DISABLE TRIGGER seen_by_table;
      CREATE VIEW happened AS SELECT id, note FROM "Ev ""ents";
      CREATE TABLE remarks (id int PRIMARY KEY, event bigint, at date, CONSTRAINT remark_fkey FOREIGN KEY (event, at) REFERENCES "Ev ""ents" ON DELETE CASCADE);
      INSERT INTO "Ev ""ents" SELECT i, date '2025-01-01' + i % 150, (ARRAY['north', 'south', NULL])[1 + i % 3], i % 10, 'n' || i
        FROM generate_series(1, 6000) i;
      INSERT INTO remarks SELECT i, i, date '2025-01-01' + i % 150 FROM generate_series(1, 6000, 7) i;
      DELETE FROM seen;
      ANALYZE "Ev ""ents";)");
  }

  Outcome plan(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {"--table", kTable,       "--by",    "HASH (id)",    "--partitions",
                                          "4",       "--strategy", "capture", "--range-rows", "700"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return migration_.plan(arguments);
  }
  void bring_to_complete() const {
    const Outcome planned = plan();
    ASSERT_EQ(planned.exit_code, 0) << planned;
    follow();
  }
  void bring_to_verified() {
    bring_to_complete();
    const Outcome outcome = migration_.verify();
    ASSERT_EQ(outcome.exit_code, 0) << outcome;
  }
  // Of the columns by name: the two need not have the same order.
  std::int64_t differing_rows(const std::string& one, const std::string& other) {
    const std::string columns = "(SELECT id, at, region, kind, note FROM ";
    return connection_
        .query("SELECT count(*) FROM (" + columns + one + " EXCEPT ALL " + columns + other + ")) UNION ALL " + columns +
               other + " EXCEPT ALL " + columns + one + "))) AS d")
        .integer(0, 0);
  }
  void expect_followed(const std::string& when) { EXPECT_EQ(differing_rows(table_, kNew), 0) << when; }
  void remember() {
    connection_.run_script("DROP TABLE IF EXISTS pg_temp.expected; CREATE TEMPORARY TABLE expected AS TABLE " + table_);
  }
  // All kinds of writes, through the table and by the names of its partitions, before and after the exchange.
  void write(int round) {
    const std::string base = std::to_string(100'000 * (round + 1));
    connection_.run_script(
        "INSERT INTO " + table_ + " (id, at, region, kind, note) SELECT " + base +
        " + i, date '2024-12-01' + i % 190, (ARRAY['north', 'west', NULL])[1 + i % 3], i % 10, 'new' FROM "
        "generate_series(1, 300) i; UPDATE " +
        table_ + " AS e SET at = at + 31, note = 'moved' WHERE id % 13 = " + std::to_string(round) +
        " AND NOT EXISTS (SELECT FROM remarks r WHERE r.event = e.id); UPDATE " + table_ +
        " SET region = 'north' WHERE region IS NULL AND id % 5 = 0; UPDATE " + table_ +
        " SET note = 'changed' WHERE id % 11 = 0; UPDATE " + table_ +
        " AS e SET id = id + 50000 WHERE id % 17 = " + std::to_string(round) +
        " AND id < 40000 AND NOT EXISTS (SELECT FROM remarks r WHERE r.event = e.id); DELETE FROM " + table_ +
        " WHERE id % 19 = " + std::to_string(round));
  }
  void write_to_partitions() {
    connection_.run_script(
        "INSERT INTO march (id, at, region, kind, note) SELECT 700000 + count(*), '2025-03-03', 'x', 1, 'by name' FROM "
        "march; UPDATE january "
        "SET note = 'by name' WHERE id % 23 = 0; DELETE FROM february_low WHERE id % 29 = 0; UPDATE february SET id = "
        "id + "
        "200000 WHERE id % 7 = 2 AND id < 3000 AND NOT EXISTS (SELECT FROM remarks r WHERE r.event = february.id)");
  }
  bool is_there(const std::string& table) {
    return !connection_.query("SELECT to_regclass($1)", {table}).is_null(0, 0);
  }
  void expect_nothing_of_ours() {
    EXPECT_EQ(count("pg_namespace WHERE nspname = 'pgsluice'"), 0);
    EXPECT_EQ(count("pg_description WHERE description LIKE '%[pgsluice%'"), 0);
    EXPECT_EQ(count("pg_trigger WHERE tgname LIKE 'pgsluice%'"), 0);
  }

  static constexpr const char* kTable = "public.\"Ev \"\"ents\"";
  const std::string table_ = kTable;
};

TEST_F(PartitionedSource, IsPartitionedOtherwiseWhileItIsWrittenAndTheWayBackLeavesItAsItWas) {
  const std::string before = schema_dump(database_);
  bring_to_complete();
  write(0);
  write_to_partitions();
  follow();
  expect_followed("after the run");
  const Outcome verified = migration_.verify();
  ASSERT_EQ(verified.exit_code, 0) << verified;
  write(1);
  write_to_partitions();
  const Outcome there = command("cutover");
  ASSERT_EQ(there.exit_code, 0) << there;
  EXPECT_EQ(differing_rows(table_, kOld), 0);
  EXPECT_EQ(count("pg_partition_tree('" + table_ + "') WHERE isleaf"), 4);
  const std::int64_t seen = count("seen");
  write(2);
  EXPECT_GT(count("seen"), seen) << "the new table has the trigger";
  EXPECT_EQ(connection_.query("SELECT count(*) FROM happened WHERE note = 'new'").integer(0, 0),
            connection_.query("SELECT count(*) FROM " + table_ + " WHERE note = 'new'").integer(0, 0));
  remember();
  const std::int64_t seen_before = count("seen");
  const Outcome back = migration_.rollback();
  ASSERT_EQ(back.exit_code, 0) << back;
  EXPECT_EQ(count("seen"), seen_before) << "our own writes fire no trigger of the old table's";
  EXPECT_EQ(differing_rows(table_, "expected"), 0);

  write(3);
  write_to_partitions();
  ASSERT_EQ(command("cutover").exit_code, 0);
  EXPECT_EQ(differing_rows(table_, kOld), 0);
  write(4);
  remember();
  ASSERT_EQ(migration_.rollback().exit_code, 0);
  const Outcome undone = migration_.rollback();
  ASSERT_EQ(undone.exit_code, 0) << undone;
  EXPECT_EQ(differing_rows(table_, "expected"), 0);
  EXPECT_EQ(schema_dump(database_), before);
  expect_nothing_of_ours();
}

TEST_F(PartitionedSource, FinishDropsTheOldTableWithItsPartitions) {
  bring_to_verified();
  ASSERT_EQ(command("cutover").exit_code, 0);
  write(1);
  remember();
  const Outcome end = command("finish");
  ASSERT_EQ(end.exit_code, 0) << end;
  for (const char* gone : {"january", "february", "february_low", "march", "rest"}) {
    EXPECT_FALSE(is_there(gone)) << gone;
  }
  EXPECT_EQ(differing_rows(table_, "expected"), 0);
  EXPECT_EQ(connection_.query("SELECT obj_description('" + table_ + "'::regclass)").text(0, 0), "what happened");
  expect_nothing_of_ours();
}

TEST_F(PartitionedSource, PlanSaysWhatItsPartitionsHaveAloneAndSharesItsSizeAmongRanges) {
  connection_.run_script(
      "GRANT SELECT ON rest TO PUBLIC; COMMENT ON TABLE rest IS 'the rest'; CREATE VIEW march_alone AS TABLE march; "
      "ALTER "
      "TABLE march ADD CONSTRAINT early CHECK (at < '2030-01-01'), ALTER region SET DEFAULT 'm', ALTER note SET NOT "
      "NULL");
  const Outcome planned = plan({"--json"});
  ASSERT_EQ(planned.exit_code, 0) << planned;
  const auto document = nlohmann::json::parse(planned.output);
  const std::string text = document.dump();
  EXPECT_THAT(text, HasSubstr("NOT NULL of column note, check early, default of column kind, default of column region, "
                              "index of_march, trigger seen_by_march of partition public.march"));
  EXPECT_THAT(text, HasSubstr("storage parameters of partition public.january"));
  EXPECT_THAT(text, HasSubstr("comment, privileges of other roles of partition public.rest"));
  EXPECT_THAT(text, HasSubstr("view public.march_alone"));
  EXPECT_THAT(text, Not(HasSubstr("trigger seen_by_table of partition")));
  EXPECT_THAT(text, Not(HasSubstr("no DEFAULT partition")));
  follow();
  std::uint64_t ranges = 0;
  std::int64_t largest = 0;
  const pg::Result done = connection_.query("SELECT rows FROM pgsluice.batch_done");
  for (int i = 0; i < done.row_count(); ++i, ++ranges) {
    largest = std::max(largest, done.integer(i, 0));
  }
  EXPECT_GE(ranges, 8U);
  EXPECT_LE(largest, 1000);
  const Outcome shown = migration_.status();
  EXPECT_THAT(shown.output, HasSubstr("6,000"));
}

// Nothing points to it, so that its partitions may go and be emptied.
class PartitionedSourceAlone : public PartitionedSource {
 protected:
  void SetUp() override {
    PartitionedSource::SetUp();
    connection_.query("ALTER TABLE remarks DROP CONSTRAINT remark_fkey");
  }
};

class PartitionedSourceRefused : public PartitionedSourceAlone {
 protected:
  void expect_refused(const std::string& because, const std::vector<std::string>& more = {}) {
    const Outcome outcome = plan(more);
    EXPECT_EQ(outcome.exit_code, 2) << outcome;
    EXPECT_THAT(outcome.errors, HasSubstr(because));
  }
};

TEST_F(PartitionedSourceRefused, WhatCannotWorkOnPartitions) {
  expect_refused("cannot be captured by statement", {"--capture", "statement"});
  expect_refused("cannot be split by ctid", {"--split", "ctid"});
  expect_refused("a method that empties it cannot be used", {"--method", "move"});
  const Outcome offline =
      migration_.plan({"--table", kTable, "--by", "HASH (id)", "--partitions", "2", "--method", "move"});
  EXPECT_EQ(offline.exit_code, 2) << offline;
  EXPECT_THAT(offline.errors, HasSubstr("a method that empties it cannot be used"));
}

TEST_F(PartitionedSourceRefused, AnUnloggedPartition) {
  connection_.query("ALTER TABLE rest SET UNLOGGED");
  expect_refused("partition public.rest is unlogged");
}

TEST_F(PartitionedSourceRefused, AForeignPartition) {
  pg::Connection superuser = database_.connect_as_superuser();
  superuser.run_script(
      "ALTER TABLE \"Ev \"\"ents\" DROP CONSTRAINT kind_fkey; ALTER TABLE \"Ev \"\"ents\" DROP CONSTRAINT \"ke y\"; "
      "DROP TABLE rest; CREATE FOREIGN DATA "
      "WRAPPER nothing; CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing; CREATE FOREIGN TABLE far PARTITION OF \"Ev "
      "\"\"ents\" DEFAULT SERVER nowhere");
  expect_refused("partition public.far is a foreign table");
}

TEST_F(PartitionedSourceRefused, APartitionWithAForeignKeyOfItsOwn) {
  connection_.query("CREATE TABLE pointing (id bigint, at date, FOREIGN KEY (id, at) REFERENCES rest)");
  expect_refused("partition public.rest has foreign keys of its own");
}

TEST_F(PartitionedSourceRefused, APartitionThatBelongsToSomebodyElse) {
  const Role other("other_owner");
  pg::Connection superuser = database_.connect_as_superuser();
  superuser.query("ALTER TABLE rest OWNER TO " + pg::quoted(other.name()));
  expect_refused("the owner of partition public.rest");
  superuser.query("REASSIGN OWNED BY " + pg::quoted(other.name()) + " TO CURRENT_USER");
}

TEST_F(PartitionedSourceRefused, APartitionThatIsPartitionedItself) {
  const Outcome outcome =
      migration_.plan({"--table", "february", "--by", "HASH (id)", "--partitions", "2", "--strategy", "capture"});
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("is a partition of another table"));
}

// The parent's trigger does not fire for it.
class Emptied : public PartitionedSource, public testing::WithParamInterface<const char*> {};

TEST_P(Emptied, APartitionThatIsEmptiedMakesTheRunBeginAnew) {
  bring_to_verified();
  connection_.query(std::string("TRUNCATE ") + GetParam() + " CASCADE");
  Outcome outcome = command("cutover");
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("was emptied by TRUNCATE, or part of it"));
  EXPECT_EQ(migration_.verify({"--again"}).exit_code, 2);
  write(1);
  outcome = migration_.run();
  ASSERT_EQ(outcome.exit_code, 0) << outcome;
  expect_followed(GetParam());
  ASSERT_EQ(migration_.verify().exit_code, 0);
  ASSERT_EQ(command("cutover").exit_code, 0);
  EXPECT_EQ(differing_rows(table_, kOld), 0);
}

const auto kEmptiedAsName = [](const auto& one) {
  return std::vector<std::string>{"ALeaf", "AMiddle", "ALeafBelowIt", "TheTable"}[one.index];
};

INSTANTIATE_TEST_SUITE_P(By, Emptied, testing::Values("january", "february", "\"february rest\"", "\"Ev \"\"ents\""),
                         kEmptiedAsName);

TEST_F(PartitionedSourceAlone, APartitionThatIsAttachedComesWithItsRows) {
  bring_to_verified();
  connection_.run_script(
      "CREATE TABLE june (LIKE \"Ev \"\"ents\" INCLUDING DEFAULTS, CONSTRAINT plausible CHECK (id > 0)); INSERT INTO "
      "june "
      "SELECT 900000 + i, '2026-06-01', 'north', 1, 'came along' FROM generate_series(1, 500) i; ALTER TABLE \"Ev "
      "\"\"ents\" "
      "ATTACH PARTITION june FOR VALUES FROM ('2026-06-01') TO ('2026-07-01')");
  connection_.query("UPDATE june SET note = 'written since' WHERE id % 2 = 0");
  Outcome outcome = command("cutover");
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("added: public.june"));
  outcome = migration_.verify({"--again"});
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("added: public.june"));
  outcome = migration_.run();
  ASSERT_EQ(outcome.exit_code, 0) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("Their rows are brought over, too"));
  expect_followed("with the rows of june");
  connection_.query("TRUNCATE june");
  EXPECT_EQ(command("cutover").exit_code, 2) << "its TRUNCATE is noted now";
  follow();
  expect_followed("without them");
  ASSERT_EQ(migration_.verify().exit_code, 0);
  ASSERT_EQ(command("cutover").exit_code, 0);
  connection_.query("INSERT INTO " + table_ + " VALUES (910000, '2026-06-03', 'x', 1, 'after')");
  remember();
  ASSERT_EQ(migration_.rollback().exit_code, 0);
  EXPECT_EQ(count("june"), 1);
  EXPECT_EQ(differing_rows(table_, "expected"), 0);
}

// Nothing fires when it is emptied, since nobody had looked at it.
TEST_F(PartitionedSourceAlone, APartitionThatWasAddedAndEmptiedUnseenMakesTheRunBeginAnew) {
  bring_to_verified();
  connection_.run_script(
      "CREATE TABLE june PARTITION OF \"Ev \"\"ents\" FOR VALUES FROM ('2026-06-01') TO ('2026-07-01'); INSERT INTO "
      "june "
      "SELECT 900000 + i, '2026-06-01', 'north', 1, 'short-lived' FROM generate_series(1, 50) i");
  ASSERT_EQ(command("verify", {"--again"}).exit_code, 2);
  connection_.query("TRUNCATE june");
  const Outcome outcome = migration_.run();
  ASSERT_EQ(outcome.exit_code, 0) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("away for a while, unseen: public.june"));
  expect_followed("");
}

class Gone : public PartitionedSourceAlone, public testing::WithParamInterface<const char*> {};

TEST_P(Gone, APartitionThatGoesTakesItsRowsWithItAndTheRunBeginsAnew) {
  bring_to_verified();
  connection_.query(GetParam());
  Outcome outcome = command("cutover", {"--accept", "unverified"});
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  outcome = migration_.verify({"--again"});
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, AnyOf(HasSubstr("detached: public.march"), HasSubstr("detached: public.february")));
  connection_.query("DELETE FROM " + table_ + " WHERE id % 3 = 0");
  outcome = migration_.run();
  ASSERT_EQ(outcome.exit_code, 0) << outcome;
  expect_followed(GetParam());
}

const auto kGoneAsName = [](const auto& one) {
  return std::vector<std::string>{"Detached", "Dropped", "WithALevelOfItsOwn"}[one.index];
};

INSTANTIATE_TEST_SUITE_P(By, Gone,
                         testing::Values("ALTER TABLE \"Ev \"\"ents\" DETACH PARTITION march", "DROP TABLE march",
                                         "ALTER TABLE \"Ev \"\"ents\" DETACH PARTITION february"),
                         kGoneAsName);

// It came, was written to, brought over, and went, all between two looks.
TEST_F(PartitionedSourceAlone, APartitionThatCameAndWentUnseenIsNoticedAllTheSame) {
  bring_to_verified();
  connection_.run_script(
      "CREATE TABLE june PARTITION OF \"Ev \"\"ents\" FOR VALUES FROM ('2026-06-01') TO ('2026-07-01'); INSERT INTO " +
      table_ +
      " SELECT 900000 + i, '2026-06-01', 'north', 1, 'short-lived' FROM generate_series(1, 50) i; DROP TABLE june");
  const Outcome refused = command("cutover", {"--accept", "unverified"});
  EXPECT_EQ(refused.exit_code, 2) << refused;
  EXPECT_THAT(refused.errors, HasSubstr("dropped or detached: OID"));
  follow();
  expect_followed("");
  EXPECT_EQ(command("cutover", {"--accept", "unverified"}).exit_code, 0);
}

TEST_F(PartitionedSource, IsRefusedWhenTheCaptureOfOnePartitionWasSwitchedOff) {
  bring_to_verified();
  connection_.query("ALTER TABLE march DISABLE TRIGGER USER");
  const Outcome outcome = command("cutover");
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("are not captured"));
  ASSERT_EQ(migration_.rollback().exit_code, 0);
  expect_nothing_of_ours();
}

TEST_F(PartitionedSource, AfterTheCutoverItsPartitionsTakeNoWrites) {
  bring_to_verified();
  ASSERT_EQ(command("cutover").exit_code, 0);
  for (const char* write :
       {"UPDATE january SET note = 'lost'", "DELETE FROM february", "TRUNCATE march",
        "INSERT INTO february_low VALUES (1, '2025-02-02')", "DELETE FROM public.\"Ev \"\"ents_old\""}) {
    try {
      connection_.query(write);
      ADD_FAILURE() << write;
    } catch (const pg::Failure& failure) {
      EXPECT_EQ(failure.sqlstate(), "25006") << write << ": " << failure.what();
    }
  }
  connection_.query("TRUNCATE " + table_ + " CASCADE");
  ASSERT_EQ(migration_.rollback().exit_code, 0) << "the old table is emptied, too";
  EXPECT_EQ(count(table_), 0);
  write_to_partitions();
}

TEST_F(PartitionedSource, ASnapshotFromBeforeTheWayBackCannotWriteToAPartition) {
  bring_to_verified();
  ASSERT_EQ(command("cutover").exit_code, 0);
  connection_.query("UPDATE " + table_ + " SET note = 'just now' WHERE at < '2025-02-01'");
  pg::Connection old = database_.connect();
  old.begin("ISOLATION LEVEL REPEATABLE READ");
  old.query("SELECT count(*) FROM pg_class");
  ASSERT_EQ(migration_.rollback().exit_code, 0);
  try {
    old.query("UPDATE january SET region = 'lost' WHERE note = 'just now'");
    FAIL() << "found nothing, and said so to nobody";
  } catch (const pg::Failure& failure) {
    EXPECT_EQ(failure.sqlstate(), "40001");
  }
}

TEST_F(PartitionedSourceAlone, WhatBecomesOfTheOldTablesPartitionsIsSeenBeforeTheWayBackAndBeforeTheEnd) {
  bring_to_verified();
  ASSERT_EQ(command("cutover").exit_code, 0);
  connection_.run_script("CREATE TABLE precious (LIKE " + table_ +
                         ", CONSTRAINT plausible CHECK (id > 0)); ALTER TABLE " + kOld +
                         " ATTACH PARTITION precious FOR VALUES FROM ('2027-06-01') TO ('2027-07-01')");
  Outcome outcome = command("finish");
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("precious"));
  connection_.run_script(std::string("ALTER TABLE ") + kOld + " DETACH PARTITION precious");
  connection_.run_script("CREATE VIEW upon_a_partition AS TABLE january");
  outcome = command("finish");
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("upon_a_partition"));
  connection_.run_script("DROP VIEW upon_a_partition");
  connection_.run_script(std::string("ALTER TABLE ") + kOld + " DETACH PARTITION march");
  outcome = migration_.rollback();
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("dropped or detached: public.march"));
  EXPECT_EQ(command("finish").exit_code, 0);
  EXPECT_TRUE(is_there("march"));
  EXPECT_FALSE(is_there("january"));
  expect_nothing_of_ours();
}

// What is deleted while a partition of the old table is away would be there again when it comes back.
TEST_F(PartitionedSourceAlone, NothingIsBroughtOverWhileAPartitionOfTheOldTableIsAway) {
  bring_to_verified();
  ASSERT_EQ(command("cutover").exit_code, 0);
  connection_.run_script(std::string("ALTER TABLE ") + kOld + " DETACH PARTITION march");
  connection_.query("DELETE FROM " + table_ + " WHERE at >= '2025-03-01' AND at < '2025-04-01'");
  const Outcome outcome = migration_.run();
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("dropped or detached: public.march"));
  connection_.run_script(std::string("ALTER TABLE ") + kOld +
                         " ATTACH PARTITION march FOR VALUES FROM ('2025-03-01') TO ('2025-04-01')");
  remember();
  EXPECT_EQ(migration_.run().exit_code, 0);
  ASSERT_EQ(migration_.rollback().exit_code, 0);
  EXPECT_EQ(differing_rows(table_, "expected"), 0);
}

TEST_F(PartitionedSourceAlone, RowsOfAPartitionThatWasAddedToTheOldTableAreFollowedAfterTheWayBack) {
  bring_to_verified();
  ASSERT_EQ(command("cutover").exit_code, 0);
  connection_.run_script("CREATE TABLE july (LIKE " + table_ +
                         ", CONSTRAINT plausible CHECK (id > 0)); INSERT INTO july SELECT 910000 + i, '2027-07-02', "
                         "'north', 1, 'came along' FROM generate_series(1, 50) i; ALTER TABLE " +
                         kOld + " ATTACH PARTITION july FOR VALUES FROM ('2027-07-01') TO ('2027-08-01')");
  ASSERT_EQ(migration_.rollback().exit_code, 0);
  EXPECT_EQ(count("july"), 50);
  const Outcome refused = migration_.verify({"--again"});
  EXPECT_EQ(refused.exit_code, 2) << refused;
  EXPECT_THAT(refused.errors, HasSubstr("added: public.july"));
  follow();
  expect_followed("with the rows of july");
  ASSERT_EQ(migration_.verify().exit_code, 0);
  ASSERT_EQ(command("cutover").exit_code, 0);
  EXPECT_EQ(differing_rows(table_, kOld), 0);
}

// Offline, by the methods that copy.
class OfflineOf : public PartitionedSource, public testing::WithParamInterface<const char*> {};

TEST_P(OfflineOf, IsCopiedWhileItAndItsPartitionsRejectWrites) {
  const std::string before = schema_dump(database_);
  const Outcome planned =
      migration_.plan({"--table", kTable, "--by", "RANGE (at)", "--interval", "10 days", "--default", "--strategy",
                       "offline", "--method", GetParam(), "--range-rows", "700"});
  ASSERT_EQ(planned.exit_code, 0) << planned;
  follow();
  expect_followed(GetParam());
  const std::vector<std::string> writes = {"UPDATE january SET note = 'lost'", "TRUNCATE february CASCADE",
                                           "INSERT INTO rest VALUES (1, '2030-02-02')", "DELETE FROM " + table_};
  for (const std::string& write : writes) {
    EXPECT_THROW(connection_.query(write), pg::Failure) << write;
  }
  const Outcome verified = migration_.verify();
  EXPECT_EQ(verified.exit_code, 0) << verified;
  ASSERT_EQ(migration_.rollback().exit_code, 0);
  EXPECT_EQ(schema_dump(database_), before);
  write_to_partitions();
}

INSTANTIATE_TEST_SUITE_P(By, OfflineOf, testing::Values("insert", "stream"), [](const auto& one) { return one.param; });

// While it is away nothing fires, and it looks the same when it is back.
TEST_F(PartitionedSourceAlone, APartitionThatWasAwayForAWhileMakesTheRunBeginAnew) {
  bring_to_verified();
  connection_.run_script(
      "ALTER TABLE \"Ev \"\"ents\" DETACH PARTITION march; DELETE FROM march WHERE id % 2 = 0; UPDATE march SET note = "
      "'away'; ALTER TABLE \"Ev \"\"ents\" ATTACH PARTITION march FOR VALUES FROM ('2025-03-01') TO ('2025-04-01')");
  const Outcome refused = command("cutover");
  EXPECT_EQ(refused.exit_code, 2) << refused;
  EXPECT_THAT(refused.errors, HasSubstr("away for a while, unseen: public.march"));
  follow();
  expect_followed("");
  write(1);
  ASSERT_EQ(migration_.verify().exit_code, 0);
  ASSERT_EQ(command("cutover").exit_code, 0);
  EXPECT_EQ(differing_rows(table_, kOld), 0);
}

// Partitions come and go while rows are copied and written.
TEST_F(PartitionedSourceAlone, NothingIsLostThoughPartitionsComeAndGoAllTheWhile) {
  connection_.query("INSERT INTO " + table_ +
                    " SELECT 10000 + i, date '2025-01-01' + i % 150, 'x', 1, 'more' FROM generate_series(1, 60000) i");
  ASSERT_EQ(plan().exit_code, 0);
  constexpr int kRounds = 15;
  std::jthread application([&] {
    pg::Connection connection = database_.connect();
    for (int round = 0; round < kRounds; ++round) {
      const std::string name = "later_" + std::to_string(round);
      const std::string id = std::to_string(1'000'000 + 1000 * round);
      connection.run_script("CREATE TABLE " + name + " PARTITION OF " + table_ + " FOR VALUES FROM ('" +
                            std::to_string(2030 + round) + "-01-01') TO ('" + std::to_string(2030 + round) +
                            "-12-01')");
      connection.run_script("INSERT INTO " + table_ + " SELECT " + id + " + i, '" + std::to_string(2030 + round) +
                            "-02-02', 'x', 1, 'later' FROM generate_series(1, 200) i; UPDATE " + table_ +
                            " SET at = '2025-03-03' WHERE id BETWEEN " + id + " AND " + id + " + 50");
      std::this_thread::sleep_for(200ms);
      if (round % 3 == 1) {
        connection.run_script("DROP TABLE " + name);
      } else if (round % 3 == 2) {
        connection.run_script("TRUNCATE " + name);
      }
    }
  });
  std::this_thread::sleep_for(300ms);
  follow();
  application.join();
  follow();
  expect_followed("");
  const Outcome verified = migration_.verify();
  ASSERT_EQ(verified.exit_code, 0) << verified;
  ASSERT_EQ(command("cutover").exit_code, 0);
  EXPECT_EQ(differing_rows(table_, kOld), 0);
}

TEST_F(PartitionedSourceAlone, IsPublishedByItsNewPartitionsAndByItsOldOnesAgain) {
  pg::Connection superuser = database_.connect_as_superuser();
  superuser.run_script("GRANT CREATE ON DATABASE " + pg::quoted(database_.name()) + " TO " + pg::quoted(kOwner));
  connection_.run_script(
      "CREATE PUBLICATION of_all FOR TABLE \"Ev \"\"ents\" WITH (publish_via_partition_root = true); CREATE "
      "PUBLICATION of_march FOR TABLE march");
  const std::string before = schema_dump(database_);
  const auto published = [&](const std::string& publication) {
    return std::string(
        connection_
            .query("SELECT coalesce(string_agg(prrelid::regclass::text, ','), '') FROM pg_publication_rel r "
                   "JOIN pg_publication p ON p.oid = r.prpubid WHERE pubname = $1",
                   {publication})
            .text(0, 0));
  };
  const std::int64_t oid = connection_.query("SELECT '" + table_ + "'::regclass::oid").integer(0, 0);
  const Outcome planned = plan();
  ASSERT_EQ(planned.exit_code, 0) << planned;
  EXPECT_THAT(planned.output, HasSubstr("publication of_march"));
  follow();
  ASSERT_EQ(migration_.verify().exit_code, 0);
  ASSERT_EQ(command("cutover").exit_code, 0);
  EXPECT_NE(connection_.query("SELECT '" + table_ + "'::regclass::oid").integer(0, 0), oid);
  EXPECT_EQ(published("of_all"), "\"Ev \"\"ents\"");
  EXPECT_EQ(published("of_march"), "march");
  ASSERT_EQ(migration_.rollback().exit_code, 0);
  EXPECT_EQ(published("of_all"), "\"Ev \"\"ents\"");
  ASSERT_EQ(migration_.rollback().exit_code, 0);
  EXPECT_EQ(schema_dump(database_), before);
}

// The way back needs a partition for it; the row is not dropped in silence.
TEST_F(PartitionedSourceAlone, ARowThatNoOldPartitionTakesIsNamedBeforeTheWayBack) {
  connection_.run_script("DROP TABLE rest");
  const Outcome planned = plan({"--json"});
  ASSERT_EQ(planned.exit_code, 0) << planned;
  EXPECT_THAT(planned.output, HasSubstr("no DEFAULT partition"));
  follow();
  ASSERT_EQ(migration_.verify().exit_code, 0);
  ASSERT_EQ(command("cutover").exit_code, 0);
  connection_.query("INSERT INTO " + table_ + " VALUES (900000, '2031-01-01', 'x', 1, 'far away')");
  const Outcome refused = migration_.rollback();
  EXPECT_NE(refused.exit_code, 0) << refused;
  EXPECT_THAT(refused.errors, HasSubstr("Make a partition for it"));
  connection_.run_script(std::string("CREATE TABLE rest PARTITION OF ") + kOld + " DEFAULT");
  remember();
  const Outcome back = migration_.rollback();
  ASSERT_EQ(back.exit_code, 0) << back;
  EXPECT_EQ(differing_rows(table_, "expected"), 0);
  EXPECT_EQ(count("rest"), 1);
}

}  // namespace
}  // namespace pgsluice::tests

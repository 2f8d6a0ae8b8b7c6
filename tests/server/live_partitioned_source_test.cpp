// A table that is partitioned already is partitioned otherwise while it is in use: nothing that is written to it, to
// one of its partitions, or by their coming and going, is lost; and the way back leaves it as it was.
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "pg/failure.hpp"
#include "pg/identifier.hpp"
#include "tests/server/partitioned_source_fixture.hpp"
#include "tests/support/installation.hpp"
#include "tests/support/role.hpp"
#include "tests/support/table_definition.hpp"

namespace pgsluice::tests {
namespace {

using namespace std::chrono_literals;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

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

// What cannot work is said before anything is changed: exit code 2, a message that names the cause, and a database and
// a checkpoint as they were.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "pg/identifier.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/database.hpp"
#include "tests/support/installation.hpp"
#include "tests/support/migration.hpp"
#include "tests/support/role.hpp"
#include "tests/support/table_definition.hpp"

namespace pgsluice::tests {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kEvents =
    "CREATE TABLE events (id bigint PRIMARY KEY, kind text NOT NULL, at timestamptz NOT NULL DEFAULT now());"
    "INSERT INTO events SELECT i, 'kind ' || i % 5, timestamptz '2024-01-01' + i * interval '1 hour' "
    "FROM generate_series(1, 500) i; ANALYZE events;";

const std::vector<std::string> kByKind = {"--table", "public.events", "--by", "HASH (kind)", "--partitions",
                                          "3",       "--range-rows",  "100"};

std::vector<std::string> by_kind_and(std::vector<std::string> more) {
  more.insert(more.begin(), kByKind.begin(), kByKind.end());
  return more;
}

void expect_refused(const Outcome& outcome, const std::string& cause) {
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr(cause)) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("nothing was changed")) << outcome;
}

class Refused : public testing::Test {
 protected:
  void SetUp() override { connection_.run_script(kEvents); }

  Role role_{"stranger"};  // Without any privilege.
  Database database_;
  pg::Connection connection_ = database_.connect();
  Migration migration_{database_};
};

TEST_F(Refused, UnknownTableIsNamed) {
  expect_refused(migration_.plan({"--table", "public.evnets", "--by", "HASH (kind)", "--partitions", "3"}), "evnets");
  EXPECT_FALSE(fs::exists(migration_.checkpoint()));
}

TEST_F(Refused, UnknownPartitionColumnIsNamed) {
  expect_refused(migration_.plan({"--table", "events", "--by", "HASH (knid)", "--partitions", "3"}), "knid");
}

TEST_F(Refused, UnknownDatabaseIsNamed) {
  const Migration elsewhere(database_.server().conninfo("no such database"));
  expect_refused(elsewhere.plan(kByKind), "no such database");
}

TEST_F(Refused, UnreachableServerIsNamedAtOnce) {
  const Migration elsewhere("host=127.0.0.1 port=1 dbname=x user=y");
  const Outcome outcome = elsewhere.plan(kByKind);
  expect_refused(outcome, "127.0.0.1");
  EXPECT_LT(outcome.elapsed, 20s);
}

TEST_F(Refused, RunSaysThatTheServerCannotBeReachedAndKeepsTheCheckpoint) {
  ASSERT_EQ(migration_.plan(kByKind).exit_code, 0);
  const std::string before = file_text(migration_.checkpoint());
  ProgramOptions options = migration_.command("run");
  options.arguments[2] = "host=127.0.0.1 port=1 dbname=x user=y";
  expect_refused(run(options), "127.0.0.1");
  EXPECT_EQ(file_text(migration_.checkpoint()), before);
}

TEST_F(Refused, PlanWithoutTheRightToMakeTheTargetNamesTheGrant) {
  connection_.run_script("REVOKE CREATE ON SCHEMA public FROM PUBLIC; GRANT SELECT ON events TO " +
                         pg::quoted(role_.name()));
  const Migration as_reader(database_.conninfo(role_.name()));
  const Outcome outcome = as_reader.plan(kByKind);
  expect_refused(outcome, "GRANT");
  EXPECT_THAT(outcome.errors, HasSubstr("CREATE ON DATABASE"));
  EXPECT_THAT(outcome.errors, HasSubstr("CREATE ON SCHEMA"));
}

TEST_F(Refused, PlanWithoutTheRightToReadTheTableIsRefused) {
  const Migration as_nobody(database_.conninfo(role_.name()));
  expect_refused(as_nobody.plan(kByKind), "events");
}

TEST_F(Refused, PrivilegeThatWasLostAfterThePlanIsNamedBeforeAnythingIsMade) {
  ASSERT_EQ(migration_.plan(kByKind).exit_code, 0);
  database_.connect_as_superuser().query("REVOKE CREATE ON DATABASE " + database_.name() + " FROM owner");
  const std::string before = schema_dump(database_);
  expect_refused(migration_.run(), "GRANT CREATE ON DATABASE");
  EXPECT_EQ(schema_dump(database_), before);
  database_.connect_as_superuser().query("GRANT CREATE ON DATABASE " + database_.name() + " TO owner");
  EXPECT_EQ(migration_.run().exit_code, 0);
}

TEST_F(Refused, ReadOnlyDatabase) {
  database_.connect_as_superuser().query("ALTER DATABASE " + database_.name() +
                                         " SET default_transaction_read_only = on");
  expect_refused(migration_.plan(kByKind), "read-only");
}

TEST_F(Refused, DatabaseThatBecameReadOnlyAfterThePlan) {
  ASSERT_EQ(migration_.plan(kByKind).exit_code, 0);
  const std::string alter = "ALTER DATABASE " + database_.name();
  database_.connect_as_superuser().query(alter + " SET default_transaction_read_only = on");
  const Outcome outcome = migration_.run();
  EXPECT_THAT(outcome.exit_code, testing::AnyOf(1, 2)) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("read-only")) << outcome;
  pg::Connection superuser = database_.connect_as_superuser();
  superuser.query("SET default_transaction_read_only = off");
  superuser.query(alter + " RESET default_transaction_read_only");
  EXPECT_EQ(migration_.run().exit_code, 0);
}

TEST(RefusedByServer, StandbyIsNamedAndOncePromotedTheSameCommandsWork) {
  Cluster cluster;
  Database database(cluster.address());
  database.connect().run_script(kEvents);
  const Migration migration(database);
  ASSERT_EQ(migration.plan(kByKind).exit_code, 0);
  cluster.stop_fast();
  std::ofstream(cluster.data_folder() / "standby.signal").close();
  cluster.start();
  const Migration on_standby(database);
  expect_refused(on_standby.plan(kByKind), "standby");
  const Outcome ran = migration.run();
  EXPECT_THAT(ran.exit_code, testing::AnyOf(1, 2)) << ran;
  EXPECT_THAT(ran.errors, testing::AnyOf(HasSubstr("standby"), HasSubstr("read-only"), HasSubstr("recovery"))) << ran;
  cluster.stop_fast();
  fs::remove(cluster.data_folder() / "standby.signal");
  cluster.start();
  EXPECT_EQ(migration.run().exit_code, 0);
}

TEST(RefusedByServer, WrongPasswordIsToldWithoutShowingIt) {
  ClusterOptions options;
  options.password_required = true;
  Cluster cluster(options);
  const Database database(cluster.address());
  const Migration migration(database.tcp_conninfo());
  ProgramOptions plan = migration.command("plan", kByKind);
  plan.environment = {{"PGPASSWORD", "not the secret"}};
  const Outcome outcome = run(plan);
  expect_refused(outcome, "password authentication failed");
  EXPECT_THAT(outcome.errors, Not(HasSubstr("not the secret")));

  const Migration in_words(database.tcp_conninfo() + " password=topsecret");
  const Outcome typed = in_words.plan(kByKind);
  expect_refused(typed, "password");
  EXPECT_THAT(typed.errors + typed.output, Not(HasSubstr("topsecret")));
}

TEST_F(Refused, TargetThatIsNotEmpty) {
  connection_.run_script(
      "CREATE TABLE filled (LIKE events) PARTITION BY HASH (kind);"
      "CREATE TABLE filled_0 PARTITION OF filled FOR VALUES WITH (MODULUS 1, REMAINDER 0);"
      "INSERT INTO filled VALUES (1, 'a', now())");
  expect_refused(migration_.plan({"--table", "events", "--into", "filled"}), "not empty");
}

TEST_F(Refused, TargetThatWasFilledAfterThePlan) {
  connection_.run_script(
      "CREATE TABLE filled (LIKE events) PARTITION BY HASH (kind);"
      "CREATE TABLE filled_0 PARTITION OF filled FOR VALUES WITH (MODULUS 1, REMAINDER 0)");
  ASSERT_EQ(migration_.plan({"--table", "events", "--into", "filled"}).exit_code, 0);
  connection_.query("INSERT INTO filled VALUES (1, 'a', now())");
  const Outcome outcome = migration_.run();
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("not empty"));
  EXPECT_EQ(connection_.query("SELECT count(*) FROM filled").integer(0, 0), 1);
  connection_.query("TRUNCATE filled");
  EXPECT_EQ(migration_.run().exit_code, 0);
}

TEST_F(Refused, TableThatWasChangedAfterThePlanNamesWhatChanged) {
  ASSERT_EQ(migration_.plan(kByKind).exit_code, 0);
  connection_.query("ALTER TABLE events ADD note text");
  const std::string before = schema_dump(database_);
  const Outcome outcome = migration_.run();
  expect_refused(outcome, "changed after it was planned");
  EXPECT_THAT(outcome.errors, HasSubstr("columns"));
  EXPECT_EQ(schema_dump(database_), before);
}

TEST_F(Refused, TableThatWasMadeAnewAfterThePlan) {
  ASSERT_EQ(migration_.plan(kByKind).exit_code, 0);
  connection_.run_script("DROP TABLE events");
  expect_refused(migration_.run(), "events");
  connection_.run_script(kEvents);
  expect_refused(migration_.run(), "made anew");
}

TEST_F(Refused, TableThatWasRewrittenAfterItsHeapBlocksWerePlanned) {
  if (connection_.server_major_version() < kCtidRangesSince) GTEST_SKIP() << "no ranges of heap blocks before 14";
  connection_.run_script("CREATE TABLE keyless AS SELECT * FROM events");
  ASSERT_EQ(migration_.plan({"--table", "keyless", "--by", "HASH (kind)", "--partitions", "2"}).exit_code, 0);
  connection_.query("VACUUM FULL keyless");
  expect_refused(migration_.run(), "rewritten");
}

TEST_F(Refused, CheckpointThatExistsIsNotOverwritten) {
  ASSERT_EQ(migration_.plan(kByKind).exit_code, 0);
  const std::string before = file_text(migration_.checkpoint());
  expect_refused(migration_.plan(kByKind), migration_.checkpoint().filename());
  EXPECT_EQ(file_text(migration_.checkpoint()), before);
}

TEST_F(Refused, CommandsWithoutACheckpointSayToPlanFirst) {
  for (const char* command : {"run", "status", "verify", "rollback"}) {
    const Outcome outcome = run(migration_.command(command));
    EXPECT_EQ(outcome.exit_code, 2) << outcome;
    EXPECT_THAT(outcome.errors, HasSubstr(migration_.checkpoint().string()));
    EXPECT_THAT(outcome.errors, HasSubstr("plan"));
  }
}

TEST_F(Refused, CheckpointOfAnotherDatabaseIsRefusedByEveryCommandAndLeftAsItWas) {
  ASSERT_EQ(migration_.plan(kByKind).exit_code, 0);
  ASSERT_EQ(migration_.run().exit_code, 0);
  const Database other;
  other.connect().run_script(kEvents);
  const std::string dump = schema_dump(other);
  const std::string checkpoint = file_text(migration_.checkpoint());
  for (const char* command : {"run", "verify", "rollback"}) {
    ProgramOptions options = migration_.command(command);
    options.arguments[2] = other.conninfo();
    const Outcome outcome = run(options);
    EXPECT_EQ(outcome.exit_code, 2) << command << ": " << outcome;
    EXPECT_THAT(outcome.errors, HasSubstr("another database")) << command;
  }
  EXPECT_EQ(file_text(migration_.checkpoint()), checkpoint);
  EXPECT_EQ(schema_dump(other), dump);
}

TEST_F(Refused, LedgerThatDoesNotKnowTheMigrationIsNotStartedAnew) {
  ASSERT_EQ(migration_.plan(kByKind).exit_code, 0);
  ASSERT_EQ(migration_.run().exit_code, 0);
  connection_.query("DELETE FROM pgsluice.batch_done");
  connection_.query("DELETE FROM pgsluice.migration");
  const Outcome outcome = migration_.run();
  expect_refused(outcome, "ledger");
  EXPECT_EQ(connection_.query("SELECT count(*) FROM events_partitioned").integer(0, 0), 500);
}

TEST_F(Refused, SecondMoverOnTheSameCheckpointWhileTheFirstGoesOn) {
  ASSERT_EQ(migration_.plan(kByKind).exit_code, 0);
  pg::Connection writer = database_.connect();
  writer.begin();
  writer.query("UPDATE events SET kind = kind WHERE id = 1");  // The guard waits for its end.
  Program first(migration_.command("run", {"--progress", "none"}));
  while (connection_.query("SELECT to_regclass('events_partitioned')").is_null(0, 0)) {
    ASSERT_FALSE(first.ends_within(20ms)) << first.wait();
  }
  const std::string checkpoint = file_text(migration_.checkpoint());
  const Outcome second = migration_.run();
  expect_refused(second, migration_.checkpoint().filename());
  const Outcome rollback = migration_.rollback();
  expect_refused(rollback, migration_.checkpoint().filename());
  EXPECT_EQ(migration_.status().exit_code, 0);
  writer.commit();
  const Outcome outcome = first.wait();
  EXPECT_EQ(outcome.exit_code, 0) << outcome;
}

class Damaged : public Refused, public testing::WithParamInterface<double> {};

// The file is refused, and kept for whoever wants to look at it.
TEST_P(Damaged, CheckpointIsExitCode5NamesThePlaceAndIsLeftAsItWas) {
  ASSERT_EQ(migration_.plan(kByKind).exit_code, 0);
  ASSERT_EQ(migration_.run().exit_code, 0);
  std::string bytes = file_text(migration_.checkpoint());
  const auto at = static_cast<std::size_t>(GetParam() * static_cast<double>(bytes.size()));
  bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
  std::ofstream(migration_.checkpoint(), std::ios::binary) << bytes;
  for (const char* command : {"run", "status", "verify", "rollback"}) {
    const Outcome outcome = run(migration_.command(command));
    EXPECT_EQ(outcome.exit_code, 5) << command << " with byte " << at << " damaged: " << outcome;
    EXPECT_THAT(outcome.errors, HasSubstr("at byte ")) << command;
    EXPECT_THAT(outcome.errors, HasSubstr(migration_.checkpoint().string())) << command;
  }
  EXPECT_EQ(file_text(migration_.checkpoint()), bytes);
}

INSTANTIATE_TEST_SUITE_P(At, Damaged, testing::Values(0.05, 0.5, 0.8, 0.95), [](const auto& parameter) {
  return std::to_string(static_cast<int>(parameter.param * 100)) + "Percent";
});

TEST_F(Refused, FileThatIsNoCheckpointIsNotTakenForADamagedOne) {
  std::ofstream(migration_.checkpoint())
      << "some text of the user's, which is longer than any header of ours could be\n";
  const std::string before = file_text(migration_.checkpoint());
  const Outcome outcome = migration_.run();
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_EQ(file_text(migration_.checkpoint()), before);
}

TEST_F(Refused, CheckpointThatLostItsLastBytesGoesOn) {
  ASSERT_EQ(migration_.plan(kByKind).exit_code, 0);
  ASSERT_EQ(migration_.run().exit_code, 0);
  for (const std::uintmax_t bytes : {1, 7, 30}) {
    fs::resize_file(migration_.checkpoint(), fs::file_size(migration_.checkpoint()) - bytes);
    const Outcome outcome = migration_.run();
    EXPECT_EQ(outcome.exit_code, 0) << outcome;
    EXPECT_EQ(connection_.query("SELECT count(*) FROM events_partitioned").integer(0, 0), 500);
  }
}

struct ForeignKeyAction {
  const char* name;
  const char* sql;
};

class IncomingForeignKey : public Refused, public testing::WithParamInterface<ForeignKeyAction> {};

// A moving method's DELETE would fire the action on rows of another table.
TEST_P(IncomingForeignKey, IsRefusedByMovingMethodsAndKeepsItsRowsInCopyingOnes) {
  connection_.run_script("CREATE TABLE notes (id int PRIMARY KEY, event bigint DEFAULT 1 REFERENCES events ON DELETE " +
                         std::string(GetParam().sql) +
                         "); INSERT INTO notes SELECT i, i FROM generate_series(1, 50) i");
  for (const char* method : {"move", "stream-move"}) {
    const Outcome outcome = migration_.plan(by_kind_and({"--method", method}));
    expect_refused(outcome, "notes");
    EXPECT_THAT(outcome.errors, HasSubstr("insert")) << "the method that works is to be named";
  }
  const Outcome planned = migration_.plan(by_kind_and({"--method", "insert"}));
  const Outcome accepted =
      planned.exit_code == 0 ? planned : migration_.plan(by_kind_and({"--accept", "incoming-foreign-keys"}));
  ASSERT_EQ(accepted.exit_code, 0) << accepted;
  ASSERT_EQ(migration_.run().exit_code, 0);
  EXPECT_EQ(connection_.query("SELECT count(event) FROM notes WHERE event = id").integer(0, 0), 50);
}

INSTANTIATE_TEST_SUITE_P(With, IncomingForeignKey,
                         testing::Values(ForeignKeyAction{"cascade", "CASCADE"},
                                         ForeignKeyAction{"set_null", "SET NULL"},
                                         ForeignKeyAction{"set_default", "SET DEFAULT"},
                                         ForeignKeyAction{"restrict", "RESTRICT"},
                                         ForeignKeyAction{"no_action", "NO ACTION"}),
                         [](const auto& parameter) { return std::string(parameter.param.name); });

TEST_F(Refused, TablesThatCannotBeMovedAreNamedWithTheReason) {
  connection_.run_script(
      "CREATE UNLOGGED TABLE unlogged_one (id int PRIMARY KEY); CREATE VIEW a_view AS SELECT * FROM events;"
      "CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child () INHERITS (parent);"
      "CREATE TABLE booked (id int, r int4range, EXCLUDE USING gist (r WITH &&));");
  for (const auto& [table, reason] : {std::pair{"unlogged_one", "unlogged"},
                                      {"a_view", "view"},
                                      {"parent", "inherit"},
                                      {"child", "inherit"},
                                      {"booked", "exclusion"},
                                      {"pg_catalog.pg_class", "system"}}) {
    const std::string column = std::string(table) == "pg_catalog.pg_class" ? "oid" : "id";
    const Outcome outcome = migration_.plan({"--table", table, "--by", "HASH (" + column + ")", "--partitions", "2"});
    EXPECT_EQ(outcome.exit_code, 2) << table << ": " << outcome;
    EXPECT_THAT(outcome.errors, HasSubstr(reason)) << table;
    EXPECT_FALSE(fs::exists(migration_.checkpoint()));
  }
}

TEST_F(Refused, InvalidIndexIsNamed) {
  connection_.run_script("CREATE TABLE doubled (id int PRIMARY KEY, n int); INSERT INTO doubled VALUES (1, 1), (2, 1)");
  EXPECT_THROW(connection_.query("CREATE UNIQUE INDEX CONCURRENTLY broken ON doubled (n)"), std::exception);
  const Outcome outcome = migration_.plan({"--table", "doubled", "--by", "HASH (id)", "--partitions", "2"});
  EXPECT_THAT(outcome.output + outcome.errors, HasSubstr("broken")) << outcome;
}

TEST_F(Refused, NullKeysWithoutADefaultPartition) {
  connection_.run_script("CREATE TABLE gaps (id int PRIMARY KEY, n int); INSERT INTO gaps VALUES (1, 1), (2, NULL)");
  expect_refused(migration_.plan({"--table", "gaps", "--by", "RANGE (n)", "--interval", "10"}), "NULL");
}

TEST_F(Refused, AllReasonsAreGivenAtOnce) {
  connection_.run_script(
      "CREATE TABLE troubled (id int PRIMARY KEY, n int, r int4range, EXCLUDE USING gist (r WITH &&));"
      "CREATE TABLE child (t int REFERENCES troubled ON DELETE CASCADE); INSERT INTO troubled VALUES (1, NULL, NULL)");
  const Outcome outcome =
      migration_.plan({"--table", "troubled", "--by", "RANGE (n)", "--interval", "10", "--method", "move"});
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("child"));
  EXPECT_THAT(outcome.errors, HasSubstr("exclusion"));
}

}  // namespace
}  // namespace pgsluice::tests

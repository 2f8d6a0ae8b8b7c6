// A run may be stopped, and goes on: exit code 4, a sentence that says how, no row lost or doubled, no more than a
// batch a worker done again. Several movers may share a migration. Data errors stop their range alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/database.hpp"
#include "tests/support/migration.hpp"
#include "tests/support/row_set.hpp"

namespace pgsluice::tests {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr int kRows = 3000;

// Every method.
class Stopped : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    connection_.run_script(
        "CREATE TABLE items (id bigint PRIMARY KEY, name text, at timestamptz);"
        "INSERT INTO items SELECT i, 'n' || i % 10, now() FROM generate_series(1, " +
        std::to_string(kRows) + ") i; ANALYZE items;");
    before_ = read_rows(connection_, "items");
  }

  Outcome plan() {
    return migration_.plan(
        {"--table", "items", "--by", "HASH (id)", "--partitions", "4", "--range-rows", "250", "--method", GetParam()});
  }

  ProgramOptions slow_run(const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"--workers", "2", "--batch-rows", "3", "--progress", "none"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return migration_.command("run", arguments);
  }

  std::int64_t rows_in_ledger() {
    if (connection_.query("SELECT to_regclass('pgsluice.batch_done')").is_null(0, 0)) return 0;
    return connection_.query("SELECT coalesce(sum(rows), 0) FROM pgsluice.batch_done").integer(0, 0);
  }

  // False when it ended before.
  bool wait_for_rows(Program& program, std::int64_t rows) {
    while (rows_in_ledger() < rows) {
      if (program.ends_within(2ms)) return false;
    }
    return true;
  }

  void expect_all_rows_arrived() {
    EXPECT_EQ(difference(before_, read_rows(connection_, "items_partitioned")), "");
    const bool empties_source = std::string(GetParam()).find("move") != std::string::npos;
    EXPECT_EQ(difference(empties_source ? RowSet{} : before_, read_rows(connection_, "ONLY items")), "");
    const Outcome verified = migration_.verify();
    EXPECT_EQ(verified.exit_code, 0) << verified;
  }

  Database database_;
  pg::Connection connection_ = database_.connect();
  Migration migration_{database_};
  RowSet before_;
};

std::string name_of_method(const testing::TestParamInfo<const char*>& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(By, Stopped, testing::Values("insert", "move", "stream", "stream-move"), name_of_method);

TEST_P(Stopped, InterruptFinishesTheBatchAndTheSameCommandGoesOn) {
  ASSERT_EQ(plan().exit_code, 0);
  std::int64_t rows = 0;
  for (const int signal : {SIGINT, SIGTERM}) {
    Program program(slow_run());
    ASSERT_TRUE(wait_for_rows(program, rows + 100)) << program.wait();
    program.send(signal);
    const Outcome stopped = program.wait();
    EXPECT_EQ(stopped.exit_code, 4) << stopped;
    EXPECT_THAT(stopped.errors, HasSubstr("Run the same command again"));
    EXPECT_THAT(stopped.errors, HasSubstr("pgsluice rollback"));
    EXPECT_THAT(stopped.errors, HasSubstr("nothing is lost and nothing is moved twice"));
    EXPECT_LT(rows_in_ledger(), kRows) << "the run was too short for this test";
    EXPECT_EQ(connection_.query("SELECT count(*) FROM items_partitioned").integer(0, 0), rows_in_ledger());
    rows = rows_in_ledger();
  }
  const Outcome rest = migration_.run({"--json"});
  ASSERT_EQ(rest.exit_code, 0) << rest;
  EXPECT_EQ(nlohmann::json::parse(rest.output)["rows_this_run"], kRows - rows);
  expect_all_rows_arrived();
}

// The target is the user's, with a trigger that makes one batch last for a minute.
TEST_P(Stopped, SecondInterruptCancelsALongBatch) {
  connection_.run_script(
      "CREATE TABLE tree (LIKE items) PARTITION BY HASH (id);"
      "CREATE TABLE tree_0 PARTITION OF tree FOR VALUES WITH (MODULUS 1, REMAINDER 0);"
      "CREATE TABLE patience (seconds int); INSERT INTO patience VALUES (60);"
      "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(seconds) FROM "
      "public.patience; RETURN NEW; "
      "END$$;"
      "CREATE TRIGGER wait BEFORE INSERT ON tree FOR EACH ROW WHEN (NEW.id = 100) EXECUTE FUNCTION wait();");
  const Outcome planned =
      migration_.plan({"--table", "items", "--into", "tree", "--range-rows", "250", "--method", GetParam()});
  ASSERT_EQ(planned.exit_code, 0) << planned;
  Program program(slow_run());
  const std::string sleeping =
      "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
  while (connection_.query(sleeping).integer(0, 0) == 0) ASSERT_FALSE(program.ends_within(5ms)) << program.wait();
  program.send(SIGINT);
  EXPECT_FALSE(program.ends_within(500ms)) << "the batch in flight is to be finished";
  program.send(SIGINT);
  EXPECT_TRUE(program.ends_within(20s));
  const Outcome stopped = program.wait();
  EXPECT_EQ(stopped.exit_code, 4) << stopped;
  connection_.query("UPDATE patience SET seconds = 0");
  const Outcome rest = migration_.run();
  ASSERT_EQ(rest.exit_code, 0) << rest;
  EXPECT_EQ(difference(before_, read_rows(connection_, "tree")), "");
}

TEST_P(Stopped, KilledMoverLosesAtMostABatchAWorker) {
  ASSERT_EQ(plan().exit_code, 0);
  for (int round = 1; round <= 3; ++round) {
    Program program(slow_run());
    ASSERT_TRUE(wait_for_rows(program, round * 300)) << program.wait();
    program.send(SIGKILL);
    program.wait();
  }
  const std::int64_t rows = rows_in_ledger();
  const Outcome rest = migration_.run({"--json"});
  ASSERT_EQ(rest.exit_code, 0) << rest;
  // The killed mover's sessions may have committed one batch each after we looked.
  const std::int64_t again = nlohmann::json::parse(rest.output)["rows_this_run"];
  EXPECT_LE(std::abs(kRows - rows - again), 2 * 3);
  expect_all_rows_arrived();
}

TEST_P(Stopped, StoppedMigrationCanBeRolledBack) {
  ASSERT_EQ(plan().exit_code, 0);
  Program program(slow_run());
  ASSERT_TRUE(wait_for_rows(program, 300)) << program.wait();
  program.send(SIGINT);
  ASSERT_EQ(program.wait().exit_code, 4);
  const Outcome undone = migration_.rollback();
  ASSERT_EQ(undone.exit_code, 0) << undone;
  EXPECT_EQ(difference(before_, read_rows(connection_, "items")), "");
  EXPECT_TRUE(connection_.query("SELECT to_regclass('items_partitioned')").is_null(0, 0));
  EXPECT_TRUE(connection_.query("SELECT to_regnamespace('pgsluice')").is_null(0, 0));
}

TEST_P(Stopped, TwoMoversOnTwoCopiesOfTheCheckpointShareTheWork) {
  ASSERT_EQ(plan().exit_code, 0);
  const Migration second(database_);
  fs::copy_file(migration_.checkpoint(), second.checkpoint());
  const std::vector<std::string> slowly = {"--workers", "2", "--batch-rows", "1", "--progress", "none", "--json"};
  Program one(migration_.command("run", slowly));
  Program two(second.command("run", slowly));
  const Outcome first = one.wait();
  const Outcome other = two.wait();
  ASSERT_EQ(first.exit_code, 0) << first;
  ASSERT_EQ(other.exit_code, 0) << other;
  const std::int64_t by_first = nlohmann::json::parse(first.output)["rows_this_run"];
  const std::int64_t by_other = nlohmann::json::parse(other.output)["rows_this_run"];
  EXPECT_EQ(by_first + by_other, kRows);  // How they share is chance: one may be done before the other has begun.
  expect_all_rows_arrived();
  EXPECT_EQ(second.verify().exit_code, 0);
}

TEST_P(Stopped, OtherMoverGoesOnWhenOneIsKilled) {
  ASSERT_EQ(plan().exit_code, 0);
  const Migration second(database_);
  fs::copy_file(migration_.checkpoint(), second.checkpoint());
  Program one(slow_run());
  Program two(second.command("run", {"--workers", "2", "--batch-rows", "3", "--progress", "none"}));
  ASSERT_TRUE(wait_for_rows(one, 300)) << one.wait();
  one.send(SIGKILL);
  const Outcome outcome = two.wait();
  ASSERT_EQ(outcome.exit_code, 0) << outcome;
  const Outcome late = migration_.run();
  EXPECT_EQ(late.exit_code, 0) << late;
  expect_all_rows_arrived();
}

TEST_P(Stopped, RowsWithoutAPartitionStopTheirRangeAloneAndGoOnWhenMended) {
  connection_.run_script(
      "CREATE TABLE tree (LIKE items) PARTITION BY RANGE (id);"
      "CREATE TABLE tree_low PARTITION OF tree FOR VALUES FROM (MINVALUE) TO (1000);"
      "CREATE TABLE tree_high PARTITION OF tree FOR VALUES FROM (1001) TO (MAXVALUE);");
  const Outcome planned =
      migration_.plan({"--table", "items", "--into", "tree", "--range-rows", "250", "--method", GetParam()});
  ASSERT_EQ(planned.exit_code, 0) << planned;
  const Outcome failed = migration_.run({"--workers", "2", "--batch-rows", "50"});
  EXPECT_EQ(failed.exit_code, 1) << failed;
  EXPECT_THAT(failed.errors, HasSubstr("1 of "));
  EXPECT_THAT(failed.errors, HasSubstr("no partition of relation \"tree\" found for row"));
  EXPECT_THAT(failed.errors, HasSubstr("(id) = (1000)"));
  EXPECT_THAT(failed.errors, HasSubstr("pgsluice status"));
  const Outcome status = migration_.status();
  EXPECT_EQ(status.exit_code, 0);
  EXPECT_THAT(status.output, HasSubstr("(id) = (1000)")) << status;
  const std::int64_t arrived = connection_.query("SELECT count(*) FROM tree").integer(0, 0);
  EXPECT_GE(arrived, kRows - 300) << "other ranges are to go on";
  EXPECT_LT(arrived, kRows);
  EXPECT_EQ(migration_.verify().exit_code, 2) << "an incomplete migration is not verified";

  connection_.run_script("CREATE TABLE tree_hole PARTITION OF tree FOR VALUES FROM (1000) TO (1001)");
  const Outcome mended = migration_.run();
  ASSERT_EQ(mended.exit_code, 0) << mended;
  EXPECT_EQ(difference(before_, read_rows(connection_, "tree")), "");
  EXPECT_EQ(migration_.verify().exit_code, 0);
}

TEST_P(Stopped, ValueThatTheTargetRefusesNamesTheColumnAndTheRow) {
  connection_.run_script(
      "CREATE TABLE tree (id bigint, name varchar(2), at timestamptz) PARTITION BY HASH (id);"
      "CREATE TABLE tree_0 PARTITION OF tree FOR VALUES WITH (MODULUS 1, REMAINDER 0);"
      "UPDATE items SET name = 'far too long' WHERE id = 777;");
  const RowSet before = read_rows(connection_, "items");
  const Outcome planned =
      migration_.plan({"--table", "items", "--into", "tree", "--range-rows", "250", "--method", GetParam()});
  if (planned.exit_code == 2) {
    EXPECT_THAT(planned.errors, HasSubstr("name")) << planned;
    return;
  }
  const Outcome failed = migration_.run({"--batch-rows", "50"});
  EXPECT_EQ(failed.exit_code, 1) << failed;
  EXPECT_THAT(failed.errors, HasSubstr("value too long")) << failed;
  const Outcome undone = migration_.rollback();
  ASSERT_EQ(undone.exit_code, 0) << undone;
  EXPECT_EQ(difference(before, read_rows(connection_, "items")), "");
}

TEST_P(Stopped, LostSessionsAreOpenedAgain) {
  ASSERT_EQ(plan().exit_code, 0);
  Program program(slow_run({"--json"}));
  pg::Connection superuser = database_.connect_as_superuser();
  for (int round = 1; round <= 4; ++round) {
    ASSERT_TRUE(wait_for_rows(program, round * 300)) << program.wait();
    superuser.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND "
        "application_name LIKE 'pgsluice%'");
  }
  const Outcome outcome = program.wait();
  ASSERT_EQ(outcome.exit_code, 0) << outcome;
  EXPECT_GT(nlohmann::json::parse(outcome.output)["retries"], 0);
  expect_all_rows_arrived();
}

}  // namespace
}  // namespace pgsluice::tests

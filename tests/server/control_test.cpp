// A run is watched, steered and stopped from another terminal, by `pgsluice control` with its checkpoint.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
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
using nlohmann::json;
using testing::HasSubstr;

class Controlled : public testing::Test {
 protected:
  // The target is the user's, with a trigger that makes rows wait while the table `patience` says so.
  void SetUp() override {
    connection_.run_script(
        "CREATE TABLE items (id bigint PRIMARY KEY, name text);"
        "INSERT INTO items SELECT i, 'n' || i % 10 FROM generate_series(1, 3000) i; ANALYZE items;"
        "CREATE TABLE tree (LIKE items) PARTITION BY HASH (id);"
        "CREATE TABLE tree_0 PARTITION OF tree FOR VALUES WITH (MODULUS 1, REMAINDER 0);"
        "CREATE TABLE patience (seconds float8); INSERT INTO patience VALUES (0.02);"
        "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(seconds) FROM "
        "public.patience; RETURN NEW; END$$;"
        "CREATE TRIGGER wait BEFORE INSERT ON tree_0 FOR EACH ROW EXECUTE FUNCTION wait();");
    before_ = read_rows(connection_, "items");
    const Outcome planned =
        migration_.plan({"--table", "items", "--into", "tree", "--range-rows", "250", "--method", "insert"});
    ASSERT_EQ(planned.exit_code, 0) << planned;
  }

  ProgramOptions slow_run(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {"--workers", "2", "--batch-rows", "10", "--progress", "none"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return migration_.command("run", arguments);
  }

  static Outcome control(const Migration& migration, const std::vector<std::string>& words) {
    std::vector<std::string> arguments = {"control", migration.checkpoint().string()};
    arguments.insert(arguments.end(), words.begin(), words.end());
    return run_pgsluice(arguments);
  }
  Outcome control(const std::vector<std::string>& words) const { return control(migration_, words); }

  // The status of a mover that has moved rows; null when the program ended before.
  static json status_while_moving(Program& program, const Migration& migration) {
    while (!program.ends_within(5ms)) {
      const Outcome outcome = control(migration, {"status", "--json"});
      const json status = outcome.exit_code == 0 ? json::parse(outcome.output) : json();
      if (status.is_object() && status["rows_this_run"] > 0) {
        return status;
      }
    }
    return nullptr;
  }

  void end_the_wait() { connection_.query("UPDATE patience SET seconds = 0"); }

  Database database_;
  pg::Connection connection_ = database_.connect();
  Migration migration_{database_};
  RowSet before_;
};

TEST_F(Controlled, StatusShowsTheFiguresOfTheRunAsTextAndAsADocument) {
  Program program(slow_run());
  const json status = status_while_moving(program, migration_);
  ASSERT_TRUE(status.is_object()) << program.wait();
  EXPECT_EQ(status["phase"], "moving rows");
  EXPECT_EQ(status["unit"], "ranges");
  EXPECT_EQ(status["workers"], 2);
  EXPECT_EQ(status["pid"], program.pid());
  EXPECT_EQ(status["paused"], false);
  EXPECT_EQ(status["settings"]["batch-rows"], "10");
  const Outcome text = control({"status"});
  EXPECT_EQ(text.exit_code, 0) << text;
  EXPECT_THAT(text.output, HasSubstr("phase       moving rows\n"));
  EXPECT_THAT(text.output, HasSubstr(" of 2 busy\n"));
  end_the_wait();
  EXPECT_EQ(program.wait().exit_code, 0);
}

TEST_F(Controlled, StopEndsTheRunAsAnInterruptDoesAndTheSameCommandGoesOn) {
  Program program(slow_run());
  ASSERT_TRUE(status_while_moving(program, migration_).is_object()) << program.wait();
  const Outcome asked = control({"stop"});
  EXPECT_EQ(asked.exit_code, 0) << asked;
  EXPECT_THAT(asked.output, HasSubstr("batches in flight are finished"));
  const Outcome stopped = program.wait();
  EXPECT_EQ(stopped.exit_code, 4) << stopped;
  EXPECT_THAT(stopped.errors, HasSubstr("`pgsluice control` asked to stop"));
  EXPECT_THAT(stopped.errors, HasSubstr("Run the same command again"));
  EXPECT_FALSE(fs::exists(migration_.checkpoint().string() + ".sock"));
  end_the_wait();
  const Outcome rest = migration_.run();
  ASSERT_EQ(rest.exit_code, 0) << rest;
  EXPECT_EQ(difference(before_, read_rows(connection_, "tree")), "");
  EXPECT_EQ(migration_.verify().exit_code, 0);
}

TEST_F(Controlled, SecondStopCancelsALongBatch) {
  connection_.query("UPDATE patience SET seconds = 60");
  Program program(slow_run());
  const std::string sleeping =
      "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
  while (connection_.query(sleeping).integer(0, 0) == 0) ASSERT_FALSE(program.ends_within(5ms)) << program.wait();
  EXPECT_EQ(control({"stop"}).exit_code, 0);
  EXPECT_FALSE(program.ends_within(500ms)) << "the batch in flight is to be finished";
  const Outcome again = control({"stop"});
  EXPECT_THAT(again.output, HasSubstr("cancelled")) << again;
  EXPECT_TRUE(program.ends_within(20s));
  EXPECT_EQ(program.wait().exit_code, 4);
}

TEST_F(Controlled, WhatWasSetIsRecordedAndALaterRunKeepsItUnlessItsOptionsSayOtherwise) {
  {
    Program program(slow_run());
    ASSERT_TRUE(status_while_moving(program, migration_).is_object()) << program.wait();
    const Outcome set = control({"set", "batch-rows=7", "workers=3", "max-iops=100k"});
    EXPECT_EQ(set.exit_code, 0) << set;
    EXPECT_THAT(set.output, HasSubstr("batch-rows: 10 -> 7, "));
    EXPECT_THAT(set.output, HasSubstr("max-iops: none -> 100000, "));
    const json status = json::parse(control({"status", "--json"}).output);
    EXPECT_EQ(status["settings"]["batch-rows"], "7");
    program.send(SIGKILL);  // Nothing is left to be recorded later.
    program.wait();
  }
  Program program(migration_.command("run", {"--workers", "1", "--progress", "none"}));
  ASSERT_TRUE(status_while_moving(program, migration_).is_object()) << program.wait();
  const Outcome got = control({"get"});
  EXPECT_THAT(got.output, HasSubstr("batch-rows  7  (control, in an earlier run)\n")) << got;
  EXPECT_THAT(got.output, HasSubstr("workers     1  (command line)\n"));
  EXPECT_THAT(got.output, HasSubstr("max-iops    100000  (control, in an earlier run)\n"));
  EXPECT_EQ(json::parse(control({"get", "max-mbps", "--json"}).output).dump(),
            R"({"settings":[{"name":"max-mbps","origin":"default","value":"none"}]})");
  end_the_wait();
  const Outcome rest = program.wait();
  ASSERT_EQ(rest.exit_code, 0) << rest;
  EXPECT_THAT(rest.errors, HasSubstr("kept from `pgsluice control` during an earlier run: max-iops 100000, "
                                     "batch-rows 7"));
}

TEST_F(Controlled, AChangeThatIsRefusedChangesNothing) {
  Program program(slow_run());
  ASSERT_TRUE(status_while_moving(program, migration_).is_object()) << program.wait();
  const Outcome refused = control({"set", "workers=5", "max-iops=fast", "--json"});
  EXPECT_EQ(refused.exit_code, 2) << refused;
  EXPECT_THAT(refused.errors, HasSubstr("max-iops cannot be \"fast\""));
  EXPECT_EQ(json::parse(refused.output)["exit_code"], 2);
  EXPECT_THAT(control({"get", "workers"}).output, HasSubstr("workers     2  (command line)"));
  end_the_wait();
  EXPECT_EQ(program.wait().exit_code, 0);
}

TEST_F(Controlled, AMoverThatPausesSaysSoToWhoeverAsksHowItIs) {
  Program program(slow_run());
  ASSERT_TRUE(status_while_moving(program, migration_).is_object()) << program.wait();
  EXPECT_THAT(control({"pause"}).output, HasSubstr("Paused"));
  EXPECT_THAT(control({"pause"}).output, HasSubstr("was paused before"));
  EXPECT_THAT(control({"status"}).output, HasSubstr("waits for   paused by `pgsluice control`\n"));
  const Outcome status = migration_.status();
  EXPECT_THAT(status.output, HasSubstr("waits for   paused by `pgsluice control`\n")) << status;
  EXPECT_THAT(control({"resume"}).output, HasSubstr("Resumed"));
  EXPECT_EQ(json::parse(migration_.status({"--json"}).output)["mover"]["paused"], false);
  program.send(SIGINT);
  EXPECT_EQ(program.wait().exit_code, 4);
}

TEST_F(Controlled, WithoutAMoverNothingHappens) {
  const Outcome none = control({"pause"});
  EXPECT_EQ(none.exit_code, 2) << none;
  EXPECT_THAT(none.errors, HasSubstr("no mover is at work on checkpoint " + migration_.checkpoint().string()));
  Program program(slow_run());
  ASSERT_TRUE(status_while_moving(program, migration_).is_object()) << program.wait();
  program.send(SIGKILL);
  program.wait();
  ASSERT_TRUE(fs::exists(migration_.checkpoint().string() + ".sock")) << "it had no time to remove it";
  EXPECT_THAT(control({"status"}).errors, HasSubstr("no mover is at work"));
  end_the_wait();
  EXPECT_EQ(migration_.run().exit_code, 0) << "the socket that was left must not disturb";
  const Outcome elsewhere = run_pgsluice({"control", "/nowhere/a.file", "status"});
  EXPECT_EQ(elsewhere.exit_code, 2);
  EXPECT_THAT(elsewhere.errors, HasSubstr("cannot open checkpoint /nowhere/a.file"));
}

TEST_F(Controlled, ARunWithoutASocketWarnsAndGoesOn) {
  const fs::path in_the_way = migration_.checkpoint().string() + ".sock";
  fs::create_directory(in_the_way);
  end_the_wait();
  const Outcome outcome = migration_.run();
  EXPECT_EQ(outcome.exit_code, 0) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("`pgsluice control` cannot reach this run: cannot make the socket"));
  EXPECT_EQ(difference(before_, read_rows(connection_, "tree")), "");
  EXPECT_TRUE(fs::is_empty(in_the_way));
}

TEST_F(Controlled, TwoMoversOnTwoCopiesOfTheCheckpointAreSteeredEachByItsOwn) {
  const Migration second(database_);
  fs::copy_file(migration_.checkpoint(), second.checkpoint());
  Program one(slow_run());
  Program two(second.command("run", {"--workers", "1", "--batch-rows", "10", "--progress", "none"}));
  const json of_one = status_while_moving(one, migration_);
  const json of_two = status_while_moving(two, second);
  ASSERT_TRUE(of_one.is_object() && of_two.is_object()) << one.wait() << two.wait();
  EXPECT_EQ(of_one["pid"], one.pid());
  EXPECT_EQ(of_two["pid"], two.pid());
  EXPECT_EQ(control(second, {"stop"}).exit_code, 0);
  EXPECT_EQ(two.wait().exit_code, 4);
  EXPECT_EQ(control({"status"}).exit_code, 0);
  end_the_wait();
  EXPECT_EQ(one.wait().exit_code, 0);
  EXPECT_EQ(difference(before_, read_rows(connection_, "tree")), "");
}

}  // namespace
}  // namespace pgsluice::tests

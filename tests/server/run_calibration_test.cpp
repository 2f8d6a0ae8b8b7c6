// The run finds the best method by moving its first ranges by each, says so, and remembers it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "pg/identifier.hpp"
#include "tests/support/database.hpp"
#include "tests/support/migration.hpp"
#include "tests/support/row_set.hpp"

namespace pgsluice::tests {
namespace {

using testing::HasSubstr;

constexpr const char* kEvents =
    "CREATE TABLE events (id bigint PRIMARY KEY, kind int NOT NULL, note text NOT NULL);"
    "INSERT INTO events SELECT i, i % 7, 'note ' || i FROM generate_series(1, 6000) i; ANALYZE events;";

class Calibrated : public testing::Test {
 protected:
  void SetUp() override { connection_.run_script(kEvents); }

  // Short ranges, so that there are enough of them for trials.
  Outcome plan(const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"--table", "events", "--split", "key", "--range-rows", "10"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return migration_.plan(arguments);
  }
  Outcome plan_hash(const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"--by", "HASH (id)", "--partitions", "4"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return plan(arguments);
  }

  static std::set<std::string> methods_tried(const nlohmann::json& calibration) {
    std::set<std::string> methods;
    for (const nlohmann::json& trial : calibration.at("trials")) methods.insert(trial.at("method"));
    return methods;
  }

  Database database_;
  pg::Connection connection_ = database_.connect();
  Migration migration_{database_};
};

TEST_F(Calibrated, TriesEachCopyingMethodOnRealRangesAndTellsWhatItFound) {
  const RowSet rows = read_rows(connection_, "events");
  ASSERT_EQ(plan_hash().exit_code, 0);
  const Outcome outcome = migration_.run({"--workers", "2", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome;
  const nlohmann::json calibration = nlohmann::json::parse(outcome.output).at("calibration");
  EXPECT_EQ(methods_tried(calibration), (std::set<std::string>{"insert", "stream"}));
  EXPECT_EQ(calibration["optimize"], "time");
  EXPECT_EQ(calibration["workers"], 2);
  for (const nlohmann::json& trial : calibration["trials"]) {
    EXPECT_GT(trial["rows"], 0) << calibration.dump(2);
    EXPECT_GT(trial["wal_bytes_per_row"], 0);
  }
  EXPECT_EQ(difference(rows, read_rows(connection_, "events_partitioned")), "");
  EXPECT_EQ(migration_.verify().exit_code, 0);
  const std::string chosen = calibration["method"].get<std::string>() + " with 2 workers: ";
  EXPECT_THAT(migration_.status().output, HasSubstr("chosen      " + chosen));
}

TEST_F(Calibrated, AmongMethodsThatEmptyTheSourceOnlyWhenAsked) {
  const RowSet rows = read_rows(connection_, "events");
  ASSERT_EQ(plan_hash({"--method", "auto-move"}).exit_code, 0);
  const Outcome outcome = migration_.run({"--workers", "2", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome;
  const nlohmann::json calibration = nlohmann::json::parse(outcome.output).at("calibration");
  EXPECT_EQ(methods_tried(calibration), (std::set<std::string>{"move", "stream-move"}));
  EXPECT_EQ(difference(rows, read_rows(connection_, "events_partitioned")), "");
  EXPECT_EQ(connection_.query("SELECT count(*) FROM events").integer(0, 0), 0);
  EXPECT_EQ(migration_.verify().exit_code, 0) << "checksums of both methods add up";
  ASSERT_EQ(migration_.rollback().exit_code, 0);
  EXPECT_EQ(difference(rows, read_rows(connection_, "events")), "");
}

TEST_F(Calibrated, FindsTheNumberOfSessionsToo) {
  ASSERT_EQ(plan_hash({"--method", "insert"}).exit_code, 0);
  const Outcome outcome = migration_.run({"--workers", "auto", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome;
  const nlohmann::json calibration = nlohmann::json::parse(outcome.output).at("calibration");
  std::set<int> counts;
  for (const nlohmann::json& trial : calibration["trials"]) counts.insert(trial["workers"].get<int>());
  EXPECT_GE(counts.size(), 2U) << calibration.dump(2);
  EXPECT_TRUE(counts.contains(calibration["workers"].get<int>()));
}

TEST_F(Calibrated, ResumeGoesOnWithTheChoiceOfTheRunBefore) {
  // A row that no leaf takes ends the first run after its trials.
  connection_.run_script(
      "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
      "'BEGIN IF NEW.id = 5990 THEN RAISE EXCEPTION ''not this one'' USING ERRCODE = ''23514''; END IF; RETURN NEW; "
      "END';"
      "CREATE TABLE events_partitioned (LIKE events) PARTITION BY LIST (kind);"
      "CREATE TABLE all_kinds PARTITION OF events_partitioned DEFAULT;"
      "CREATE TRIGGER refuse BEFORE INSERT ON all_kinds FOR EACH ROW EXECUTE FUNCTION refuse();");
  const Migration into_existing(database_);
  ASSERT_EQ(into_existing.plan({"--table", "events", "--split", "key", "--range-rows", "10"}).exit_code, 0);
  const Outcome first = into_existing.run({"--workers", "2", "--json"});
  ASSERT_EQ(first.exit_code, 1) << first;
  const nlohmann::json chosen = nlohmann::json::parse(first.output).at("calibration");
  connection_.query("DROP TRIGGER refuse ON all_kinds");
  const Outcome second = into_existing.run({"--workers", "2", "--json"});
  ASSERT_EQ(second.exit_code, 0) << second;
  EXPECT_EQ(nlohmann::json::parse(second.output).at("calibration"), chosen) << "nothing was measured anew";
  EXPECT_EQ(difference(read_rows(connection_, "events"), read_rows(connection_, "events_partitioned")), "");
}

TEST_F(Calibrated, MethodThatDoesNotSuitTheTableIsLeftOutAndItsRangesAreMovedByTheOther) {
  connection_.run_script(
      "CREATE FUNCTION no_copy() RETURNS trigger LANGUAGE plpgsql AS "
      "'BEGIN IF current_query() LIKE ''COPY%'' THEN RAISE EXCEPTION ''no COPY here''; END IF; RETURN NEW; END';"
      "CREATE TABLE events_partitioned (LIKE events) PARTITION BY LIST (kind);"
      "CREATE TABLE all_kinds PARTITION OF events_partitioned DEFAULT;"
      "CREATE TRIGGER no_copy BEFORE INSERT ON all_kinds FOR EACH ROW EXECUTE FUNCTION no_copy();");
  ASSERT_EQ(plan({}).exit_code, 0);
  const Outcome outcome = migration_.run({"--workers", "2", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("stream with 2 workers does not suit and is left out: no COPY here"));
  EXPECT_EQ(nlohmann::json::parse(outcome.output).at("calibration").at("method"), "insert");
  EXPECT_EQ(difference(read_rows(connection_, "events"), read_rows(connection_, "events_partitioned")), "");
}

TEST_F(Calibrated, ServerWithoutRoomForMoreSessionsIsNotAskedForThemTwice) {
  ASSERT_EQ(plan_hash({"--method", "insert"}).exit_code, 0);
  // This test's, the lead's three and two workers'; not four workers'.
  const std::string limit = "ALTER DATABASE " + pg::quoted(database_.name()) + " CONNECTION LIMIT ";
  database_.connect_as_superuser().run_script(limit + "7");
  const Outcome outcome = migration_.run({"--workers", "auto", "--json"});
  database_.connect_as_superuser().run_script(limit + "-1");
  ASSERT_EQ(outcome.exit_code, 0) << outcome;
  EXPECT_THAT(outcome.errors,
              HasSubstr("insert with 4 workers does not suit and is left out: it needs 2 more sessions"));
  EXPECT_EQ(difference(read_rows(connection_, "events"), read_rows(connection_, "events_partitioned")), "");
}

TEST_F(Calibrated, FewRangesAreMovedByTheFirstMethodWithoutTrials) {
  ASSERT_EQ(migration_.plan({"--table", "events", "--by", "HASH (id)", "--partitions", "4"}).exit_code, 0);
  const Outcome outcome = migration_.run({"--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome;
  const nlohmann::json calibration = nlohmann::json::parse(outcome.output).at("calibration");
  EXPECT_EQ(calibration["method"], "insert");
  EXPECT_TRUE(calibration["trials"].empty());
}

TEST_F(Calibrated, OptimizeTakesNothingButItsThreeNames) {
  ASSERT_EQ(plan_hash().exit_code, 0);
  const Outcome outcome = migration_.run({"--optimize", "speed"});
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("--optimize is time, wal or io"));
}

}  // namespace
}  // namespace pgsluice::tests

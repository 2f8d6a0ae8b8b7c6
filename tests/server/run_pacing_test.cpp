// A run keeps to its budget and stops for its brakes: it says why it waits, holds nothing meanwhile, and moves every
// row once all the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/support/database.hpp"
#include "tests/support/migration.hpp"
#include "tests/support/row_set.hpp"

namespace pgsluice::tests {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using nlohmann::json;
using testing::HasSubstr;

constexpr auto kPatience = 60s;

class Paced : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    connection_.run_script(
        "CREATE TABLE readings (id bigint PRIMARY KEY, at timestamptz NOT NULL, pad text NOT NULL);"
        "INSERT INTO readings SELECT i, '2024-01-01Z'::timestamptz + i * interval '5 min', repeat('x', 200) "
        "FROM generate_series(1, 30000) i; CREATE INDEX ON readings (at); ANALYZE readings");
    before_ = read_rows(connection_, "readings");
    const Outcome planned = migration_.plan({"--table", "readings", "--by", "RANGE (at)", "--interval", "1 month",
                                             "--premake", "0", "--range-rows", "1000", "--method", GetParam()});
    ASSERT_EQ(planned.exit_code, 0) << planned;
  }

  std::vector<std::string> run_arguments(const std::vector<std::string>& more) const {
    std::vector<std::string> arguments = {"--workers", "2", "--json", "--progress", "none"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  bool empties_source() const { return std::string(GetParam()).find("move") != std::string::npos; }

  void expect_all_rows_arrived() {
    EXPECT_EQ(difference(before_, read_rows(connection_, "readings_partitioned")), "");
    EXPECT_EQ(connection_.query("SELECT count(*) FROM readings").integer(0, 0), empties_source() ? 0 : 30000);
  }

  Outcome control(const std::vector<std::string>& words) const {
    std::vector<std::string> arguments = {"control", migration_.checkpoint().string()};
    arguments.insert(arguments.end(), words.begin(), words.end());
    return run_pgsluice(arguments);
  }

  // What `control status` says once `is_so` holds of it; null when the program ended, or patience did.
  json wait_for_status(Program& program, const std::function<bool(const json&)>& is_so) const {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < end && !program.ends_within(20ms)) {
      const Outcome outcome = control({"status", "--json"});
      const json status = outcome.exit_code == 0 ? json::parse(outcome.output) : json();
      if (status.is_object() && status.contains("waiting_for") && is_so(status)) {
        return status;
      }
    }
    return nullptr;
  }
  static std::function<bool(const json&)> waits_for(const std::string& text) {
    return
        [text](const json& status) { return status["waiting_for"].get<std::string>().find(text) != std::string::npos; };
  }

  // Transactions, snapshots and locks of the mover's sessions, but for the session that asks.
  std::string held_by_the_mover() {
    const pg::Result rows = connection_.query(
        "SELECT coalesce(string_agg(application_name || ' ' || state || ' ' || coalesce(l.held, ''), '; '), '') "
        "FROM pg_stat_activity a LEFT JOIN LATERAL (SELECT string_agg(locktype || ' ' || mode, ', ') AS held "
        "FROM pg_locks WHERE pid = a.pid) l ON true "
        "WHERE datname = current_database() AND application_name LIKE 'pgsluice%' "
        "AND application_name NOT LIKE '%meter%' AND pid <> pg_backend_pid() "
        "AND (xact_start IS NOT NULL OR backend_xmin IS NOT NULL OR l.held IS NOT NULL)");
    return std::string(rows.text(0, 0));
  }
  // Batches in flight when the brake came on are finished first.
  std::string held_in_the_end() {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    std::string held = held_by_the_mover();
    while (!held.empty() && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(20ms);
      held = held_by_the_mover();
    }
    return held;
  }

  Database database_;
  pg::Connection connection_ = database_.connect();
  Migration migration_{database_};
  RowSet before_;
};

TEST_P(Paced, BudgetIsWaitedForAndTheSummarySaysHowLong) {
  const Outcome moved = migration_.run(run_arguments({"--max-iops", "600"}));
  ASSERT_EQ(moved.exit_code, 0) << moved;
  const json result = json::parse(moved.output);
  EXPECT_GT(result["seconds_waited"].value("operations", 0.0), 0) << result;
  expect_all_rows_arrived();
  EXPECT_EQ(migration_.verify({"--max-mbps", "50"}).exit_code, 0);
}

TEST_P(Paced, PauseFileStopsTheRowsUntilItIsGone) {
  const fs::path file = migration_.folder() / "pause";
  std::ofstream(file).put('\n');
  Program program(migration_.command("run", run_arguments({"--pause-file", file.string()})));
  const json status = wait_for_status(program, waits_for(file.string()));
  ASSERT_TRUE(status.is_object()) << program.wait();
  EXPECT_EQ(held_in_the_end(), "");
  EXPECT_EQ(connection_.query("SELECT count(*) FROM readings_partitioned").integer(0, 0), 0);
  fs::remove(file);
  const Outcome moved = program.wait();
  ASSERT_EQ(moved.exit_code, 0) << moved;
  EXPECT_GT(json::parse(moved.output)["seconds_waited"].value("pause file", 0.0), 0);
  expect_all_rows_arrived();
}

TEST_P(Paced, PausedRunHoldsNothingAndGoesOn) {
  Program program(migration_.command("run", run_arguments({"--max-iops", "300"})));
  const json moving = wait_for_status(program, [](const json& status) { return status["rows_this_run"] > 0; });
  ASSERT_TRUE(moving.is_object()) << program.wait();
  EXPECT_EQ(control({"pause"}).exit_code, 0);
  const json paused = wait_for_status(program, waits_for("paused"));
  ASSERT_TRUE(paused.is_object()) << program.wait();
  EXPECT_EQ(held_in_the_end(), "");
  const std::int64_t rows = connection_.query("SELECT count(*) FROM readings_partitioned").integer(0, 0);
  std::this_thread::sleep_for(300ms);
  EXPECT_EQ(connection_.query("SELECT count(*) FROM readings_partitioned").integer(0, 0), rows);
  EXPECT_LT(rows, 30000);
  EXPECT_EQ(control({"set", "max-iops=none", "workers=3"}).exit_code, 0);
  EXPECT_EQ(control({"resume"}).exit_code, 0);
  const Outcome moved = program.wait();
  ASSERT_EQ(moved.exit_code, 0) << moved;
  expect_all_rows_arrived();
}

TEST_P(Paced, RunKilledWhilePausedGoesOnWithTheSettingsAndWithoutThePause) {
  Program program(migration_.command("run", run_arguments({"--max-iops", "300"})));
  ASSERT_TRUE(wait_for_status(program, [](const json& status) { return status["rows_this_run"] > 0; }).is_object());
  EXPECT_EQ(control({"set", "max-mbps=400", "batch-rows=700"}).exit_code, 0);
  EXPECT_EQ(control({"pause"}).exit_code, 0);
  ASSERT_TRUE(wait_for_status(program, waits_for("paused")).is_object());
  program.send(SIGKILL);
  program.wait();
  const Outcome moved = migration_.run(run_arguments({}));
  ASSERT_EQ(moved.exit_code, 0) << moved;
  EXPECT_THAT(moved.errors, HasSubstr("kept from `pgsluice control` during an earlier run"));
  EXPECT_THAT(moved.errors, HasSubstr("max-mbps 400"));
  expect_all_rows_arrived();
}

TEST_P(Paced, StopEndsARunThatWaits) {
  const fs::path file = migration_.folder() / "pause";
  std::ofstream(file).put('\n');
  Program program(migration_.command("run", run_arguments({"--pause-file", file.string()})));
  ASSERT_TRUE(wait_for_status(program, waits_for(file.string())).is_object());
  program.send(SIGTERM);
  const Outcome stopped = program.wait();
  EXPECT_EQ(stopped.exit_code, 4) << stopped;
  ASSERT_EQ(migration_.run(run_arguments({})).exit_code, 0);
  expect_all_rows_arrived();
}

TEST_P(Paced, WorkersAreAddedAndTakenAwayWhileRowsMove) {
  Program program(migration_.command("run", run_arguments({"--max-iops", "400"})));
  ASSERT_TRUE(wait_for_status(program, [](const json& status) { return status["rows_this_run"] > 0; }).is_object());
  EXPECT_EQ(control({"set", "workers=5"}).exit_code, 0);
  EXPECT_TRUE(wait_for_status(program, [](const json& status) { return status["workers"] == 5; }).is_object());
  EXPECT_EQ(control({"set", "workers=1", "max-iops=none"}).exit_code, 0);
  const Outcome moved = program.wait();
  ASSERT_EQ(moved.exit_code, 0) << moved;
  expect_all_rows_arrived();
}

TEST_P(Paced, LimitThatCannotBeKeptIsRefusedBeforeAnythingChanges) {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"--max-iops", "0"},
                                                    {"--window", "25:00-26:00"},
                                                    {"--window", "22:00-06:00 Europe/Berlim"},
                                                    {"--pause-query", "SELECT nonsense FROM nowhere"},
                                                    {"--meter", "diskstats:no-such-device", "--max-iops", "100"},
                                                    {"--server-iops", "1000", "--meter", "none"}}) {
    const Outcome refused = migration_.run(run_arguments(arguments));
    EXPECT_EQ(refused.exit_code, 2) << refused;
    EXPECT_FALSE(connection_.query("SELECT to_regclass('readings_partitioned') IS NOT NULL").boolean(0, 0)) << refused;
  }
}

INSTANTIATE_TEST_SUITE_P(By, Paced, testing::Values("insert", "move", "stream"),
                         [](const auto& method) { return std::string(method.param); });

}  // namespace
}  // namespace pgsluice::tests

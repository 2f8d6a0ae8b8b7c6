// The fault seam must do what crash tests believe it does: count every outside step, and break exactly the one that is
// asked for.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <thread>

#include "tests/support/database.hpp"
#include "tests/support/installation.hpp"
#include "tests/support/program.hpp"

namespace pgsluice::tests {
namespace {

namespace fs = std::filesystem;

class DieAtStep : public testing::Test {
 protected:
  DieAtStep() {
    fs::create_directories(folder_);
    database_.connect().query("CREATE TABLE probe (n int)");
  }
  ~DieAtStep() override { fs::remove_all(folder_); }

  Outcome run_probe(std::map<std::string, std::string> environment) {
    ProgramOptions options;
    options.program = PGSLUICE_STEP_PROBE;
    options.arguments = {database_.conninfo(), file().string()};
    options.environment = std::move(environment);
    options.environment["LD_PRELOAD"] = PGSLUICE_DIE_AT_STEP_LIBRARY;
    return run(std::move(options));
  }

  fs::path file() const { return folder_ / "out"; }
  fs::path unfinished_file() const { return folder_ / "out.new"; }

  std::int64_t row_count() { return database_.connect().query("SELECT count(*) FROM probe").integer(0, 0); }

  // A server process that lost its client still does what it was sent.
  void wait_for_other_sessions_to_end() {
    pg::Connection connection = database_.connect_as_superuser();
    while (connection
               .query("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> "
                      "pg_backend_pid() AND backend_type = 'client backend')")
               .boolean(0, 0)) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }

  struct Counts {
    int steps = 0;
    int libpq_steps = 0;
    int commits = 0;
  };
  Counts counts_of_an_undisturbed_run() {
    const Outcome outcome = run_probe({{"PGSLUICE_STEPS_FILE", (folder_ / "steps").string()}});
    EXPECT_EQ(outcome.exit_code, 0) << outcome;
    Counts counts;
    std::ifstream(folder_ / "steps") >> counts.steps >> counts.libpq_steps >> counts.commits;
    fs::remove(file());
    database_.connect().query("TRUNCATE probe");
    return counts;
  }

  Database database_;
  fs::path folder_ = fs::temp_directory_path() / database_.name();
};

TEST_F(DieAtStep, CountsTheSameStepsInEveryRun) {
  const Counts first = counts_of_an_undisturbed_run();
  const Counts second = counts_of_an_undisturbed_run();
  EXPECT_EQ(first.steps, second.steps);
  EXPECT_EQ(first.commits, 1);
  EXPECT_EQ(first.steps, first.libpq_steps + 3);  // write, fsync, rename
}

TEST_F(DieAtStep, EveryStepBeforeTheEndKillsAndTheOneAfterTheLastDoesNot) {
  const int steps = counts_of_an_undisturbed_run().steps;
  for (const char* when : {"before", "after"}) {
    for (int step = 1; step <= steps; ++step) {
      const Outcome outcome = run_probe({{"PGSLUICE_DIE_AT_STEP", std::to_string(step)}, {"PGSLUICE_DIE_WHEN", when}});
      EXPECT_EQ(outcome.signal, SIGKILL) << when << " step " << step << ": " << outcome;
    }
  }
  EXPECT_EQ(run_probe({{"PGSLUICE_DIE_AT_STEP", std::to_string(steps + 1)}}).exit_code, 0);
}

TEST_F(DieAtStep, BeforeAndAfterAreTwoSidesOfTheSameCall) {
  const int rename_step = counts_of_an_undisturbed_run().steps;
  run_probe({{"PGSLUICE_DIE_AT_STEP", std::to_string(rename_step)}});
  EXPECT_TRUE(fs::exists(unfinished_file()));
  EXPECT_FALSE(fs::exists(file()));
  run_probe({{"PGSLUICE_DIE_AT_STEP", std::to_string(rename_step)}, {"PGSLUICE_DIE_WHEN", "after"}});
  EXPECT_FALSE(fs::exists(unfinished_file()));
  EXPECT_TRUE(fs::exists(file()));
}

TEST_F(DieAtStep, HalfLeavesATornWrite) {
  const int write_step = counts_of_an_undisturbed_run().steps - 2;
  const std::string step = std::to_string(write_step);
  EXPECT_EQ(run_probe({{"PGSLUICE_DIE_AT_STEP", step}, {"PGSLUICE_DIE_WHEN", "half"}}).signal, SIGKILL);
  EXPECT_EQ(file_text(unfinished_file()), "01234");
}

// The probe's COMMIT travels in a pipeline: it is sent by the step before the one that waits for the answers.
TEST_F(DieAtStep, HalfOfAPipelineNeverHoldsItsCommit) {
  const int sync_step = counts_of_an_undisturbed_run().steps - 4;
  const std::string step = std::to_string(sync_step);
  EXPECT_EQ(run_probe({{"PGSLUICE_DIE_AT_STEP", step}, {"PGSLUICE_DIE_WHEN", "half"}}).signal, SIGKILL);
  wait_for_other_sessions_to_end();
  EXPECT_EQ(row_count(), 0);
}

// A server process that finds its client gone while it answers the first statements never comes to the COMMIT; one
// that does not find out goes through all of them. Both happen; nothing in between does.
TEST_F(DieAtStep, APipelineWhoseClientDiesUnansweredIsDoneWhollyOrNotAtAll) {
  const int answer_step = counts_of_an_undisturbed_run().steps - 3;
  EXPECT_EQ(run_probe({{"PGSLUICE_DIE_AT_STEP", std::to_string(answer_step)}}).signal, SIGKILL);
  wait_for_other_sessions_to_end();
  const std::int64_t rows = row_count();
  EXPECT_TRUE(rows == 0 || rows == 2) << rows;
}

TEST_F(DieAtStep, TheStepBehindAPipelineFindsItCommitted) {
  const int write_step = counts_of_an_undisturbed_run().steps - 2;
  EXPECT_EQ(run_probe({{"PGSLUICE_DIE_AT_STEP", std::to_string(write_step)}}).signal, SIGKILL);
  EXPECT_EQ(row_count(), 2);
}

TEST_F(DieAtStep, CommitCutBeforeItIsSentIsInDoubtAndDidNotHappen) {
  const Outcome outcome = run_probe({{"PGSLUICE_CUT_AT_COMMIT", "1:before"}});
  EXPECT_TRUE(outcome.output.starts_with("in doubt")) << outcome;
  EXPECT_EQ(row_count(), 0);
}

TEST_F(DieAtStep, CommitCutWhenHalfOfItsPipelineIsSentIsInDoubtAndDidNotHappen) {
  const Outcome outcome = run_probe({{"PGSLUICE_CUT_AT_COMMIT", "1:half"}});
  EXPECT_TRUE(outcome.output.starts_with("in doubt")) << outcome;
  EXPECT_EQ(row_count(), 0);
}

TEST_F(DieAtStep, CommitCutAfterItWasSentIsInDoubtAndDidHappen) {
  const Outcome outcome = run_probe({{"PGSLUICE_CUT_AT_COMMIT", "1:after"}});
  EXPECT_TRUE(outcome.output.starts_with("in doubt")) << outcome;
  EXPECT_EQ(row_count(), 2);
}

// psql sends its text and reads the answers by calls of their own.
TEST_F(DieAtStep, CommitInsideAScriptThatIsOnlySentIsCutOnBothSides) {
  ProgramOptions psql;
  psql.program = "/usr/bin/psql";
  psql.arguments = {"-X", "-d", database_.conninfo(), "-c", "BEGIN; INSERT INTO probe VALUES (1); COMMIT"};
  psql.environment = {{"LD_PRELOAD", PGSLUICE_DIE_AT_STEP_LIBRARY}, {"PGSLUICE_CUT_AT_COMMIT", "1:before"}};
  EXPECT_NE(run(psql).exit_code, 0);
  EXPECT_EQ(row_count(), 0);
  psql.environment["PGSLUICE_CUT_AT_COMMIT"] = "1:after";
  EXPECT_NE(run(psql).exit_code, 0);
  EXPECT_EQ(row_count(), 1);
}

TEST_F(DieAtStep, CutAtAnyLibpqStepLosesTheConnection) {
  const int steps = counts_of_an_undisturbed_run().libpq_steps;
  for (int step = 1; step <= steps; ++step) {
    const Outcome outcome = run_probe({{"PGSLUICE_CUT_AT_STEP", std::to_string(step)}});
    EXPECT_EQ(outcome.signal, 0) << "step " << step << ": " << outcome;
    EXPECT_TRUE(outcome.output.starts_with("connection lost") || outcome.output.starts_with("in doubt"))
        << "step " << step << ": " << outcome;
  }
}

TEST_F(DieAtStep, TraceNamesEveryStep) {
  const int steps = counts_of_an_undisturbed_run().steps;
  run_probe({{"PGSLUICE_STEP_TRACE", (folder_ / "trace").string()}});
  const std::string trace = file_text(folder_ / "trace");
  EXPECT_EQ(std::count(trace.begin(), trace.end(), '\n'), steps) << trace;
  EXPECT_NE(trace.find("INSERT INTO probe"), std::string::npos) << trace;
  EXPECT_NE(trace.find("rename"), std::string::npos) << trace;
}

}  // namespace
}  // namespace pgsluice::tests

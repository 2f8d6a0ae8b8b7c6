// Larger jobs with several workers, hurt at random moments: the mover is killed, sessions are terminated, the server is
// stopped as if it had crashed. The seed is printed and can be given as PGSLUICE_CRASH_SEED; PGSLUICE_CRASH_ROUNDS
// makes it longer (scripts/soak).
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <random>
#include <thread>

#include "tests/crash/small_job.hpp"
#include "tests/support/cluster.hpp"

namespace pgsluice::tests {
namespace {

using std::chrono::milliseconds;

unsigned seed() {
  const char* text = std::getenv("PGSLUICE_CRASH_SEED");
  const unsigned value = text == nullptr ? std::random_device{}() : static_cast<unsigned>(std::atol(text));
  std::cout << "PGSLUICE_CRASH_SEED=" << value << '\n';
  return value;
}

int rounds(int by_default) {
  const char* text = std::getenv("PGSLUICE_CRASH_ROUNDS");
  return text == nullptr ? by_default : std::max(1, std::atoi(text));
}

class RandomViolence : public testing::TestWithParam<std::string> {
 protected:
  RandomViolence() : random_(seed()) {}
  milliseconds moment(int max_ms) { return milliseconds(std::uniform_int_distribution<int>(0, max_ms)(random_)); }
  SmallJobOptions job_options() const { return {.method = GetParam(), .rows = 60'000, .range_rows = 3'000}; }
  static std::vector<std::string> run_arguments() {
    return {"--workers", "3", "--batch-rows", "500", "--reconnect-limit", "60s"};
  }
  std::mt19937 random_;
};

std::string method_name(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  for (char& c : name) {
    c = c == '-' ? '_' : c;
  }
  return name;
}

TEST_P(RandomViolence, KilledAgainAndAgainARunEndsWithTheSameRows) {
  SmallJob job(shared_server(), job_options());
  for (int kill = 0; kill < rounds(6); ++kill) {
    Program program(job.run_options(run_arguments()));
    if (program.ends_within(moment(700))) {
      const Outcome ended = program.wait();
      ASSERT_EQ(ended.exit_code, 0) << ended;
      break;
    }
    program.send(SIGKILL);
    program.wait();
    if (job.empties_source()) {
      ASSERT_EQ(job.difference_in_the_middle(), "");
    }
  }
  const Outcome resumed = run(job.run_options(run_arguments()));
  ASSERT_EQ(resumed.exit_code, 0) << resumed;
  EXPECT_EQ(job.difference_after_run(), "");
  EXPECT_EQ(job.rows_in_ledger(), 60'000);
}

TEST_P(RandomViolence, TerminatedSessionsAreOpenedAgain) {
  SmallJob job(shared_server(), job_options());
  pg::Connection killer = job.database().connect_as_superuser();
  Program program(job.run_options(run_arguments()));
  while (!program.ends_within(moment(150))) {
    killer.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND "
        "application_name LIKE 'pgsluice "
        "worker%' ORDER BY random() LIMIT 1");
  }
  const Outcome ended = program.wait();
  ASSERT_EQ(ended.exit_code, 0) << ended;
  EXPECT_EQ(job.difference_after_run(), "");
  EXPECT_EQ(job.rows_in_ledger(), 60'000);
}

TEST_P(RandomViolence, AServerThatCrashesAndComesBackIsWaitedFor) {
  ClusterOptions options;
  options.durable = true;
  Cluster cluster(options);
  SmallJob job(cluster.address(), job_options());
  for (int crash = 0; crash < rounds(3); ++crash) {
    Program program(job.run_options(run_arguments()));
    const bool ended_early = program.ends_within(moment(900) + milliseconds(100));
    if (!ended_early) {
      cluster.stop_immediate();
      cluster.start();
    }
    const Outcome ended = program.wait();
    // A crash during the very first contact is a refusal; later it is waited for.
    ASSERT_TRUE(ended.exit_code == 0 || ended.exit_code == 2 || ended.exit_code == 4) << ended;
    if (ended.exit_code == 0) {
      break;
    }
  }
  const Outcome resumed = run(job.run_options(run_arguments()));
  ASSERT_EQ(resumed.exit_code, 0) << resumed;
  EXPECT_EQ(job.difference_after_run(), "");
  EXPECT_EQ(job.rows_in_ledger(), 60'000);
}

INSTANTIATE_TEST_SUITE_P(Methods, RandomViolence, testing::Values("insert", "move", "stream", "stream-move"),
                         method_name);

}  // namespace
}  // namespace pgsluice::tests

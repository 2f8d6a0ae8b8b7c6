// Links that break at every place, above all around COMMIT, where nobody can know the outcome but the ledger.
#include <gtest/gtest.h>

#include <fstream>

#include "tests/crash/small_job.hpp"

namespace pgsluice::tests {
namespace {

class LostConnection : public testing::TestWithParam<std::string> {};

std::string method_name(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  for (char& c : name) {
    c = c == '-' ? '_' : c;
  }
  return name;
}

// The counts that the fault seam wrote: all steps, libpq steps, commits.
std::vector<long> counts_in(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::vector<long> counts;
  std::string word;
  while (file >> word) {
    if (word.find_first_not_of("0123456789") == std::string::npos) {
      counts.push_back(std::stol(word));
    }
  }
  return counts;
}

TEST_P(LostConnection, AtEveryCommitIsLookedUpAndNeverRepeatedBlindly) {
  for (const char* when : {"before", "half", "after"}) {
    for (int commit = 1; commit <= 14; ++commit) {
      SCOPED_TRACE("PGSLUICE_CUT_AT_COMMIT=" + std::to_string(commit) + ":" + when);
      SmallJob job(shared_server(), {.method = GetParam(), .rows = 120, .range_rows = 60});
      const Outcome outcome = run(job.run_options({"--workers", "1", "--batch-rows", "25"},
                                                  {{"LD_PRELOAD", PGSLUICE_DIE_AT_STEP_LIBRARY},
                                                   {"PGSLUICE_CUT_AT_COMMIT", std::to_string(commit) + ":" + when}}));
      ASSERT_EQ(outcome.exit_code, 0) << outcome;
      ASSERT_EQ(job.difference_after_run(), "");
      ASSERT_EQ(job.rows_in_ledger(), 120);
    }
  }
}

TEST_P(LostConnection, AtAnyLibpqStepIsMadeAgainAndTheRunGoesOn) {
  SmallJob whole(shared_server(), {.method = GetParam(), .rows = 120, .range_rows = 60});
  const std::filesystem::path steps_file = whole.checkpoint().parent_path() / "steps";
  const Outcome counted =
      run(whole.run_options({"--workers", "1", "--batch-rows", "25"},
                            {{"LD_PRELOAD", PGSLUICE_DIE_AT_STEP_LIBRARY}, {"PGSLUICE_STEPS_FILE", steps_file}}));
  ASSERT_EQ(counted.exit_code, 0) << counted;
  const std::vector<long> counts = counts_in(steps_file);
  ASSERT_GE(counts.size(), 2U);
  // The first sessions prove that the servers can be reached: a link lost there is a refusal, with nothing changed.
  constexpr long kStride = 11;
  for (long step = 5; step <= counts[1]; step += kStride) {
    SCOPED_TRACE("PGSLUICE_CUT_AT_STEP=" + std::to_string(step));
    SmallJob job(shared_server(), {.method = GetParam(), .rows = 120, .range_rows = 60});
    const Outcome cut = run(job.run_options(
        {"--workers", "1", "--batch-rows", "25"},
        {{"LD_PRELOAD", PGSLUICE_DIE_AT_STEP_LIBRARY}, {"PGSLUICE_CUT_AT_STEP", std::to_string(step) + ":after"}}));
    ASSERT_TRUE(cut.exit_code == 0 || cut.exit_code == 4 || cut.exit_code == 2) << cut;
    if (cut.exit_code != 0) {
      const Outcome resumed = run(job.run_options({"--workers", "1", "--batch-rows", "25"}));
      ASSERT_EQ(resumed.exit_code, 0) << cut << resumed;
    }
    ASSERT_EQ(job.difference_after_run(), "");
    ASSERT_EQ(job.rows_in_ledger(), 120);
  }
}

INSTANTIATE_TEST_SUITE_P(Methods, LostConnection, testing::Values("insert", "move", "stream", "stream-move"),
                         method_name);

}  // namespace
}  // namespace pgsluice::tests

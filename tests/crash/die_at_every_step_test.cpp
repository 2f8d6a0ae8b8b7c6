// A small job dies at outside step 1, 2, 3 … until one run finishes; after each death a plain run goes on and the rows
// are compared. Every step takes minutes a method, so the suite takes every PGSLUICE_CRASH_STRIDE-th (default 29),
// beginning at a place that changes from day to day; scripts/soak sets the stride to 1.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <ostream>

#include "tests/crash/small_job.hpp"

namespace pgsluice::tests {
namespace {

long stride() {
  constexpr long kDefaultStride = 29;
  const char* text = std::getenv("PGSLUICE_CRASH_STRIDE");
  return text == nullptr ? kDefaultStride : std::max(1L, std::atol(text));
}

// The first step to die at: PGSLUICE_CRASH_FIRST, else a number that changes daily, from 1 to the stride.
long first_step() {
  const char* text = std::getenv("PGSLUICE_CRASH_FIRST");
  if (text != nullptr) {
    return std::max(1L, std::atol(text));
  }
  const auto day =
      std::chrono::duration_cast<std::chrono::hours>(std::chrono::system_clock::now().time_since_epoch()).count() / 24;
  return 1 + day % stride();
}

std::string repeat_hint(long step) {
  return "repeat with PGSLUICE_CRASH_STRIDE=1000000 PGSLUICE_CRASH_FIRST=" + std::to_string(step);
}

struct Death {
  std::string method;
  std::string split;
  std::string when;
  std::string verify = "off";
  bool in_order = false;
};

std::ostream& operator<<(std::ostream& stream, const Death& death) {
  return stream << death.method << ", by " << death.split << ", " << death.when
                << " the step, verified: " << death.verify << (death.in_order ? ", leaf by leaf" : "");
}

class DieAtEveryStep : public testing::TestWithParam<Death> {};

std::string death_name(const testing::TestParamInfo<Death>& info) {
  std::string name = info.param.method + "_" + info.param.split + "_" + info.param.when +
                     (info.param.verify == "off" ? "" : "_verified_" + info.param.verify) +
                     (info.param.in_order ? "_leaf_by_leaf" : "");
  for (char& c : name) {
    c = c == '-' ? '_' : c;
  }
  return name;
}

// Invariants 1 and 2 of the design.
TEST_P(DieAtEveryStep, ARunKilledAtAnyOutsideStepGoesOnAndLosesOrDoublesNothing) {
  const Death& death = GetParam();
  for (long step = first_step();; step += stride()) {
    SCOPED_TRACE(repeat_hint(step));
    SmallJob job(shared_server(), {.method = death.method,
                                   .range_rows = death.in_order ? 40U : 60U,
                                   .split = death.split,
                                   .in_order = death.in_order});
    const Outcome died = run(job.run_options({"--workers", "1", "--batch-rows", "25", "--verify", death.verify},
                                             {{"LD_PRELOAD", PGSLUICE_DIE_AT_STEP_LIBRARY},
                                              {"PGSLUICE_DIE_AT_STEP", std::to_string(step)},
                                              {"PGSLUICE_DIE_WHEN", death.when}}));
    if (died.signal == 0) {
      EXPECT_EQ(died.exit_code, 0) << died;
      EXPECT_EQ(job.difference_after_run(), "");
      return;
    }
    if (job.empties_source()) {
      ASSERT_EQ(job.difference_in_the_middle(), "") << "at a commit point a row was in two places or in none";
    }
    const std::int64_t rows_before = job.rows_in_ledger();
    const Outcome resumed =
        run(job.run_options({"--workers", "1", "--batch-rows", "25", "--json", "--verify", death.verify}));
    ASSERT_EQ(resumed.exit_code, 0) << resumed;
    ASSERT_EQ(job.difference_after_run(), "");
    // What was in the ledger is not moved again: only the batch in flight is.
    ASSERT_NE(resumed.output.find("\"rows_this_run\": " + std::to_string(240 - rows_before)), std::string::npos)
        << resumed.output << "ledger before: " << rows_before;
    if (death.verify == "during") {
      ASSERT_NE(resumed.output.find("\"equal\": true"), std::string::npos) << resumed;
      ASSERT_EQ(resumed.errors.find("the source is read again"), std::string::npos) << resumed;
    }
    const Outcome verified = run(job.command_options("verify", {"--again"}));
    ASSERT_EQ(verified.exit_code, 0) << verified;
  }
}

TEST_P(DieAtEveryStep, ARollbackKilledAtAnyOutsideStepGoesOnAndLeavesTheSourceAsItWas) {
  const Death& death = GetParam();
  for (long step = first_step();; step += stride()) {
    SCOPED_TRACE(repeat_hint(step));
    SmallJob job(shared_server(), {.method = death.method, .split = death.split});
    const Outcome moved = run(job.run_options({"--workers", "1", "--batch-rows", "100"}));
    ASSERT_EQ(moved.exit_code, 0) << moved;
    const Outcome died = run(job.command_options("rollback", {"--yes", "--workers", "1"},
                                                 {{"LD_PRELOAD", PGSLUICE_DIE_AT_STEP_LIBRARY},
                                                  {"PGSLUICE_DIE_AT_STEP", std::to_string(step)},
                                                  {"PGSLUICE_DIE_WHEN", death.when}}));
    if (died.signal != 0) {
      const Outcome resumed = run(job.command_options("rollback", {"--yes", "--workers", "1"}));
      ASSERT_EQ(resumed.exit_code, 0) << resumed;
    } else {
      EXPECT_EQ(died.exit_code, 0) << died;
    }
    ASSERT_EQ(job.difference_after_rollback(), "");
    ASSERT_FALSE(job.anything_of_ours_is_left());
    if (died.signal == 0) {
      return;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Methods, DieAtEveryStep,
                         testing::Values(Death{"insert", "key", "before"}, Death{"move", "key", "after"},
                                         Death{"stream", "ctid", "half"}, Death{"stream-move", "key", "before"},
                                         Death{"move", "ctid", "before"}, Death{"move", "key", "half"},
                                         Death{"insert", "ctid", "after", "during"},
                                         Death{"stream", "key", "half", "during"},
                                         Death{"insert", "key", "after", "off", true}),
                         death_name);

}  // namespace
}  // namespace pgsluice::tests

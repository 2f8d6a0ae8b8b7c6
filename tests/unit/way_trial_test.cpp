#include "mover/way_trial.hpp"

#include <gtest/gtest.h>

namespace pgsluice::mover {
namespace {

using namespace std::chrono_literals;

// How many of the next batches go direct, when a row costs this much by each way.
int direct_of(WayTrial& trial, int batches, std::chrono::nanoseconds direct, std::chrono::nanoseconds parent) {
  int count = 0;
  for (int i = 0; i < batches; ++i) {
    const bool is_direct = trial.is_direct();
    count += is_direct ? 1 : 0;
    trial.moved(1000, 1000 * (is_direct ? direct : parent));
  }
  return count;
}

TEST(WayTrial, BeginsDirectAndTriesBothBeforeItChooses) {
  WayTrial trial;
  EXPECT_EQ(direct_of(trial, 3, 1us, 1us), 3);
  EXPECT_EQ(direct_of(trial, 8, 1us, 2us), 4);
  EXPECT_EQ(direct_of(trial, 64, 1us, 2us), 64);
}

TEST(WayTrial, TakesTheParentWhereItIsFasterAndNoticesWhenThatChanges) {
  WayTrial trial;
  direct_of(trial, 11, 3us, 2us);
  EXPECT_EQ(direct_of(trial, 64, 3us, 2us), 0);
  EXPECT_EQ(direct_of(trial, 8, 1us, 2us), 4);
  EXPECT_EQ(direct_of(trial, 64, 1us, 2us), 64);
}

TEST(WayTrial, OneSlowBatchDoesNotDecide) {
  WayTrial trial;
  direct_of(trial, 4, 1us, 2us);
  ASSERT_TRUE(trial.is_direct());
  trial.moved(1000, 1s);
  direct_of(trial, 6, 1us, 2us);
  EXPECT_EQ(direct_of(trial, 64, 1us, 2us), 64);
}

TEST(WayTrial, TinyBatchesDoNotCount) {
  WayTrial trial;
  for (int i = 0; i < 100; ++i) {
    trial.moved(3, 1ms);
    EXPECT_TRUE(trial.is_direct());
  }
}

}  // namespace
}  // namespace pgsluice::mover

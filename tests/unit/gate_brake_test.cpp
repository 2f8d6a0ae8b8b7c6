#include <gtest/gtest.h>

#include <cmath>

#include "gate/brake.hpp"
#include "gate/wait_account.hpp"
#include "pg/failure.hpp"

namespace pgsluice::gate {
namespace {

TEST(GateBrake, StopsAtItsThresholdAndLetsGoAtFourFifthsOfIt) {
  Brake brake = Brake::at("replica lag", "a replica lags by", 10, "s");
  const auto after = [&](double value) {
    brake.measure(value);
    return brake.is_on();
  };
  EXPECT_FALSE(after(9.9));
  EXPECT_TRUE(after(10));
  EXPECT_EQ(brake.reason(), "a replica lags by 10 s (limit 10 s)");
  EXPECT_TRUE(after(8.1));
  EXPECT_FALSE(after(8));
  EXPECT_FALSE(after(9.9));
}

TEST(GateBrake, MayBeGivenAnotherTextWithoutChangingItsState) {
  Brake brake = Brake::at("replica lag", "a replica lags by", 10, "s");
  brake.measure(12);
  brake.describe("replica db2 lags by");
  EXPECT_TRUE(brake.is_on());
  EXPECT_EQ(brake.reason(), "replica db2 lags by 12 s (limit 10 s)");
}

TEST(GateBrake, WhatCouldNotBeMeasuredChangesNothing) {
  Brake brake = Brake::at("locks", "sessions that wait for locks:", 5, "");
  brake.measure(7);
  brake.measure(std::nan(""));
  EXPECT_TRUE(brake.is_on());
  EXPECT_EQ(brake.reason(), "sessions that wait for locks: 7 (limit 5)");
}

TEST(GateBrake, OneThatIsSimplySoIsTurnedOnAndOff) {
  Brake brake = Brake::when_on("pause", "the pause file exists");
  EXPECT_FALSE(brake.is_on());
  brake.turn(true);
  EXPECT_TRUE(brake.is_on());
  EXPECT_EQ(brake.reason(), "the pause file exists");
  brake.turn(false);
  EXPECT_FALSE(brake.is_on());
}

TEST(GateBrake, AThresholdThatCannotBeReachedOrLeftIsRefused) {
  for (const double threshold : {0.0, -1.0, std::nan(""), double(INFINITY)}) {
    EXPECT_THROW(Brake::at("lag", "lag", threshold, "s"), pg::Failure) << threshold;
  }
}

TEST(GateWaitAccount, WaitsOfSeveralWorkersAtOneTimeCountOnce) {
  WaitAccount waits;
  waits.add(10, "operations", 1);
  waits.add(10.5, "operations", 1);
  waits.add(20, "operations", 1);
  EXPECT_DOUBLE_EQ(waits.seconds(100).at("operations"), 2.5);
}

TEST(GateWaitAccount, WhatHasNotPassedDoesNotCountYet) {
  WaitAccount waits;
  waits.add(10, "pause", 5);
  EXPECT_DOUBLE_EQ(waits.seconds(12).at("pause"), 2);
  EXPECT_DOUBLE_EQ(waits.seconds(9).at("pause"), 0);
}

TEST(GateWaitAccount, EachReasonHasItsOwnSum) {
  WaitAccount waits;
  waits.add(0, "pause", 1);
  waits.add(0, "operations", 2);
  EXPECT_EQ(waits.seconds(10), (std::map<std::string, double>{{"operations", 2}, {"pause", 1}}));
}

}  // namespace
}  // namespace pgsluice::gate

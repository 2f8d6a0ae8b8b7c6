#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "gate/token_bucket.hpp"

namespace pgsluice::gate {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr double kNotANumber = std::numeric_limits<double>::quiet_NaN();

TEST(GateTokenBucket, WorkBeginsOnceItsDebtIsPaid) {
  TokenBucket bucket(100, 0.5, 10);
  EXPECT_EQ(bucket.wait_seconds(10), 0);
  bucket.reserve(10, 30);
  EXPECT_NEAR(bucket.wait_seconds(10), 0.3, 1e-9);
  EXPECT_NEAR(bucket.wait_seconds(10.1), 0.2, 1e-9);
  bucket.settle(10.1, 30, 50);  // It cost more than was thought.
  EXPECT_NEAR(bucket.wait_seconds(10.1), 0.4, 1e-9);
  EXPECT_EQ(bucket.wait_seconds(10.5001), 0);
}

TEST(GateTokenBucket, GivesBackWhatWasReservedInVain) {
  TokenBucket bucket(100, 0.5, 0);
  bucket.reserve(0, 1000);
  bucket.settle(0, 1000, 0);
  EXPECT_EQ(bucket.wait_seconds(0), 0);
}

TEST(GateTokenBucket, WorkersThatStartTogetherDoNotOvershootTogether) {
  TokenBucket bucket(100, 0.5, 0);
  int begun = 0;
  for (int worker = 0; worker < 16; ++worker) {
    if (bucket.wait_seconds(1) == 0) {
      bucket.reserve(1, 30);
      ++begun;
    }
  }
  EXPECT_EQ(begun, 2);  // 50 were saved.
}

TEST(GateTokenBucket, IdleTimeSavesNoMoreThanTheDepth) {
  TokenBucket bucket(100, 0.5, 0);
  EXPECT_DOUBLE_EQ(bucket.balance(1e9), 50);
}

TEST(GateTokenBucket, ANewRateHoldsFromItsMomentAndCutsSavingsToItsDepth) {
  TokenBucket bucket(100, 0.5, 0);
  bucket.reserve(0, 100);
  bucket.set_rate(0.5, 1000);  // 50 were paid by then.
  EXPECT_DOUBLE_EQ(bucket.wait_seconds(0.5), 0.05);
  EXPECT_DOUBLE_EQ(bucket.balance(100), 500);
  bucket.set_rate(100, 10);
  EXPECT_DOUBLE_EQ(bucket.balance(100), 5);
}

TEST(GateTokenBucket, AClockThatStandsStillOrGoesBackNeitherGivesNorTakes) {
  TokenBucket bucket(100, 0.5, 1000);
  bucket.reserve(1000, 100);
  for (const double now : {1000.0, 999.9, 1000.0, 999.5, 1000.0}) {
    EXPECT_DOUBLE_EQ(bucket.wait_seconds(now), 1) << now;
  }
  EXPECT_DOUBLE_EQ(bucket.wait_seconds(5), 1) << "set back by an hour, it does not stop for an hour";
  EXPECT_DOUBLE_EQ(bucket.wait_seconds(5.5), 0.5);
}

TEST(GateTokenBucket, NoWaitIsNegativeNotANumberOrWithoutEnd) {
  for (const double cost : {0.0, -1.0, 1e300, kInfinite, -kInfinite, kNotANumber}) {
    for (const double rate : {1e-3, 1.0, 1e12, kInfinite}) {
      TokenBucket bucket(rate, 0.5, 0);
      bucket.reserve(0, cost);
      bucket.settle(0.1, cost, -cost);
      bucket.reserve(0.2, cost);
      const double wait = bucket.wait_seconds(0.3);
      EXPECT_TRUE(wait >= 0 && wait <= 300) << cost << " at " << rate << ": " << wait;
    }
  }
}

TEST(GateTokenBucket, ACostThatIsNoNumberCountsAsWasEstimated) {
  TokenBucket bucket(100, 0.5, 0);
  bucket.reserve(0, 30);
  bucket.settle(0, 30, kNotANumber);
  EXPECT_DOUBLE_EQ(bucket.balance(0), -30);
}

TEST(GateTokenBucket, NobodyWaitsForAnInfiniteRateNorOwesAnythingAfterIt) {
  TokenBucket bucket(kInfinite, 0.5, 0);
  bucket.reserve(0, 1e9);
  EXPECT_EQ(bucket.wait_seconds(0), 0);
  bucket.set_rate(1, 100);
  EXPECT_EQ(bucket.wait_seconds(1), 0);
}

}  // namespace
}  // namespace pgsluice::gate

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "gate/trim.hpp"

namespace pgsluice::gate {
namespace {

// A rate of work that is allowed and used in full, or in part, and turns out to be worth more or less than was charged.
class Plant {
 public:
  explicit Plant(double delay_seconds = 1) : trim(delay_seconds) {}

  // Returns the factor after each second.
  std::vector<double> run(int seconds, double worth, double used = 1) {
    std::vector<double> factors;
    for (int i = 0; i < seconds; ++i) {
      const double allowance = kTarget * trim.factor();
      now_ += 1;
      charged_ += allowance * used;
      measured_ += allowance * used * worth;
      trim.observe(now_, charged_, measured_, kTarget, allowance);
      factors.push_back(trim.factor());
    }
    return factors;
  }

  Trim trim;

 private:
  static constexpr double kTarget = 1000;
  double now_ = 0;
  double charged_ = 0;
  double measured_ = 0;
};

TEST(GateTrim, BringsWhatIsMeasuredToTheTargetWithoutSwinging) {
  for (const double worth : {0.8, 0.9, 1.2, 1.5}) {
    Plant plant;
    const std::vector<double> factors = plant.run(600, worth);
    EXPECT_NEAR(factors.back() * worth, 1, 0.02);
    for (const double factor : factors) {
      EXPECT_LT(std::abs(factor * worth - 1), std::abs(worth - 1) + 0.1) << "it swings";
    }
  }
}

TEST(GateTrim, StaysPutWhenNothingIsWrong) {
  Plant plant;
  EXPECT_EQ(plant.run(600, 1.005).back(), 1);
}

TEST(GateTrim, StepsAreOfTenPerCentAtMostAndTwelveSecondsApart) {
  Plant plant;
  double last = 1;
  int last_step = -100;
  const std::vector<double> factors = plant.run(300, 4);
  for (int i = 0; i < 300; ++i) {
    const double factor = factors[static_cast<std::size_t>(i)];
    if (factor != last) {
      EXPECT_GE(factor / last, 0.9 - 1e-9);
      EXPECT_GE(i - last_step, 12);
      last_step = i;
      last = factor;
    }
  }
  EXPECT_LT(last, 1);
}

TEST(GateTrim, WaitsTwiceTheDelayOfTheMeterBetweenSteps) {
  Plant plant(20);
  EXPECT_EQ(plant.run(40, 2).back(), 1);
  EXPECT_LT(plant.run(2, 2).back(), 1);
}

TEST(GateTrim, StaysWithinItsBounds) {
  Plant low;
  EXPECT_DOUBLE_EQ(low.run(3600, 100).back(), 0.5);
  Plant high;
  EXPECT_DOUBLE_EQ(high.run(3600, 0.01).back(), 1.5);
}

TEST(GateTrim, WhatIsNotAskedForIsNotSavedUp) {
  Plant plant;
  EXPECT_EQ(plant.run(3600, 0.8, 0.85).back(), 1);
}

TEST(GateTrim, WorkThatCouldNotBePacedIsNoErrorOfTheRate) {
  Plant plant;
  plant.run(12, 1, 20);
  plant.run(120, 1, 0);  // Its debt is paid.
  EXPECT_EQ(plant.run(120, 1).back(), 1);
}

TEST(GateTrim, AWindowThatWasFrozenIsWorthNothing) {
  Plant plant;
  for (int i = 0; i < 100; ++i) {
    plant.run(10, 3);
    plant.trim.freeze();
  }
  EXPECT_EQ(plant.trim.factor(), 1);
}

TEST(GateTrim, GivesBackWhatTheCostModelLearnedAndNoMore) {
  Plant plant;
  plant.run(600, 1.25);
  EXPECT_NEAR(plant.trim.factor(), 0.8, 0.02);
  const double before = plant.trim.factor();
  plant.trim.cost_changed(1.1);
  EXPECT_NEAR(plant.trim.factor(), before * 1.1, 1e-9);
  plant.trim.cost_changed(3);
  EXPECT_DOUBLE_EQ(plant.trim.factor(), 1);
  plant.trim.cost_changed(0.2);
  EXPECT_DOUBLE_EQ(plant.trim.factor(), 1) << "it was no substitute for this";
  plant.trim.cost_changed(std::nan(""));
  EXPECT_DOUBLE_EQ(plant.trim.factor(), 1);
}

TEST(GateTrim, AClockThatGoesBackBeginsAWindow) {
  Trim trim(1);
  trim.observe(1000, 0, 0, 1000, 1000);
  trim.observe(5, 12'000, 24'000, 1000, 1000);
  trim.observe(6, 13'000, 26'000, 1000, 1000);
  EXPECT_EQ(trim.factor(), 1);
}

}  // namespace
}  // namespace pgsluice::gate

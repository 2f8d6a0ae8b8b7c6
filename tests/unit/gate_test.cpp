#include "gate/gate.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "pg/failure.hpp"

namespace pgsluice::gate {
namespace {

Options own_budget(double operations, bool has_meter = false) {
  Options options;
  options.budget.operations_per_second = operations;
  options.has_meter = has_meter;
  return options;
}

MeterSample sample_at(double seconds, double pages_read) {
  MeterSample sample;
  sample.seconds = seconds;
  sample.pages_read = static_cast<std::uint64_t>(pages_read);
  return sample;
}

TEST(Gate, RefusesLimitsThatAreNotMoreThanNothing) {
  for (const double limit : {0.0, -5.0, std::nan(""), double(INFINITY)}) {
    EXPECT_THROW(check(Budget{limit, {}, {}}), pg::Failure) << limit;
    EXPECT_THROW(check(Budget{{}, limit, {}}), pg::Failure) << limit;
    EXPECT_THROW(check(Budget{{}, {}, limit}), pg::Failure) << limit;
  }
  EXPECT_NO_THROW(check(Budget{}));
}

TEST(Gate, RefusesToLimitAServerThatItCannotMeasure) {
  Options options = own_budget(100);
  options.budget.server_operations_per_second = 1000;
  EXPECT_THROW(Gate(options, 0), pg::Failure);
}

TEST(Gate, KeepsItsOldBudgetWhenANewOneIsRefused) {
  Gate gate(own_budget(100), 0);
  EXPECT_THROW(gate.set(0, Budget{-1, {}, {}}), pg::Failure);
  EXPECT_EQ(gate.status(0).allowance.operations, 100);
}

TEST(Gate, WithoutABudgetNobodyWaits) {
  Gate gate(Options{}, 0);
  for (int i = 0; i < 1000; ++i) {
    const Decision decision = gate.next(0, 4, 5000);
    ASSERT_TRUE(decision.permit);
    EXPECT_EQ(decision.permit->rows_max, 5000U);
    gate.charge(0, *decision.permit, Work{5000, Touched{1e6, 1e6, 1e9}});
  }
  EXPECT_TRUE(gate.status(0).seconds_waited.empty());
}

TEST(Gate, ANewBatchBeginsWhenTheOneBeforeIsPaidFor) {
  Gate gate(own_budget(100), 0);
  const Decision first = gate.next(0, 1);
  ASSERT_TRUE(first.permit);
  gate.charge(0, *first.permit, Work{10, Touched{50, 0, 0}});
  const Decision second = gate.next(0, 1);
  EXPECT_FALSE(second.permit);
  EXPECT_DOUBLE_EQ(second.wait_seconds, 0.5);
  EXPECT_EQ(second.reason, "the budget of 100 operations/s is in use");
  EXPECT_TRUE(gate.next(0.5001, 1).permit);
  EXPECT_DOUBLE_EQ(gate.status(10).seconds_waited.at("operations"), 0.5);
}

TEST(Gate, AWorkerAsksAgainWithinASecondHoweverMuchIsOwed) {
  Gate gate(own_budget(100), 0);
  const Decision first = gate.next(0, 1);
  gate.charge(0, *first.permit, Work{10, Touched{5000, 0, 0}});
  EXPECT_EQ(gate.next(0, 1).wait_seconds, 1);
}

TEST(Gate, ABatchThatNeverBeganCostsNothing) {
  Gate gate(own_budget(100), 0);
  const Decision first = gate.next(0, 1);
  EXPECT_GT(gate.next(0, 1).wait_seconds, 0);
  gate.charge(0, *first.permit, Work{});
  EXPECT_TRUE(gate.next(0, 1).permit);
}

TEST(Gate, AllowsNoMoreRowsThanAreWanted) {
  Gate gate(own_budget(100'000), 0);
  EXPECT_EQ(gate.next(0, 1, 3).permit->rows_max, 3U);
}

TEST(Gate, SaysWhichBudgetIsWaitedFor) {
  Options options = own_budget(1000);
  options.budget.bytes_per_second = 1e6;
  Gate gate(options, 0);
  const Decision first = gate.next(0, 1);
  gate.charge(0, *first.permit, Work{10, Touched{1, 0, 3e6}});
  EXPECT_EQ(gate.next(1, 1).reason, "the budget of 1 MB/s is in use");
  EXPECT_EQ(gate.status(1).seconds_waited.count("operations"), 0U);
}

TEST(Gate, NobodyPassesWhileABrakeIsOnAndEveryBrakeIsNamed) {
  Gate gate(Options{}, 0);
  gate.add(Brake::when_on("pause", "the pause file exists"));
  gate.add(Brake::at("lag", "a replica lags by", 10, "s"));
  gate.turn("pause", true);
  gate.measure("lag", 12);
  const Decision decision = gate.next(0, 1);
  EXPECT_FALSE(decision.permit);
  EXPECT_EQ(decision.wait_seconds, 1);
  EXPECT_EQ(decision.reason, "the pause file exists; a replica lags by 12 s (limit 10 s)");
  EXPECT_EQ(gate.status(0.5).waiting_for, decision.reason);
  gate.turn("pause", false);
  gate.next(1, 1);
  gate.measure("lag", 1);
  EXPECT_TRUE(gate.next(2, 1).permit);
  EXPECT_EQ(gate.status(10).seconds_waited, (std::map<std::string, double>{{"lag", 2}, {"pause", 1}}));
}

TEST(Gate, TwoBrakesOfOneNameAreRefused) {
  Gate gate(Options{}, 0);
  gate.add(Brake::when_on("pause", ""));
  EXPECT_THROW(gate.add(Brake::when_on("pause", "")), pg::Failure);
}

TEST(GateDeathTest, ABrakeThatDoesNotExistIsAProgrammersError) {
  Gate gate(Options{}, 0);
  EXPECT_DEATH(gate.turn("pause", true), "no brake called \"pause\"");
}

TEST(Gate, AMeterThatNeverSpeaksMeansAQuarterOfTheBudget) {
  Gate gate(own_budget(1000, true), 0);
  EXPECT_EQ(gate.status(10).allowance.operations, 1000);
  const Status status = gate.status(16);
  EXPECT_TRUE(status.is_blind);
  EXPECT_EQ(status.allowance.operations, 250);
  EXPECT_EQ(blind_operations(20), 10) << "a floor below which a quarter makes no sense";
  EXPECT_EQ(blind_operations(5), 5);
}

TEST(Gate, OfAServersBudgetAQuarterIsTakenUntilTheApplicationIsKnown) {
  Options options;
  options.budget.server_operations_per_second = 1000;
  Gate gate(options, 0);
  EXPECT_EQ(gate.status(0).allowance.operations, 250);
  for (int second = 0; second <= 5; ++second) {
    gate.observe(second, sample_at(second, 400.0 * second));
  }
  EXPECT_NEAR(gate.status(5).allowance.operations, 600, 1);
  EXPECT_EQ(gate.status(5).foreground_text, "the application does 400 operations/s");
}

TEST(Gate, TheApplicationComesFirstAndWeKeepAFloor) {
  Options options;
  options.budget.server_operations_per_second = 1000;
  Gate gate(options, 0);
  for (int second = 0; second <= 20; ++second) {
    gate.observe(second, sample_at(second, 5000.0 * second));
  }
  EXPECT_EQ(gate.status(20).allowance.operations, 50);
  Decision decision = gate.next(20, 1);
  gate.charge(20, *decision.permit, Work{10, Touched{100, 0, 0}});
  decision = gate.next(20, 1);
  EXPECT_NE(decision.reason.find("50 operations/s are left of 1000 operations/s"), std::string::npos)
      << decision.reason;
}

TEST(Gate, TheOwnBudgetHoldsBesideTheServers) {
  Options options = own_budget(300, true);
  options.budget.server_operations_per_second = 1000;
  Gate gate(options, 0);
  for (int second = 0; second <= 5; ++second) {
    gate.observe(second, sample_at(second, 100.0 * second));
  }
  EXPECT_EQ(gate.status(5).allowance.operations, 300);
}

TEST(Gate, SlowCommitsHalveTheRateAndTheReasonSaysSo) {
  Gate gate(own_budget(1000), 0);
  double now = 0;
  for (; now < 30; now += 0.5) {
    gate.observe_commit(now, 0.002);
  }
  for (; now < 36; now += 0.5) {
    gate.observe_commit(now, 0.008);
  }
  EXPECT_EQ(gate.status(now).allowance.operations, 500);
  const Decision first = gate.next(now, 1);
  gate.charge(now, *first.permit, Work{10, Touched{500, 0, 0}});
  EXPECT_EQ(gate.next(now, 1).reason, "a commit takes 4.0 times as long as usual: slowed to 500 operations/s");
}

TEST(Gate, StatusTellsTheOwnRateAndWhatARowCosts) {
  Gate gate(own_budget(1000), 0);
  for (int second = 1; second <= 20; ++second) {
    const Decision decision = gate.next(second, 1);
    ASSERT_TRUE(decision.permit);
    gate.charge(second, *decision.permit, Work{100, Touched{200, 100, 0}});
  }
  const Status status = gate.status(20);
  EXPECT_NEAR(status.own_rate.operations, 300, 1);
  EXPECT_DOUBLE_EQ(status.per_row.operations, 3);
  EXPECT_EQ(name_of(status.trust), "measured");
}

}  // namespace
}  // namespace pgsluice::gate

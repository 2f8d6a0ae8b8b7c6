#include <gtest/gtest.h>

#include <limits>

#include "gate/batch_limit.hpp"
#include "gate/cost_model.hpp"

namespace pgsluice::gate {
namespace {

constexpr double kNotANumber = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinite = std::numeric_limits<double>::infinity();

Work batch(double rows, const Touched& per_row) {
  return {rows, per_row * rows};
}

TEST(GateCostModel, CountsPagesReadPagesDirtiedAndWalInQuartersOfAMegabyte) {
  const CostModel model;
  const Cost cost = model.cost(Work{10, Touched{3, 2, 2 * kWalBytesPerOperation}});
  EXPECT_DOUBLE_EQ(cost.operations, 3 + 2 + 2);
  EXPECT_DOUBLE_EQ(cost.bytes, 5 * kPageBytes + 2 * kWalBytesPerOperation);
}

TEST(GateCostModel, OperationsPerPageChangeOperationsAndNotBytes) {
  CostModel model;
  const double bytes = model.cost(Touched{10, 0, 0}).bytes;
  for (int i = 0; i < 50; ++i) {
    model.learn_operations_per_page(2500, 10'000, 0);
  }
  EXPECT_NEAR(model.cost(Touched{10, 0, 0}).operations, 2.5, 0.01);
  EXPECT_DOUBLE_EQ(model.cost(Touched{10, 0, 0}).bytes, bytes);
}

TEST(GateCostModel, ReadingInOrderStaysCheapBesideOthersWhoReadAtRandom) {
  CostModel model;
  for (int i = 0; i < 20; ++i) {
    model.learn_operations_per_page(1000, 16'000, 50);
  }
  EXPECT_NEAR(model.operations_per_page(), 1.0 / 16, 0.001);
  for (int i = 0; i < 20; ++i) {
    model.learn_operations_per_page(1000 + 3000, 16'000, 3000);
  }
  EXPECT_NEAR(model.operations_per_page(), 1.0 / 16, 0.001);
  EXPECT_NEAR(model.operations_per_others_page(), 1, 0.01);
}

TEST(GateCostModel, WhereOthersWereNeverQuietAPageIsAPage) {
  CostModel model;
  for (int i = 0; i < 20; ++i) {
    model.learn_operations_per_page(4000, 16'000, 4000);
  }
  EXPECT_NEAR(model.operations_per_page(), 0.2, 0.001);
  EXPECT_DOUBLE_EQ(model.operations_per_others_page(), model.operations_per_page());
}

TEST(GateCostModel, DirtiedPagesCostWhatIsWrittenOfThem) {
  CostModel model;
  for (int i = 0; i < 20; ++i) {
    model.learn_written_per_dirtied(1.5);
  }
  EXPECT_NEAR(model.cost(Touched{0, 10, 0}).operations, 15, 0.01);
  EXPECT_NEAR(model.cost(Touched{0, 10, 0}).bytes, 15 * kPageBytes, 100);
}

TEST(GateCostModel, FactorsStayWithinReasonWhateverIsSeen) {
  CostModel model;
  for (const double seen : {0.0, 1e9, kNotANumber, kInfinite, -1.0}) {
    for (int i = 0; i < 20; ++i) {
      model.learn_written_per_dirtied(seen);
      model.learn_operations_per_page(seen, 10'000, 0);
      model.learn_operations_per_page(seen, 10'000, seen);
      model.learn_operations_per_page(10'000, seen, 10'000);
    }
    EXPECT_GE(model.written_per_dirtied(), 0.25);
    EXPECT_LE(model.written_per_dirtied(), 4);
    EXPECT_GE(model.operations_per_page(), 1.0 / 32);
    EXPECT_LE(model.operations_per_page(), 4);
  }
}

TEST(GateCostModel, FollowsTheCostOfARow) {
  CostModel model(Cost{2, 2 * kPageBytes});
  EXPECT_EQ(model.trust(), Trust::assumed);
  EXPECT_EQ(model.per_row().operations, 2);
  model.learn(batch(100, {1, 0, 0}));
  EXPECT_EQ(model.trust(), Trust::measured);
  EXPECT_DOUBLE_EQ(model.per_row().operations, 1) << "the first figure replaces what was assumed";
  for (int i = 0; i < 30; ++i) {
    model.learn(batch(100, {3, 0, 0}));
  }
  EXPECT_NEAR(model.per_row().operations, 3, 0.02);
}

TEST(GateCostModel, OneSpikeMovesTheMeanLittle) {
  CostModel model;
  model.learn(batch(100, {1, 1, 0}));
  model.learn(batch(100, {1000, 0, 0}));
  EXPECT_LT(model.per_row().operations, 2 * 2);
}

TEST(GateCostModel, WhatWasASpikeIsTheCostOnceItLasts) {
  CostModel model;
  model.learn(batch(100, {0, 0, 0}));
  for (int i = 0; i < 60; ++i) {
    model.learn(batch(100, {5, 0, 0}));
  }
  EXPECT_NEAR(model.per_row().operations, 5, 0.1);
}

TEST(GateCostModel, ABatchOfFewRowsTellsLittle) {
  CostModel model;
  for (int i = 0; i < 10; ++i) {
    model.learn(batch(1000, {1, 0, 0}));
  }
  model.learn(batch(1, {4, 0, 0}));
  EXPECT_NEAR(model.per_row().operations, 1, 0.01);
}

TEST(GateCostModel, WhereOnlyRowsAreKnownTheyCostWhatWasLearned) {
  CostModel model(Cost{2, 0});
  EXPECT_DOUBLE_EQ(model.cost(Work{50, {}}).operations, 100);
  model.learn_per_row({4, 4 * kPageBytes});
  EXPECT_EQ(model.trust(), Trust::learned);
  EXPECT_DOUBLE_EQ(model.cost(Work{50, {}}).operations, 200);
  model.learn(batch(10, {1, 0, 0}));
  model.learn(Work{50, {}});
  EXPECT_EQ(model.trust(), Trust::learned) << "a method that cannot tell took over";
  EXPECT_DOUBLE_EQ(model.cost(Work{50, {}}).operations, 50);
}

TEST(GateCostModel, TheServersTotalsDoNotOverrideWhatBatchesTell) {
  CostModel model;
  model.learn(batch(10, {1, 0, 0}));
  model.learn_per_row({100, 100});
  EXPECT_DOUBLE_EQ(model.per_row().operations, 1);
}

TEST(GateCostModel, FiguresThatAreNoNumbersAreNotLearned) {
  CostModel model;
  model.learn(batch(10, {1, 0, 0}));
  model.learn(Work{10, Touched{-5, 0, 0}});
  EXPECT_DOUBLE_EQ(model.per_row().operations, 1);
  EXPECT_DOUBLE_EQ(model.cost(Work{10, Touched{kNotANumber, 0, 0}}).operations, 10);
}

TEST(GateBatchLimit, AllWorkersTogetherTakeAboutAThirdOfASecond) {
  for (const unsigned workers : {1U, 3U, 8U}) {
    BatchLimit limit;
    std::uint64_t rows = 0;
    for (int i = 0; i < 20; ++i) {
      rows = limit.next({2, 1}, {10'000, kInfinite}, workers);
    }
    EXPECT_NEAR(static_cast<double>(rows * workers) * 2 / 10'000, 0.3, 0.01);
  }
}

TEST(GateBatchLimit, TheTighterBudgetDecides) {
  EXPECT_EQ(BatchLimit().next({1, 8192}, {1000, kInfinite}, 1), 300U);
  EXPECT_EQ(BatchLimit().next({1, 8192}, {1000, 100 * 8192}, 1), 30U);
}

TEST(GateBatchLimit, ChangesByAFactorOfTwoAtMost) {
  BatchLimit limit;
  EXPECT_EQ(limit.next({1, 0}, {1000, kInfinite}, 1), 300U);
  EXPECT_EQ(limit.next({0.01, 0}, {1000, kInfinite}, 1), 600U);
  EXPECT_EQ(limit.next({1000, 0}, {1000, kInfinite}, 1), 300U);
}

TEST(GateBatchLimit, StaysWithinItsBoundsWhateverARowCosts) {
  for (const double cost : {0.0, 1e-9, 1e9}) {
    BatchLimit limit;
    for (int i = 0; i < 40; ++i) {
      const std::uint64_t rows = limit.next({cost, cost}, {100, 1e6}, 0);
      EXPECT_GE(rows, BatchLimit::kRowsMin);
      EXPECT_LE(rows, BatchLimit::kRowsMax);
    }
  }
}

}  // namespace
}  // namespace pgsluice::gate

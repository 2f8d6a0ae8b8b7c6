#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "gate/meter_health.hpp"
#include "gate/own_work.hpp"
#include "gate/server_history.hpp"

namespace pgsluice::gate {
namespace {

MeterSample sample_at(double seconds, std::uint64_t pages_read, std::uint64_t pages_written = 0,
                      std::uint64_t wal_bytes = 0) {
  MeterSample sample;
  sample.seconds = seconds;
  sample.pages_read = pages_read;
  sample.pages_written = pages_written;
  sample.wal_bytes = wal_bytes;
  return sample;
}

using Verdict = MeterHealth::Verdict;

TEST(GateMeterHealth, IsBlindWhenNoSampleCameForLongAndSeesAgainWithTheNextOne) {
  MeterHealth meter(15, 100);
  EXPECT_FALSE(meter.is_blind(110));
  EXPECT_TRUE(meter.is_blind(116)) << "none ever came";
  EXPECT_EQ(meter.add(117, sample_at(117, 10), 0), Verdict::good);
  EXPECT_FALSE(meter.is_blind(117));
  EXPECT_FALSE(meter.is_blind(132));
  EXPECT_TRUE(meter.is_blind(132.1));
  EXPECT_EQ(meter.add(133, sample_at(133, 11), 0), Verdict::good);
  EXPECT_FALSE(meter.is_blind(133));
}

TEST(GateMeterHealth, AnOldSampleIsNoNews) {
  MeterHealth meter(15, 0);
  meter.add(1, sample_at(1, 10), 0);
  EXPECT_EQ(meter.add(20, sample_at(1, 10), 0), Verdict::ignored);
  EXPECT_EQ(meter.add(20, sample_at(0.5, 5), 0), Verdict::ignored);
  EXPECT_TRUE(meter.is_blind(20));
}

TEST(GateMeterHealth, CountersThatStandStillWhileRowsMoveAreBlindness) {
  MeterHealth meter(15, 0);
  for (int second = 1; second <= 20; ++second) {
    meter.add(second, sample_at(second, 10), 1000.0 * second);
  }
  EXPECT_TRUE(meter.is_blind(20));
  meter.add(21, sample_at(21, 11), 21'000);
  EXPECT_FALSE(meter.is_blind(21));
}

TEST(GateMeterHealth, CountersThatStandStillWhileNothingHappensAreNot) {
  MeterHealth meter(15, 0);
  for (int second = 1; second <= 100; ++second) {
    meter.add(second, sample_at(second, 10), 50);
  }
  EXPECT_FALSE(meter.is_blind(100));
}

TEST(GateMeterHealth, AnyCounterThatWentDownOrAnotherResetBeginsAnEpoch) {
  MeterSample before = sample_at(1, 10, 10, 10);
  before.checkpoints_done = 10;
  before.device_operations = 10;
  before.read_seconds = 10;
  MeterSample after = before;
  after.seconds = 2;
  const auto verdict = [&](auto change) {
    MeterHealth meter(15, 0);
    meter.add(1, before, 0);
    MeterSample changed = after;
    change(changed);
    const Verdict found = meter.add(2, changed, 0);
    EXPECT_EQ(meter.epochs(), found == Verdict::new_epoch ? 1U : 0U);
    return found;
  };
  EXPECT_EQ(verdict([](MeterSample&) {}), Verdict::good);
  EXPECT_EQ(verdict([](MeterSample& sample) { sample.pages_read = 9; }), Verdict::new_epoch);
  EXPECT_EQ(verdict([](MeterSample& sample) { sample.pages_written = 9; }), Verdict::new_epoch);
  EXPECT_EQ(verdict([](MeterSample& sample) { sample.wal_bytes = 9; }), Verdict::new_epoch);
  EXPECT_EQ(verdict([](MeterSample& sample) { sample.checkpoints_done = 9; }), Verdict::new_epoch);
  EXPECT_EQ(verdict([](MeterSample& sample) { sample.device_operations = 9; }), Verdict::new_epoch);
  EXPECT_EQ(verdict([](MeterSample& sample) { sample.read_seconds = 9; }), Verdict::new_epoch);
  EXPECT_EQ(verdict([](MeterSample& sample) { sample.stats_reset = 1; }), Verdict::new_epoch);
  EXPECT_EQ(verdict([](MeterSample& sample) { sample.device_operations.reset(); }), Verdict::good);
}

TEST(GateOwnWork, KnowsWhatItWasAtAMomentNotLongAgo) {
  OwnWork own;
  own.add(10, {1, {}, {100, 0}});
  own.add(20, {1, {}, {10, 0}});
  own.add(19, {1, {}, {1, 0}});  // Read its clock earlier.
  EXPECT_EQ(own.at(9.9).charged.operations, 0);
  EXPECT_EQ(own.at(10).charged.operations, 100);
  EXPECT_EQ(own.at(19.9).charged.operations, 100);
  EXPECT_EQ(own.at(20).charged.operations, 111);
  EXPECT_EQ(own.total().rows, 3);
  own.add(500, {1, {}, {1000, 0}});
  EXPECT_EQ(own.at(0).charged.operations, 111) << "forgotten";
}

CostModel measured_model() {
  CostModel model;
  model.learn(Work{1, Touched{1, 1, 0}});
  return model;
}

OwnTotals own_totals(double pages_read, double pages_dirtied, double wal_bytes) {
  OwnTotals own;
  own.touched = {pages_read, pages_dirtied, wal_bytes};
  own.charged = {pages_read + pages_dirtied + wal_bytes / kWalBytesPerOperation, 0};
  return own;
}

TEST(GateServerHistory, WhatIsNotOursIsTheApplications) {
  ServerHistory history;
  history.add(sample_at(0, 0), own_totals(0, 0, 0), 1e9, 1);
  EXPECT_FALSE(history.window(1));
  history.add(sample_at(10, 5000), own_totals(3000, 0, 0), 1e9, 1);
  const auto window = history.window(5);
  ASSERT_TRUE(window);
  EXPECT_EQ(window->seconds, 10);
  EXPECT_DOUBLE_EQ(history.application(*window, measured_model()).operations, 2000);
  EXPECT_DOUBLE_EQ(history.everybody(*window, measured_model()).operations, 5000);
}

TEST(GateServerHistory, OurFilesThatGrowAreNotTheApplicationsReading) {
  ServerHistory history;
  MeterSample sample = sample_at(0, 0);
  sample.reads_hold_growth = true;
  history.add(sample, {}, 1e9, 1);
  sample.seconds = 10;
  sample.pages_read = 5000;
  OwnTotals own;
  own.touched = {3000, 2200, 0, 2000};
  history.add(sample, own, 1e9, 1);
  const auto window = history.window(5);
  ASSERT_TRUE(window);
  EXPECT_DOUBLE_EQ(history.application(*window, measured_model()).operations, 0);
  EXPECT_DOUBLE_EQ(history.pages(*window, measured_model()).own, 5200);
  EXPECT_DOUBLE_EQ(history.pages(*window, measured_model()).others, 0);
}

TEST(GateServerHistory, WithoutKnowingWhatWeTouchedTheChargeIsSubtracted) {
  ServerHistory history;
  history.add(sample_at(0, 0), {}, 1e9, 1);
  OwnTotals own;
  own.charged = {1500, 0};
  history.add(sample_at(10, 5000), own, 1e9, 1);
  EXPECT_DOUBLE_EQ(history.application(*history.window(5), CostModel()).operations, 3500);
}

TEST(GateServerHistory, TheLateNewsOfALongQueryCountsAsNoMoreThanThriceTheBudget) {
  ServerHistory history;
  history.add(sample_at(0, 0), {}, 100, 1);
  history.add(sample_at(1, 1'000'000), {}, 100, 1);
  history.add(sample_at(2, 1'000'050), {}, 100, 1);
  EXPECT_EQ(history.window(2)->pages_read, 350);
  EXPECT_EQ(history.latest()->pages_read, 50);
}

TEST(GateServerHistory, NothingIsComparedAcrossEpochs) {
  ServerHistory history;
  history.add(sample_at(0, 1000), {}, 1e9, 1);
  history.add(sample_at(1, 2000), {}, 1e9, 1);
  history.begin_anew();
  history.add(sample_at(2, 5), {}, 1e9, 1);
  EXPECT_FALSE(history.window(1));
  EXPECT_FALSE(history.latest());
}

// Checkpoint cycles of 100 s, in each of which so much happens.
struct Cycles {
  double own_dirtied;
  std::vector<double> own_wal_bytes;  // Per cycle.
  double others_wal_bytes;
  double written;

  std::vector<std::optional<double>> told(ServerHistory& history) const {
    std::vector<std::optional<double>> found;
    MeterSample sample;
    sample.checkpoints_done = 0;
    OwnTotals own;
    history.add(sample, own, 1e9, 1);
    for (const double wal_bytes : own_wal_bytes) {
      sample.seconds += 100;
      ++*sample.checkpoints_done;
      sample.pages_written += static_cast<std::uint64_t>(written);
      sample.wal_bytes += static_cast<std::uint64_t>(wal_bytes + others_wal_bytes);
      own.touched += {0, own_dirtied, wal_bytes};
      found.push_back(history.add(sample, own, 1e9, 1));
    }
    return found;
  }
};

TEST(GateServerHistory, TheThirdOfAlikeCheckpointsTellsHowManyDirtiedPagesAreWritten) {
  ServerHistory history;
  const auto told = Cycles{10'000, {1e8, 1e8, 1e8}, 0, 7000}.told(history);
  EXPECT_FALSE(told[0]);
  EXPECT_FALSE(told[1]);
  ASSERT_TRUE(told[2]);
  EXPECT_NEAR(*told[2], 0.7, 1e-9);
}

TEST(GateServerHistory, ACycleUnlikeTheOneBeforeTellsNothing) {
  ServerHistory history;
  EXPECT_FALSE(Cycles({10'000, {1e8, 1e7, 1e8}, 0, 7000}).told(history).back());
}

TEST(GateServerHistory, WhereOthersWriteMuchWalTheCycleTellsOfTheirWrites) {
  ServerHistory history;
  // Of 13,000 pages 10,000 are ours.
  const auto told = Cycles{10'000, {1e8, 1e8, 1e8, 1e8, 1e8, 1e8, 1e8, 1e8, 1e8}, 3e8, 13'000}.told(history);
  EXPECT_FALSE(told.back());
  ServerHistory::Window window;
  window.wal_bytes = 3e8;
  EXPECT_NEAR(history.application(window, measured_model()).operations - 3e8 / kWalBytesPerOperation, 3000, 700);
}

}  // namespace
}  // namespace pgsluice::gate

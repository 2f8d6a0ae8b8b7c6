#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "capacity/trial.hpp"
#include "pg/failure.hpp"

namespace pgsluice::capacity {
namespace {

// A level that holds for so many samples.
struct Stretch {
  std::size_t count;
  double level;
};

class Noise {
 public:
  explicit Noise(unsigned seed) : random_(seed) {}
  double uniform(double low, double high) { return low + (high - low) * static_cast<double>(random_()) / 4294967296.0; }
  // Mean 0, standard deviation 1; the sum of twelve is near enough to the normal one.
  double normal() {
    double sum = -6;
    for (int i = 0; i < 12; ++i) {
      sum += uniform(0, 1);
    }
    return sum;
  }

 private:
  std::mt19937 random_;
};

std::vector<double> series(const std::vector<Stretch>& stretches, double noise, unsigned seed) {
  Noise random(seed);
  std::vector<double> values;
  for (const Stretch& stretch : stretches) {
    for (std::size_t i = 0; i < stretch.count; ++i) {
      values.push_back(stretch.level * random.uniform(1 - noise, 1 + noise));
    }
  }
  return values;
}

std::vector<std::size_t> indexes(const std::vector<ChangePoint>& changes) {
  std::vector<std::size_t> found;
  for (const ChangePoint& change : changes) {
    found.push_back(change.index);
  }
  return found;
}

constexpr unsigned kSeeds = 300;

TEST(ChangePoints, SteadySeriesOfTwentyPercentNoiseHasNone) {
  for (const std::size_t count : {10U, 30U, 60U, 180U, 1000U}) {
    const unsigned seeds = count < 1000 ? kSeeds : 40;
    for (unsigned seed = 1; seed <= seeds; ++seed) {
      ASSERT_TRUE(change_points(series({{count, 1000}}, 0.2, seed)).empty()) << count << " values, seed " << seed;
    }
  }
}

TEST(ChangePoints, SteadySeriesWithNormalNoiseStallsAndSpikesHasHardlyAny) {
  unsigned alarms = 0;
  for (unsigned seed = 1; seed <= kSeeds; ++seed) {
    Noise random(seed);
    std::vector<double> values;
    for (int i = 0; i < 120; ++i) {
      const double kind = random.uniform(0, 1);
      values.push_back(kind < 0.03 ? 0 : kind > 0.97 ? 10'000 : std::max(0.0, 1000 * (1 + 0.2 * random.normal())));
    }
    alarms += change_points(values).empty() ? 0 : 1;
  }
  EXPECT_LE(alarms, kSeeds / 100);
}

TEST(ChangePoints, StepOfAFactorOfOneAndAHalfIsFoundWhereItIs) {
  for (const double factor : {1.5, 1 / 1.5, 2.0, 0.2}) {
    for (const std::size_t at : {10U, 30U, 50U}) {
      unsigned found_alone = 0;
      unsigned near = 0;
      for (unsigned seed = 1; seed <= kSeeds; ++seed) {
        const std::vector<ChangePoint> found = change_points(series({{at, 1000}, {60 - at, 1000 * factor}}, 0.2, seed));
        if (found.size() == 1) {
          EXPECT_NEAR(found[0].after / found[0].before / factor, 1, 0.25);
          ++found_alone;
          near += found[0].index + 2 >= at && found[0].index <= at + 2 ? 1 : 0;
        }
      }
      EXPECT_GE(found_alone, kSeeds * 99 / 100) << factor << " at " << at;
      EXPECT_GE(near, kSeeds * 95 / 100) << factor << " at " << at;
    }
  }
}

TEST(ChangePoints, TwoAndThreeStepsAreAllFound) {
  EXPECT_THAT(indexes(change_points(series({{10, 200}, {60, 1000}, {30, 300}}, 0.1, 1))), testing::ElementsAre(10, 70));
  EXPECT_THAT(indexes(change_points(series({{40, 1000}, {40, 500}, {40, 1000}, {40, 500}}, 0.1, 2))),
              testing::ElementsAre(40, 80, 120));
}

TEST(ChangePoints, EqualZeroShortAndHugeSeriesDoNoHarm) {
  EXPECT_TRUE(change_points({}).empty());
  EXPECT_TRUE(change_points(std::vector<double>(9, 5)).empty());
  EXPECT_TRUE(change_points(std::vector<double>(100, 5)).empty());
  EXPECT_TRUE(change_points(std::vector<double>(100, 0)).empty());
  EXPECT_THAT(indexes(change_points(series({{20, 1e300}, {20, 1e299}}, 0, 1))), testing::ElementsAre(20));
  EXPECT_THAT(indexes(change_points(series({{20, 100}, {20, 0}}, 0, 1))), testing::ElementsAre(20));
}

TEST(ChangePoints, MiddleMeanLeavesAQuarterOutAtEitherEnd) {
  EXPECT_EQ(middle_mean({}), 0);
  EXPECT_EQ(middle_mean(std::vector<double>{3, 1, 2}), 2);
  EXPECT_EQ(middle_mean(std::vector<double>{1e9, 1, 2, 4}), 3);
  EXPECT_EQ(middle_mean(std::vector<double>{0, 10, 20, 33, 1e9}), 21);
}

// Samples of ten seconds: rows a second as given, 2 operations and 16 KiB a row.
std::vector<TrialSample> trial(const std::vector<Stretch>& stretches, unsigned seed) {
  std::vector<TrialSample> samples;
  for (const double rate : series(stretches, 0.15, seed)) {
    samples.push_back({.end_seconds = 10.0 * static_cast<double>(samples.size() + 1),
                       .rows = 10 * rate,
                       .ops = 20 * rate,
                       .bytes = 163'840 * rate});
  }
  return samples;
}

TEST(Trial, SteadyTrialIsUsedWhole) {
  const TrialAnalysis found = analyze_trial(trial({{60, 1000}}, 1), nullptr);
  EXPECT_TRUE(found.changes.empty());
  EXPECT_EQ(found.steady_begin, 0U);
  EXPECT_EQ(found.steady_end, 60U);
  EXPECT_EQ(found.steady_seconds, 600);
  EXPECT_NEAR(found.rows_per_second, 1000, 30);
  EXPECT_NEAR(found.ops_per_second / found.rows_per_second, 2, 1e-9);
  EXPECT_NEAR(found.bytes_per_second / found.rows_per_second, 16'384, 1e-6);
}

TEST(Trial, WarmUpIsLeftOut) {
  const TrialAnalysis found = analyze_trial(trial({{10, 300}, {50, 1000}}, 2), nullptr);
  ASSERT_EQ(found.changes.size(), 1U);
  EXPECT_EQ(found.changes[0].kind, ChangeKind::warm_up_end);
  EXPECT_EQ(found.changes[0].series, TrialSeries::rows);
  EXPECT_EQ(found.changes[0].seconds, 100);
  EXPECT_EQ(found.steady_begin, 10U);
  EXPECT_NEAR(found.rows_per_second, 1000, 30);
}

TEST(Trial, WhatFollowsTheEndOfABurstIsUsed) {
  const TrialAnalysis found = analyze_trial(trial({{8, 900}, {120, 3000}, {52, 600}}, 3), nullptr);
  ASSERT_EQ(found.changes.size(), 2U);
  EXPECT_EQ(found.changes[0].kind, ChangeKind::warm_up_end);
  EXPECT_EQ(found.changes[1].kind, ChangeKind::burst_end);
  EXPECT_EQ(found.changes[1].seconds, 1280);
  EXPECT_EQ(found.steady_begin, 128U);
  EXPECT_NEAR(found.rows_per_second, 600, 20);
}

TEST(Trial, LatencyTellsTheEndOfABurstThatAThrottledTrialHides) {
  std::vector<TrialSample> samples = trial({{100, 500}}, 4);
  const std::vector<double> latency = series({{60, 0.001}, {40, 0.004}}, 0.2, 5);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    samples[i].latency_seconds = latency[i];
  }
  const TrialAnalysis found = analyze_trial(samples, nullptr);
  ASSERT_EQ(found.changes.size(), 1U);
  EXPECT_EQ(found.changes[0].kind, ChangeKind::burst_end);
  EXPECT_EQ(found.changes[0].series, TrialSeries::latency);
  EXPECT_EQ(found.changes[0].index, 60U);
  samples[50].latency_seconds.reset();  // Seen now and then, it is not used.
  EXPECT_TRUE(analyze_trial(samples, nullptr).changes.empty());
}

TEST(Trial, RecoveryAfterABurstsEndIsNoWarmUp) {
  const TrialAnalysis found = analyze_trial(trial({{40, 1000}, {40, 400}, {40, 1000}}, 6), nullptr);
  ASSERT_EQ(found.changes.size(), 2U);
  EXPECT_EQ(found.changes[0].kind, ChangeKind::burst_end);
  EXPECT_EQ(found.changes[1].kind, ChangeKind::other);
}

TEST(Trial, NoSamplesAndOneSampleAreAnalyzed) {
  EXPECT_EQ(analyze_trial({}, nullptr).steady_end, 0U);
  const TrialAnalysis one = analyze_trial(trial({{1, 1000}}, 1), nullptr);
  EXPECT_EQ(one.steady_end, 1U);
  EXPECT_GT(one.rows_per_second, 0);
}

TEST(Trial, SamplesThatCannotBeAreRefused) {
  for (const std::vector<TrialSample>& samples :
       {std::vector<TrialSample>{{.end_seconds = 0}}, std::vector<TrialSample>{{.end_seconds = 2}, {.end_seconds = 2}},
        std::vector<TrialSample>{{.end_seconds = 1, .rows = -1}},
        std::vector<TrialSample>{{.end_seconds = 1, .rows = 1, .ops = std::nan("")}}}) {
    EXPECT_THROW(analyze_trial(samples, nullptr), pg::Failure);
  }
}

TEST(Trial, DemandAboveNinetyFivePercentOfAnySustainedLimitIsSuspect) {
  // Sustained: volume 12,000 IOPS and 500 MiB/s, instance 3,600 IOPS and 81.25 MB/s.
  const Server server{parse_volume("gp3:400"), instance_named("db.r5.large")};
  const auto limits = [&](double ops, double bytes) {
    std::vector<Limit> found;
    for (const BurstSuspect& suspect : burst_suspects(server, {ops, bytes})) {
      found.push_back(suspect.limit);
    }
    return found;
  };
  EXPECT_THAT(limits(3420, 77.18e6), testing::IsEmpty());
  EXPECT_THAT(limits(3421, 77.18e6), testing::ElementsAre(Limit::instance_ops));
  EXPECT_THAT(limits(3420, 77.2e6), testing::ElementsAre(Limit::instance_bytes));
  EXPECT_THAT(limits(11'500, 510 * kMib),
              testing::ElementsAre(Limit::volume_ops, Limit::volume_bytes, Limit::instance_ops, Limit::instance_bytes));
  const std::vector<BurstSuspect> found = burst_suspects(server, {11'500, 0});
  EXPECT_FALSE(found[0].can_burst);
  EXPECT_TRUE(found[1].can_burst);
  EXPECT_NEAR(found[1].share, 11'500 / 3600.0, 1e-9);
}

TEST(Trial, TrialOnFullCreditsIsSuspectThoughItIsSteady) {
  const Server server{parse_volume("gp2:200:full"), std::nullopt};
  const TrialAnalysis found = analyze_trial(trial({{180, 1450}}, 7), &server);  // 2,900 operations a second.
  EXPECT_TRUE(found.changes.empty());
  ASSERT_EQ(found.burst_suspects.size(), 1U);
  EXPECT_EQ(found.burst_suspects[0].limit, Limit::volume_ops);
  EXPECT_NEAR(found.burst_suspects[0].share, 2900 / 600.0, 0.2);
  EXPECT_TRUE(analyze_trial(trial({{180, 250}}, 7), &server).burst_suspects.empty());
}

}  // namespace
}  // namespace pgsluice::capacity

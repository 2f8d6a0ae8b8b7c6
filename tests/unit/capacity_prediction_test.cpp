#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "capacity/prediction.hpp"
#include "pg/failure.hpp"
#include "tests/support/capacity_samples.hpp"

namespace pgsluice::capacity {
namespace {

using testing::HasSubstr;
using tests::job_of;
using tests::server_of;
using tests::tired_server_of;

Work work(double ops_lower, double ops_upper, double bytes = 0, double wal_bytes = 0, double cpu_seconds = 0,
          double session_seconds = 0) {
  return {ops_lower, ops_upper, bytes, wal_bytes, cpu_seconds, session_seconds};
}

// Batches of 1,000 rows, whose operations a row scatter by +-20 % around `ops`.
std::vector<BatchSample> batches(std::size_t count, double ops, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<BatchSample> made;
  for (std::size_t i = 0; i < count; ++i) {
    const double each = ops * (0.8 + 0.4 * static_cast<double>(random()) / 4294967296.0);
    made.push_back({1000, work(1000 * each, 1000 * each)});
  }
  return made;
}

TEST(Prediction, JobIsItsWorkDividedByWhatTheServerSustains) {
  const Prediction found = predict(tired_server_of("gp3:1000", "db.r5.large"), job_of(36e6, work(0.5, 1, 1000, 400)));
  EXPECT_DOUBLE_EQ(found.duration.expected_seconds, 10'000);  // 3,600 IOPS of the instance.
  EXPECT_DOUBLE_EQ(found.duration.high_seconds, 10'000);
  EXPECT_DOUBLE_EQ(found.duration.low_seconds, 5000);
  EXPECT_EQ(found.limit, Limit::instance_ops);
  EXPECT_TRUE(found.burst_ends.empty());
  EXPECT_DOUBLE_EQ(found.totals.rows, 36e6);
  EXPECT_DOUBLE_EQ(found.totals.work.ops_lower, 18e6);
  EXPECT_DOUBLE_EQ(found.totals.work.ops_upper, 36e6);
  EXPECT_DOUBLE_EQ(found.totals.work.bytes, 36e9);
  EXPECT_DOUBLE_EQ(found.totals.work.wal_bytes, 14.4e9);
}

TEST(Prediction, SpaceIsTheTargetAndTheWalThatIsKept) {
  Job job = job_of(1e6, work(1, 1, 1000, 400));
  job.wal_kept_bytes = 1e8;
  EXPECT_DOUBLE_EQ(predict(server_of("gp3:1000"), job).totals.space_bytes, 1e8 + 1e8);
  job.wal_kept_bytes = 1e18;
  EXPECT_DOUBLE_EQ(predict(server_of("gp3:1000"), job).totals.space_bytes, 1e8 + 4e8);  // No more than is written.
}

TEST(Prediction, TellsWhenTheBurstEndsAndHowFastItGoesOn) {
  const Prediction found = predict(server_of("gp2:200:full"), job_of(20e6, work(1, 1)));
  ASSERT_EQ(found.burst_ends.size(), 1U);
  EXPECT_DOUBLE_EQ(found.burst_ends[0].seconds, 2250);
  EXPECT_EQ(found.burst_ends[0].limit, Limit::volume_ops);
  EXPECT_EQ(found.burst_ends[0].rows_per_second_before, 3000);
  EXPECT_EQ(found.burst_ends[0].rows_per_second_after, 600);
  EXPECT_DOUBLE_EQ(found.duration.expected_seconds, 2250 + (20e6 - 3000 * 2250) / 600);
  EXPECT_EQ(found.limit, Limit::volume_ops);
  ASSERT_EQ(found.progress.size(), 3U);
  EXPECT_EQ(found.progress[0].rows, 0);
  EXPECT_DOUBLE_EQ(found.progress[1].seconds, 2250);
  EXPECT_DOUBLE_EQ(found.progress[1].rows, 6.75e6);
  EXPECT_DOUBLE_EQ(found.progress[2].rows, 20e6);
  EXPECT_DOUBLE_EQ(found.progress[2].seconds, found.duration.expected_seconds);
}

TEST(Prediction, BurstThatOutlastsTheJobHasNoEnd) {
  EXPECT_TRUE(predict(server_of("gp2:200:full"), job_of(6e6, work(1, 1))).burst_ends.empty());
}

TEST(Prediction, UnknownCreditsMakeARangeAndTheExpectationIsTheSafeEnd) {
  const Job job = job_of(6e6, work(1, 1));
  const Prediction found = predict(server_of("gp2:200"), job);
  EXPECT_DOUBLE_EQ(found.duration.low_seconds, 2000);
  EXPECT_DOUBLE_EQ(found.duration.expected_seconds, 10'000);
  EXPECT_DOUBLE_EQ(found.duration.high_seconds, 10'000);
  EXPECT_DOUBLE_EQ(predict(server_of("gp2:200:empty"), job).duration.low_seconds, 10'000);
  EXPECT_DOUBLE_EQ(predict(server_of("gp2:200:full"), job).duration.high_seconds, 2000);
}

TEST(Prediction, CpuBindsByCoresOrWorkersWhicheverAreFewer) {
  Job job = job_of(1e6, work(1, 1, 0, 0, 0.01));
  job.workers = 8;
  const Server server = tired_server_of("gp3:1000", "db.r5.large");
  EXPECT_DOUBLE_EQ(predict(server, job).duration.expected_seconds, 5000);  // Two cores.
  EXPECT_EQ(predict(server, job).limit, Limit::cpu);
  job.cores = 4;
  EXPECT_DOUBLE_EQ(predict(server, job).duration.expected_seconds, 2500);
  job.workers = 1;
  EXPECT_DOUBLE_EQ(predict(server, job).duration.expected_seconds, 10'000);
}

TEST(Prediction, WorkersThatWaitBindAsSessions) {
  Job job = job_of(1e6, work(1, 1, 0, 0, 0.0001, 0.002));
  job.workers = 4;
  const Prediction found = predict(server_of("gp3:1000"), job);
  EXPECT_DOUBLE_EQ(found.duration.expected_seconds, 500);
  EXPECT_EQ(found.limit, Limit::sessions);
}

TEST(Prediction, TargetForegroundAndWalHoldTheJobBack) {
  Job job = job_of(1e6, work(1, 1, 1000, 500));
  job.target_ops = 1000;
  job.foreground = {.ops = 500, .bytes = 0};
  EXPECT_DOUBLE_EQ(predict(server_of("gp3:1000"), job).duration.expected_seconds, 2000);
  EXPECT_EQ(predict(server_of("gp3:1000"), job).limit, Limit::target_ops);
  job.wal_bytes_per_second_max = 50'000;
  EXPECT_DOUBLE_EQ(predict(server_of("gp3:1000"), job).duration.expected_seconds, 10'000);
  EXPECT_EQ(predict(server_of("gp3:1000"), job).limit, Limit::wal_bytes);
}

TEST(Prediction, ForegroundThatLeavesNothingMeansNever) {
  Job job = job_of(1e9, work(1, 1));
  job.foreground = {.ops = 600, .bytes = 0};
  const Prediction found = predict(server_of("gp2:200:full"), job);
  EXPECT_TRUE(std::isinf(found.duration.expected_seconds));
  EXPECT_EQ(found.limit, Limit::volume_ops);
  ASSERT_EQ(found.burst_ends.size(), 1U);
  EXPECT_EQ(found.burst_ends[0].rows_per_second_after, 0);
  EXPECT_LT(found.progress.back().rows, 1e9);
  EXPECT_TRUE(std::isfinite(found.progress.back().seconds));
}

TEST(Prediction, StrataFollowEachOtherAndShareTheCredits) {
  Job job = job_of(3e6, work(1, 1));
  job.strata.push_back({.name = "wide", .rows = 1e6, .target_bytes_per_row = 0, .per_row = work(5, 5), .batches = {}});
  const Prediction found = predict(server_of("gp2:200:full"), job);
  // 1,000 s at 3,000 rows/s, then 1,250 s of the credits that are left at 600, then 120.
  EXPECT_DOUBLE_EQ(found.duration.expected_seconds, 2250 + (1e6 - 1250 * 600) / 120);
  ASSERT_EQ(found.phases.size(), 3U);
  EXPECT_EQ(found.phases[0].stratum, 0U);
  EXPECT_EQ(found.phases[1].stratum, 1U);
  EXPECT_EQ(found.burst_ends.size(), 1U);
  EXPECT_DOUBLE_EQ(found.progress.back().rows, 4e6);
}

TEST(Prediction, NoRowsTakeNoTime) {
  for (const Job& job : {job_of(0, work(1, 1)), job_of(0, {}), Job{}}) {
    const Prediction found = predict(server_of("gp2:200"), job);
    EXPECT_EQ(found.duration.high_seconds, 0);
    EXPECT_EQ(found.limit, Limit::nothing);
    EXPECT_EQ(found.totals.space_bytes, 0);
  }
}

TEST(Prediction, HugeJobsStayFinite) {
  const Prediction found = predict(tired_server_of("gp2:200:full", "db.t3.micro"), job_of(1e15, work(10, 100, 1e6)));
  EXPECT_TRUE(std::isfinite(found.duration.high_seconds));
  EXPECT_GT(found.duration.low_seconds, 1e12);
}

TEST(Prediction, FiguresThatCannotBeAreRefused) {
  const Server server = server_of("gp2:200");
  const auto refusal = [&](const Job& job) {
    try {
      predict(server, job);
    } catch (const pg::Failure& failure) {
      EXPECT_EQ(failure.kind(), pg::FailureKind::refused);
      return std::string(failure.what());
    }
    return std::string("none");
  };
  EXPECT_EQ(refusal(job_of(1, {})), "nothing was measured of stratum \"all\", so nothing can be told of it");
  EXPECT_THAT(refusal(job_of(-1, work(1, 1))), HasSubstr("size of stratum \"all\""));
  EXPECT_THAT(refusal(job_of(1, work(2, 1))), HasSubstr("least number of operations"));
  EXPECT_THAT(refusal(job_of(1, work(0, std::nan("")))), HasSubstr("not finite"));
  EXPECT_THAT(refusal(job_of(1, work(0, 1, HUGE_VAL))), HasSubstr("not finite"));
  Job job = job_of(1, work(1, 1));
  job.workers = 0;
  EXPECT_THAT(refusal(job), HasSubstr("worker"));
  job = job_of(1, work(1, 1));
  job.ops_position = 1.5;
  EXPECT_THAT(refusal(job), HasSubstr("between 0 and 1"));
  job = job_of(1, work(1, 1));
  job.foreground.ops = -5;
  EXPECT_THAT(refusal(job), HasSubstr("negative"));
  job = job_of(1, work(1, 1));
  job.strata[0].batches = {{0, work(5, 5)}};
  EXPECT_THAT(refusal(job), HasSubstr("moved no row"));
}

TEST(Prediction, BatchesGiveTheMeanAndARangeThatHoldsIt) {
  Job job = job_of(3e6, {});
  job.strata[0].batches = batches(100, 2, 7);
  const Prediction found = predict(server_of("gp3:100"), job);
  const double exact = 3e6 * work_per_row(job.strata[0]).ops_upper / 3000;
  EXPECT_DOUBLE_EQ(found.duration.expected_seconds, exact);
  EXPECT_LT(found.duration.low_seconds, exact);
  EXPECT_GT(found.duration.high_seconds, exact);
  // The mean of 100 batches of +-20 % (standard deviation 11.5 %) is known to about 1.9 % either way.
  EXPECT_NEAR(found.duration.high_seconds / exact, 1.019, 0.01);
  EXPECT_NEAR(found.duration.low_seconds / exact, 0.981, 0.01);
}

TEST(Prediction, RangeHoldsTheTruthAboutNineTimesInTen) {
  int holds = 0;
  constexpr int kTrials = 200;
  for (unsigned seed = 1; seed <= kTrials; ++seed) {
    Job job = job_of(3e6, {});
    job.strata[0].batches = batches(60, 1, seed);
    job.resamples = 200;
    const DurationRange range = predict(server_of("gp3:100"), job).duration;
    holds += range.low_seconds <= 1000 && 1000 <= range.high_seconds ? 1 : 0;
  }
  EXPECT_GE(holds, kTrials * 80 / 100);
  EXPECT_LE(holds, kTrials * 97 / 100);
}

TEST(Prediction, SameSeedGivesTheSameRangeAndAnotherSeedAnother) {
  Job job = job_of(3e6, {});
  job.strata[0].batches = batches(50, 2, 3);
  const DurationRange first = predict(server_of("gp3:100"), job).duration;
  const DurationRange second = predict(server_of("gp3:100"), job).duration;
  EXPECT_EQ(first.low_seconds, second.low_seconds);
  EXPECT_EQ(first.high_seconds, second.high_seconds);
  job.seed = 2;
  EXPECT_NE(predict(server_of("gp3:100"), job).duration.high_seconds, first.high_seconds);
}

}  // namespace
}  // namespace pgsluice::capacity

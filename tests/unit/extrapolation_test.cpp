#include "mover/extrapolation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "capacity/prediction.hpp"
#include "pg/failure.hpp"

namespace pgsluice::mover {
namespace {

using testing::ElementsAre;

constexpr double kPage = 8192;

ServerWork work_of(double wal_bytes, double blocks_read = 0) {
  ServerWork work;
  work.wal_bytes = wal_bytes;
  work.blocks_read = blocks_read;
  return work;
}

TrialPass pass_of(std::size_t stratum, double begin_seconds, double rows, double wal_bytes, double busy_seconds) {
  TrialPass pass;
  pass.stratum = stratum;
  pass.begin_seconds = begin_seconds;
  pass.seconds = 10;
  pass.busy_seconds = busy_seconds;
  pass.rows = rows;
  pass.rows_of_whole_ranges = rows;
  pass.rows_expected = rows;
  pass.work = work_of(wal_bytes);
  return pass;
}

// Two kinds of 1000 rows each were moved, of 100,000 each; nothing was read from the volume.
Findings two_kinds() {
  Findings findings;
  findings.workers = 2;
  findings.index_jobs = 2;
  findings.settings.server_major_version = 16;
  findings.settings.cache_bytes = 1e12;
  findings.settings.sorting_bytes = 1e12;
  findings.strata = {{"old", 100'000, 100, {}}, {"new", 100'000, 100, {}}};
  findings.passes = {pass_of(0, 0, 1000, 100'000, 2), pass_of(1, 10, 1000, 300'000, 6)};
  findings.rows_in_target = 2000;
  findings.target_bytes = 100 * kPage;
  return findings;
}

WholeTable table_of(double rows) {
  WholeTable table;
  table.rows = rows;
  table.bytes = rows * 100;
  return table;
}

Extrapolation of(const Findings& findings, const WholeTable& table, Pace pace = Pace::unthrottled) {
  return extrapolate(findings, table, analyze(findings, nullptr), pace);
}

const capacity::Stratum& kind(const Extrapolation& made, std::size_t index) {
  return made.job.strata[made.first_kind + index];
}

TEST(Extrapolation, EachKindCountsWithItsOwnWorkAndItsShareOfTheTable) {
  const Extrapolation made = of(two_kinds(), table_of(200'000));
  ASSERT_EQ(made.kind_count, 2U);
  EXPECT_DOUBLE_EQ(kind(made, 0).rows, 100'000);
  EXPECT_DOUBLE_EQ(capacity::work_per_row(kind(made, 0)).wal_bytes, 100);
  EXPECT_DOUBLE_EQ(capacity::work_per_row(kind(made, 1)).wal_bytes, 300);
  EXPECT_DOUBLE_EQ(capacity::work_per_row(kind(made, 1)).session_seconds, 0.006);
  EXPECT_NEAR(capacity::predict({}, made.job).totals.work.wal_bytes, 100'000 * 100 + 100'000 * 300, 1);
}

TEST(Extrapolation, WhatAPlanByBlocksExpectedOfAKindIsCorrectedByWhatWasFound) {
  Findings findings = two_kinds();
  findings.passes[0].rows_expected = 500;   // Twice as many were there.
  findings.passes[1].rows_expected = 2000;  // Half as many.
  const Extrapolation made = of(findings, table_of(200'000));
  EXPECT_DOUBLE_EQ(kind(made, 0).rows, 160'000);
  EXPECT_DOUBLE_EQ(kind(made, 1).rows, 40'000);
}

TEST(Extrapolation, WhatTheTargetOccupiesIsWrittenOnceAtLeast) {
  const Extrapolation made = of(two_kinds(), table_of(200'000));
  double written = 0;
  for (std::size_t i = 0; i < 2; ++i) {
    const capacity::Work work = capacity::work_per_row(kind(made, i));
    written += (work.bytes - work.wal_bytes) * 1000;
  }
  EXPECT_NEAR(written, 100 * kPage, 1);
}

TEST(Extrapolation, WhatTheServerWroteUntilACheckpointCountsIfItIsMore) {
  Findings findings = two_kinds();
  findings.settings.server_major_version = 16;
  findings.pages_written = 250;
  const double without = of(findings, table_of(200'000)).job.strata[0].batches[0].work.bytes;
  findings.ended_with_checkpoint = true;
  const double with = of(findings, table_of(200'000)).job.strata[0].batches[0].work.bytes;
  EXPECT_NEAR((with - 100'000) / (without - 100'000), 2.5, 1e-9);
  findings.settings.server_major_version = 15;  // Counts a page once when the file grows, and once when it is written.
  EXPECT_NEAR((of(findings, table_of(200'000)).job.strata[0].batches[0].work.bytes - 100'000) / (without - 100'000),
              1.5, 1e-9);
}

TEST(Extrapolation, ATableLargerThanTheCacheIsReadWhole) {
  Findings findings = two_kinds();
  findings.pages_read = 1;
  EXPECT_FALSE(of(findings, table_of(200'000)).reads_are_assumed);
  findings.settings.cache_bytes = 1e6;
  const Extrapolation made = of(findings, table_of(200'000));
  EXPECT_TRUE(made.reads_are_assumed);
  findings.pages_read = 0;
  findings.settings.cache_bytes = 1e12;
  const double read = capacity::work_per_row(kind(made, 0)).ops_upper -
                      capacity::work_per_row(kind(of(findings, table_of(200'000)), 0)).ops_upper;
  EXPECT_NEAR(read, 100 / kPage, 1e-9) << "a hundred bytes a row";
}

TEST(Extrapolation, BeforeVersion16WhatTheTargetGrewByWasNotRead) {
  Findings findings = two_kinds();
  findings.pages_read = 400;
  const double counted_apart = capacity::work_per_row(kind(of(findings, table_of(200'000)), 0)).bytes;
  findings.settings.server_major_version = 15;
  findings.pages_read = 400 + 100;
  EXPECT_DOUBLE_EQ(capacity::work_per_row(kind(of(findings, table_of(200'000)), 0)).bytes, counted_apart);
}

TEST(Extrapolation, WhatWasReadGoesToTheKindThatReadIt) {
  Findings findings = two_kinds();
  findings.pages_read = 400;
  findings.passes[0].work.blocks_read = 100;
  findings.passes[1].work.blocks_read = 300;
  const Extrapolation made = of(findings, table_of(200'000));
  findings.pages_read = 0;
  const Extrapolation cached = of(findings, table_of(200'000));
  const auto read = [&](std::size_t i) {
    return capacity::work_per_row(kind(made, i)).bytes - capacity::work_per_row(kind(cached, i)).bytes;
  };
  EXPECT_NEAR(read(0), 100 * kPage / 1000, 1e-6);
  EXPECT_NEAR(read(1), 300 * kPage / 1000, 1e-6);
}

TEST(Extrapolation, WhatDoesNotGrowWithRowsIsNotMultiplied) {
  Findings findings = two_kinds();
  findings.has_indexes = true;
  findings.preparing.work = work_of(50'000);
  findings.empty_leaf.work = work_of(1000);
  findings.empty_leaf.seconds = 0.1;
  findings.indexing.work = work_of(10 * 1000 + 40'000);
  findings.indexing.seconds = 10 * 0.1 / 2 + 2;
  WholeTable table = table_of(200'000);
  table.leaf_count = 10;
  table.index_count = 1;
  const Extrapolation made = of(findings, table);
  EXPECT_DOUBLE_EQ(made.fixed_bytes, 50'000 + 10 * 1000);
  ASSERT_TRUE(made.indexes.has_value());
  const capacity::Stratum& indexes = made.job.strata[*made.indexes];
  EXPECT_DOUBLE_EQ(indexes.rows, 200'000);
  EXPECT_DOUBLE_EQ(capacity::work_per_row(indexes).wal_bytes, 20);
  capacity::Job alone = made.job;
  alone.strata = {indexes};
  EXPECT_NEAR(capacity::predict({}, alone).duration.expected_seconds, 200, 1e-6) << "a hundred times 2 s";
}

TEST(Extrapolation, IndexesLargerThanMemoryAreSortedInFilesAndReadTheTargetAgain) {
  Findings findings = two_kinds();
  findings.has_indexes = true;
  findings.target_index_bytes = 50 * kPage;
  findings.indexing.work = work_of(40'000);
  findings.indexing.seconds = 2;
  WholeTable table = table_of(200'000);
  table.leaf_count = 1;
  table.index_count = 1;
  const Extrapolation small = of(findings, table);
  EXPECT_FALSE(small.sorts_are_assumed);
  EXPECT_FALSE(small.rereads_are_assumed);
  findings.settings.sorting_bytes = 1e6;
  findings.settings.cache_bytes = 1e6;
  const Extrapolation large = of(findings, table);
  EXPECT_TRUE(large.sorts_are_assumed);
  EXPECT_TRUE(large.rereads_are_assumed);
  EXPECT_GT(capacity::work_per_row(large.job.strata[*large.indexes]).bytes,
            2 * capacity::work_per_row(small.job.strata[*small.indexes]).bytes);
}

// Ten leaves of 100 rows were analyzed in 1.1 s and 10 empty ones take 0.2 s in two sessions; each of the job's leaves
// has more rows than a sample.
TEST(Extrapolation, AnalyzeGrowsUntilItsSampleIsFull) {
  Findings findings = two_kinds();
  findings.rows_in_target = 1000;
  findings.settings.sampled_rows = 300;
  findings.empty_statistics.seconds = 0.04;
  findings.analyzing.seconds = 1.1 + 0.2;
  WholeTable table = table_of(200'000);
  table.leaf_count = 10;
  table.parent_count = 1;
  const Extrapolation made = of(findings, table);
  ASSERT_TRUE(made.statistics.has_value());
  capacity::Job alone = made.job;
  alone.strata = {made.job.strata[*made.statistics]};
  const capacity::DurationRange seconds = capacity::predict({}, alone).duration;
  EXPECT_NEAR(seconds.expected_seconds, 0.2 + 1.1 * (10 * 300 + 300) / (10 * 100 + 300), 1e-9);
  EXPECT_LE(seconds.low_seconds, 0.7 * seconds.expected_seconds + 1e-9) << "it was measured but once";
  EXPECT_GE(seconds.high_seconds, 1.5 * seconds.expected_seconds - 1e-9);
}

TEST(Extrapolation, AnalyzeOfATargetLargerThanTheCacheReadsItsSample) {
  Findings findings = two_kinds();
  findings.analyzing.seconds = 1;
  WholeTable table = table_of(200'000);
  table.leaf_count = 1;
  table.parent_count = 1;
  const auto read_bytes = [&] {
    const Extrapolation made = of(findings, table);
    return made.job.strata[*made.statistics].per_row.bytes;
  };
  EXPECT_DOUBLE_EQ(read_bytes(), 0);
  findings.settings.cache_bytes = 1e6;
  EXPECT_DOUBLE_EQ(read_bytes(), 2 * 9950 * kPage) << "99.5 full pages held 2000 rows";
}

TEST(Extrapolation, TheVolumesOwnCountNarrowsTheRange) {
  Findings findings = two_kinds();
  findings.pages_read = 1000;
  findings.pages_written = 100;
  const auto operations = [&](double position) {
    const Extrapolation made = of(findings, table_of(200'000));
    double all = 0;
    for (std::size_t i = 0; i < 2; ++i) {
      const capacity::Work work = capacity::work_per_row(kind(made, i));
      all += 1000 * (work.ops_lower + position * (work.ops_upper - work.ops_lower));
    }
    return all;
  };
  EXPECT_GT(operations(1), 16 * operations(0)) << "each page by itself, or merged as well as can be";
  findings.device_operations = 500;
  EXPECT_NEAR(operations(0.5), 500, 5);
  EXPECT_NEAR(operations(0), 0.85 * 500, 5);
  EXPECT_NEAR(operations(1), 1.15 * 500, 5);
  EXPECT_DOUBLE_EQ(of(findings, table_of(200'000)).job.ops_position, 0.5);
}

TEST(Extrapolation, OperationsOfMovingAreNotThoseOfReadingTheTargetInOrderAfterwards) {
  Findings findings = two_kinds();
  findings.pages_read = 2000;
  findings.pages_written = 100;
  findings.device_operations = 1100 + 70;
  findings.counted_moving = CountedIo{1000, 100, 1100};
  findings.analyzing.seconds = 1;
  findings.analyzing.work = work_of(0, 1000);
  findings.indexing.work = work_of(0, 0);
  const Extrapolation made = of(findings, table_of(2000));
  const auto operations = [](const capacity::Work& work) { return (work.ops_lower + work.ops_upper) / 2; };
  const capacity::Work moving = capacity::work_per_row(kind(made, 0));
  EXPECT_NEAR(operations(moving) / (moving.bytes / kPage), 1, 0.05);
  const capacity::Work reading = made.job.strata[*made.statistics].per_row;
  EXPECT_NEAR(operations(reading) / (reading.bytes / kPage), 0.07, 0.005);
}

TEST(Extrapolation, KindsThatTheTrialDidNotReachCountAsTheOthersMean) {
  Findings findings = two_kinds();
  findings.strata.push_back({"middle", 50'000, 100, {}});
  const Extrapolation made = of(findings, table_of(250'000));
  EXPECT_THAT(made.not_reached, ElementsAre("middle"));
  EXPECT_DOUBLE_EQ(capacity::work_per_row(kind(made, 2)).wal_bytes, 200);
}

TEST(Extrapolation, OfATrialThatMovedNothingIsRefused) {
  Findings findings = two_kinds();
  findings.passes.clear();
  EXPECT_THROW(of(findings, table_of(200'000)), pg::Failure);
}

TEST(Extrapolation, OfReadingAloneHoldsNothingOfWriting) {
  Findings findings = two_kinds();
  findings.only_read = true;
  findings.pages_read = 10;
  const Extrapolation made = of(findings, table_of(200'000));
  EXPECT_EQ(made.first_kind, 0U);
  EXPECT_EQ(made.job.strata.size(), 2U);
  EXPECT_DOUBLE_EQ(capacity::work_per_row(kind(made, 0)).wal_bytes, 0) << "somebody else's";
  EXPECT_NEAR(capacity::work_per_row(kind(made, 0)).bytes * 2000, 10 * kPage, 1e-6);
}

// A trial of 120 s that becomes three times slower in the middle, by passes of either kind in turn.
Findings with_a_burst() {
  Findings findings = two_kinds();
  findings.passes.clear();
  for (int i = 0; i < 12; ++i) {
    const double slower = i < 6 ? 1 : 3;
    findings.passes.push_back(
        pass_of(static_cast<std::size_t>(i % 2), 10 * i, (i % 2 == 0 ? 3000 : 1000) / slower, 100'000 / slower, 20));
    for (int second = 1; second <= 10; ++second) {
      TrialSecond seen;
      seen.end_seconds = 10 * i + second;
      seen.stratum = static_cast<std::size_t>(i % 2);
      seen.rows = (i % 2 == 0 ? 300 : 100) / slower;
      seen.wal_bytes = 10'000 / slower;
      findings.seconds.push_back(seen);
    }
  }
  findings.rows_in_target = rows_of(findings);
  return findings;
}

TEST(Extrapolation, AChangeOfKindIsNoChangeOfPaceAndTheEndOfABurstIs) {
  const Findings findings = with_a_burst();
  const capacity::TrialAnalysis analysis = analyze(findings, nullptr);
  ASSERT_EQ(analysis.changes.size(), 1U);
  EXPECT_EQ(analysis.changes[0].kind, capacity::ChangeKind::burst_end);
  EXPECT_NEAR(analysis.changes[0].seconds, 60, 3);
}

TEST(Extrapolation, ThePaceBeforeTheBurstsEndIsTheSessionsOwnAndTheLatestTheRuleOfThree) {
  const Findings findings = with_a_burst();
  const auto seconds = [&](Pace pace) {
    return capacity::work_per_row(kind(of(findings, table_of(200'000), pace), 0)).session_seconds;
  };
  EXPECT_NEAR(seconds(Pace::unthrottled), 20.0 / 3000, 1e-6);
  EXPECT_NEAR(seconds(Pace::latest), 20.0 / 1000, 1e-6);
}

}  // namespace
}  // namespace pgsluice::mover

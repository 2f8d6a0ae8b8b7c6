#include "mover/trial_ranges.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "mover/trial_queue.hpp"

namespace pgsluice::mover {
namespace {

// Ranges of blocks, ten to each, as a plan by ctid has them.
std::vector<planner::Range> ranges_of(std::size_t count, std::uint64_t rows = 100) {
  std::vector<planner::Range> ranges;
  for (std::size_t i = 0; i < count; ++i) {
    planner::Range range;
    range.index = static_cast<std::uint32_t>(i);
    if (i > 0) range.lower = planner::Key{std::to_string(10 * i)};
    if (i + 1 < count) range.upper = planner::Key{std::to_string(10 * (i + 1))};
    range.rows_estimate = rows;
    range.bytes_estimate = rows * 100;
    ranges.push_back(range);
  }
  return ranges;
}

std::set<std::string> names_of(const std::vector<TrialStratum>& strata) {
  std::set<std::string> names;
  for (const TrialStratum& stratum : strata) names.insert(stratum.name);
  return names;
}

TEST(TrialStrata, HoldEachRangeOnceAndAllRows) {
  std::vector<double> widths(100, 80);
  widths[3] = 500;
  widths[60] = 5000;
  const std::vector<TrialStratum> strata = trial_strata(ranges_of(100), widths, 1);
  std::set<std::uint32_t> seen;
  double rows = 0;
  for (const TrialStratum& stratum : strata) {
    EXPECT_FALSE(stratum.ranges.empty()) << stratum.name;
    for (const std::uint32_t range : stratum.ranges) EXPECT_TRUE(seen.insert(range).second) << range;
    rows += stratum.rows;
  }
  EXPECT_EQ(seen.size(), 100U);
  EXPECT_DOUBLE_EQ(rows, 100 * 100);
}

TEST(TrialStrata, AreThirdsOfTheRowsCrossedWithWhatIsUnusuallyWide) {
  std::vector<double> widths(99, 80);
  widths[0] = 170;
  widths[98] = 4000;
  const std::vector<TrialStratum> strata = trial_strata(ranges_of(99), widths, 1);
  EXPECT_EQ(names_of(strata), (std::set<std::string>{"old", "old, wide", "middle", "new", "new, TOAST"}));
  EXPECT_EQ(strata.front().ranges.size(), 32U);
  EXPECT_EQ(strata.back().ranges, std::vector<std::uint32_t>{98});
  EXPECT_DOUBLE_EQ(strata.back().row_bytes, 4000);
}

TEST(TrialStrata, WideIsMeasuredByTheMiddleRowAlsoWhereWideRowsFillHalfOfTheHeap) {
  std::vector<double> widths(100, 50);
  std::fill(widths.begin() + 40, widths.end(), 400);
  EXPECT_EQ(names_of(trial_strata(ranges_of(100), widths, 1)),
            (std::set<std::string>{"old", "middle", "middle, wide", "new, wide"}));
}

TEST(TrialStrata, ThirdsAreOfRowsNotOfRanges) {
  std::vector<planner::Range> ranges = ranges_of(4);
  ranges[0].rows_estimate = 900;
  const std::vector<TrialStratum> strata = trial_strata(ranges, {}, 1);
  ASSERT_EQ(strata.size(), 2U);
  EXPECT_EQ(strata[0].name, "middle") << "the middle of the first range lies beyond a third of the rows";
  EXPECT_EQ(strata[1].ranges.size(), 3U);
}

TEST(TrialStrata, TheirOrderIsRandomAndFollowsFromTheSeed) {
  const std::vector<planner::Range> ranges = ranges_of(300);
  const auto order = [&](std::uint64_t seed) { return trial_strata(ranges, {}, seed).front().ranges; };
  EXPECT_EQ(order(7), order(7));
  EXPECT_NE(order(7), order(8));
  EXPECT_FALSE(std::is_sorted(order(7).begin(), order(7).end()));
}

TEST(TrialStrata, OfOneRangeOrOfNoneAreNotDivided) {
  EXPECT_EQ(names_of(trial_strata(ranges_of(1), {}, 1)), std::set<std::string>{"all"});
  EXPECT_TRUE(trial_strata({}, {}, 1).empty());
}

TEST(TrialStrata, WithoutEstimatesRangesCountAlike) {
  EXPECT_EQ(names_of(trial_strata(ranges_of(9, 0), {}, 1)), (std::set<std::string>{"old", "middle", "new"}));
}

TEST(Shortened, ARangeOfBlocksKeepsItsBeginningAndItsShareOfRows) {
  planner::Range range = ranges_of(10)[3];
  range.bytes_estimate = 1000;
  const planner::Range part = shortened(range, {}, 300, 100);
  EXPECT_EQ(part.lower, range.lower);
  EXPECT_EQ(part.upper, planner::Key{"33"});
  EXPECT_EQ(part.rows_estimate, 30U);
}

TEST(Shortened, TheLastRangeEndsInsideTheTable) {
  planner::Range range = ranges_of(10)[9];
  range.bytes_estimate = 1000;
  EXPECT_EQ(shortened(range, {}, 500, 100).upper, planner::Key{"95"});
}

TEST(Shortened, SmallRangesAndRangesOfKeysStayWhole) {
  const planner::Range range = ranges_of(10)[3];
  EXPECT_EQ(shortened(range, {}, 1 << 20, 100).upper, range.upper);
  planner::RangeKey key;
  key.columns = {{"id", "bigint"}};
  EXPECT_EQ(shortened(range, key, 1, 100).upper, range.upper);
}

std::vector<TrialStratum> two_strata() {
  return {{"old", 0, 0, {0, 1, 2, 3, 4}}, {"new", 0, 0, {10, 11}}};
}

TEST(TrialQueue, GoesRoundAndRoundUntilNothingIsLeft) {
  TrialQueue queue(two_strata(), 0, 1000);
  std::vector<std::size_t> order;
  std::set<std::uint32_t> taken;
  while (const auto stratum = queue.next_stratum()) {
    order.push_back(*stratum);
    for (const std::uint32_t range : queue.take(*stratum, 2)) EXPECT_TRUE(taken.insert(range).second);
  }
  EXPECT_EQ(order, (std::vector<std::size_t>{0, 1, 0, 0}));
  EXPECT_EQ(taken.size(), 7U);
  EXPECT_EQ(queue.left(), 0U);
}

TEST(TrialQueue, ALimitLeavesSomeForStrataThatHadNothingYet) {
  TrialQueue queue(two_strata(), 0, 3);
  EXPECT_EQ(queue.take(queue.next_stratum().value(), 8).size(), 2U);
  EXPECT_EQ(queue.take(queue.next_stratum().value(), 8).size(), 1U);
  EXPECT_FALSE(queue.next_stratum().has_value());
}

TEST(TrialQueue, LaterTrialsBeginWithOtherRanges) {
  TrialQueue first(two_strata(), 0, 1000);
  TrialQueue second(two_strata(), 1, 1000);
  EXPECT_NE(first.take(0, 1), second.take(0, 1));
}

}  // namespace
}  // namespace pgsluice::mover

#include "mover/range_queue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace pgsluice::mover {
namespace {

std::vector<std::uint32_t> numbered(std::uint32_t count) {
  std::vector<std::uint32_t> ranges(count);
  std::iota(ranges.begin(), ranges.end(), 0);
  return ranges;
}

TEST(RangeQueue, EachWorkerGoesThroughAPartOfItsOwnInOrder) {
  RangeQueue queue(numbered(8), 2);
  EXPECT_EQ(queue.take(0), 0U);
  EXPECT_EQ(queue.take(1), 4U);
  EXPECT_EQ(queue.take(1), 5U);
  EXPECT_EQ(queue.take(0), 1U);
  EXPECT_EQ(queue.left(), 4U);
}

TEST(RangeQueue, WorkerWithoutAPartTakesTheSecondHalfOfTheLongest) {
  RangeQueue queue(numbered(8), 1);
  EXPECT_EQ(queue.take(0), 0U);
  EXPECT_EQ(queue.take(3), 4U);  // Of 1 to 7.
  EXPECT_EQ(queue.take(0), 1U);
  EXPECT_EQ(queue.take(3), 5U);
}

TEST(RangeQueue, GivesEveryRangeOnceWhoeverAsks) {
  for (unsigned parts = 1; parts <= 5; ++parts) {
    RangeQueue queue(numbered(37), parts);
    std::vector<std::uint32_t> taken;
    for (unsigned turn = 0; queue.left() > 0; ++turn) {
      taken.push_back(queue.take(turn * 7 % 6).value());
    }
    EXPECT_FALSE(queue.take(0));
    std::sort(taken.begin(), taken.end());
    EXPECT_EQ(taken, numbered(37));
  }
}

TEST(RangeQueue, OfNothingGivesNothing) {
  RangeQueue queue({}, 4);
  EXPECT_FALSE(queue.take(2));
  EXPECT_EQ(queue.left(), 0U);
}

}  // namespace
}  // namespace pgsluice::mover

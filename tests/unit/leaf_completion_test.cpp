#include "mover/leaf_completion.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <set>

namespace pgsluice::mover {
namespace {

using Leaves = std::vector<std::string>;

Landing in(const std::string& leaf) {
  return {true, leaf};
}
const Landing kSeveral = {true, ""};
const Landing kUnknown = {};

TEST(LeafCompletion, LeafIsCompleteOnceTheRangeBehindItIsDone) {
  LeafCompletion completion(4);
  EXPECT_EQ(completion.range_done(0, in("a")), Leaves{});
  EXPECT_EQ(completion.range_done(1, in("a")), Leaves{}) << "range 2 may hold more of it";
  EXPECT_EQ(completion.range_done(2, kSeveral), Leaves{"a"});
  EXPECT_EQ(completion.range_done(3, in("b")), Leaves{"b"}) << "the table ends here";
}

TEST(LeafCompletion, NeighbouringLeafEndsALeafAsWell) {
  LeafCompletion completion(3);
  EXPECT_EQ(completion.range_done(0, in("a")), Leaves{});
  EXPECT_EQ(completion.range_done(1, in("b")), Leaves{"a"});
  EXPECT_EQ(completion.range_done(2, in("c")), (Leaves{"b", "c"}));
}

TEST(LeafCompletion, GapWithinALeafKeepsItOpen) {
  LeafCompletion completion(5);
  completion.range_done(0, kSeveral);
  completion.range_done(1, in("a"));
  completion.range_done(3, in("a"));
  EXPECT_EQ(completion.range_done(4, kSeveral), Leaves{});
  EXPECT_EQ(completion.range_done(2, in("a")), Leaves{"a"});
}

TEST(LeafCompletion, RangeOfUnknownLandingMayBelongToTheLeafBesideIt) {
  LeafCompletion completion(4);
  completion.range_done(1, kUnknown);
  EXPECT_EQ(completion.range_done(2, in("a")), Leaves{});
  EXPECT_EQ(completion.range_done(3, kSeveral), Leaves{}) << "range 0 may be of the same leaf as 1 and 2";
  EXPECT_EQ(completion.range_done(0, kUnknown), Leaves{"a"});
}

TEST(LeafCompletion, LeafIsToldOnce) {
  LeafCompletion completion(2);
  EXPECT_EQ(completion.range_done(1, kSeveral), Leaves{});
  EXPECT_EQ(completion.range_done(0, in("a")), Leaves{"a"});
  EXPECT_EQ(completion.range_done(0, in("a")), Leaves{}) << "the same range again";
}

TEST(LeafCompletion, NothingIsKnownNothingIsTold) {
  LeafCompletion completion(3);
  for (std::uint32_t range = 0; range < 3; ++range) {
    EXPECT_EQ(completion.range_done(range, kUnknown), Leaves{});
  }
}

TEST(LeafCompletion, BatchesOfOneRangeAgreeOrNot) {
  EXPECT_EQ(together(in("a"), in("a")), in("a"));
  EXPECT_EQ(together(in("a"), in("b")), kSeveral);
  EXPECT_FALSE(together(in("a"), kUnknown).is_known);
}

// Whatever the order in which ranges are done, a leaf in ordered rows is told exactly once, and never before the last
// of its ranges.
TEST(LeafCompletion, OrderedRowsCompleteEachLeafInAnyOrderOfWork) {
  constexpr std::uint32_t kRanges = 60;
  constexpr std::uint32_t kPerLeaf = 7;  // The eighth of each is at a border.
  std::mt19937 random(20260101);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::uint32_t> order(kRanges);
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), random);
    const auto leaf_of = [](std::uint32_t range) { return std::to_string(range / (kPerLeaf + 1)); };
    const auto is_border = [](std::uint32_t range) { return range % (kPerLeaf + 1) == kPerLeaf; };
    LeafCompletion completion(kRanges);
    std::set<std::uint32_t> done;
    std::set<std::string> told;
    for (const std::uint32_t range : order) {
      done.insert(range);
      for (const std::string& leaf : completion.range_done(range, is_border(range) ? kSeveral : in(leaf_of(range)))) {
        EXPECT_TRUE(told.insert(leaf).second);
        for (std::uint32_t other = 0; other < kRanges; ++other) {
          EXPECT_TRUE(leaf_of(other) != leaf || is_border(other) || done.contains(other));
        }
      }
    }
    EXPECT_EQ(told.size(), (kRanges + kPerLeaf) / (kPerLeaf + 1));
  }
}

}  // namespace
}  // namespace pgsluice::mover

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <string>

#include "mover/leaf_copy.hpp"

namespace pgsluice::mover {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(LeafBuffers, KeepRowsByLeafAndForgetThemLeafByLeaf) {
  LeafBuffers buffers(3);
  EXPECT_EQ(buffers.parent(), 3U);
  buffers.append(2, std::string("ab"));
  buffers.append(0, std::string("c"));
  buffers.append(2, std::string("def"));
  buffers.append(buffers.parent(), std::string("g"));
  EXPECT_THAT(buffers.filled(), ElementsAre(2, 0, 3));
  EXPECT_EQ(buffers.bytes(2), "abdef");
  EXPECT_EQ(buffers.rows(2), 2U);
  EXPECT_EQ(buffers.bytes_total(), 7U);
  EXPECT_EQ(buffers.fullest(), 2U);
  buffers.clear(2);
  EXPECT_THAT(buffers.filled(), ElementsAre(0, 3));
  EXPECT_EQ(buffers.rows(2), 0U);
  EXPECT_EQ(buffers.bytes_total(), 2U);
  buffers.clear();
  EXPECT_THAT(buffers.filled(), IsEmpty());
  EXPECT_EQ(buffers.bytes_total(), 0U);
}

TEST(LeafBuffers, RowsWithoutALeafWaitForTheParent) {
  EXPECT_EQ(LeafBuffers::place_of(-1, 5), 5U);
  EXPECT_EQ(LeafBuffers::place_of(0, 5), 0U);
}

// Each leaf in turn takes all that may wait, as when rows come in the order of the key.
TEST(LeafBuffers, MemoryStaysBoundedWhateverTheNumberOfLeaves) {
  constexpr std::size_t kLeaves = 1000;
  LeafBuffers buffers(kLeaves);
  const std::string row(1000, 'x');
  std::minstd_rand random(1);
  std::size_t capacity_max = 0;
  for (int i = 0; i < 200'000; ++i) {
    // Now one leaf at a time, now all of them.
    const std::size_t leaf = i < 100'000 ? static_cast<std::size_t>(i / 2000) : random() % kLeaves;
    buffers.append(leaf, row);
    if (buffers.bytes_total() > LeafBuffers::kBytesMax) {
      buffers.clear(buffers.fullest());
    }
    capacity_max = std::max(capacity_max, buffers.capacity_total());
  }
  EXPECT_LE(capacity_max, LeafBuffers::kCapacityMax + 2 * LeafBuffers::kBytesMax + 2 * row.size());
}

TEST(RowsWorthOwnCopy, GrowWithTheWayToTheServer) {
  using namespace std::chrono_literals;
  const std::uint64_t beside = rows_worth_own_copy(0us);
  EXPECT_GT(beside, 0U);
  EXPECT_EQ(rows_worth_own_copy(1us), beside);
  EXPECT_GT(rows_worth_own_copy(2ms), rows_worth_own_copy(1ms));
}

}  // namespace
}  // namespace pgsluice::mover

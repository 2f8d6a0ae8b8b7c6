#include <gtest/gtest.h>

#include "capacity/block_bootstrap.hpp"

namespace pgsluice::capacity {
namespace {

TEST(BlockBootstrap, DrawsBlocksOfNeighboursOfAboutTheCubeRoot) {
  BlockBootstrap bootstrap(1);
  const std::vector<std::size_t> drawn = bootstrap.draw(1000);
  ASSERT_EQ(drawn.size(), 1000U);
  int neighbours = 0;
  for (std::size_t i = 1; i < drawn.size(); ++i) {
    EXPECT_LT(drawn[i], 1000U);
    neighbours += drawn[i] == (drawn[i - 1] + 1) % 1000 ? 1 : 0;
  }
  EXPECT_NEAR(neighbours, 900, 5);
  EXPECT_TRUE(bootstrap.draw(0).empty());
  EXPECT_EQ(bootstrap.draw(1), std::vector<std::size_t>{0});
}

TEST(BlockBootstrap, QuantileIsTheNearestRank) {
  EXPECT_EQ(quantile({5, 1, 4, 2, 3}, 0.5), 3);
  EXPECT_EQ(quantile({5, 1, 4, 2, 3}, 0.05), 1);
  EXPECT_EQ(quantile({5, 1, 4, 2, 3}, 1), 5);
  EXPECT_EQ(quantile({7}, 0.95), 7);
}

}  // namespace
}  // namespace pgsluice::capacity

#include "mover/row_hash_sum.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace pgsluice::mover {
namespace {

TEST(RowHashSum, IsExactBeyondSixtyFourBits) {
  RowHashSum sum;
  for (int i = 0; i < 4; ++i) {
    sum.add(std::numeric_limits<std::int64_t>::max());
  }
  EXPECT_EQ(sum.text(), "36893488147419103228");
  for (int i = 0; i < 8; ++i) {
    sum.add(std::numeric_limits<std::int64_t>::min());
  }
  EXPECT_EQ(sum.text(), "-36893488147419103236");
}

TEST(RowHashSum, AddsDecimalTexts) {
  RowHashSum sum;
  EXPECT_EQ(sum.text(), "0");
  sum.add("-9304572681779802821594");
  sum.add("9304572681779802821595");
  EXPECT_EQ(sum.text(), "1");
}

}  // namespace
}  // namespace pgsluice::mover

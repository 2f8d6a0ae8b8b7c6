#include "mover/batch_sizer.hpp"

#include <gtest/gtest.h>

namespace pgsluice::mover {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// A server that moves so many rows a second; returns the size of the batch after `batches` of them.
std::uint64_t rows_after(BatchSizer& sizer, double rows_per_second, int batches, std::uint64_t row_bytes = 100) {
  for (int i = 0; i < batches; ++i) {
    const auto taken =
        microseconds(static_cast<std::int64_t>(static_cast<double>(sizer.rows()) / rows_per_second * 1e6));
    sizer.moved(sizer.rows(), sizer.rows() * row_bytes, taken);
  }
  return sizer.rows();
}

TEST(BatchSizer, ComesToTheDurationAskedFor) {
  BatchSizer sizer({});
  EXPECT_NEAR(static_cast<double>(rows_after(sizer, 200'000, 20)), 100'000, 1'000);
  EXPECT_NEAR(static_cast<double>(rows_after(sizer, 10'000, 20)), 5'000, 50);
}

TEST(BatchSizer, NeverMoreThanDoublesAtOnce) {
  BatchSizer sizer({});
  const std::uint64_t first = sizer.rows();
  sizer.moved(first, first * 100, milliseconds(1));
  EXPECT_EQ(sizer.rows(), 2 * first);
}

TEST(BatchSizer, LeavesAFixedSizeAlone) {
  BatchSizer sizer({.rows_fixed = 1234});
  EXPECT_EQ(rows_after(sizer, 1e9, 10), 1234U);
}

TEST(BatchSizer, HoldsWideRowsToTheLimitInBytes) {
  BatchSizer sizer({.row_bytes = 10'000, .bytes_max = 8'000'000});
  EXPECT_LE(rows_after(sizer, 1e9, 20, 10'000), 800U);
  BatchSizer surprised({.row_bytes = 100, .bytes_max = 8'000'000});
  EXPECT_LE(rows_after(surprised, 1e9, 40, 10'000), 810U) << "what was seen counts more than what was expected";
}

TEST(BatchSizer, ShrinksToOneRowAndNoFurther) {
  BatchSizer sizer({.rows_fixed = 3});
  sizer.shrink();
  sizer.shrink();
  sizer.shrink();
  EXPECT_EQ(sizer.rows(), 1U);
}

TEST(BatchSizer, SurvivesAnEmptyInstantBatch) {
  BatchSizer sizer({});
  sizer.moved(0, 0, microseconds(0));
  EXPECT_GE(sizer.rows(), 1U);
}

}  // namespace
}  // namespace pgsluice::mover

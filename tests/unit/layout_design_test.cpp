#include "planner/layout_design.hpp"

#include <gtest/gtest.h>

#include "planner/partition_values.hpp"

namespace pgsluice::planner {
namespace {

TEST(ValueName, KeepsLettersAndDigitsOfAllScripts) {
  EXPECT_EQ(value_name("EU-West 1"), "eu_west_1");
  EXPECT_EQ(value_name("Zürich"), "zürich");
  EXPECT_EQ(value_name("it's \"so\""), "it_s__so_");
  EXPECT_EQ(value_name(""), "empty");
}

TEST(LiteralText, OfATimestampIsInUtc) {
  PartitionColumn column;
  column.base_type = "timestamptz";
  EXPECT_EQ(literal_text(column, "8825 43200000000"), "2024-02-29 12:00:00+00");
  EXPECT_EQ(literal_text(column, "-infinity"), "-infinity");
  column.base_type = "text";
  EXPECT_EQ(literal_text(column, "8825 43200000000"), "8825 43200000000");
}

}  // namespace
}  // namespace pgsluice::planner

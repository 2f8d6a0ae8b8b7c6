#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "capacity/csv.hpp"
#include "capacity/tables.hpp"
#include "pg/failure.hpp"

namespace pgsluice::capacity {
namespace {

std::string refusal_of(std::string_view text) {
  try {
    const CsvTable table("t.csv", text);
    return "none; rows: " + std::to_string(table.row_count());
  } catch (const pg::Failure& failure) {
    EXPECT_EQ(failure.kind(), pg::FailureKind::corrupt);
    return failure.what();
  }
}

TEST(Csv, QuotedFieldsHoldCommasQuotesAndLineBreaks) {
  const CsvTable table("t.csv", "a,\"b, c\"\n\"max(100,3*GiB)\",\"he said \"\"no\"\"\"\n\"two\nlines\",\n");
  EXPECT_THAT(table.columns(), testing::ElementsAre("a", "b, c"));
  ASSERT_EQ(table.row_count(), 2U);
  EXPECT_EQ(table.text(0, "a"), "max(100,3*GiB)");
  EXPECT_EQ(table.text(0, "b, c"), "he said \"no\"");
  EXPECT_EQ(table.text(1, "a"), "two\nlines");
  EXPECT_EQ(table.text(1, "b, c"), "");
}

TEST(Csv, EitherLineEndEmptyLinesByteOrderMarkAndAMissingLastLineEndAreRead) {
  const CsvTable table("t.csv",
                       "\xEF\xBB\xBF"
                       "a,b\r\n\r\n1,2\r\n3,4");
  ASSERT_EQ(table.row_count(), 2U);
  EXPECT_EQ(table.number(0, "a"), 1);
  EXPECT_EQ(table.text(0, "b"), "2");
  EXPECT_EQ(table.text(1, "b"), "4");
}

TEST(Csv, NumbersAreWholeFieldsOrAbsent) {
  const CsvTable table("t.csv", "a,b,c\n86.88,,12x\n");
  EXPECT_EQ(table.number(0, "a"), 86.88);
  EXPECT_EQ(table.number(0, "b"), std::nullopt);
  EXPECT_THROW(table.number(0, "c"), pg::Failure);
  EXPECT_THROW(table.text(0, "d"), pg::Failure);
}

TEST(Csv, DamageIsRefusedWithItsLine) {
  EXPECT_EQ(refusal_of(""), "t.csv, line 1: there is no line that names the columns");
  EXPECT_EQ(refusal_of("a,b\n1\n"), "t.csv, line 2: 1 fields, but 2 columns");
  EXPECT_EQ(refusal_of("a,b\n\"1\n2\",3\n1,2,3\n"), "t.csv, line 4: 3 fields, but 2 columns");
  EXPECT_EQ(refusal_of("a,b\n\"1,2\n"), "t.csv, line 3: a quote is not closed");
  EXPECT_EQ(refusal_of("a,b\n\"1\"x,2\n"), "t.csv, line 2: text follows a closing quote");
  EXPECT_EQ(refusal_of("a,a\n"), "t.csv: two columns are called \"a\"");
}

TEST(Csv, TablesAreEmbeddedWhole) {
  EXPECT_EQ(table("rds_ebs_limits").row_count(), 103U);
  EXPECT_EQ(table("rds_storage_limits").row_count(), 9U);
  EXPECT_EQ(table("rds_storage_limits").text(3, "base_iops"), "3*GiB, max 64000");
  EXPECT_EQ(table("rds_ebs_limits").number(102, "base_mb_s"), 2500);
}

}  // namespace
}  // namespace pgsluice::capacity

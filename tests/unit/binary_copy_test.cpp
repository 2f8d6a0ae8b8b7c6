#include "pg/binary_copy.hpp"

#include <gtest/gtest.h>

namespace pgsluice::pg {
namespace {

using namespace std::string_literals;

const std::string kHeader = "PGCOPY\n\377\r\n\0"s + "\0\0\0\0"s + "\0\0\0\0"s;
const std::string kMinusTwo = "\0\0\0\x08"s + "\xff\xff\xff\xff\xff\xff\xff\xfe"s;

TEST(LastFieldTaker, TakesTheBigintOffABinaryRowAndLeavesHeaderAndTrailer) {
  LastFieldTaker taker(CopyFormat::binary);
  std::string bytes;
  const std::string field = "\0\0\0\x02hi"s;
  EXPECT_EQ(taker.take(kHeader + "\0\x02"s + field + kMinusTwo, bytes), -2);
  EXPECT_EQ(bytes, kHeader + "\0\x01"s + field);
  bytes.clear();
  EXPECT_EQ(taker.take("\0\x02\xff\xff\xff\xff"s + kMinusTwo, bytes), -2);
  EXPECT_EQ(bytes, "\0\x01\xff\xff\xff\xff"s);
  bytes.clear();
  EXPECT_EQ(taker.take("\xff\xff"s, bytes), std::nullopt);
  EXPECT_EQ(bytes, "\xff\xff"s);
}

TEST(LastFieldTaker, TakesAHeaderThatComesAlone) {
  LastFieldTaker taker(CopyFormat::binary);
  std::string bytes;
  EXPECT_EQ(taker.take(kHeader, bytes), std::nullopt);
  EXPECT_EQ(bytes, kHeader);
}

TEST(LastFieldTaker, TakesTheLastColumnOffATextRow) {
  LastFieldTaker taker(CopyFormat::text);
  std::string bytes;
  EXPECT_EQ(taker.take("a\\tb\t\\N\t-9223372036854775808\n"s, bytes), INT64_MIN);
  EXPECT_EQ(bytes, "a\\tb\t\\N\n");
}

TEST(LastFieldTakerDeathTest, StopsAtBytesThatAreNoRow) {
  LastFieldTaker taker(CopyFormat::binary);
  std::string bytes;
  taker.take(kHeader, bytes);
  EXPECT_DEATH(taker.take("\0"s, bytes), "too short");
  EXPECT_DEATH(taker.take("\0\x01\0\0\0\x04xxxxyyyy"s, bytes), "no bigint");
}

TEST(FindFields, FindsWhatIsAskedForAndWalksNoFurther) {
  const std::string row = "\0\x04\0\0\0\x02hi\xff\xff\xff\xff\0\0\0\0\0\0\0\x01x"s;
  const std::uint16_t positions[] = {0, 1, 2, 3};
  CopyField fields[4];
  ASSERT_TRUE(find_fields(row, positions, fields));
  EXPECT_EQ(fields[0].view(), "hi");
  EXPECT_TRUE(fields[1].is_null());
  EXPECT_FALSE(fields[2].is_null());
  EXPECT_EQ(fields[2].view(), "");
  EXPECT_EQ(fields[3].view(), "x");
  const std::uint16_t last[] = {3};
  ASSERT_TRUE(find_fields(row, last, fields));
  EXPECT_EQ(fields[0].view(), "x");
  const std::uint16_t beyond[] = {4};
  EXPECT_FALSE(find_fields(row, beyond, fields));
  for (std::size_t size = 0; size < row.size(); ++size) {
    EXPECT_FALSE(find_fields(std::string(row.substr(0, size)), last, fields)) << size;
  }
}

TEST(BinaryRows, TakesHeaderAndTrailerOff) {
  BinaryRows rows;
  const std::string first = kHeader + "\0\x01\0\0\0\x01x"s;
  EXPECT_EQ(std::string_view(rows.row_of(first).data(), 7), "\0\x01\0\0\0\x01x"s);
  EXPECT_EQ(rows.row_of("\0\0"s).size(), 2U) << "a row without columns";
  EXPECT_TRUE(rows.row_of(kBinaryTrailer).empty());
  BinaryRows empty;
  EXPECT_TRUE(empty.row_of(kHeader + "\xff\xff"s).empty());
  EXPECT_EQ(kHeader, kBinaryHeader);
}

}  // namespace
}  // namespace pgsluice::pg

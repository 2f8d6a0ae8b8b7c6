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

}  // namespace
}  // namespace pgsluice::pg

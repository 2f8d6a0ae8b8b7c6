#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/quantity.hpp"
#include "pg/failure.hpp"

namespace pgsluice::cli {
namespace {

using namespace std::chrono_literals;

TEST(Quantity, CountsTakePowersOfAThousand) {
  EXPECT_EQ(parse_count("range-rows", "2500"), 2500U);
  EXPECT_EQ(parse_count("range-rows", "10k"), 10'000U);
  EXPECT_EQ(parse_count("range-rows", "5M"), 5'000'000U);
  EXPECT_EQ(parse_count("range-rows", "1G"), 1'000'000'000U);
}

TEST(Quantity, SizesTakePowersOf1024AsThePostgresqlConfigurationDoes) {
  EXPECT_EQ(parse_bytes("range-bytes", "4096"), 4096U);
  EXPECT_EQ(parse_bytes("range-bytes", "64kB"), 65'536U);
  EXPECT_EQ(parse_bytes("range-bytes", "64 MB"), 67'108'864U);
  EXPECT_EQ(parse_bytes("range-bytes", "2TB"), 2'199'023'255'552U);
}

TEST(Quantity, DurationsWithoutUnitAreMilliseconds) {
  EXPECT_EQ(parse_duration("lock-timeout", "200"), 200ms);
  EXPECT_EQ(parse_duration("lock-timeout", "5s"), 5000ms);
  EXPECT_EQ(parse_duration("lock-timeout", "5min"), 300'000ms);
  EXPECT_EQ(parse_duration("lock-timeout", "1h"), 3'600'000ms);
}

TEST(Quantity, WhatIsNoNumberIsRefusedWithTheOptionsNameAndAnExample) {
  for (const char* text : {"", "-1", "many", "1.5", "10mb", "10 %", "99999999999999999999", "9999999999999999G"}) {
    try {
      parse_count("workers", text);
      FAIL() << text;
    } catch (const pg::Failure& failure) {
      EXPECT_EQ(failure.kind(), pg::FailureKind::refused);
      EXPECT_EQ(failure.what(), "--workers does not take \"" + std::string(text) + "\"");
      EXPECT_EQ(failure.hint(), "Write for example 2500, 10k or 5M.");
    }
  }
}

TEST(Quantity, CountsAreReadWithThreeDigits) {
  EXPECT_EQ(count_text(0), "0");
  EXPECT_EQ(count_text(-1), "0");
  EXPECT_EQ(count_text(999), "999");
  EXPECT_EQ(count_text(9'999), "9,999");
  EXPECT_EQ(count_text(10'000), "10.0 k");
  EXPECT_EQ(count_text(12'400'000), "12.4 M");
  EXPECT_EQ(count_text(999'960), "1.00 M");
  EXPECT_EQ(count_text(1'240'000'000), "1.24 G");
  EXPECT_EQ(count_text(350'000'000), "350 M");
}

TEST(Quantity, ExactCountsShowEveryDigit) {
  EXPECT_EQ(exact_count_text(0), "0");
  EXPECT_EQ(exact_count_text(999), "999");
  EXPECT_EQ(exact_count_text(1'000), "1,000");
  EXPECT_EQ(exact_count_text(12'400'000), "12,400,000");
}

TEST(Quantity, SizesAreReadInPowersOf1024) {
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(512), "512 B");
  EXPECT_EQ(bytes_text(1024), "1.00 kB");
  EXPECT_EQ(bytes_text(1.2 * 1024 * 1024 * 1024), "1.20 GB");
  EXPECT_EQ(bytes_text(20.0 * 1024 * 1024 * 1024 * 1024), "20.0 TB");
}

TEST(Quantity, DurationsAreReadAsAClock) {
  EXPECT_EQ(duration_text(0ms), "00:00:00");
  EXPECT_EQ(duration_text(751s), "00:12:31");
  EXPECT_EQ(duration_text(36h), "1 d 12:00:00");
  EXPECT_EQ(duration_text(-5s), "00:00:00");
}

}  // namespace
}  // namespace pgsluice::cli

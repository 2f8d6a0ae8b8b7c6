#include "planner/time_bounds.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace pgsluice::planner {
namespace {

constexpr std::int64_t kHour = 3'600'000'000;
constexpr std::int64_t kDay = 24 * kHour;

const Interval kMonth{1, 0, 0};
const Interval kQuarter{3, 0, 0};
const Interval kYear{12, 0, 0};
const Interval kOneDay{0, 1, 0};
const Interval kWeek{0, 7, 0};
const Interval kSixHours{0, 0, 6 * kHour};

std::string bound_before(const Interval& interval, std::string_view instant) {
  return text_of(bound_at(interval, position_of(interval, parse_instant(instant))), TimeKind::timestamp);
}

// Days since 2000-01-01 of 2024-02-29: 24 years with 6 leap days, then 31 + 28.
constexpr std::string_view kLeapDayNoon2024 = "8825 43200000000";

TEST(TimeBounds, MonthsBeginAtTheirFirst) {
  EXPECT_EQ(bound_before(kMonth, kLeapDayNoon2024), "2024-02-01 00:00:00");
  EXPECT_EQ(bound_before(kQuarter, kLeapDayNoon2024), "2024-01-01 00:00:00");
  EXPECT_EQ(bound_before(kYear, kLeapDayNoon2024), "2024-01-01 00:00:00");
}

TEST(TimeBounds, DaysAndHoursBeginAtMidnight) {
  EXPECT_EQ(bound_before(kOneDay, kLeapDayNoon2024), "2024-02-29 00:00:00");
  EXPECT_EQ(bound_before(kSixHours, kLeapDayNoon2024), "2024-02-29 12:00:00");
}

TEST(TimeBounds, WeeksBeginOnMondays) {
  EXPECT_EQ(bound_before(kWeek, kLeapDayNoon2024), "2024-02-26 00:00:00");
}

TEST(TimeBounds, ABoundBelongsToTheIntervalThatItBegins) {
  EXPECT_EQ(bound_before(kMonth, "0 0"), "2000-01-01 00:00:00");
  EXPECT_EQ(bound_before(kMonth, "-1 86399999999"), "1999-12-01 00:00:00");
  EXPECT_EQ(bound_before(kWeek, "2 0"), "2000-01-03 00:00:00");
  EXPECT_EQ(bound_before(kWeek, "1 86399999999"), "1999-12-27 00:00:00");
}

TEST(TimeBounds, YearsBeforeChristAreNamedAsPostgresqlNamesThem) {
  // -746117 is the 15th of March of 44 BC.
  EXPECT_EQ(text_of(parse_instant("-746117 0"), TimeKind::date), "0044-03-15 BC");
  EXPECT_EQ(bound_before(kYear, "-746117 0"), "0044-01-01 00:00:00 BC");
  EXPECT_EQ(interval_name(parse_instant("-746117 0"), kOneDay), "00440315bc");
  // 1 BC is followed by AD 1: -730119 is the 1st of January of 1.
  EXPECT_EQ(text_of(parse_instant("-730119 0"), TimeKind::timestamptz), "0001-01-01 00:00:00+00");
  EXPECT_EQ(text_of(parse_instant("-730120 0"), TimeKind::timestamptz), "0001-12-31 00:00:00+00 BC");
}

TEST(TimeBounds, FractionsOfSecondsAreWrittenAsFarAsTheyGo) {
  EXPECT_EQ(text_of(parse_instant("0 1500000"), TimeKind::timestamp), "2000-01-01 00:00:01.5");
  EXPECT_EQ(text_of(parse_instant("0 1"), TimeKind::timestamptz), "2000-01-01 00:00:00.000001+00");
}

TEST(TimeBounds, EndOfTimeIsKnown) {
  EXPECT_TRUE(is_representable(parse_instant("-2451545 0"), TimeKind::timestamp));
  EXPECT_FALSE(is_representable(parse_instant("-2451546 0"), TimeKind::timestamp));
  EXPECT_TRUE(is_representable(parse_instant("106751982 86399999999"), TimeKind::timestamptz));  // 294276-12-31.
  EXPECT_FALSE(is_representable(parse_instant("106751983 0"), TimeKind::timestamptz));
  EXPECT_TRUE(is_representable(parse_instant("106751983 0"), TimeKind::date));
}

TEST(TimeBounds, NamesAreAsShortAsTheIntervalAllows) {
  const Instant noon = parse_instant(kLeapDayNoon2024);
  EXPECT_EQ(interval_name(noon, kYear), "2024");
  EXPECT_EQ(interval_name(noon, kMonth), "2024_02");
  EXPECT_EQ(interval_name(noon, kOneDay), "20240229");
  EXPECT_EQ(interval_name(noon, kSixHours), "20240229_12");
  EXPECT_EQ(interval_name(noon, {0, 0, kHour / 2}), "20240229_1200");
  EXPECT_EQ(interval_name(noon, {0, 0, 1'000'000}), "20240229_120000");
  EXPECT_EQ(interval_name(noon, {0, 0, 250'000}), "20240229_120000_000000");
  EXPECT_EQ(interval_name(noon, {0, 0, 2 * kDay}), "20240229");
  EXPECT_EQ(interval_name(noon, {1, 15, 0}), "20240229");
}

TEST(TimeBounds, WeeksAreNumberedAsIso8601Does) {
  EXPECT_EQ(interval_name(parse_instant("8822 0"), kWeek), "2024_w09");  // 2024-02-26.
  EXPECT_EQ(interval_name(parse_instant("2 0"), kWeek), "2000_w01");     // 2000-01-03.
  EXPECT_EQ(interval_name(parse_instant("-5 0"), kWeek), "1999_w52");    // 1999-12-27.
  EXPECT_EQ(interval_name(parse_instant("9130 0"), kWeek), "2025_w01");  // 2024-12-30.
  EXPECT_EQ(interval_name(parse_instant("7667 0"), kWeek), "2020_w53");  // 2020-12-28.
}

TEST(TimeBounds, EveryInstantLiesInExactlyOneInterval) {  // T1, T2
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const std::vector<Interval> intervals = {kMonth,       kQuarter,      kYear,      kOneDay,           kWeek,
                                           kSixHours,    {0, 15, 0},    {1, 15, 0}, {2, 3, 4 * kHour}, {0, 0, 1},
                                           {1200, 0, 0}, {0, 1, kHour}, {5, 0, 0}};
  std::uniform_int_distribution<std::int64_t> days(-2451545, 106751982);
  std::uniform_int_distribution<std::int64_t> microseconds(0, kDay - 1);
  for (int i = 0; i < 20'000; ++i) {
    const Instant instant = static_cast<Instant>(days(random)) * kDay + microseconds(random);
    for (const Interval& interval : intervals) {
      const std::int64_t k = position_of(interval, instant);
      ASSERT_TRUE(bound_at(interval, k) <= instant);
      ASSERT_TRUE(instant < bound_at(interval, k + 1));
    }
  }
}

TEST(TimeBounds, EveryDayHasItsOwnDate) {
  std::string previous;
  for (std::int64_t day = -800'000; day < 800'000; ++day) {
    const std::string text = text_of(static_cast<Instant>(day) * kDay, TimeKind::date);
    ASSERT_NE(text, previous);
    previous = text;
  }
  EXPECT_EQ(previous, "4190-04-28");
}

}  // namespace
}  // namespace pgsluice::planner

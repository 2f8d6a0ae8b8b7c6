#include "mover/time_windows.hpp"

#include <gmock/gmock.h>

#include "pg/failure.hpp"

namespace pgsluice::mover {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr int kMonday = 1;
constexpr int kTuesday = 2;
constexpr int kFriday = 5;
constexpr int kSaturday = 6;
constexpr int kSunday = 7;

LocalTime at(int weekday, int hour, int minute = 0) {
  return {weekday, hour * 60 + minute};
}

bool is_open(const std::string& text, const LocalTime& time) {
  const TimeWindows windows = TimeWindows::parse(text);
  std::map<std::string, LocalTime> times;
  for (const std::string& zone : windows.zones()) {
    times[zone] = time;
  }
  return windows.are_open(times);
}

std::string refusal_of(const std::string& text) {
  try {
    TimeWindows::parse(text);
  } catch (const pg::Failure& failure) {
    EXPECT_EQ(failure.kind(), pg::FailureKind::refused);
    return failure.what();
  }
  return "not refused";
}

TEST(TimeWindows, IsOpenFromItsBeginningUntilBeforeItsEnd) {
  EXPECT_FALSE(is_open("09:00-17:30", at(kMonday, 8, 59)));
  EXPECT_TRUE(is_open("09:00-17:30", at(kMonday, 9)));
  EXPECT_TRUE(is_open("9:00-17:30", at(kSunday, 17, 29)));
  EXPECT_FALSE(is_open("09:00-17:30", at(kMonday, 17, 30)));
}

TEST(TimeWindows, OneOverMidnightBelongsToTheDayOnWhichItOpens) {
  const std::string text = "Mon-Fri 22:00-06:00 Europe/Berlin";
  EXPECT_FALSE(is_open(text, at(kMonday, 5))) << "opened on Sunday";
  EXPECT_TRUE(is_open(text, at(kMonday, 22)));
  EXPECT_TRUE(is_open(text, at(kTuesday, 5, 59)));
  EXPECT_FALSE(is_open(text, at(kTuesday, 6)));
  EXPECT_TRUE(is_open(text, at(kSaturday, 5))) << "opened on Friday";
  EXPECT_FALSE(is_open(text, at(kSaturday, 23)));
}

TEST(TimeWindows, SundaysNightEndsOnMonday) {
  EXPECT_TRUE(is_open("Sun 22:00-06:00", at(kMonday, 1)));
  EXPECT_FALSE(is_open("Sun 22:00-06:00", at(kSunday, 1)));
}

TEST(TimeWindows, DaysMayGoThroughTheWeeksEnd) {
  const std::string text = "Fri-Mon 10:00-11:00";
  EXPECT_TRUE(is_open(text, at(kFriday, 10)));
  EXPECT_TRUE(is_open(text, at(kSunday, 10)));
  EXPECT_TRUE(is_open(text, at(kMonday, 10)));
  EXPECT_FALSE(is_open(text, at(kTuesday, 10)));
}

TEST(TimeWindows, MidnightAsAnEndIsWrittenEitherWay) {
  for (const std::string text : {"22:00-24:00", "22:00-00:00"}) {
    EXPECT_TRUE(is_open(text, at(kMonday, 23, 59))) << text;
    EXPECT_FALSE(is_open(text, at(kTuesday, 0))) << text;
  }
  EXPECT_TRUE(is_open("saturday-SUN 00:00-24:00", at(kSunday, 23, 59)));
  EXPECT_TRUE(is_open("saturday-SUN 00:00-24:00", at(kSaturday, 0)));
  EXPECT_FALSE(is_open("saturday-SUN 00:00-24:00", at(kMonday, 0)));
}

TEST(TimeWindows, SeveralAreOpenWhenOneIs) {
  const std::string text = "Mon-Fri 22:00-06:00 Europe/Berlin , Sat-Sun 00:00-24:00 Europe/Berlin";
  EXPECT_TRUE(is_open(text, at(kFriday, 23)));
  EXPECT_TRUE(is_open(text, at(kSunday, 12)));
  EXPECT_FALSE(is_open(text, at(kMonday, 12)));
}

TEST(TimeWindows, EachGoesByTheClockOfItsZone) {
  const TimeWindows windows = TimeWindows::parse("22:00-06:00 Europe/Berlin, 10:00-11:00 Asia/Tokyo");
  EXPECT_THAT(windows.zones(), ElementsAre("Europe/Berlin", "Asia/Tokyo"));
  EXPECT_FALSE(windows.are_open({{"Europe/Berlin", at(kMonday, 10)}, {"Asia/Tokyo", at(kMonday, 18)}}));
  EXPECT_TRUE(windows.are_open({{"Europe/Berlin", at(kMonday, 2)}, {"Asia/Tokyo", at(kMonday, 10)}}));
  EXPECT_TRUE(windows.are_open({{"Europe/Berlin", at(kSunday, 8)}, {"Asia/Tokyo", at(kMonday, 10)}}));
}

TEST(TimeWindows, WithoutAZoneUtcIsMeant) {
  EXPECT_THAT(TimeWindows::parse("10:00-11:00, Mon 12:00-13:00").zones(), ElementsAre("UTC"));
}

TEST(TimeWindows, WhatCannotBeReadIsRefusedByName) {
  EXPECT_THAT(refusal_of(""), HasSubstr("is empty"));
  EXPECT_THAT(refusal_of("10:00-11:00,"), HasSubstr("is empty"));
  EXPECT_THAT(refusal_of("22:00-22:00"), HasSubstr("begins and ends at the same time"));
  EXPECT_THAT(refusal_of("24:00-06:00"), HasSubstr("no time of day"));
  EXPECT_THAT(refusal_of("24:01-06:00"), HasSubstr("no time of day"));
  EXPECT_THAT(refusal_of("10:60-11:00"), HasSubstr("no time of day"));
  EXPECT_THAT(refusal_of("10-11"), HasSubstr("no time of day"));
  EXPECT_THAT(refusal_of("10:00"), HasSubstr("no time of day"));
  EXPECT_THAT(refusal_of("10:00-"), HasSubstr("no time of day"));
  EXPECT_THAT(refusal_of("1000:00-11:00"), HasSubstr("no time of day"));
  EXPECT_THAT(refusal_of("Mon"), HasSubstr("no time of day"));
  EXPECT_THAT(refusal_of("Mon-Fry 10:00-11:00"), HasSubstr("no day of the week"));
  EXPECT_THAT(refusal_of("at 10:00-11:00"), HasSubstr("no day of the week"));
  EXPECT_THAT(refusal_of("10:00-11:00 Europe / Berlin"), HasSubstr("after the time zone"));
  EXPECT_THAT(refusal_of("Mon 10:00-11:00, Tue 10:00-11:00 Asia/Tokyo"), HasSubstr("for some windows"));
}

TEST(TimeWindows, AMomentReadsLikeAClock) {
  EXPECT_EQ(to_text(at(kTuesday, 14, 5)), "Tue 14:05");
}

}  // namespace
}  // namespace pgsluice::mover

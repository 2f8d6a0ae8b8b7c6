#include <gtest/gtest.h>

#include "mover/live/moment.hpp"
#include "pg/failure.hpp"

namespace pgsluice::tests {
namespace {

using mover::Moment;
using mover::parse_moment;

TEST(Moment, IsATimeWithAZoneOrUtc) {
  const Moment night = parse_moment("03:00 Europe/Berlin");
  EXPECT_FALSE(night.date);
  EXPECT_EQ(night.time, "03:00");
  EXPECT_EQ(night.zone, "Europe/Berlin");
  EXPECT_EQ(parse_moment("03:00").zone, "UTC");
}

TEST(Moment, MayNameItsDay) {
  const Moment moment = parse_moment("2026-12-01 03:00:30 UTC");
  EXPECT_EQ(moment.date, "2026-12-01");
  EXPECT_EQ(moment.time, "03:00:30");
}

TEST(Moment, IsRefusedWhereItIsNone) {
  for (const char* text :
       {"", "tomorrow", "3", "03:00 Europe/Berlin now", "2026-12-01", "-", ":", "Europe/Berlin 03:00"}) {
    try {
      parse_moment(text);
      ADD_FAILURE() << text;
    } catch (const pg::Failure& failure) {
      EXPECT_EQ(failure.kind(), pg::FailureKind::refused) << text;
    }
  }
}

}  // namespace
}  // namespace pgsluice::tests

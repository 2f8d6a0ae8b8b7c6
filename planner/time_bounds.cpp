#include "planner/time_bounds.hpp"

#include <charconv>
#include <cstdio>

namespace pgsluice::planner {

namespace {

constexpr std::int64_t kMicrosecondsPerSecond = 1'000'000;
constexpr std::int64_t kMicrosecondsPerMinute = 60 * kMicrosecondsPerSecond;
constexpr std::int64_t kMicrosecondsPerHour = 60 * kMicrosecondsPerMinute;
constexpr std::int64_t kMicrosecondsPerDay = 24 * kMicrosecondsPerHour;
constexpr std::int64_t kMonthsPerYear = 12;
constexpr std::int64_t kDaysPerWeek = 7;
constexpr std::int64_t kFirstMondayDay = 2;  // 2000-01-03.
constexpr std::int64_t kDaysFrom1970To2000 = 10957;
constexpr std::int64_t kYearZero = 2000;

std::int64_t floor_divided(Instant value, Instant divisor) {
  const Instant quotient = value / divisor;
  return static_cast<std::int64_t>(value % divisor < 0 ? quotient - 1 : quotient);
}

struct Civil {
  std::int64_t year;  // 0 is 1 BC.
  std::int64_t month;
  std::int64_t day;
};

// Days since 2000-01-01, and back.
// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
std::int64_t days_of(const Civil& civil) {
  const std::int64_t year = civil.month <= 2 ? civil.year - 1 : civil.year;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const std::int64_t year_of_era = year - era * 400;
  const std::int64_t day_of_year =
      (153 * (civil.month > 2 ? civil.month - 3 : civil.month + 9) + 2) / 5 + civil.day - 1;
  const std::int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468 - kDaysFrom1970To2000;
}

Civil civil_of(std::int64_t days) {
  const std::int64_t shifted = days + 719468 + kDaysFrom1970To2000;
  const std::int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
  const std::int64_t day_of_era = shifted - era * 146097;
  const std::int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t shifted_month = (5 * day_of_year + 2) / 153;
  const std::int64_t day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
  const std::int64_t month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
  return {year_of_era + era * 400 + (month <= 2 ? 1 : 0), month, day};
}

std::string padded(std::int64_t number, int width) {
  constexpr std::size_t kBytesMax = 24;
  char text[kBytesMax];
  const int size = std::snprintf(text, sizeof text, "%0*lld", width, static_cast<long long>(number));
  return std::string(text, static_cast<std::size_t>(size));
}

bool is_before_christ(const Civil& civil) {
  return civil.year <= 0;
}

std::string year_text(const Civil& civil) {
  return padded(is_before_christ(civil) ? 1 - civil.year : civil.year, 4);
}

// The ISO 8601 week of a Monday, `2024_w05`: the week's year is that of its Thursday.
std::string week_name(std::int64_t monday) {
  constexpr std::int64_t kThursdayOffset = 3;
  const Civil thursday = civil_of(monday + kThursdayOffset);
  const std::int64_t first_day = days_of({thursday.year, 1, 1});
  return year_text(thursday) + (is_before_christ(thursday) ? "bc" : "") + "_w" +
         padded((monday + kThursdayOffset - first_day) / kDaysPerWeek + 1, 2);
}

}  // namespace

Instant bound_at(const Interval& interval, std::int64_t k) {
  std::int64_t first_day = kFirstMondayDay;
  if (interval.months != 0) {
    const Instant months = static_cast<Instant>(k) * interval.months;
    const std::int64_t years = floor_divided(months, kMonthsPerYear);
    first_day = days_of(
        {kYearZero + years, static_cast<std::int64_t>(months - static_cast<Instant>(years) * kMonthsPerYear) + 1, 1});
  }
  const Instant fixed = static_cast<Instant>(interval.days) * kMicrosecondsPerDay + interval.microseconds;
  return static_cast<Instant>(first_day) * kMicrosecondsPerDay + fixed * k;
}

std::int64_t position_of(const Interval& interval, Instant instant) {
  // The mean length of a month gives k to within a few; then it is corrected.
  constexpr std::int64_t kDaysPer400Years = 146097;
  constexpr std::int64_t kMonthsPer400Years = 4800;
  const Instant length =
      static_cast<Instant>(interval.months) * kDaysPer400Years * kMicrosecondsPerDay / kMonthsPer400Years +
      static_cast<Instant>(interval.days) * kMicrosecondsPerDay + interval.microseconds;
  std::int64_t k = floor_divided(instant - bound_at(interval, 0), length);
  while (bound_at(interval, k) > instant) {
    --k;
  }
  while (bound_at(interval, k + 1) <= instant) {
    ++k;
  }
  return k;
}

bool is_representable(Instant instant, TimeKind kind) {
  // Source: src/include/datatype/timestamp.h: Julian day 0 to 294276-12-31, for dates to 5874897-12-31.
  static const std::int64_t first_day = days_of({-4713, 11, 24});
  static const std::int64_t timestamp_end = days_of({294277, 1, 1});
  static const std::int64_t date_end = days_of({5874898, 1, 1});
  const std::int64_t end = kind == TimeKind::date ? date_end : timestamp_end;
  return instant >= static_cast<Instant>(first_day) * kMicrosecondsPerDay &&
         instant < static_cast<Instant>(end) * kMicrosecondsPerDay;
}

std::string text_of(Instant instant, TimeKind kind) {
  const std::int64_t days = floor_divided(instant, kMicrosecondsPerDay);
  const auto in_day = static_cast<std::int64_t>(instant - static_cast<Instant>(days) * kMicrosecondsPerDay);
  const Civil civil = civil_of(days);
  std::string text = year_text(civil) + "-" + padded(civil.month, 2) + "-" + padded(civil.day, 2);
  if (kind != TimeKind::date) {
    text += " " + padded(in_day / kMicrosecondsPerHour, 2) + ":" +
            padded(in_day % kMicrosecondsPerHour / kMicrosecondsPerMinute, 2) + ":" +
            padded(in_day % kMicrosecondsPerMinute / kMicrosecondsPerSecond, 2);
    if (in_day % kMicrosecondsPerSecond != 0) {
      std::string fraction = padded(in_day % kMicrosecondsPerSecond, 6);
      fraction.erase(fraction.find_last_not_of('0') + 1);
      text += "." + fraction;
    }
  }
  text += kind == TimeKind::timestamptz ? "+00" : "";
  return text + (is_before_christ(civil) ? " BC" : "");
}

std::string interval_name(Instant lower, const Interval& interval) {
  const std::int64_t days = floor_divided(lower, kMicrosecondsPerDay);
  const auto in_day = static_cast<std::int64_t>(lower - static_cast<Instant>(days) * kMicrosecondsPerDay);
  const Civil civil = civil_of(days);
  const std::string era = is_before_christ(civil) ? "bc" : "";
  const bool has_days = interval.days != 0 || interval.microseconds != 0;
  if (!has_days) {
    const std::string year = year_text(civil) + era;
    return interval.months % kMonthsPerYear == 0 ? year : year + "_" + padded(civil.month, 2);
  }
  const Instant fixed = static_cast<Instant>(interval.days) * kMicrosecondsPerDay + interval.microseconds;
  if (interval.months == 0 && fixed == static_cast<Instant>(kDaysPerWeek) * kMicrosecondsPerDay) {
    return week_name(days);
  }
  std::string name = year_text(civil) + padded(civil.month, 2) + padded(civil.day, 2) + era;
  if (fixed % kMicrosecondsPerDay != 0) {
    name += "_" + padded(in_day / kMicrosecondsPerHour, 2);
    if (fixed % kMicrosecondsPerHour != 0) {
      name += padded(in_day % kMicrosecondsPerHour / kMicrosecondsPerMinute, 2);
    }
    if (fixed % kMicrosecondsPerMinute != 0) {
      name += padded(in_day % kMicrosecondsPerMinute / kMicrosecondsPerSecond, 2);
    }
    if (fixed % kMicrosecondsPerSecond != 0) {
      name += "_" + padded(in_day % kMicrosecondsPerSecond, 6);
    }
  }
  return name;
}

Instant parse_instant(std::string_view days_and_microseconds) {
  std::int64_t days = 0;
  std::int64_t microseconds = 0;
  const char* const end = days_and_microseconds.data() + days_and_microseconds.size();
  const auto [after_days, error] = std::from_chars(days_and_microseconds.data(), end, days);
  if (error == std::errc() && after_days != end) {
    std::from_chars(after_days + 1, end, microseconds);
  }
  return static_cast<Instant>(days) * kMicrosecondsPerDay + microseconds;
}

}  // namespace pgsluice::planner

// Bounds at a regular interval over date, timestamp and timestamptz, without a time zone: an instant of a timestamptz
// is meant in UTC, so no daylight saving moves a bound. Pure arithmetic on the proleptic Gregorian calendar, as
// PostgreSQL's own.
//
// Invariants:
//   T1  bound_at(i, k) < bound_at(i, k + 1).
//   T2  bound_at(i, position_of(i, t)) <= t < bound_at(i, position_of(i, t) + 1).
//   T3  Intervals of whole months begin at the first of a month, counted from 2000-01; all others at a Monday,
//   2000-01-03 00:00.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pgsluice::planner {

__extension__ using Instant = __int128;  // Microseconds since 2000-01-01 00:00. PostgreSQL's dates go beyond 64 bits.

enum class TimeKind { date, timestamp, timestamptz };

// As PostgreSQL divides an interval. Whole months, days and the rest are added one after the other.
struct Interval {
  std::int64_t months = 0;
  std::int64_t days = 0;
  std::int64_t microseconds = 0;
};

// The lower bound of the interval number k. Needs an interval without negative parts that is not zero.
Instant bound_at(const Interval& interval, std::int64_t k);

// The number of the interval that contains `instant`.
std::int64_t position_of(const Interval& interval, Instant instant);

// False where PostgreSQL has no value of this kind for the instant.
bool is_representable(Instant instant, TimeKind kind);

// What makes a value: `2024-02-29`, `2024-02-29 06:30:00`, `2024-02-29 06:30:00.25+00`, `0044-03-15 00:00:00+00 BC`.
// The same value whatever DateStyle and TimeZone are.
std::string text_of(Instant instant, TimeKind kind);

// A name's part for the interval that begins at `lower`, as short as the interval allows: 2024, 2024_01, 2024_w05,
// 20240115, 20240115_06, 20240115_0630.
std::string interval_name(Instant lower, const Interval& interval);

// Reads "days microseconds", days since 2000-01-01 and microseconds of that day: the form in which the server is asked
// for instants.
Instant parse_instant(std::string_view days_and_microseconds);

}  // namespace pgsluice::planner

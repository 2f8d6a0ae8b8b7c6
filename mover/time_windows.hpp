// The hours in which rows may move: "Mon-Fri 22:00-06:00 Europe/Berlin, Sat-Sun 00:00-24:00 Europe/Berlin". Reads the
// text and decides; what time it is in a zone, daylight saving included, is the server's business. Pure.
#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace pgsluice::mover {

inline constexpr int kDaysPerWeek = 7;

// What a clock on the wall shows.
struct LocalTime {
  int weekday = 1;  // 1 is Monday.
  int minute = 0;   // Of the day, within [0, 1440).
};

// One window: from <= time < until. Where `until` comes before `from`, it is on the next day, and the day is the one on
// which the window opens.
struct TimeWindow {
  std::array<bool, kDaysPerWeek> days{};  // Monday first.
  int from = 0;                           // Minute of the day, within [0, 1440).
  int until = 0;                          // Within [0, 1440], unlike `from`.
  std::string zone;                       // As it was written.
};

class TimeWindows {
 public:
  // [DAYS] HH:MM-HH:MM [ZONE], …: DAYS is one day or two with a dash (Mon-Fri; Fri-Mon goes through Sunday); without it
  // every day is meant. Without a zone UTC is meant; where one window names a zone, all must.
  // Fails: refused, naming the part that cannot be read.
  static TimeWindows parse(std::string_view text);

  // Each once.
  std::vector<std::string> zones() const;
  // `times`: of each zone.
  bool are_open(const std::map<std::string, LocalTime>& times) const;
  const std::string& text() const { return text_; }
  const std::vector<TimeWindow>& windows() const { return windows_; }

 private:
  explicit TimeWindows(std::string text) : text_(std::move(text)) {}
  std::string text_;
  std::vector<TimeWindow> windows_;
};

bool is_open(const TimeWindow& window, const LocalTime& time);

// "Tue 14:05".
std::string to_text(const LocalTime& time);

}  // namespace pgsluice::mover

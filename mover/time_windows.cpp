#include "mover/time_windows.hpp"

#include <algorithm>
#include <cctype>
#include <optional>

#include "pg/failure.hpp"

namespace pgsluice::mover {

namespace {

constexpr int kMinutesPerHour = 60;
constexpr int kMinutesPerDay = 24 * kMinutesPerHour;
constexpr std::array<std::string_view, kDaysPerWeek> kDays = {"monday", "tuesday",  "wednesday", "thursday",
                                                              "friday", "saturday", "sunday"};
constexpr std::size_t kShortDay = 3;

[[noreturn]] void refuse(std::string_view part, const std::string& why) {
  throw pg::Failure(pg::FailureKind::refused, "--window: \"" + std::string(part) + "\" " + why)
      .hint("Write it as --window \"22:00-06:00 Europe/Berlin\" or \"Mon-Fri 22:00-06:00 Europe/Berlin\".");
}

bool is_space(char c) {
  return std::isspace(static_cast<unsigned char>(c)) != 0;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at;
    while (end < text.size() && !is_space(text[end])) {
      ++end;
    }
    if (end > at) {
      words.push_back(text.substr(at, end - at));
    }
    at = end + 1;
  }
  return words;
}

std::vector<std::string_view> parts_of(std::string_view text) {
  std::vector<std::string_view> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

// 0 for Monday.
std::optional<int> day_of(std::string_view word) {
  std::string lower(word);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (std::size_t i = 0; i < kDays.size(); ++i) {
    if (lower == kDays[i] || lower == kDays[i].substr(0, kShortDay)) {
      return static_cast<int>(i);
    }
  }
  return std::nullopt;
}

// 24:00 is the end of a day.
std::optional<int> minute_of(std::string_view text) {
  const std::size_t colon = text.find(':');
  constexpr std::size_t kDigits = 2;
  if (colon == std::string_view::npos || colon == 0 || colon > kDigits || text.size() != colon + 1 + kDigits ||
      !std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(colon), is_digit) ||
      !std::all_of(text.begin() + static_cast<std::ptrdiff_t>(colon) + 1, text.end(), is_digit)) {
    return std::nullopt;
  }
  const int hours = std::stoi(std::string(text.substr(0, colon)));
  const int minutes = std::stoi(std::string(text.substr(colon + 1)));
  const int minute = hours * kMinutesPerHour + minutes;
  return minutes < kMinutesPerHour && minute <= kMinutesPerDay ? std::optional(minute) : std::nullopt;
}

void set_days(TimeWindow& window, std::string_view word, std::string_view part) {
  const std::size_t dash = word.find('-');
  const std::optional<int> first = day_of(word.substr(0, dash));
  const std::optional<int> last = dash == std::string_view::npos ? first : day_of(word.substr(dash + 1));
  if (!first || !last) {
    refuse(part, "names no day of the week that is known: Mon, Tue, Wed, Thu, Fri, Sat, Sun");
  }
  for (int day = *first;; day = (day + 1) % kDaysPerWeek) {
    window.days[static_cast<std::size_t>(day)] = true;
    if (day == *last) {
      return;
    }
  }
}

void set_times(TimeWindow& window, std::string_view word, std::string_view part) {
  const std::size_t dash = word.find('-');
  const std::optional<int> from = minute_of(word.substr(0, dash));
  const std::optional<int> until = dash == std::string_view::npos ? std::nullopt : minute_of(word.substr(dash + 1));
  if (!from || !until || *from == kMinutesPerDay) {
    refuse(part, "holds no time of day like 22:00-06:00");
  }
  if (*from == *until) {
    refuse(part, "begins and ends at the same time; the whole day is 00:00-24:00");
  }
  window.from = *from;
  window.until = *until;
}

TimeWindow window_of(std::string_view part) {
  TimeWindow window;
  const std::vector<std::string_view> words = words_of(part);
  std::size_t at = 0;
  if (words.empty()) {
    refuse(part, "is empty");
  }
  if (is_digit(words[at].front())) {
    window.days.fill(true);
  } else {
    set_days(window, words[at++], part);
  }
  if (at == words.size()) {
    refuse(part, "holds no time of day like 22:00-06:00");
  }
  set_times(window, words[at++], part);
  if (at < words.size()) {
    window.zone = words[at++];
  }
  if (at < words.size()) {
    refuse(part, "goes on after the time zone");
  }
  return window;
}

}  // namespace

TimeWindows TimeWindows::parse(std::string_view text) {
  TimeWindows all{std::string(text)};
  for (const std::string_view part : parts_of(text)) {
    all.windows_.push_back(window_of(part));
  }
  const auto has_zone = [](const TimeWindow& window) { return !window.zone.empty(); };
  if (std::any_of(all.windows_.begin(), all.windows_.end(), has_zone) &&
      !std::all_of(all.windows_.begin(), all.windows_.end(), has_zone)) {
    refuse(text, "names a time zone for some windows and none for others");
  }
  for (TimeWindow& window : all.windows_) {
    window.zone = has_zone(window) ? window.zone : "UTC";
  }
  return all;
}

std::vector<std::string> TimeWindows::zones() const {
  std::vector<std::string> zones;
  for (const TimeWindow& window : windows_) {
    if (std::find(zones.begin(), zones.end(), window.zone) == zones.end()) {
      zones.push_back(window.zone);
    }
  }
  return zones;
}

bool TimeWindows::are_open(const std::map<std::string, LocalTime>& times) const {
  return std::any_of(windows_.begin(), windows_.end(),
                     [&](const TimeWindow& window) { return is_open(window, times.at(window.zone)); });
}

bool is_open(const TimeWindow& window, const LocalTime& time) {
  const auto today = static_cast<std::size_t>(time.weekday - 1);
  const std::size_t yesterday = (today + kDaysPerWeek - 1) % kDaysPerWeek;
  if (window.from < window.until) {
    return window.days[today] && time.minute >= window.from && time.minute < window.until;
  }
  return (window.days[today] && time.minute >= window.from) || (window.days[yesterday] && time.minute < window.until);
}

std::string to_text(const LocalTime& time) {
  std::string day(kDays[static_cast<std::size_t>(time.weekday - 1)].substr(0, kShortDay));
  day.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(day.front())));
  const auto two_digits = [](int number) { return (number < 10 ? "0" : "") + std::to_string(number); };
  return day + " " + two_digits(time.minute / kMinutesPerHour) + ":" + two_digits(time.minute % kMinutesPerHour);
}

}  // namespace pgsluice::mover

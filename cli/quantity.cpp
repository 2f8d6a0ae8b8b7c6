#include "cli/quantity.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>
#include <span>
#include <utility>

#include "pg/failure.hpp"

namespace pgsluice::cli {

namespace {

struct Unit {
  std::string_view name;
  std::uint64_t size;
};

constexpr std::uint64_t kKilo = 1000;
constexpr std::uint64_t kKibi = 1024;
constexpr std::array<Unit, 4> kCountUnits = {{{"", 1}, {"k", kKilo}, {"M", kKilo* kKilo}, {"G", kKilo* kKilo* kKilo}}};
constexpr std::array<Unit, 6> kByteUnits = {{{"", 1},
                                             {"B", 1},
                                             {"kB", kKibi},
                                             {"MB", kKibi* kKibi},
                                             {"GB", kKibi* kKibi* kKibi},
                                             {"TB", kKibi* kKibi* kKibi* kKibi}}};
constexpr std::array<Unit, 5> kTimeUnits = {{{"", 1}, {"ms", 1}, {"s", 1000}, {"min", 60'000}, {"h", 3'600'000}}};

std::uint64_t parse(std::string_view name, std::string_view text, std::span<const Unit> units,
                    const std::string& examples) {
  const auto refuse = [&] {
    return pg::Failure(pg::FailureKind::refused,
                       "--" + std::string(name) + " does not take \"" + std::string(text) + "\"")
        .hint("Write for example " + examples + ".");
  };
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) {
    throw refuse();
  }
  std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  while (unit.starts_with(' ')) {
    unit.remove_prefix(1);
  }
  for (const Unit& candidate : units) {
    if (candidate.name == unit) {
      constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
      if (number > kMax / candidate.size) {
        throw refuse();
      }
      return number * candidate.size;
    }
  }
  throw refuse();
}

// The number with three digits that matter, but never fewer digits than stand before the point.
std::string scaled(double number, double step, std::span<const std::string_view> units) {
  std::size_t unit = 0;
  constexpr double kRoundsUp = 0.9995;
  while (unit + 1 < units.size() && number >= step * kRoundsUp) {
    number /= step;
    ++unit;
  }
  const int decimals = unit == 0 || number >= 99.95 ? 0 : number >= 9.995 ? 1 : 2;
  char text[64];
  std::snprintf(text, sizeof text, "%.*f %s", decimals, number, std::string(units[unit]).c_str());
  std::string trimmed = text;
  while (trimmed.back() == ' ') {
    trimmed.pop_back();
  }
  return trimmed;
}

}  // namespace

std::uint64_t parse_count(std::string_view name, std::string_view text) {
  return parse(name, text, kCountUnits, "2500, 10k or 5M");
}

std::uint64_t parse_bytes(std::string_view name, std::string_view text) {
  return parse(name, text, kByteUnits, "512kB, 64MB or 1GB");
}

std::chrono::milliseconds parse_duration(std::string_view name, std::string_view text) {
  return std::chrono::milliseconds(parse(name, text, kTimeUnits, "200ms, 5s, 10min or 1h"));
}

std::string count_text(double count) {
  constexpr double kExactBelow = 10'000;
  if (!(count > 0)) {
    return "0";
  }
  if (std::round(count) < kExactBelow) {
    return exact_count_text(static_cast<std::uint64_t>(std::llround(count)));
  }
  constexpr std::array<std::string_view, 5> kUnits = {"", "k", "M", "G", "T"};
  return scaled(count, static_cast<double>(kKilo), kUnits);
}

std::string exact_count_text(std::uint64_t count) {
  std::string digits = std::to_string(count);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

std::string bytes_text(double bytes) {
  constexpr std::array<std::string_view, 6> kUnits = {"B", "kB", "MB", "GB", "TB", "PB"};
  return scaled(bytes > 0 ? bytes : 0, static_cast<double>(kKibi), kUnits);
}

std::string duration_text(std::chrono::milliseconds duration) {
  constexpr std::int64_t kSecondsPerDay = 86'400;
  const std::int64_t seconds = std::max<std::int64_t>(0, duration.count() / 1000);
  char text[64];
  const auto part = [](std::int64_t number) { return static_cast<int>(number); };
  std::snprintf(text, sizeof text, "%02d:%02d:%02d", part(seconds % kSecondsPerDay / 3600), part(seconds / 60 % 60),
                part(seconds % 60));
  const std::int64_t days = seconds / kSecondsPerDay;
  return days == 0 ? text : std::to_string(days) + " d " + text;
}

}  // namespace pgsluice::cli

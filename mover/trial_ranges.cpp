#include "mover/trial_ranges.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <random>

namespace pgsluice::mover {

namespace {

constexpr std::size_t kPlaces = 3;
constexpr const char* kPlaceNames[kPlaces] = {"old", "middle", "new"};

enum class Width { plain, wide, toast };

// PostgreSQL moves values out of the row until it is no longer than this.
// Source: PostgreSQL manual, "TOAST": TOAST_TUPLE_TARGET, normally 2 kB.
constexpr double kToastBytes = 2032;
constexpr double kWideFactor = 2;

// The width of the row in the middle. A range of wide rows holds fewer of them, whatever a plan by blocks expects.
double middle_of(std::span<const planner::Range> ranges, std::span<const double> row_bytes) {
  std::map<double, double> rows_of_width;
  double rows_total = 0;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    const double width = std::max(1.0, row_bytes[i]);
    const double rows = static_cast<double>(std::max<std::uint64_t>(1, ranges[i].bytes_estimate)) / width;
    rows_of_width[width] += rows;
    rows_total += rows;
  }
  double rows_before = 0;
  for (const auto& [width, rows] : rows_of_width) {
    rows_before += rows;
    if (rows_before >= rows_total / 2) {
      return width;
    }
  }
  return 1;
}

Width width_of(double row_bytes, double middle_bytes) {
  if (row_bytes > kToastBytes) {
    return Width::toast;
  }
  return row_bytes > kWideFactor * middle_bytes ? Width::wide : Width::plain;
}

std::string name_of(std::size_t place, Width width) {
  const char* what = width == Width::toast ? ", TOAST" : width == Width::wide ? ", wide" : "";
  return std::string(kPlaceNames[place]) + what;
}

// Fisher and Yates, so that a seed means the same with every standard library.
void shuffle(std::vector<std::uint32_t>& ranges, std::mt19937_64& random) {
  for (std::size_t left = ranges.size(); left > 1; --left) {
    std::swap(ranges[left - 1], ranges[random() % left]);
  }
}

}  // namespace

std::vector<TrialStratum> trial_strata(std::span<const planner::Range> ranges, std::span<const double> row_bytes,
                                       std::uint64_t seed) {
  double rows_total = 0;
  for (const planner::Range& range : ranges) {
    rows_total += static_cast<double>(range.rows_estimate);
  }
  const bool knows_widths = row_bytes.size() == ranges.size() && !ranges.empty();
  const double middle_bytes = knows_widths ? middle_of(ranges, row_bytes) : 0;

  std::map<std::pair<std::size_t, Width>, TrialStratum> found;
  double rows_before = 0;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    const auto rows = static_cast<double>(ranges[i].rows_estimate);
    // Without estimates the ranges count alike.
    const double share = rows_total > 0 ? (rows_before + rows / 2) / rows_total
                                        : (static_cast<double>(i) + 0.5) / static_cast<double>(ranges.size());
    const std::size_t place = std::min(kPlaces - 1, static_cast<std::size_t>(share * kPlaces));
    const Width width = knows_widths ? width_of(row_bytes[i], middle_bytes) : Width::plain;
    TrialStratum& stratum = found[{place, width}];
    stratum.name = ranges.size() == 1 ? "all" : name_of(place, width);
    stratum.rows += rows;
    stratum.row_bytes += knows_widths ? row_bytes[i] : 0;
    stratum.ranges.push_back(ranges[i].index);
    rows_before += rows;
  }

  std::mt19937_64 random(seed);
  std::vector<TrialStratum> strata;
  for (auto& [kind, stratum] : found) {
    stratum.row_bytes /= static_cast<double>(stratum.ranges.size());
    shuffle(stratum.ranges, random);
    strata.push_back(std::move(stratum));
  }
  return strata;
}

planner::Range shortened(const planner::Range& range, const planner::RangeKey& key, std::uint64_t bytes_max,
                         std::int64_t page_count) {
  if (!key.is_ctid() || range.bytes_estimate <= bytes_max) {
    return range;
  }
  // A bound of a planned range is a block alone.
  const std::int64_t lower = range.lower ? std::stoll(range.lower->front()) : 0;
  const std::int64_t upper = range.upper ? std::stoll(range.upper->front()) : page_count;
  const double share = static_cast<double>(bytes_max) / static_cast<double>(range.bytes_estimate);
  const auto blocks = static_cast<std::int64_t>(std::ceil(static_cast<double>(upper - lower) * share));
  if (blocks < 1 || lower + blocks >= upper) {
    return range;
  }
  planner::Range part = range;
  part.upper = planner::Key{std::to_string(lower + blocks)};
  part.rows_estimate = static_cast<std::uint64_t>(static_cast<double>(range.rows_estimate) * share);
  part.bytes_estimate = bytes_max;
  return part;
}

}  // namespace pgsluice::mover

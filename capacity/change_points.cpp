#include "capacity/change_points.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

namespace pgsluice::capacity {

namespace {

// From 1; equal values share the mean of their ranks. `ties` becomes the sum of t^3 - t over groups of t equal values.
std::vector<double> ranks_of(std::span<const double> values, double& ties) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  ties = 0;
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin + 1;
    while (end < order.size() && values[order[end]] == values[order[begin]]) {
      ++end;
    }
    for (std::size_t i = begin; i < end; ++i) {
      ranks[order[i]] = static_cast<double>(begin + 1 + end) / 2;
    }
    const auto equal = static_cast<double>(end - begin);
    ties += equal * equal * equal - equal;
    begin = end;
  }
  return ranks;
}

bool differ(double a, double b, double factor) {
  return std::max(a, b) > factor * std::min(a, b);
}

// Moves a split by a few values to where they are nearest to what their sides are: rank sums draw it to the
// middle.
std::size_t moved(std::span<const double> values, std::size_t split, const ChangeOptions& options) {
  const double before = middle_mean(values.first(split));
  const double after = middle_mean(values.subspan(split));
  const std::size_t first = std::max(options.length_min, split - std::min(split, options.length_min));
  const std::size_t last = std::min(values.size() - options.length_min, split + options.length_min);
  std::size_t best = first;
  double gain = 0;  // Against the split at `first`.
  double gain_best = 0;
  for (std::size_t i = first; i < last; ++i) {
    gain += std::abs(values[i] - after) - std::abs(values[i] - before);
    if (gain > gain_best) {
      gain_best = gain;
      best = i + 1;
    }
  }
  return best;
}

// The split that tells both sides best apart.
std::optional<std::size_t> split_of(std::span<const double> values, const ChangeOptions& options) {
  const std::size_t count = values.size();
  if (count < 2 * options.length_min) {
    return std::nullopt;
  }
  double ties = 0;
  const std::vector<double> ranks = ranks_of(values, ties);
  const auto n = static_cast<double>(count);
  const double spread = (n + 1 - ties / (n * (n - 1))) / 12;
  if (spread <= 0) {
    return std::nullopt;  // All are equal.
  }
  double sum = 0;
  double z_best = options.z_min;
  std::optional<std::size_t> best;
  for (std::size_t split = 1; split + options.length_min <= count; ++split) {
    sum += ranks[split - 1];
    if (split < options.length_min) {
      continue;
    }
    const auto left = static_cast<double>(split);
    const double z = std::abs(sum - left * (n + 1) / 2) / std::sqrt(left * (n - left) * spread);
    if (z > z_best &&
        differ(middle_mean(values.first(split)), middle_mean(values.subspan(split)), options.factor_min)) {
      z_best = z;
      best = split;
    }
  }
  return best ? std::optional(moved(values, *best, options)) : std::nullopt;
}

void search(std::span<const double> values, std::size_t offset, const ChangeOptions& options,
            std::vector<std::size_t>& found) {
  const std::optional<std::size_t> split = split_of(values, options);
  if (!split) {
    return;
  }
  search(values.first(*split), offset, options, found);
  found.push_back(offset + *split);
  search(values.subspan(*split), offset + *split, options, found);
}

}  // namespace

double middle_mean(std::span<const double> values) {
  if (values.empty()) {
    return 0;
  }
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  const auto cut = static_cast<std::ptrdiff_t>(sorted.size() / 4);
  const std::size_t count = sorted.size() - 2 * static_cast<std::size_t>(cut);
  return std::accumulate(sorted.begin() + cut, sorted.end() - cut, 0.0) / static_cast<double>(count);
}

std::vector<ChangePoint> change_points(std::span<const double> values, const ChangeOptions& options) {
  std::vector<std::size_t> splits;
  search(values, 0, options, splits);
  // A split deep in the search may lie between parts that are alike on the whole.
  std::vector<ChangePoint> changes;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < splits.size(); ++i) {
    const std::size_t end = i + 1 < splits.size() ? splits[i + 1] : values.size();
    const double before = middle_mean(values.subspan(begin, splits[i] - begin));
    const double after = middle_mean(values.subspan(splits[i], end - splits[i]));
    if (differ(before, after, options.factor_min)) {
      changes.push_back({splits[i], before, after});
      begin = splits[i];
    }
  }
  return changes;
}

}  // namespace pgsluice::capacity

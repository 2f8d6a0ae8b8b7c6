#include "gate/latency_guard.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace pgsluice::gate {

namespace {

constexpr double kWindowSeconds = 4;
constexpr double kSpreadSecondsMin = 2;
constexpr std::size_t kEntriesMin = 3;
// Faster than this is a cache, which a volume is not to be compared with.
constexpr double kFloorSecondsMin = 0.001;
constexpr double kFloorLearningSeconds = 900;

constexpr double kTooSlow = 2.5;
constexpr double kFastAgain = 2.0;
constexpr double kDecrease = 0.5;
constexpr double kFactorMin = 0.05;
constexpr double kIncrease = 0.05;
constexpr double kIncreaseSeconds = 10;
constexpr double kDecreaseSecondsMin = 5;  // From one halving to the next: its effect must show first.

std::string ratio_text(double ratio) {
  constexpr std::size_t kBytesMax = 40;
  char text[kBytesMax];
  const int size = std::snprintf(text, sizeof text, "%.1f", ratio);
  return std::string(text, static_cast<std::size_t>(std::min<int>(size, kBytesMax - 1)));
}

}  // namespace

void LatencySignal::add(double now, double latency) {
  if (!std::isfinite(latency) || latency <= 0) {
    return;
  }
  if (!entries_.empty() && now < entries_.back().seconds - kWindowSeconds) {
    entries_.clear();  // The clock was set back.
  }
  entries_.push_back({entries_.empty() ? now : std::max(now, entries_.back().seconds), latency});
  while (entries_.front().seconds < entries_.back().seconds - kWindowSeconds) {
    entries_.pop_front();
  }
  const std::optional<double> now_least = least(now);
  if (!now_least) {
    return;
  }
  const double seen = std::max(kFloorSecondsMin, *now_least);
  if (!floor_ || seen < *floor_) {
    floor_ = seen;
  } else {
    *floor_ += (1 - std::exp(-std::max(0.0, now - floor_at_) / kFloorLearningSeconds)) * (seen - *floor_);
  }
  floor_at_ = now;
}

std::optional<double> LatencySignal::least(double now) const {
  double least = 0;
  double first = 0;
  std::size_t count = 0;
  for (const Entry& entry : entries_) {
    if (std::abs(now - entry.seconds) <= kWindowSeconds) {
      least = count == 0 ? entry.latency : std::min(least, entry.latency);
      first = count == 0 ? entry.seconds : first;
      ++count;
    }
  }
  return count >= kEntriesMin && entries_.back().seconds - first >= kSpreadSecondsMin ? std::optional(least)
                                                                                      : std::nullopt;
}

std::optional<double> LatencySignal::ratio(double now) const {
  const std::optional<double> now_least = least(now);
  return now_least && floor_ ? std::optional(std::max(kFloorSecondsMin, *now_least) / *floor_) : std::nullopt;
}

std::optional<double> LatencyGuard::pressure(double now) const {
  const std::optional<double> commit = commit_.ratio(now);
  const std::optional<double> read = read_.ratio(now);
  return commit && read ? std::optional(std::max(*commit, *read)) : commit ? commit : read;
}

void LatencyGuard::observe(double now) {
  const std::optional<double> ratio = pressure(now);
  const double since_change = changed_at_ ? now - *changed_at_ : kIncreaseSeconds;
  if (since_change < 0) {
    changed_at_ = now;  // The clock was set back.
    return;
  }
  if (ratio && *ratio > kTooSlow) {
    if (since_change < kDecreaseSecondsMin && factor_ < 1) {
      return;
    }
    factor_ = std::max(kFactorMin, factor_ * kDecrease);
    changed_at_ = now;
    const bool is_commit = commit_.ratio(now).value_or(0) >= *ratio;
    text_ = std::string(is_commit ? "a commit" : "reading a page") + " takes " + ratio_text(*ratio) +
            " times as long as usual";
    return;
  }
  const bool is_fast = !ratio || *ratio < kFastAgain;
  if (factor_ < 1 && is_fast && since_change >= kIncreaseSeconds) {
    factor_ = std::min(1.0, factor_ + kIncrease);
    changed_at_ = now;
  }
}

}  // namespace pgsluice::gate

#include "gate/foreground.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace pgsluice::gate {

namespace {

constexpr double kQuietShare = 0.05;  // Of the budget; less is being quiet.
constexpr std::size_t kQuietMax = 600;
constexpr std::size_t kQuietMin = 10;
constexpr double kPercentile = 0.95;
constexpr double kMedian = 0.5;
constexpr double kMuchShare = 0.1;       // Of the budget.
constexpr double kOwnNoiseShare = 0.25;  // Of the own rate; the counters show it earlier or later.
constexpr double kSmoothingSeconds = 6;
constexpr double kCalmPressure = 1.3;
constexpr double kStrainedPressure = 1.5;
constexpr double kCalmSeconds = 10;

double percentile_of(const std::vector<double>& sorted, double share) {
  return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
}

}  // namespace

void Foreground::note_quiet(double rate) {
  quiet_.push_back(rate);
  if (quiet_.size() > kQuietMax) {
    quiet_.pop_front();
  }
  if (quiet_.size() >= kQuietMin) {
    std::vector<double> sorted(quiet_.begin(), quiet_.end());
    std::sort(sorted.begin(), sorted.end());
    baseline_ = percentile_of(sorted, kPercentile);
    baseline_median_ = percentile_of(sorted, kMedian);
  }
}

void Foreground::observe(double now, const ForegroundRates& rates, double own_rate, double scale,
                         std::optional<double> pressure) {
  const double elapsed = observed_at_ ? std::max(0.0, now - *observed_at_) : 0;
  observed_at_ = now;
  const double much = std::max(kMuchShare * scale, kOwnNoiseShare * own_rate);
  if (!live_) {
    live_ = std::max(rates.recent, rates.smoothed);
  } else if (std::min(rates.recent, rates.before) > *live_ + much) {
    live_ = std::max(rates.recent, rates.before);
  } else {
    *live_ += (1 - std::exp(-elapsed / kSmoothingSeconds)) * (rates.smoothed - *live_);
  }
  if (own_rate < kQuietShare * scale) {
    note_quiet(rates.recent);
  }
  if (!pressure || *pressure > kStrainedPressure) {
    calm_since_.reset();
    is_unhindered_ = false;
  } else if (*pressure < kCalmPressure) {
    calm_since_ = calm_since_ ? *calm_since_ : now;
    is_unhindered_ = is_unhindered_ || now - *calm_since_ >= kCalmSeconds;
  }
}

std::optional<double> Foreground::believed() const {
  return live_ && baseline_ && !is_unhindered_ ? std::optional(std::max(*live_, *baseline_)) : live_;
}

std::string Foreground::text() const {
  if (!live_) {
    return "the application's load is not known yet";
  }
  const auto rate_text = [](double rate) { return std::to_string(std::llround(rate)) + " operations/s"; };
  if (*believed() > *live_) {
    return "the application does " + rate_text(*live_) + ", but " + rate_text(*baseline_) +
           " when pgsluice is quiet, which is left to it";
  }
  return "the application does " + rate_text(*live_);
}

}  // namespace pgsluice::gate

#include "gate/foreground.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace pgsluice::gate {

namespace {

constexpr double kQuietShare = 0.05;  // Of the budget; less is being quiet.
constexpr std::size_t kQuietMax = 600;
constexpr std::size_t kQuietMin = 10;
constexpr double kPercentile = 0.95;
constexpr double kMedian = 0.5;
constexpr double kMuchShare = 0.1;    // Of the budget.
constexpr double kDriftShare = 0.03;  // Of the budget; less than this more is not looked for.
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

// A cumulative sum: what late statistics can add to it is bounded, what a load adds is not.
bool Foreground::has_grown(const ForegroundSeen& seen, double scale) {
  const double operations = std::min(seen.operations, scale * std::max(seen.seconds, delay_seconds_));
  const double more = operations - (*live_ + kDriftShare * scale) * seen.seconds;
  if (excess_.operations + more <= 0) {
    excess_ = {};
    return false;
  }
  excess_.operations += more;
  excess_.seconds += seen.seconds;
  excess_.largest = std::max(excess_.largest, more);
  const double much = kMuchShare * scale;
  return excess_.operations > delay_seconds_ * (seen.own_rate + std::max(0.0, *live_)) + much &&
         excess_.operations - excess_.largest > much;
}

void Foreground::observe(double now, const ForegroundSeen& seen, double scale, std::optional<double> pressure) {
  if (!live_) {
    live_ = seen.rate;
  } else {
    if (has_grown(seen, scale)) {
      *live_ += kDriftShare * scale + excess_.operations / excess_.seconds;
      excess_ = {};
      grown_at_ = now;
    }
    const double since_growth = grown_at_ ? now - *grown_at_ : std::numeric_limits<double>::infinity();
    if (since_growth <= 2 * std::max(1.0, delay_seconds_)) {
      live_ = std::max(*live_, seen.rate_of_late);  // What began a moment ago is not seen in full yet.
    }
    const double change = (1 - std::exp(-seen.seconds / kSmoothingSeconds)) * (seen.rate - *live_);
    // The longer time must lie behind the growth before it can say that it is over.
    *live_ += since_growth < std::max(kSmoothedSeconds, 4 * delay_seconds_) ? std::max(0.0, change) : change;
  }
  if (seen.own_rate < kQuietShare * scale) {
    note_quiet(std::max(0.0, seen.rate));
  }
  if (!pressure || *pressure > kStrainedPressure) {
    calm_since_.reset();
    is_unhindered_ = false;
  } else if (*pressure < kCalmPressure) {
    calm_since_ = calm_since_ ? *calm_since_ : now;
    is_unhindered_ = is_unhindered_ || now - *calm_since_ >= kCalmSeconds;
  }
}

std::optional<double> Foreground::live() const {
  return live_ ? std::optional(std::max(0.0, *live_)) : std::nullopt;
}

std::optional<double> Foreground::believed() const {
  return live_ && baseline_ && !is_unhindered_ ? std::optional(std::max(*live_, *baseline_)) : live();
}

std::string Foreground::text() const {
  if (!live_) {
    return "the application's load is not known yet";
  }
  const auto rate_text = [](double rate) { return std::to_string(std::llround(rate)) + " operations/s"; };
  if (*believed() > *live()) {
    return "the application does " + rate_text(*live()) + ", but " + rate_text(*baseline_) +
           " when pgsluice is quiet, which is left to it";
  }
  return "the application does " + rate_text(*live());
}

}  // namespace pgsluice::gate

#include "cli/speed.hpp"

#include <cmath>

namespace pgsluice::cli {

void Speed::reached(Time now, double total) {
  if (last_time_) {
    const std::chrono::duration<double> passed = now - *last_time_;
    const double kept = std::exp(-passed / span_);
    weighted_amount_ = weighted_amount_ * kept + (total - last_total_);
    weighted_seconds_ = weighted_seconds_ * kept + passed.count();
  }
  last_time_ = now;
  last_total_ = total;
}

std::optional<double> Speed::per_second() const {
  if (weighted_seconds_ <= 0) {
    return std::nullopt;
  }
  return weighted_amount_ / weighted_seconds_;
}

}  // namespace pgsluice::cli

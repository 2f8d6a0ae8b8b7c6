#include "gate/trim.hpp"

#include <algorithm>
#include <cmath>

namespace pgsluice::gate {

namespace {

constexpr double kPeriodSecondsMin = 12;
constexpr double kFactorMin = 0.5;
constexpr double kFactorMax = 1.5;
constexpr double kStepMax = 0.1;
constexpr double kGain = 0.5;
constexpr double kErrorWeight = 0.5;  // Of the newest window.
constexpr double kErrorSmall = 0.01;  // Not worth a step.
constexpr double kUsedMin = 0.9;
constexpr double kUsedMax = 1.1;

}  // namespace

Trim::Trim(double delay_seconds) : period_seconds_(std::max(kPeriodSecondsMin, 2 * delay_seconds)) {}

void Trim::observe(double now, double charged, double measured, double target, double allowance) {
  if (!window_ || now < window_->seen) {
    window_ = Window{now, now, charged, measured};
    return;
  }
  const double elapsed = now - window_->seen;
  window_->seen = now;
  window_->target_sum += target * elapsed;
  window_->allowance_sum += allowance * elapsed;
  if (now - window_->begun < period_seconds_) {
    return;
  }
  const Window window = *window_;
  window_ = Window{now, now, charged, measured};
  const double used = (charged - window.charged) / window.allowance_sum;
  if (!(used >= kUsedMin && used <= kUsedMax && window.target_sum > 0)) {
    return;
  }
  const double error = 1 - (measured - window.measured) / window.target_sum;
  error_ += kErrorWeight * (error - error_);
  if (std::abs(error_) >= kErrorSmall) {
    factor_ = std::clamp(factor_ * (1 + std::clamp(kGain * error_, -kStepMax, kStepMax)), kFactorMin, kFactorMax);
  }
}

void Trim::freeze() {
  window_.reset();
  error_ = 0;
}

void Trim::cost_changed(double times) {
  if (!(std::isfinite(times) && times > 0)) {
    return;
  }
  factor_ = factor_ < 1 ? std::clamp(factor_ * times, factor_, 1.0) : std::clamp(factor_ * times, 1.0, factor_);
  freeze();
}

}  // namespace pgsluice::gate

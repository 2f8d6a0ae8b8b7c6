#include "gate/token_bucket.hpp"

#include <algorithm>
#include <cmath>

namespace pgsluice::gate {

namespace {

constexpr double kDebtSecondsMax = 300;
// Threads read the clock before they take the lock, so they may come in another order. More than this is a clock that
// was set back.
constexpr double kDisorderSecondsMax = 1;

double cost_or(double cost, double otherwise) {
  return std::isfinite(cost) && cost >= 0 ? cost : otherwise;
}

}  // namespace

TokenBucket::TokenBucket(double rate, double depth_seconds, double now)
    : rate_(rate), depth_seconds_(depth_seconds), filled_at_(now) {}

void TokenBucket::limit() {
  if (std::isinf(rate_)) {
    balance_ = 0;
    return;
  }
  balance_ = std::clamp(balance_, -kDebtSecondsMax * rate_, depth_seconds_ * rate_);
}

void TokenBucket::refill(double now) {
  const double elapsed = now - filled_at_;
  if (elapsed > 0) {
    balance_ += std::isinf(rate_) ? 0 : elapsed * rate_;
    filled_at_ = now;
    limit();
  } else if (elapsed < -kDisorderSecondsMax) {
    filled_at_ = now;
  }
}

void TokenBucket::set_rate(double now, double rate) {
  refill(now);
  rate_ = rate;
  limit();
}

double TokenBucket::wait_seconds(double now) {
  refill(now);
  return balance_ >= 0 ? 0 : -balance_ / rate_;
}

void TokenBucket::reserve(double now, double estimate) {
  refill(now);
  balance_ -= cost_or(estimate, 0);
  limit();
}

void TokenBucket::settle(double now, double estimate, double actual) {
  refill(now);
  const double reserved = cost_or(estimate, 0);
  balance_ += reserved - cost_or(actual, reserved);
  limit();
}

double TokenBucket::balance(double now) {
  refill(now);
  return balance_;
}

}  // namespace pgsluice::gate

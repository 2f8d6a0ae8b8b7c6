#include "gate/brake.hpp"

#include <cmath>
#include <cstdio>
#include <utility>

#include "pg/failure.hpp"

namespace pgsluice::gate {

namespace {

constexpr double kResumeShare = 0.8;

std::string figure_text(double value) {
  constexpr std::size_t kBytesMax = 32;
  char text[kBytesMax];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

}  // namespace

Brake Brake::when_on(std::string name, std::string text) {
  return Brake(std::move(name), std::move(text));
}

Brake Brake::at(std::string name, std::string text, double threshold, std::string unit) {
  if (!std::isfinite(threshold) || threshold <= 0) {
    throw pg::Failure(pg::FailureKind::refused, "the limit of \"" + name + "\" must be more than 0");
  }
  Brake brake(std::move(name), std::move(text));
  brake.threshold_ = threshold;
  brake.unit_ = std::move(unit);
  return brake;
}

void Brake::measure(double value) {
  if (!threshold_ || std::isnan(value)) {
    return;
  }
  value_ = value;
  is_on_ = value >= *threshold_ || (is_on_ && value > kResumeShare * *threshold_);
}

std::string Brake::reason() const {
  if (!threshold_) {
    return text_;
  }
  const std::string unit = unit_.empty() ? "" : " " + unit_;
  return text_ + " " + figure_text(value_) + unit + " (limit " + figure_text(*threshold_) + unit + ")";
}

}  // namespace pgsluice::gate

#include "gate/batch_limit.hpp"

#include <algorithm>
#include <cmath>

namespace pgsluice::gate {

namespace {

constexpr double kGoalSeconds = 0.3;
constexpr double kChangeMax = 2;

double rows_in(double seconds, double allowance, double per_row) {
  return per_row > 0 && std::isfinite(allowance) ? seconds * allowance / per_row
                                                 : static_cast<double>(BatchLimit::kRowsMax);
}

}  // namespace

std::uint64_t BatchLimit::next(const Cost& per_row, const Cost& allowance, unsigned workers) {
  const double seconds = kGoalSeconds / std::max(1U, workers);
  double rows = std::min(rows_in(seconds, allowance.operations, per_row.operations),
                         rows_in(seconds, allowance.bytes, per_row.bytes));
  if (rows_ > 0) {
    rows = std::clamp(rows, rows_ / kChangeMax, rows_ * kChangeMax);
  }
  rows_ = std::clamp(rows, static_cast<double>(kRowsMin), static_cast<double>(kRowsMax));
  return static_cast<std::uint64_t>(rows_);
}

}  // namespace pgsluice::gate

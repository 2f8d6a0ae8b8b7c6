#include "mover/batch_sizer.hpp"

#include <algorithm>

namespace pgsluice::mover {

namespace {

constexpr double kFirstBatchBytes = 1024 * 1024;
constexpr double kFirstBatchRows = 2000;
constexpr double kRowsMax = 500'000;
constexpr double kGrowthMax = 2.0;
constexpr double kShrinkMax = 0.25;
constexpr double kRowBytesMemory = 0.8;  // Share of the past in the running mean of a row's bytes.

}  // namespace

BatchSizer::BatchSizer(const BatchSizerOptions& options)
    : options_(options), rows_(0), row_bytes_(std::max(1.0, options.row_bytes)) {
  rows_ = options_.rows_fixed != 0 ? options_.rows_fixed
                                   : limited(std::min(kFirstBatchRows, kFirstBatchBytes / row_bytes_));
}

std::uint64_t BatchSizer::limited(double rows) const {
  const double by_bytes = static_cast<double>(options_.bytes_max) / row_bytes_;
  return static_cast<std::uint64_t>(std::max(1.0, std::min({rows, by_bytes, kRowsMax})));
}

void BatchSizer::moved(std::uint64_t row_count, std::uint64_t bytes, std::chrono::microseconds duration) {
  if (row_count > 0) {
    const double seen = static_cast<double>(bytes) / static_cast<double>(row_count);
    row_bytes_ = std::max(1.0, kRowBytesMemory * row_bytes_ + (1 - kRowBytesMemory) * seen);
  }
  if (options_.rows_fixed != 0) {
    return;
  }
  const double target = std::chrono::duration<double>(options_.duration_target).count();
  const double taken = std::max(1e-6, std::chrono::duration<double>(duration).count());
  rows_ = limited(static_cast<double>(rows_) * std::clamp(target / taken, kShrinkMax, kGrowthMax));
}

void BatchSizer::fix(std::uint64_t rows) {
  if (rows != options_.rows_fixed) {
    options_.rows_fixed = rows;
    rows_ = rows != 0 ? rows : rows_;
  }
}

void BatchSizer::shrink() {
  rows_ = std::max<std::uint64_t>(1, rows_ / 2);
}

}  // namespace pgsluice::mover

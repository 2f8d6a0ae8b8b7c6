#include "gate/cost_model.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace pgsluice::gate {

namespace {

constexpr double kBatchWeight = 0.2;   // Of the newest batch in the mean.
constexpr double kTotalsWeight = 0.3;  // Of the newest window of the server's totals.
constexpr double kSlowWeight = 0.5;    // Of the newest checkpoint cycle.
constexpr double kDeviceWeight = 0.5;  // Of the newest window of the device's count, itself long.
constexpr double kDevicePagesMin = 1000;
constexpr double kSpikeTimes = 4;          // What costs more than so many times the mean counts as just that.
constexpr double kOperationsSmall = 0.01;  // A row that costs less is as good as free; keeps spikes off a mean of 0.
constexpr double kWrittenPerDirtiedMin = 0.25;
constexpr double kWrittenPerDirtiedMax = 4;
constexpr double kOperationsPerPageMin = 1.0 / 32;
constexpr double kOperationsPerPageMax = 4;

double mean_of(double mean, double seen, double weight) {
  return mean + weight * (seen - mean);
}

bool is_amount(double value) {
  return std::isfinite(value) && value >= 0;
}

bool is_amount(const Touched& touched) {
  return is_amount(touched.pages_read) && is_amount(touched.pages_dirtied) && is_amount(touched.wal_bytes) &&
         is_amount(touched.pages_grown);
}

// What `seen` is scaled by so that it is no spike.
double damping(const Cost& seen, const Cost& mean) {
  const double limit = kSpikeTimes * std::max(kOperationsSmall, mean.operations);
  return seen.operations > limit ? limit / seen.operations : 1;
}

}  // namespace

std::string_view name_of(Trust trust) {
  constexpr std::array<std::string_view, 3> kNames = {"measured", "learned", "assumed"};
  return kNames[static_cast<std::size_t>(trust)];
}

CostModel::CostModel(Cost assumed_per_row) : per_row_(assumed_per_row) {}

Cost CostModel::cost(const Touched& touched) const {
  const double pages = touched.pages_read + touched.pages_dirtied * written_per_dirtied_;
  return {pages * operations_per_page_ + touched.wal_bytes / kWalBytesPerOperation,
          pages * kPageBytes + touched.wal_bytes};
}

Cost CostModel::cost(const Work& work) const {
  return work.touched && is_amount(*work.touched) ? cost(*work.touched) : per_row() * work.rows;
}

Cost CostModel::per_row() const {
  return trust_ == Trust::measured ? cost(touched_per_row_) : per_row_;
}

void CostModel::learn(const Work& work) {
  if (!work.touched || !is_amount(*work.touched)) {
    if (trust_ == Trust::measured) {  // The method changed.
      per_row_ = per_row();
      trust_ = Trust::learned;
    }
    return;
  }
  if (!(work.rows >= 1)) {
    return;
  }
  Touched seen = *work.touched * (1 / work.rows);
  if (trust_ != Trust::measured) {
    touched_per_row_ = seen;
    rows_per_batch_ = work.rows;
    trust_ = Trust::measured;
    return;
  }
  seen = seen * damping(cost(seen), per_row());
  const double weight = kBatchWeight * std::min(1.0, work.rows / rows_per_batch_);  // Few rows tell little.
  touched_per_row_ += (seen - touched_per_row_) * weight;
  rows_per_batch_ = mean_of(rows_per_batch_, work.rows, kBatchWeight);
}

void CostModel::learn_per_row(const Cost& seen) {
  if (trust_ == Trust::measured || !is_amount(seen.operations) || !is_amount(seen.bytes)) {
    return;
  }
  if (trust_ == Trust::assumed) {
    per_row_ = seen;
    trust_ = Trust::learned;
    return;
  }
  per_row_ += (seen * damping(seen, per_row_) - per_row_) * kTotalsWeight;
}

void CostModel::learn_written_per_dirtied(double seen) {
  if (is_amount(seen)) {
    written_per_dirtied_ =
        mean_of(written_per_dirtied_, std::clamp(seen, kWrittenPerDirtiedMin, kWrittenPerDirtiedMax), kSlowWeight);
  }
}

void CostModel::learn_operations_per_page(double operations, double own_pages, double others_pages) {
  constexpr double kQuietShare = 0.1;  // Of the operations, if each page of others were one.
  if (!is_amount(operations) || !is_amount(own_pages) || !is_amount(others_pages)) {
    return;
  }
  const auto learn = [](double& mean, double for_pages, double pages) {
    if (pages >= kDevicePagesMin) {
      const double seen = std::clamp(for_pages / pages, kOperationsPerPageMin, kOperationsPerPageMax);
      mean *= std::pow(seen / mean, kDeviceWeight);  // It may be wrong by a factor of thirty.
    }
  };
  const bool others_are_quiet = others_pages <= kQuietShare * operations;
  if (others_are_quiet || !knows_own_operations_) {
    learn(operations_per_page_, operations, own_pages + others_pages);
    knows_own_operations_ = knows_own_operations_ || (others_are_quiet && own_pages >= kDevicePagesMin);
  }
  if (!knows_own_operations_) {
    operations_per_others_page_ = operations_per_page_;
  } else if (!others_are_quiet) {
    learn(operations_per_others_page_, std::max(0.0, operations - own_pages * operations_per_page_), others_pages);
  }
}

}  // namespace pgsluice::gate

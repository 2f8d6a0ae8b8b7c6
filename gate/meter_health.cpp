#include "gate/meter_health.hpp"

#include <algorithm>

namespace pgsluice::gate {

namespace {

constexpr double kOwnOperationsSmall = 100;  // So few may well be hidden in a cache.

template <typename Count>
bool went_down(const std::optional<Count>& before, const std::optional<Count>& now) {
  return before && now && *now < *before;
}

bool is_new_epoch(const MeterSample& before, const MeterSample& now) {
  return now.stats_reset != before.stats_reset || now.pages_read < before.pages_read ||
         now.pages_written < before.pages_written || now.wal_bytes < before.wal_bytes ||
         went_down(before.checkpoints_done, now.checkpoints_done) ||
         went_down(before.device_operations, now.device_operations) || went_down(before.read_seconds, now.read_seconds);
}

bool moved(const MeterSample& before, const MeterSample& now) {
  return now.pages_read != before.pages_read || now.pages_written != before.pages_written ||
         now.wal_bytes != before.wal_bytes;
}

}  // namespace

MeterHealth::Verdict MeterHealth::add(double now, const MeterSample& sample, double own_operations) {
  if (last_ && sample.seconds <= last_->seconds) {
    return Verdict::ignored;
  }
  const bool begins_anew = last_ && is_new_epoch(*last_, sample);
  if (!last_ || begins_anew || moved(*last_, sample)) {
    moved_at_ = now;
    own_operations_at_move_ = own_operations;
  } else if (own_operations - own_operations_at_move_ < kOwnOperationsSmall) {
    moved_at_ = now;  // Nothing happened that they could show.
  }
  seen_at_ = now;
  last_ = sample;
  epochs_ += begins_anew ? 1 : 0;
  return begins_anew ? Verdict::new_epoch : Verdict::good;
}

double MeterHealth::age_seconds(double now) const {
  return std::max(0.0, now - std::min(moved_at_, seen_at_));
}

bool MeterHealth::is_blind(double now) const {
  return age_seconds(now) > blind_seconds_;
}

}  // namespace pgsluice::gate

// Whether the meter can be believed. Blind is: no new sample for long, or counters that stand still while rows move.
#pragma once

#include <optional>

#include "gate/meter_sample.hpp"

namespace pgsluice::gate {

class MeterHealth {
 public:
  enum class Verdict {
    good,
    ignored,    // Not newer than the last one.
    new_epoch,  // The counters begin anew: no difference to an earlier sample means anything.
  };

  // `blind_seconds`: how long is long.
  MeterHealth(double blind_seconds, double now) : blind_seconds_(blind_seconds), moved_at_(now), seen_at_(now) {}

  // `own_operations`: charged for own work so far; tells whether counters that stand still are wrong.
  Verdict add(double now, const MeterSample& sample, double own_operations);

  bool is_blind(double now) const;
  // Since the last sample with news.
  double age_seconds(double now) const;
  unsigned epochs() const { return epochs_; }  // That began after the first.
  const std::optional<MeterSample>& last() const { return last_; }

 private:
  double blind_seconds_;
  double moved_at_;  // When the counters moved last, or there was no reason to.
  double seen_at_;   // When a sample came last.
  double own_operations_at_move_ = 0;
  unsigned epochs_ = 0;
  std::optional<MeterSample> last_;
};

}  // namespace pgsluice::gate

#include "mover/unit_progress.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace pgsluice::mover {

UnitProgress::UnitProgress(Observer& observer, unsigned workers, std::vector<double> weights)
    : observer_(observer),
      weights_(std::move(weights)),
      total_weight_(std::accumulate(weights_.begin(), weights_.end(), 0.0)) {
  progress_.units_total = weights_.size();
  progress_.workers = workers;
}

Progress UnitProgress::now() const {
  Progress progress = progress_;
  double weight = done_weight_;
  for (const auto& [unit, in_hand] : in_hand_) {
    weight += weights_[unit] * in_hand.part;
  }
  // Rounding must not keep the end from being the end.
  progress.fraction = progress.units_done == progress.units_total ? 1 : std::min(weight / total_weight_, 1.0);
  progress.workers_busy = static_cast<unsigned>(in_hand_.size());
  return progress;
}

// The observer is told under the lock, so that it never sees an older state after a newer one.
void UnitProgress::tell() {
  const std::lock_guard lock(mutex_);
  observer_.progressed(now());
}

void UnitProgress::began(std::size_t unit, int backend_pid) {
  const std::lock_guard lock(mutex_);
  in_hand_[unit].backend_pid = backend_pid;
}

void UnitProgress::done(std::size_t unit) {
  const std::lock_guard lock(mutex_);
  in_hand_.erase(unit);
  done_weight_ += weights_[unit];
  ++progress_.units_done;
  observer_.progressed(now());
}

void UnitProgress::reached(int backend_pid, double part) {
  const std::lock_guard lock(mutex_);
  for (auto& [unit, in_hand] : in_hand_) {
    if (in_hand.backend_pid == backend_pid) {
      in_hand.part = std::clamp(part, in_hand.part, 1.0);
    }
  }
}

std::vector<int> UnitProgress::busy_sessions() const {
  const std::lock_guard lock(mutex_);
  std::vector<int> pids;
  for (const auto& [unit, in_hand] : in_hand_) {
    pids.push_back(in_hand.backend_pid);
  }
  return pids;
}

}  // namespace pgsluice::mover

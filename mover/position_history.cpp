#include "mover/position_history.hpp"

#include <algorithm>

namespace pgsluice::mover {

namespace {

constexpr double kRememberedSeconds = 3600;

}  // namespace

void PositionHistory::add(double now, std::int64_t position) {
  if (!entries_.empty() && position < entries_.back().position) {
    entries_.clear();
  }
  // Of equal positions the first counts: since then nothing was written.
  if (entries_.empty() || position > entries_.back().position) {
    entries_.push_back({now, position});
  }
  while (entries_.size() > 1 && entries_.front().seconds < now - kRememberedSeconds) {
    entries_.pop_front();
  }
}

double PositionHistory::seconds_behind(double now, std::int64_t applied) const {
  const auto beyond = std::upper_bound(entries_.begin(), entries_.end(), applied,
                                       [](std::int64_t at, const Entry& entry) { return at < entry.position; });
  return beyond == entries_.end() ? 0 : std::max(0.0, now - beyond->seconds);
}

}  // namespace pgsluice::mover

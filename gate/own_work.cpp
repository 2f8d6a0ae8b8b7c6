#include "gate/own_work.hpp"

#include <algorithm>

namespace pgsluice::gate {

namespace {

constexpr double kRememberedSeconds = 120;

}  // namespace

void OwnWork::add(double now, const OwnTotals& more) {
  total_.rows += more.rows;
  total_.touched += more.touched;
  total_.charged += more.charged;
  entries_.push_back({entries_.empty() ? now : std::max(now, entries_.back().seconds), total_});
  while (entries_.front().seconds < entries_.back().seconds - kRememberedSeconds) {
    before_ = entries_.front().total;
    entries_.pop_front();
  }
}

const OwnTotals& OwnWork::at(double seconds) const {
  const auto after = std::upper_bound(entries_.begin(), entries_.end(), seconds,
                                      [](double moment, const Entry& entry) { return moment < entry.seconds; });
  return after == entries_.begin() ? before_ : std::prev(after)->total;
}

}  // namespace pgsluice::gate

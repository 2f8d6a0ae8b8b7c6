#include "mover/range_queue.hpp"

#include <algorithm>

namespace pgsluice::mover {

RangeQueue::RangeQueue(std::vector<std::uint32_t> ranges, unsigned parts)
    : ranges_(std::move(ranges)), parts_(std::max(1U, parts)) {
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    parts_[i] = {ranges_.size() * i / parts_.size(), ranges_.size() * (i + 1) / parts_.size()};
  }
}

std::optional<std::uint32_t> RangeQueue::take(unsigned worker) {
  const std::lock_guard lock(mutex_);
  if (worker >= parts_.size()) {
    parts_.resize(worker + 1);
  }
  Part& own = parts_[worker];
  if (own.size() == 0) {
    Part& longest = *std::max_element(parts_.begin(), parts_.end(),
                                      [](const Part& a, const Part& b) { return a.size() < b.size(); });
    if (longest.size() == 0) {
      return std::nullopt;
    }
    const std::size_t middle = longest.next + longest.size() / 2;
    own = {middle, longest.end};
    longest.end = middle;
  }
  return ranges_[own.next++];
}

std::size_t RangeQueue::left() const {
  const std::lock_guard lock(mutex_);
  std::size_t count = 0;
  for (const Part& part : parts_) {
    count += part.size();
  }
  return count;
}

}  // namespace pgsluice::mover

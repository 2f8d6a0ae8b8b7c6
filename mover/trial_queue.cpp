#include "mover/trial_queue.hpp"

#include <algorithm>

namespace pgsluice::mover {

namespace {

// Trials one after another begin so far apart in a stratum; an irrational step never falls into a rhythm.
constexpr double kStep = 0.6180339887498949;

}  // namespace

TrialQueue::TrialQueue(const std::vector<TrialStratum>& strata, std::size_t turn, std::uint64_t ranges_max)
    : ranges_max_(ranges_max) {
  for (const TrialStratum& stratum : strata) {
    Line line{stratum.ranges, 0};
    const double part = kStep * static_cast<double>(turn);
    const double place =
        (part - static_cast<double>(static_cast<std::size_t>(part))) * static_cast<double>(line.ranges.size());
    std::rotate(line.ranges.begin(), line.ranges.begin() + static_cast<std::ptrdiff_t>(place), line.ranges.end());
    lines_.push_back(std::move(line));
  }
}

std::optional<std::size_t> TrialQueue::next_stratum() {
  for (std::size_t i = 0; i < lines_.size() && ranges_max_ > 0; ++i) {
    const std::size_t stratum = at_++ % lines_.size();
    if (lines_[stratum].next < lines_[stratum].ranges.size()) {
      return stratum;
    }
  }
  return std::nullopt;
}

std::size_t TrialQueue::waiting_lines() const {
  return static_cast<std::size_t>(std::count_if(
      lines_.begin(), lines_.end(), [](const Line& line) { return line.next == 0 && !line.ranges.empty(); }));
}

std::vector<std::uint32_t> TrialQueue::take(std::size_t stratum, std::size_t count) {
  Line& line = lines_[stratum];
  const std::size_t others = waiting_lines() - (line.next == 0 ? 1 : 0);
  const std::uint64_t allowed = std::max<std::uint64_t>(1, ranges_max_ > others ? ranges_max_ - others : 0);
  const std::size_t taken = std::min({count, line.ranges.size() - line.next, static_cast<std::size_t>(allowed),
                                      static_cast<std::size_t>(ranges_max_)});
  const auto begin = line.ranges.begin() + static_cast<std::ptrdiff_t>(line.next);
  line.next += taken;
  ranges_max_ -= taken;
  return {begin, begin + static_cast<std::ptrdiff_t>(taken)};
}

std::size_t TrialQueue::left() const {
  std::size_t count = 0;
  for (const Line& line : lines_) {
    count += line.ranges.size() - line.next;
  }
  return count;
}

}  // namespace pgsluice::mover

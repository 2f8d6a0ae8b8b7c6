#include "mover/leaf_completion.hpp"

#include <algorithm>
#include <set>

namespace pgsluice::mover {

Landing together(const Landing& a, const Landing& b) {
  return {a.is_known && b.is_known, a.leaf == b.leaf ? a.leaf : ""};
}

std::size_t LeafCompletion::neighbour(std::size_t range, std::ptrdiff_t step) const {
  do {
    range += static_cast<std::size_t>(step);  // Before 0 comes the largest number, which is no range either.
  } while (range < ranges_.size() && ranges_[range].state == State::unknown);
  return std::min(range, ranges_.size());
}

bool LeafCompletion::is_complete(const Leaf& leaf) const {
  const auto is_over = [&](std::size_t at) { return at == ranges_.size() || ranges_[at].state != State::pending; };
  return is_over(neighbour(leaf.first, -1)) && is_over(neighbour(leaf.last, +1)) &&
         std::none_of(ranges_.begin() + static_cast<std::ptrdiff_t>(leaf.first),
                      ranges_.begin() + static_cast<std::ptrdiff_t>(leaf.last) + 1,
                      [](const Range& range) { return range.state == State::pending; });
}

std::vector<std::string> LeafCompletion::range_done(std::uint32_t range, const Landing& landing) {
  Range& done = ranges_[range];
  if (done.state != State::pending) {
    return {};
  }
  done.state = !landing.is_known ? State::unknown : landing.leaf.empty() ? State::several : State::one_leaf;
  if (done.state == State::one_leaf) {
    const auto [entry, is_new] = leaves_.try_emplace(landing.leaf, Leaf{range, range, false});
    entry->second.first = std::min<std::size_t>(entry->second.first, range);
    entry->second.last = std::max<std::size_t>(entry->second.last, range);
    done.leaf = &entry->first;
  }
  // It can only have been the last that its own leaf, or a leaf beside it, was waiting for.
  std::set<std::string> candidates;
  for (const std::size_t at : {static_cast<std::size_t>(range), neighbour(range, -1), neighbour(range, +1)}) {
    if (at < ranges_.size() && ranges_[at].leaf != nullptr) {
      candidates.insert(*ranges_[at].leaf);
    }
  }
  std::vector<std::string> complete;
  for (const std::string& name : candidates) {
    Leaf& leaf = leaves_.at(name);
    if (!leaf.is_complete && is_complete(leaf)) {
      leaf.is_complete = true;
      complete.push_back(name);
    }
  }
  return complete;
}

}  // namespace pgsluice::mover

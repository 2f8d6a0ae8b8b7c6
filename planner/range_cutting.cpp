#include "planner/range_cutting.hpp"

#include <algorithm>

namespace pgsluice::planner {

namespace {

bool begins_before(const Stretch& one, const Stretch& other) {
  return one.lower < other.lower;
}

// What of `whole` belongs to none of `taken`, which are in order.
std::vector<Stretch> without(const Stretch& whole, const std::vector<Stretch>& taken) {
  std::vector<Stretch> left;
  std::int64_t begin = whole.lower;
  for (const Stretch& one : taken) {
    if (one.lower > begin) {
      left.push_back({begin, std::min(one.lower, whole.upper), whole.name});
    }
    begin = std::max(begin, one.upper);
  }
  if (begin < whole.upper) {
    left.push_back({begin, whole.upper, whole.name});
  }
  std::erase_if(left, [](const Stretch& one) { return one.lower >= one.upper; });
  return left;
}

}  // namespace

std::vector<Stretch> cut_stretches(const Stretch& own, std::vector<Stretch> others, std::vector<Stretch> parts,
                                   bool fills_gaps) {
  std::sort(others.begin(), others.end(), begins_before);
  std::sort(parts.begin(), parts.end(), begins_before);
  std::vector<Stretch> found;
  for (const Stretch& part : parts) {
    const Stretch within{std::max(part.lower, own.lower), std::min(part.upper, own.upper), part.name};
    for (Stretch& one : without(within, others)) {
      found.push_back(std::move(one));
    }
  }
  if (fills_gaps) {
    std::vector<Stretch> taken = found;
    taken.insert(taken.end(), others.begin(), others.end());
    std::sort(taken.begin(), taken.end(), begins_before);
    for (Stretch& gap : without({own.lower, own.upper, ""}, taken)) {
      found.push_back(std::move(gap));
    }
    std::sort(found.begin(), found.end(), begins_before);
  }
  return found;
}

}  // namespace pgsluice::planner

// Cuts stretches of an ordered axis: what of some parts lies within a stretch and outside of others. Values are known
// by their ranks alone, so it is arithmetic; the server says what the ranks are.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace pgsluice::planner {

// Half open: lower <= rank < upper.
struct Stretch {
  static constexpr std::int64_t kLowest = std::numeric_limits<std::int64_t>::min();
  static constexpr std::int64_t kHighest = std::numeric_limits<std::int64_t>::max();
  std::int64_t lower = kLowest;
  std::int64_t upper = kHighest;
  std::string name;  // Empty: of no part, see below.
  bool operator==(const Stretch&) const = default;
};

// The parts, in their order, as far as they lie within `own` and outside of all `others`; a part may come to nothing,
// or to several stretches of its name. With `fills_gaps`, also what of `own` belongs to no part, as stretches without a
// name. Parts must not overlap.
std::vector<Stretch> cut_stretches(const Stretch& own, std::vector<Stretch> others, std::vector<Stretch> parts,
                                   bool fills_gaps);

}  // namespace pgsluice::planner

// --sweep: which combinations of settings a trial tries, one after another.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "planner/plan.hpp"

namespace pgsluice::cli {

struct Combination {
  std::vector<planner::Method> methods;  // One; or those among which a run would choose by itself.
  unsigned workers = 1;
  std::uint64_t batch_rows = 0;  // 0: sized by time.
};

// "insert, 4 workers", "insert or stream, 2 workers, batches of 10,000 rows".
std::string display(const Combination& combination);
std::string workers_text(unsigned workers);  // "4 workers"

// "workers=1,2,4 method=insert,stream batch-rows=1k,10k": every combination, those of the last word side by side. What
// is not swept is as in `start`. Empty text: `start` alone. Fails: refused, for a word of no such form, a value that
// cannot be read, a method that empties the source, or more than kCombinationsMax combinations.
std::vector<Combination> parse_sweep(std::string_view text, const Combination& start);

inline constexpr std::size_t kCombinationsMax = 64;

}  // namespace pgsluice::cli

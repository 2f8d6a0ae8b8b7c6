// How many rows the next batch may have: so many that the batches of all workers together last about 0.3 s of the
// allowance. Fewer would cost round trips, more would make the rate jump.
#pragma once

#include <cstdint>

#include "gate/work.hpp"

namespace pgsluice::gate {

class BatchLimit {
 public:
  static constexpr std::uint64_t kRowsMin = 10;
  static constexpr std::uint64_t kRowsMax = 1'000'000;

  // `allowance`: a second, of all workers; infinite: no limit. Changes by a factor of 2 at most from call to call.
  std::uint64_t next(const Cost& per_row, const Cost& allowance, unsigned workers);

 private:
  double rows_ = 0;  // 0: no batch yet.
};

}  // namespace pgsluice::gate

// Which of two ways is the faster for the rows that come now, found by using both in turn: straight into the leaves, or
// through their parent. The first is better where rows come in the leaves' order, the second where each batch falls
// into all of them and a single session would have to wait; server, network and load decide the rest. Pure; time is an
// argument.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace pgsluice::mover {

class WayTrial {
 public:
  // For the next batch.
  bool is_direct() const;
  // A batch went the way that is_direct() told. Tiny ones say nothing and do not count.
  void moved(std::uint64_t rows, std::chrono::nanoseconds duration);

 private:
  using RowCost = std::optional<double>;  // Nanoseconds; the least that was seen, for a busy machine only adds to it.

  unsigned turn_ = 0;
  RowCost direct_, parent_;
  bool direct_won_ = true;
};

}  // namespace pgsluice::mover

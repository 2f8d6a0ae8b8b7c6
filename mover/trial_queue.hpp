// The ranges that a trial has not moved yet, stratum by stratum, and in which rounds they are taken. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "mover/trial_ranges.hpp"

namespace pgsluice::mover {

class TrialQueue {
 public:
  // `turn`: how many trials took from these strata before; each begins elsewhere. `ranges_max`: for all strata
  // together.
  TrialQueue(const std::vector<TrialStratum>& strata, std::size_t turn, std::uint64_t ranges_max);

  // The stratum whose turn it is: each in its order, round after round; absent when nothing is left.
  std::optional<std::size_t> next_stratum();

  // Up to `count` ranges of a stratum. With a limit on ranges, no more than leave one for each stratum that had none.
  std::vector<std::uint32_t> take(std::size_t stratum, std::size_t count);

  std::size_t left() const;

 private:
  struct Line {
    std::vector<std::uint32_t> ranges;
    std::size_t next = 0;
  };
  std::size_t waiting_lines() const;  // Of which nothing was taken yet.

  std::vector<Line> lines_;
  std::size_t at_ = 0;
  std::uint64_t ranges_max_;
};

}  // namespace pgsluice::mover

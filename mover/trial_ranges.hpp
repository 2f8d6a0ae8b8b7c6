// Which ranges of a plan a trial moves: a random sample from every kind of row that the table holds, so that the trial
// says something of the whole table and not of its first rows. Pure.
//
// A kind (stratum) is a place in the source, by thirds of its rows from the first range to the last (old, middle, new),
// crossed with how wide rows are there, where somebody looked: plain, wide (twice the middle row), or so wide that most
// rows must have values in TOAST. How many rows a kind has in the whole table is known from the plan, so what was
// measured of each can be put together in the right shares.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "planner/key.hpp"

namespace pgsluice::mover {

struct TrialStratum {
  std::string name;                   // "old", "new, wide", "middle, TOAST"; "all" when the plan has one range.
  double rows = 0;                    // In the whole table; an estimate.
  double row_bytes = 0;               // The average stored width; 0 when nobody looked.
  std::vector<std::uint32_t> ranges;  // By index, in the order in which to try them.
};

// `row_bytes`: the average stored width of a row, for each range; empty when nobody looked. The order within a stratum
// follows from `seed` alone.
//
// Ensures: each range is in exactly one stratum; no stratum is empty; old ones come first.
std::vector<TrialStratum> trial_strata(std::span<const planner::Range> ranges, std::span<const double> row_bytes,
                                       std::uint64_t seed);

// The first part of a range of heap blocks, of about `bytes_max`; any other range as it is. `page_count`: of the table.
planner::Range shortened(const planner::Range& range, const planner::RangeKey& key, std::uint64_t bytes_max,
                         std::int64_t page_count);

}  // namespace pgsluice::mover

// Finds the rows behind a difference that verify has seen, in bounded memory: a range is halved by its key until a
// piece is small enough to be listed on both sides; buckets are divided by more bits of the hash, one pass over both
// tables for each eight, until few enough rows are left. Needs the rows of both sides, so it is of no use where the
// source was emptied.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mover/comparison.hpp"
#include "mover/verify.hpp"
#include "mover/verify_buckets.hpp"
#include "mover/verify_workers.hpp"
#include "planner/key.hpp"

namespace pgsluice::mover {

// Adds the rows of a range that differ to `summary`, which holds at most `differences_max` of them.
// Fails: interrupted, when asked to stop; server, connection.
void find_in_range(const Comparison& comparison, const planner::Range& range, VerifyWorkers& workers,
                   std::uint64_t differences_max, VerifySummary& summary);

// The same for the buckets that differ.
void find_in_buckets(const Comparison& comparison, const BucketSums& sums, VerifyWorkers& workers,
                     std::uint64_t differences_max, VerifySummary& summary);

// `range 3, (1000) to (2000)`.
std::string display(const planner::Range& range);
std::string display_bucket(std::uint32_t bucket);

}  // namespace pgsluice::mover

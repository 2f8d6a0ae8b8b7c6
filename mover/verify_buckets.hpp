// Compares whole tables: reads both in the order of their heaps, in parts, and adds up count and checksum, in total or
// for each of 256 buckets that a row's hash puts it into. Equal rows are in one bucket on both sides; a row that
// differs spoils its two buckets only. Totals are cheaper, and enough where nothing differs.
//
// Resumable: the sums of each side and the parts that are in them are kept in the checkpoint's settings every few
// seconds. They are dropped when the heaps have been written anew since (HeapParts::fingerprint).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "mover/comparison.hpp"
#include "mover/heap_parts.hpp"
#include "mover/observer.hpp"
#include "mover/verify_workers.hpp"
#include "planner/checkpoint.hpp"

namespace pgsluice::mover {

inline constexpr std::uint32_t kBucketCount = 256;

struct BucketSums {
  std::vector<RowTally> source;  // By bucket.
  std::vector<RowTally> target;
};

struct TotalSums {
  RowTally source;
  RowTally target;
};

// nullopt when a stop was requested first; what is added up by then is in the checkpoint.
std::optional<BucketSums> sum_buckets(const Comparison& comparison, planner::Checkpoint& checkpoint,
                                      VerifyWorkers& workers, Observer& observer);

// The same in total, of both sides or of the target alone.
enum class SidesSummed { both, target };
std::optional<TotalSums> sum_totals(const Comparison& comparison, planner::Checkpoint& checkpoint,
                                    VerifyWorkers& workers, Observer& observer, SidesSummed sides);

// Whether sum_buckets has begun: it follows totals that differ.
bool has_bucket_sums(const planner::Checkpoint& checkpoint);

// Forgets what both have kept.
void forget_sums(planner::Checkpoint& checkpoint);

}  // namespace pgsluice::mover

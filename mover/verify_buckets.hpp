// Compares tables without ranges: reads both whole, in parts, and adds up count and checksum for each of 256 buckets
// that a row's hash puts it into. Equal rows are in one bucket on both sides; a row that differs spoils its two buckets
// only.
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
  std::vector<RowTally> source = std::vector<RowTally>(kBucketCount);
  std::vector<RowTally> target = std::vector<RowTally>(kBucketCount);
};

// nullopt when a stop was requested first; what is added up by then is in the checkpoint.
std::optional<BucketSums> sum_buckets(const Comparison& comparison, planner::Checkpoint& checkpoint,
                                      VerifyWorkers& workers, Observer& observer);

// Forgets what sum_buckets has kept.
void forget_bucket_sums(planner::Checkpoint& checkpoint);

}  // namespace pgsluice::mover

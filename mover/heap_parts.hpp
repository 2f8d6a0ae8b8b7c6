// The tables of a comparison as parts of their heaps, small enough to read one in seconds, and the SQL that reads the
// hashes of one. For tables whose ranges cannot be asked for on both sides.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mover/comparison.hpp"
#include "pg/connection.hpp"

namespace pgsluice::mover {

// Blocks [lower, upper) of one heap; an absent upper means to its end, however long it has become.
struct HeapPart {
  const Side* side = nullptr;
  std::string heap_sql;  // `"s"."leaf"`
  std::optional<std::uint64_t> lower;
  std::optional<std::uint64_t> upper;
  std::uint64_t page_count = 0;  // When it was cut.
};

struct HeapParts {
  std::vector<HeapPart> parts;
  // Changes when a heap was added, written anew or has grown by a part: what was added up before no longer fits.
  std::string fingerprint;
};

// All heaps of one side: `side` is a member of `comparison` and must outlive the result. A server before 14 cannot
// begin to read in the middle of a heap, so there a heap is one part.
// `pages_max`: of a part; absent: seconds' worth.
HeapParts read_heap_parts(pg::Connection& connection, const pg::QualifiedName& table, const Side& side,
                          std::optional<std::uint64_t> pages_max = std::nullopt);

// The rows of a part whose hash has (hash & filter_mask) among an array ($1, bigint[]), counted and summed by (hash &
// mask): columns `class`, `rows`, `checksum`. Without a filter mask: all rows, no parameter. Mask 0 makes one class of
// them, even where there is none, and costs a third less: nothing is grouped.
std::string hash_classes_sql(const Comparison& comparison, const HeapPart& part, std::uint64_t mask,
                             std::optional<std::uint64_t> filter_mask = std::nullopt);

// The same rows, by hash: columns `hash`, `rows`, `place` (of one of them) and `key` (its values in `key_columns`, NULL
// where there are none). At most `limit` hashes.
std::string hashes_sql(const Comparison& comparison, const HeapPart& part, std::uint64_t filter_mask,
                       const std::vector<std::string>& key_columns, std::uint64_t limit);

}  // namespace pgsluice::mover

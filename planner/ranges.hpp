// Cuts the source into ranges of about equal work: by a unique btree key of any type, or by heap blocks. What it knows
// of the rows comes from statistics or from samples; a wrong guess makes a range larger or smaller, never a row lost.
//
// Invariants:
//   R1  The first range has no lower bound, the last no upper bound.
//   R2  r[i].upper == r[i + 1].lower: every key is in exactly one range.
//   R3  No two bounds are equal, and they ascend in the key's order: no range is empty by its bounds.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pg/connection.hpp"
#include "planner/key.hpp"
#include "planner/key_sampling.hpp"
#include "planner/table_facts.hpp"

namespace pgsluice::planner {

enum class SplitChoice { automatic, key, ctid };

// Fails: refused, listing the names that exist.
SplitChoice split_choice_named(std::string_view name);

// What the source is cut by. `rows_stay` says that no row leaves its place in the heap before the run ends: nobody may
// write, and the method copies. Then it is ctid, where the server can scan a part of a table by it (from PostgreSQL 14
// on): the heap is read in its own order, whatever the order of the keys, and no step over an index is needed to cut a
// batch. Otherwise the primary key, because an updated row keeps it, and because ranges by key can be compared one by
// one after the rows have left the source; else the unique index with the fewest columns that orders every row (a valid
// btree of plain NOT NULL columns in default order, no WHERE, not deferrable); else ctid.
// Fails: refused, if the choice is `key` and there is none, giving the reason for each index; or if ctid it must be and
// the server cannot scan a part of a table by it.
RangeKey choose_range_key(const TableFacts& facts, SplitChoice choice, int server_major_version, bool rows_stay);

struct SplitOptions {
  // At most so many rows a range; 0: 256 to 2,048 ranges of 10,000 (or 4 MiB) to 1,000,000 rows.
  std::uint64_t range_rows = 0;
  std::uint64_t range_bytes_max = std::uint64_t{256} << 20U;  // At most so many bytes a range, TOASTed values included.
  std::uint32_t ranges_max = 20'000;                          // The limits above are widened until this holds.
};

// Splits the table at the given sample keys, which ascend (duplicates allowed) and stand for equally many rows each.
// Limits hold as exactly as samples can tell; one sample is never divided. Ensures: R1, R2, R3. No samples give one
// open range.
std::vector<Range> split(std::span<const KeySample> samples, double rows_total, double bytes_total,
                         const SplitOptions& options);

// Splits a heap of `page_count` blocks; bounds are block numbers. Ensures: R1, R2, R3.
std::vector<Range> split_blocks(std::int64_t page_count, double rows_total, double bytes_total,
                                const SplitOptions& options);

// The ranges of the source. Reads a bounded number of blocks, or nothing but statistics.
// Fails: server, connection.
std::vector<Range> cut_ranges(pg::Connection& source, const TableFacts& facts, const RangeKey& key,
                              const SplitOptions& options);

}  // namespace pgsluice::planner

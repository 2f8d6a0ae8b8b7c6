// Draws keys of the source's rows, in their order, from a bounded number of heap blocks that are spread evenly over the
// table: as quick for 100 million rows as for one million. A small table is read entirely, so its keys are exact.
// Decides nothing: see ranges.hpp.
//
// TABLESAMPLE SYSTEM picks its blocks at random, so that some stretches of a table that lies in key order get three
// blocks and others thirty; here every stretch gets its share, and keys that follow the heap's order come out about
// three times as even.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pg/connection.hpp"
#include "planner/key.hpp"
#include "planner/table_facts.hpp"

namespace pgsluice::planner {

// A key that stands for itself and the rows after it up to the next sample; `bytes` is theirs, TOASTed values at their
// stored size.
struct KeySample {
  Key key;
  std::uint64_t bytes = 0;
};

// One column of a sampled key: where it comes from, and its text. Both are SQL.
struct SampledColumn {
  std::string value;  // Over the table, which is called `source`: `source."id"`.
  std::string text;   // Over `value`'s result, which is called k1, k2, …: `k1::pg_catalog.text`.
};

struct SampleOptions {
  double pieces = 1;  // How many ranges are to be cut from it: more pieces need more blocks.
};

struct Sampling {
  std::vector<KeySample> samples;  // Ascending. Keys that the server finds equal have one text.
  double rows_seen = 0;            // Rows that were read; `samples` holds every so many of them.
  double blocks_seen = 0;          // Blocks that the samples come from.
  double rows_estimate = 0;        // Of the whole table, by these blocks alone.
  bool whole_table = false;        // Every row was read: rows_seen is exact.
};

// Rows in which some column is NULL are passed over.
Sampling read_samples(pg::Connection& source, const TableFacts& facts, const std::vector<SampledColumn>& columns,
                      const SampleOptions& options);

// How many blocks are read for this many pieces.
std::int64_t sampled_block_count(const TableSize& size, double pieces);

// The statement of read_samples: one row in `every`, from `block_count` blocks (all, when that is no less than the
// table has).
std::string samples_sql(const TableFacts& facts, const std::vector<SampledColumn>& columns, std::int64_t block_count,
                        std::uint64_t every);

}  // namespace pgsluice::planner

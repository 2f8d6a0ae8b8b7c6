#include "planner/key_sampling.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "pg/identifier.hpp"
#include "planner/source_rows_sql.hpp"

namespace pgsluice::planner {

namespace {

constexpr std::int64_t kBlocksMin = 2'048;
constexpr std::int64_t kBlocksMax = 16'384;
constexpr double kBlocksPerPiece = 16;
constexpr double kRowsPerBlockMax = 64;  // Of a block with more rows every second, third, … is taken.
constexpr double kRowsMax = 250'000;     // Sorted by the server.
constexpr double kSamplesPerPiece = 64;  // Sent to us.
constexpr std::int64_t kDefaultBlockBytes = 8'192;

// No page has more line pointers. Source: src/include/access/htup_details.h, MaxHeapTuplesPerPage.
std::int64_t item_count_max_of_block(const TableSize& size) {
  constexpr std::int64_t kPageHeaderBytes = 24;
  constexpr std::int64_t kRowBytesMin = 28;
  const std::int64_t block_bytes = size.page_count > 0 ? size.heap_bytes / size.page_count : kDefaultBlockBytes;
  return (std::max(block_bytes, kDefaultBlockBytes) - kPageHeaderBytes) / kRowBytesMin;
}

double rows_per_block(const TableSize& size) {
  return size.page_count > 0 ? std::max(1.0, size.rows_estimate / static_cast<double>(size.page_count)) : 1.0;
}

double row_step(const TableSize& size) {
  return std::max(1.0, std::floor(rows_per_block(size) / kRowsPerBlockMax));
}

// Line pointers worth looking at: those of rows, of dead rows between them, and some more for uneven blocks. Where most
// blocks are empty nothing is known of the others, so all that they can have.
std::int64_t item_count(const TableSize& size) {
  constexpr double kUneven = 2;
  constexpr double kSpare = 32;
  if (size.rows_estimate < static_cast<double>(size.page_count)) {
    return item_count_max_of_block(size);
  }
  const double dead_rows = static_cast<double>(std::max<std::int64_t>(0, size.dead_rows));
  const double items = kUneven * (rows_per_block(size) + dead_rows / static_cast<double>(size.page_count)) + kSpare;
  return static_cast<std::int64_t>(std::min(items, static_cast<double>(item_count_max_of_block(size))));
}

// What a row takes, without reading TOASTed values: pg_column_size() of such a value is its stored size.
std::string row_bytes_sql(const TableFacts& facts) {
  std::string sum = "28::pg_catalog.int8";  // Row header and line pointer.
  for (const Column& column : facts.columns) {
    if (column.generated != "v") {
      sum += " + coalesce(pg_catalog.pg_column_size(source." + pg::quoted(column.name) + "), 0)";
    }
  }
  return "least(" + sum + ", 2000000000)::pg_catalog.int4";  // Sums of int4 are quick.
}

// Blocks of all partitions together have no number, so the server chooses; and every so many rows of them.
std::string sample_of_partitions_sql(const TableSize& size, std::int64_t block_count) {
  if (block_count >= size.page_count) {
    return "";
  }
  constexpr double kWhole = 100;
  const double percent = kWhole * static_cast<double>(block_count) / static_cast<double>(size.page_count);
  return " TABLESAMPLE SYSTEM (" + std::to_string(percent) + ")";
}

std::string row_condition_sql(const TableSize& size, std::int64_t block_count) {
  if (block_count >= size.page_count) {
    return "true";
  }
  return "pg_catalog.mod((source.ctid::pg_catalog.text::pg_catalog.point)[1]::pg_catalog.int8, " +
         std::to_string(static_cast<std::int64_t>(row_step(size))) + ") = 0";
}

// One block out of each of `block_count` equal stretches, at a place that differs from stretch to stretch, so that a
// pattern in the table and the distance of the blocks do not meet. A TID scan reads them, on every server version.
std::string block_condition_sql(const TableSize& size, std::int64_t block_count) {
  if (block_count >= size.page_count) {
    return "true";
  }
  // OFFSET 0 keeps the server from computing a block's number once for each of its items.
  return "source.ctid = ANY (ARRAY(SELECT ('(' || block.number || ',' || item.number || ')')::pg_catalog.tid FROM "
         "(SELECT pg_catalog.floor((stretch + pg_catalog.mod(stretch * 0.61803398875, 1)) * " +
         std::to_string(size.page_count) + " / " + std::to_string(block_count) +
         ")::pg_catalog.int8 AS number FROM pg_catalog.generate_series(0, " + std::to_string(block_count - 1) +
         ") AS stretch OFFSET 0) AS block, pg_catalog.generate_series(1, " + std::to_string(item_count(size)) + ", " +
         std::to_string(static_cast<std::int64_t>(row_step(size))) + ") AS item (number)))";
}

}  // namespace

std::int64_t sampled_block_count(const TableSize& size, double pieces) {
  const auto for_pieces =
      static_cast<std::int64_t>(std::min(pieces * kBlocksPerPiece, static_cast<double>(kBlocksMax)));
  const auto for_rows = static_cast<std::int64_t>(kRowsMax * row_step(size) / rows_per_block(size));
  return std::clamp(std::min(for_pieces, for_rows), kBlocksMin, kBlocksMax);
}

std::string samples_sql(const TableFacts& facts, const std::vector<SampledColumn>& columns, std::int64_t block_count,
                        std::uint64_t every) {
  std::string values;
  std::string present;
  std::string order;
  std::string texts;
  std::string equal;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::string name = "k" + std::to_string(i + 1);
    values += columns[i].value + " AS " + name + ", ";
    present += " AND " + columns[i].value + " IS NOT NULL";
    order += (order.empty() ? "" : ", ") + name;
    texts += columns[i].text + ", ";
    equal += (equal.empty() ? "" : " AND ") + name + " = lag(" + name + ") OVER by_position";
  }
  const bool is_tree = facts.is_partitioned();
  const std::string sample = is_tree ? sample_of_partitions_sql(facts.size, block_count) : "";
  const std::string condition =
      is_tree ? row_condition_sql(facts.size, block_count) : block_condition_sql(facts.size, block_count);
  // What stands before the comma tells one block from another.
  const std::string place =
      is_tree ? "source.tableoid::pg_catalog.text || source.ctid::pg_catalog.text" : "source.ctid";
  return "WITH sampled AS MATERIALIZED (SELECT " + values + row_bytes_sql(facts) + " AS row_bytes, " + place +
         " AS place FROM " + source_rows_sql(facts) + " AS source" + sample + " WHERE " + condition + present +
         "), total AS MATERIALIZED (SELECT count(*) AS rows, sum(row_bytes) AS bytes FROM sampled), "
         "placed AS (SELECT *, row_number() OVER by_key AS position, sum(row_bytes) OVER by_key - row_bytes AS "
         "bytes_before "
         "FROM sampled WINDOW by_key AS (ORDER BY " +
         order + " ROWS UNBOUNDED PRECEDING)) SELECT " + texts + "coalesce(" + equal +
         ", false), lead(bytes_before, 1, total.bytes) OVER by_position - bytes_before, place::pg_catalog.text, "
         "total.rows "
         "FROM placed, total WHERE (position - 1) % " +
         std::to_string(every) + " = 0 WINDOW by_position AS (ORDER BY position) ORDER BY position";
}

Sampling read_samples(pg::Connection& source, const TableFacts& facts, const std::vector<SampledColumn>& columns,
                      const SampleOptions& options) {
  const std::int64_t block_count = sampled_block_count(facts.size, options.pieces);
  Sampling sampling;
  sampling.whole_table = block_count >= facts.size.page_count;
  const double rows_expected =
      sampling.whole_table ? facts.size.rows_estimate
                           : rows_per_block(facts.size) / row_step(facts.size) * static_cast<double>(block_count);
  const double every = std::max(1.0, std::floor(rows_expected / (kSamplesPerPiece * std::max(options.pieces, 1.0))));
  const pg::Result result = source.query(samples_sql(facts, columns, block_count, static_cast<std::uint64_t>(every)));

  sampling.samples.reserve(static_cast<std::size_t>(result.row_count()));
  const int column_count = static_cast<int>(columns.size());
  std::set<std::string_view> blocks;
  for (int row = 0; row < result.row_count(); ++row) {
    const bool is_repeated = result.boolean(row, column_count);
    KeySample& sample = sampling.samples.emplace_back();
    if (is_repeated) {
      sample.key = sampling.samples[sampling.samples.size() - 2].key;
    } else {
      for (int column = 0; column < column_count; ++column) {
        sample.key.emplace_back(result.text(row, column));
      }
    }
    sample.bytes = static_cast<std::uint64_t>(result.integer(row, column_count + 1));
    const std::string_view place = result.text(row, column_count + 2);
    blocks.insert(place.substr(0, place.find(',')));
    sampling.rows_seen = result.number(row, column_count + 3);
  }
  sampling.blocks_seen = static_cast<double>(blocks.size());
  sampling.rows_estimate = sampling.whole_table
                               ? sampling.rows_seen
                               : sampling.rows_seen * row_step(facts.size) *
                                     static_cast<double>(facts.size.page_count) / static_cast<double>(block_count);
  return sampling;
}

}  // namespace pgsluice::planner

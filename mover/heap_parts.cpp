#include "mover/heap_parts.hpp"

#include <algorithm>

#include "pg/identifier.hpp"
#include "pg/statements.hpp"

namespace pgsluice::mover {

namespace {

constexpr std::uint64_t kPartBlocks = 65536;  // 512 MB of heap: seconds.
constexpr int kTidRangeScanSince = 14;

std::string blocks_sql(const HeapPart& part) {
  const auto as_key = [](std::optional<std::uint64_t> block) {
    return block ? std::optional(planner::Key{std::to_string(*block)}) : std::nullopt;
  };
  return planner::between_sql(planner::RangeKey{}, as_key(part.lower), as_key(part.upper)).sql;
}

std::string filter_sql(std::optional<std::uint64_t> filter_mask) {
  return filter_mask ? " WHERE hash & " + std::to_string(*filter_mask) + " = ANY($1::pg_catalog.int8[])" : "";
}

// `(SELECT hash, more FROM part) AS hashed`. OFFSET 0 keeps the hash from being computed once for each place that uses
// it.
std::string hashed_rows_sql(const Comparison& comparison, const HeapPart& part, const std::string& more) {
  return "(SELECT " + row_hash_sql(comparison.plan->source, "compared", part.side->cast, comparison.form) + " AS hash" +
         more + " FROM ONLY " + part.heap_sql + " AS compared WHERE " + blocks_sql(part) + " OFFSET 0) AS hashed";
}

}  // namespace

HeapParts read_heap_parts(pg::Connection& connection, const pg::QualifiedName& table, const Side& side,
                          std::optional<std::uint64_t> pages_max) {
  const std::uint64_t part_blocks = std::min(kPartBlocks, pages_max.value_or(kPartBlocks));
  HeapParts result;
  const bool may_cut = connection.server_major_version() >= kTidRangeScanSince;
  const pg::Result heaps =
      connection.query(pg::statement("heaps", connection.server_major_version()), {pg::quoted(table)});
  std::string description;
  for (int i = 0; i < heaps.row_count(); ++i) {
    HeapPart part;
    part.side = &side;
    part.heap_sql = heaps.text(i, 0);
    const auto block_count = static_cast<std::uint64_t>(heaps.integer(i, 2));
    const std::uint64_t cut_count = may_cut ? block_count / part_blocks : 0;
    for (std::uint64_t cut = 1; cut <= cut_count; ++cut) {
      part.upper = cut * part_blocks;
      part.page_count = part_blocks;
      result.parts.push_back(part);
      part.lower = part.upper;
    }
    part.upper.reset();
    part.page_count = block_count - part.lower.value_or(0);
    result.parts.push_back(part);
    description += part.heap_sql + " " + std::string(heaps.text(i, 1)) + " " + std::to_string(cut_count) + " of " +
                   std::to_string(part_blocks) + "\n";
  }
  result.fingerprint =
      connection.query(pg::statement("fingerprint", connection.server_major_version()), {description}).text(0, 0);
  return result;
}

std::string hash_classes_sql(const Comparison& comparison, const HeapPart& part, std::uint64_t mask,
                             std::optional<std::uint64_t> filter_mask) {
  if (mask == 0 && !filter_mask) {
    return "SELECT 0::pg_catalog.int8 AS class, " +
           count_and_sum_sql(comparison.plan->source, "compared", part.side->cast, comparison.form) + " FROM ONLY " +
           part.heap_sql + " AS compared WHERE " + blocks_sql(part);
  }
  return "SELECT hash & " + std::to_string(mask) +
         " AS class, pg_catalog.count(*) AS rows, pg_catalog.sum(hash) AS checksum FROM " +
         hashed_rows_sql(comparison, part, "") + filter_sql(filter_mask) + " GROUP BY 1";
}

std::string hashes_sql(const Comparison& comparison, const HeapPart& part, std::uint64_t filter_mask,
                       const std::vector<std::string>& key_columns, std::uint64_t limit) {
  std::string key;
  for (const std::string& column : key_columns) {
    key += (key.empty() ? "compared." : ", compared.") + pg::quoted(column);
  }
  const std::string key_sql = key.empty() ? "NULL::pg_catalog.text" : "ROW(" + key + ")::pg_catalog.text";
  return "SELECT hash, pg_catalog.count(*) AS rows, pg_catalog.min(place)::pg_catalog.text AS place, "
         "pg_catalog.min(key) AS key FROM " +
         hashed_rows_sql(comparison, part, ", compared.ctid AS place, " + key_sql + " AS key") +
         filter_sql(filter_mask) + " GROUP BY hash LIMIT " + std::to_string(limit);
}

}  // namespace pgsluice::mover

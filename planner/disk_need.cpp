#include "planner/disk_need.hpp"

#include <algorithm>

namespace pgsluice::planner {

DiskNeed disk_need(const TableFacts& facts, Method method) {
  // Bytes of WAL for each byte of rows. A moving method also writes each page of the source once more, as a full page
  // image.
  constexpr double kWalOfCopying = 1.1;
  constexpr double kWalOfMoving = 2.2;
  const double live = std::max(0.0, facts.size.rows_estimate);
  const double dead = static_cast<double>(std::max<std::int64_t>(0, facts.size.dead_rows));
  const double live_share = live + dead > 0 ? live / (live + dead) : 1.0;
  const auto scaled = [](std::int64_t bytes, double factor) {
    return static_cast<std::int64_t>(static_cast<double>(bytes) * factor);
  };
  DiskNeed need;
  need.rows_bytes = scaled(facts.bytes_total(), live_share);
  for (const Index& index : facts.indexes) {
    if (index.is_valid) {
      need.indexes_bytes += index.bytes;
      need.sorting_bytes = std::max(need.sorting_bytes, index.bytes);
    }
  }
  need.wal_bytes = scaled(need.rows_bytes, empties_source(method) ? kWalOfMoving : kWalOfCopying) + need.indexes_bytes;
  need.freeze_wal_bytes = need.rows_bytes;
  return need;
}

}  // namespace pgsluice::planner

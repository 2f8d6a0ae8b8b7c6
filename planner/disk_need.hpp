// How much disk a migration takes on the target's server: an estimate for people, from the source's size and from what
// was measured of each method. Nothing is decided by it.
#pragma once

#include <cstdint>

#include "planner/plan.hpp"

namespace pgsluice::planner {

struct DiskNeed {
  std::int64_t rows_bytes = 0;     // The target's heap and TOAST: the source's without its dead rows.
  std::int64_t indexes_bytes = 0;  // As many as the source's.
  std::int64_t sorting_bytes = 0;  // Temporary files of one index build: about the largest index.
  std::int64_t wal_bytes =
      0;  // Passes through pg_wal; stays there only as far as slots, archiving or max_wal_size keep it.
  std::int64_t freeze_wal_bytes = 0;  // Of the first VACUUM FREEZE that comes later.
  std::int64_t standing_bytes() const { return rows_bytes + indexes_bytes; }
};

DiskNeed disk_need(const TableFacts& facts, Method method);

}  // namespace pgsluice::planner

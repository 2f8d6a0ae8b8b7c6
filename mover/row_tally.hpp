// How many rows there are and the sum of their hashes: what is compared when two sets of rows should be equal. Values
// only; checksum.hpp makes the SQL that asks for one.
#pragma once

#include <cstdint>

#include "mover/row_hash_sum.hpp"
#include "pg/connection.hpp"

namespace pgsluice::mover {

struct RowTally {
  std::uint64_t rows = 0;
  RowHashSum checksum;

  void add(const RowTally& other) {
    rows += other.rows;
    checksum.add(other.checksum.text());
  }
  bool operator==(const RowTally&) const = default;
};

// The columns `rows` and `checksum` of a result's row, as count_and_sum_sql() names them.
inline RowTally row_tally_at(const pg::Result& result, int row) {
  RowTally tally;
  tally.rows = static_cast<std::uint64_t>(result.integer(row, result.column("rows")));
  tally.checksum.add(result.text(row, result.column("checksum")));
  return tally;
}

}  // namespace pgsluice::mover

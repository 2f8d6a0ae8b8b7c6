// What is compared with what: both tables as SQL sees them, and whether the plan's ranges mean the same rows on both
// sides. Reads the catalogue, never a row.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mover/checksum.hpp"
#include "mover/row_tally.hpp"
#include "pg/connection.hpp"
#include "planner/key.hpp"
#include "planner/plan.hpp"

namespace pgsluice::mover {

struct Side {
  std::string name;      // As a person reads it.
  std::string from_sql;  // `ONLY "s"."t"` for the source, `"s"."t_partitioned"` for the target.
  CastColumns cast;      // Columns that have another type here than in the source.
};

struct Comparison {
  const planner::Plan* plan = nullptr;
  Side source;
  Side target;
  RowHashForm form;  // Of both sides' sums.
  // The plan's ranges can be asked for on the target by its index, and its order puts the same rows into them.
  bool by_range = false;
  // Key columns of the target that may be NULL (an existing target without NOT NULL): such rows are in no range.
  std::vector<std::string> nullable_key_columns;
};

// `plan` must outlive the result. Fails: refused, when the target lacks a column of the source; server, connection.
Comparison read_comparison(const planner::Plan& plan, pg::Connection& source, pg::Connection& target,
                           bool exact = false);

// The form of row hash that both databases' sums can be taken in.
RowHashForm read_hash_form(const planner::Plan& plan, pg::Connection& source, pg::Connection& target, bool exact);

// Counts and sums the rows of one side with lower <= key < upper: columns `rows` and `checksum`.
planner::Condition range_tally_sql(const Comparison& comparison, const Side& side,
                                   const std::optional<planner::Key>& lower, const std::optional<planner::Key>& upper);

// Counts the target's rows that are in no range because a key column is NULL: column `rows`.
std::string rows_without_key_sql(const Comparison& comparison);

}  // namespace pgsluice::mover

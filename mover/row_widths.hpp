// How wide rows are in different places of the source: for telling kinds of rows apart before a trial. Estimates only.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "pg/connection.hpp"
#include "planner/plan.hpp"

namespace pgsluice::mover {

// The average stored size of a row at the beginning of each range of the plan, values in TOAST included and nothing
// read from there. At most `looks_max` ranges are looked at, evenly spread; the others take after the nearest one.
// Fails: server, connection.
std::vector<double> read_row_widths(pg::Connection& source, const planner::Plan& plan, std::size_t looks_max);

// Rows seen, and their bytes; the condition of a range follows.
std::string row_widths_head_sql(const planner::Plan& plan);

}  // namespace pgsluice::mover

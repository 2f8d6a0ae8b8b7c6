// Whether the rows of the source come leaf after leaf: then a batch goes into one leaf, and can be inserted there
// without the parent's routing.
#pragma once

#include "pg/connection.hpp"
#include "planner/plan.hpp"

namespace pgsluice::planner {

// True when the plan's layout has one level, RANGE or LIST by one column, whose values rise or fall with the order in
// which the plan's ranges are read, by the table's statistics. An estimate: a leaf refuses a row that is not its own.
// Fails: server, connection.
bool read_rows_come_leaf_by_leaf(pg::Connection& source, const Plan& plan);

}  // namespace pgsluice::planner

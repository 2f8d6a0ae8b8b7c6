// Everything that `run` executes besides moving rows, in order: for a plan's summary and --dry-run, which print each
// statement with the lock that it takes. The mover composes the same statements one by one, and leaves out what is done
// already.
#pragma once

#include "planner/plan.hpp"
#include "planner/statement.hpp"

namespace pgsluice::planner {

Statements statements_before_rows_sql(const Plan& plan);
Statements statements_after_rows_sql(const Plan& plan);

// Both, one after the other.
Statements all_statements_sql(const Plan& plan);

}  // namespace pgsluice::planner

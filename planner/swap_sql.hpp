// The swap as a person can do it with psql: the source steps aside, the target takes its name. For reading and pasting;
// no command of ours runs it.
#pragma once

#include "planner/plan.hpp"
#include "planner/statement.hpp"

namespace pgsluice::planner {

// For one transaction, bounded by a short lock timeout. Sequences that the target goes on using are given to it, so
// that dropping the old table does not drop them. Empty when source and target are in two databases, where there is
// nothing to swap.
Statements swap_by_hand_sql(const Plan& plan);

// What the source is called afterwards.
QualifiedName name_after_swap(const Plan& plan);

}  // namespace pgsluice::planner

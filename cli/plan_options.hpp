// The options that say what is to be planned, made into the planner's own: of `plan`, and of `estimate`, which
// rehearses the same plan.
#pragma once

#include "cli/options.hpp"
#include "planner/planning.hpp"

namespace pgsluice::cli {

// Fails: refused, when an option is missing, cannot be read, or says nothing without another.
planner::PlanOptions plan_options(const Options& options);

}  // namespace pgsluice::cli

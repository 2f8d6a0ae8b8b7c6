// What the operator does with a target that is complete.
#pragma once

#include <string>

#include "planner/plan.hpp"

namespace pgsluice::cli {

std::string after_run_text(const planner::Plan& plan, const std::string& whereabouts);

}  // namespace pgsluice::cli

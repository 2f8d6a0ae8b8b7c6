// What will stand around source and target when a migration comes to its swaps, worked out from the plan and from what
// stands around the source today: for whoever writes the SQL of a whole migration down before anything is made. What it
// says is what read_surroundings() will read, if nobody changes anything but us; only the OIDs of the target, which has
// none yet, are 0 or stand for nothing.
#pragma once

#include "planner/plan.hpp"
#include "planner/surroundings.hpp"

namespace pgsluice::planner {

// When `run` is complete. `source_alone`: of read_source_surroundings().
Surroundings foresee_before_swap(const Plan& plan, const Surroundings& source_alone);

// When the swap is made and all that settles after it is done. `before`: of foresee_before_swap().
Surroundings foresee_after_swap(const Plan& plan, const Surroundings& before);

}  // namespace pgsluice::planner

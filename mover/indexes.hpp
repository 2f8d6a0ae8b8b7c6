// Builds the target's indexes, primary key and unique constraints after the rows: leaf by leaf in parallel, then the
// partitioned tables'. Each step is decided from the catalogue, so all of it can be repeated after a crash at any
// point.
#pragma once

#include <string>

#include "mover/retry.hpp"
#include "mover/sessions.hpp"
#include "planner/plan.hpp"

namespace pgsluice::mover {

// `jobs` sessions build at once, the primary key and large leaves first. `maintenance_work_mem`: "1GB"; empty leaves
// the server's. Does nothing to a target that was there before us: its indexes are its maker's. Ensures: every index of
// the plan is valid on every table of the target's tree, and each belongs to its parent's. Fails: server (23505 when
// rows are equal where they must not be; the message names leaf and index), connection; interrupted.
//        What is built stays.
void build_indexes(const planner::Plan& plan, const Sessions& sessions, const RetryContext& context, unsigned jobs,
                   const std::string& maintenance_work_mem);

}  // namespace pgsluice::mover

// Gives the target what it gets last, when its rows and indexes are there: checks that were never validated, triggers,
// statistics objects, replica identity, row security, privileges, sequence values, publications, statistics. Each step
// is decided from the catalogue or is harmless when repeated, so all of it can be repeated after a crash at any point.
#pragma once

#include "mover/analyzing.hpp"
#include "mover/constraints.hpp"
#include "mover/retry.hpp"
#include "mover/sessions.hpp"
#include "planner/plan.hpp"

namespace pgsluice::mover {

// A target that was there before us is only analyzed (and frozen, where `options` say so).
// Ensures: no role but the owner can reach the target before its policies are in force.
// Fails: server, connection, interrupted. What is done stays.
void finish_target(const planner::Plan& plan, const Sessions& sessions, const RetryContext& context,
                   const AnalyzeOptions& options = {});

}  // namespace pgsluice::mover

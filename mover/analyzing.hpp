// Gathers the planner's statistics of the target at the end of a run, and freezes its rows where that is wanted: leaves
// by several sessions, the largest first, then the partitioned tables, which are sampled without analyzing their leaves
// a second time. Nothing is remembered: what is repeated after a stop finds frozen pages marked as such and passes over
// them, and statistics are a sample.
#pragma once

#include "mover/retry.hpp"
#include "mover/sessions.hpp"
#include "planner/plan.hpp"

namespace pgsluice::mover {

struct AnalyzeOptions {
  unsigned jobs = 1;
  bool freezes = false;  // VACUUM (FREEZE) of every leaf.
};

// A target that was there before us is analyzed by one plain statement, as its maker would. The observer is told when
// rows could not be frozen because an open transaction may still not see them. A first stop request lets the leaves in
// hand end, an urgent one cancels them. Fails: server, connection, interrupted. What is done stays.
void analyze_target(const planner::Plan& plan, const Sessions& sessions, const RetryContext& context,
                    const AnalyzeOptions& options);

}  // namespace pgsluice::mover

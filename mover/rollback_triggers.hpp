// Triggers while rows come back to the source. The source's own: they fired when the rows were first inserted, and must
// neither change the rows nor do anything else a second time. Switched off and on again as the plan found them, so both
// can be repeated after a crash.
#pragma once

#include "mover/retry.hpp"
#include "mover/sessions.hpp"
#include "planner/plan.hpp"

namespace pgsluice::mover {

// Triggers that an INSERT fires; the guard is none of them. Fails: server (55P03, 42501), connection, interrupted.
void disable_insert_triggers(const planner::Plan& plan, const Sessions& sessions, const RetryContext& context);
void restore_insert_triggers(const planner::Plan& plan, const Sessions& sessions, const RetryContext& context);

// Drops the triggers of a target that is ours: it is to be emptied and dropped, and they would fire for every row. Does
// nothing to a target that was there before us. Fails: as above.
void drop_target_triggers(const planner::Plan& plan, const Sessions& sessions, const RetryContext& context);

}  // namespace pgsluice::mover

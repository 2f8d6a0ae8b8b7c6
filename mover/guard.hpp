// The guard on the source: makes it true, not assumed, that nobody writes while the strategy is `offline`. SHARE ROW
// EXCLUSIVE on the source waits for the transactions that have written, so that when the guard is committed no earlier
// write is still on its way.
#pragma once

#include "mover/retry.hpp"
#include "mover/sessions.hpp"
#include "planner/plan.hpp"

namespace pgsluice::mover {

// Repeatable; whole or not at all. Fails: server (55P03 when no gap was found in all attempts, 42501), connection,
// interrupted.
void install_guard(const planner::Plan& plan, const Sessions& sessions, const RetryContext& context);

// Removes what carries the mark: triggers, function, and the schema when nothing else is in it. Repeatable. Fails: as
// install_guard.
void remove_guard(const planner::Plan& plan, const Sessions& sessions, const RetryContext& context);

}  // namespace pgsluice::mover

// Makes the target's tables, and removes them. Each step is decided from the catalogue and done in a transaction of its
// own, so everything here can be repeated after a crash at any point.
#pragma once

#include "mover/retry.hpp"
#include "mover/sessions.hpp"
#include "planner/plan.hpp"

namespace pgsluice::mover {

// Makes own sequences, the root and its partitions with their owner, where they are missing; for methods that empty the
// source, the leaves' foreign keys too; and last the guard on the source, so that the application can write until
// everything else is ready. A target that was there before us is only checked. Ensures: what is made carries the mark.
// No privilege on it but the owner's: grants come with finish_target(). Fails: refused, when something else has one of
// the names, or an existing target is not empty though nothing was moved yet;
//        server, connection, interrupted.
void prepare_target(const planner::Plan& plan, const Sessions& sessions, const RetryContext& context);

// Drops the target's tables and own sequences, as far as they carry the mark. Does nothing to a target that was there
// before us. Fails: refused, when the target has partitions that this migration did not make; server (2BP01 when
// something else depends on a table), connection, interrupted.
void remove_target(const planner::Plan& plan, const Sessions& sessions, const RetryContext& context);

}  // namespace pgsluice::mover

// Materialized views, after a swap: the twins that it made are filled and take the names of the old ones; after the way
// back the old ones are filled again and get their names back. Each step is decided from the catalogue, so all of it
// can be repeated after a crash at any point. A materialized view upon another one is not followed.
#pragma once

#include "mover/retry.hpp"
#include "mover/sessions.hpp"
#include "planner/plan.hpp"

namespace pgsluice::mover {

// The tables must stand as after the swap. A view that is in use is waited for as long as --lock-timeout says.
// Fails: server, connection, interrupted. What is done stays.
void exchange_materialized_views(const planner::Plan& plan, const Sessions& sessions, const RetryContext& context);

// The tables must stand as before the swap. Ensures: no twin is left. Fails: as above.
void restore_materialized_views(const planner::Plan& plan, const Sessions& sessions, const RetryContext& context);

}  // namespace pgsluice::mover

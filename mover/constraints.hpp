// The target's outgoing foreign keys: on the leaves first, then on the root. Primary keys and unique constraints are
// the business of indexes.hpp. Each step is decided from the catalogue, so all of it can be repeated after a crash.
#pragma once

#include "mover/retry.hpp"
#include "mover/sessions.hpp"
#include "planner/plan.hpp"

namespace pgsluice::mover {

// NOT VALID, on every leaf: from then on a referenced row cannot vanish under a row of the target. For methods that
// empty the source this must be done before rows move. A key whose referenced table is not in the target's database is
// left out; the observer is told. Fails: server, connection, interrupted.
void add_leaf_foreign_keys(const planner::Plan& plan, const Sessions& sessions, const RetryContext& context);

// All of it: what add_leaf_foreign_keys does, validation leaf by leaf in `jobs` sessions, and the root. Nothing where
// the target was there before us. Fails: server (23503 when rows of the target point nowhere), connection, interrupted.
void add_constraints(const planner::Plan& plan, const Sessions& sessions, const RetryContext& context, unsigned jobs);

// The same after a cutover: the root is called `root`, and the application uses it and its leaves, so every lock is
// waited for as long as --lock-timeout says. Fails: as above.
void add_constraints_in_use(const planner::Plan& plan, const pg::QualifiedName& root, const Sessions& sessions,
                            const RetryContext& context, unsigned jobs);

}  // namespace pgsluice::mover

// The end of a migration whose tables were exchanged: the old table and the old materialized views are dropped, and the
// mark is taken from everything that stays. After this there is no way back. Each step is decided from the catalogue,
// so all of it can be repeated after a crash at any point. Captures, ledger and guard are the business of others.
#pragma once

#include <string>
#include <vector>

#include "mover/retry.hpp"
#include "mover/sessions.hpp"
#include "pg/connection.hpp"
#include "planner/plan.hpp"
#include "planner/table_facts.hpp"

namespace pgsluice::mover {

// Who uses the old table and would keep it: views, functions, foreign keys, columns of its row type. Empty also when it
// is gone. The session must have no transaction open. Fails: server, connection.
std::vector<planner::Dependent> read_users_of_old_table(pg::Connection& connection, const planner::Plan& plan);

// True once the old table is dropped: then only the marks are left to take off. Fails: server, connection.
bool old_table_is_gone(pg::Connection& connection, const planner::Plan& plan);

// Ensures: nothing is dropped that does not carry the mark, and nothing by CASCADE.
// Fails: refused, when the tables were not exchanged, when the old table carries no mark, or when somebody still uses
//        it, naming all that do; server (55P03), connection, interrupted. What is done stays.
void finish_swap(const planner::Plan& plan, const Sessions& sessions, const RetryContext& context);

}  // namespace pgsluice::mover

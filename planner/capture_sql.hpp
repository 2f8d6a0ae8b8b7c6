// The SQL that notes changes: a log table and the triggers that fill it. Each trigger function runs with its owner's
// rights and a fixed search_path, so that whoever may write the table can fire it; it does nothing but append a row to
// the log, so it cannot fail for a reason of the target's.
//
// The triggers are ENABLE ALWAYS: a session whose session_replication_role is `replica` (a subscription's worker) is
// noted, too.
#pragma once

#include "planner/feed.hpp"
#include "planner/statement.hpp"

namespace pgsluice::planner {

// For one transaction; the schema must be there. Ensures: log, functions and triggers carry the mark.
Statements create_capture_sql(const Feed& feed);

// For one transaction, of everything that create_capture_sql makes.
Statements drop_capture_sql(const Feed& feed);

// The same in two parts, where triggers may be gone already because their table is.
Statements drop_capture_triggers_sql(const Feed& feed);
Statements drop_capture_log_sql(const Feed& feed);

// Lets the space of rows that were taken out of the log be used again. Not inside a transaction.
Statement vacuum_log_sql(const Feed& feed);

}  // namespace pgsluice::planner

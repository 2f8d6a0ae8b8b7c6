// The guard of the strategy `offline`: triggers on the source that reject every write and TRUNCATE, except by sessions
// of this migration. Statement-level triggers of a partition do not fire for statements on its parent, and a logical
// replication worker fires row-level ones only; in these two cases, and where the source is partitioned, rows are
// guarded too (which costs a moving method a
// lock on every row that it deletes).
#pragma once

#include <string>
#include <string_view>

#include "planner/plan.hpp"
#include "planner/statement.hpp"

namespace pgsluice::planner {

// The schema that holds the guard's function. Only where it is missing.
Statements create_guard_schema_sql();

// For one transaction. Ensures: function and triggers carry the mark.
// `partitions`: of a source that is partitioned, all of them.
Statements create_guard_sql(const Plan& plan, bool guards_rows, const std::vector<QualifiedName>& partitions = {});

// The same of the table that a cutover has put aside: what still writes there, because it knows the table by its
// identity and not by its name, would be lost in silence. And its end.
// Of a partitioned one also all partitions, which are listed, so that who goes back, or drops it, knows what belonged
// to it.
Statements create_old_table_guard_sql(const Plan& plan, const QualifiedName& old_table,
                                      const std::vector<QualifiedName>& partitions);
Statements drop_old_table_guard_sql(const Plan& plan, const QualifiedName& old_table,
                                    const std::vector<QualifiedName>& partitions);
// How its partitions differ from that list: name, is_gone.
std::string old_table_drift_sql(const Plan& plan, const QualifiedName& old_table);
Statements drop_old_partitions_sql(const Plan& plan);

// The end of what create_guard_sql makes, whether rows are guarded or not.
Statements drop_guard_sql(const Plan& plan);

// Condition: whether its function is there.
std::string guard_is_there_sql(const Plan& plan);

Statement drop_trigger_sql(const std::string& trigger, const QualifiedName& table);
Statement drop_guard_function_sql(const Plan& plan);
Statement drop_guard_schema_sql();

// `guard_<migration id>` in schema pgsluice.
QualifiedName guard_function_name(std::string_view migration_id);

}  // namespace pgsluice::planner

// The SQL that ends a migration whose tables were exchanged: the old table goes, and the mark goes from what stays.
#pragma once

#include <string>
#include <vector>

#include "planner/plan.hpp"
#include "planner/statement.hpp"
#include "planner/surroundings.hpp"

namespace pgsluice::planner {

// The old materialized views and the old table, without CASCADE: what else depends on them keeps them.
Statements drop_old_sql(const QualifiedName& table, const std::vector<QualifiedName>& materialized_views);

// A relation of whatever kind that carries the mark.
struct MarkedRelation {
  QualifiedName name;
  std::string kind;  // relkind
  std::string comment;
};

// Its own comment, or none.
Statement unmark_sql(const MarkedRelation& relation, const std::string& migration_id);

// The same, where it is there and carries the mark by then.
Statement unmark_if_there_sql(const MarkedRelation& relation, const std::string& migration_id);

// All of it as of now, for reading: with the marks of the tables and sequences that the plan knows.
Statements finish_sql(const Plan& plan, const Surroundings& around);

}  // namespace pgsluice::planner

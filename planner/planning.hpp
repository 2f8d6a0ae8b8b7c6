// The story of planning: from two open sessions and the operator's wishes to a plan that can be carried out, or to one
// refusal that gives every reason at once. It reads and decides; the database is not changed, and the checkpoint is
// written elsewhere.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "pg/connection.hpp"
#include "pg/failure.hpp"
#include "planner/catalog.hpp"
#include "planner/layout_design.hpp"
#include "planner/plan.hpp"
#include "planner/ranges.hpp"

namespace pgsluice::planner {

struct PlanOptions {
  QualifiedName table;  // An absent schema is looked for along the search_path.
  // Absent: default_target_name(). An absent schema is the source's. The table whose partition the source is: the
  // source is split into other partitions of it.
  std::optional<QualifiedName> into;
  std::vector<LevelSpec> levels;     // Empty: the target must exist. Columns may be left out of the level of a split.
  std::optional<Strategy> strategy;  // Absent: `capture` where it can be, else `offline`.
  std::optional<CaptureForm> capture_form;  // Of the strategy `capture`. Absent: as the table's statistics suggest.
  std::optional<Method> method;             // Absent: eligible_methods(), of which the run finds the best.
  bool empty_source = false;  // Where `method` is absent: the eligible ones are those that empty the source.
  bool guard = true;
  SplitChoice split = SplitChoice::automatic;
  SplitOptions range_limits;
  bool widen_unique = true;        // False: a unique constraint without the partition key refuses the plan.
  std::set<std::string> accepted;  // Kinds of loss that the operator accepts.
  // Missing privileges do not refuse the plan: it is only looked at.
  bool only_looking = false;
  std::string created_at;  // UTC, ISO 8601.
  std::string tool_version;
};

// Both sessions must have no transaction open and should be read-only.
// Fails: refused, with all reasons; server, connection.
Plan make_plan(pg::Connection& source, pg::Connection& target, const PlanOptions& options);

// The methods that do the same thing, the one that is best for most tables first; empty where there is none. Whether
// the source keeps its rows is the operator's choice, never ours.
std::vector<Method> eligible_methods(bool one_database, bool empty_source);

// `sources` gives `sources_partitioned`, fitted into 63 bytes.
QualifiedName default_target_name(const QualifiedName& source);

// Before anything that works with a checkpoint: both sessions are in the databases of the plan.
// Fails: refused, naming what differs; server, connection.
void check_databases(const Plan& plan, pg::Connection& source, pg::Connection& target);

// Before a run: both sessions are in the databases of the plan, and the table is what it was.
// Fails: refused, naming what differs; server, connection.
void check_plan_still_holds(const Plan& plan, pg::Connection& source, pg::Connection& target);

// One refusal that names every privilege that is not held, with the statements that give them; nothing when all are
// held.
std::optional<pg::Failure> missing_privileges(const std::vector<Privilege>& privileges);

// What the plan's migration needs of the roles of these sessions.
std::vector<Privilege> read_privileges(const Plan& plan, pg::Connection& source, pg::Connection& target);

}  // namespace pgsluice::planner

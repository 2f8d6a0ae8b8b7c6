#include "mover/guard.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "mover/target_session.hpp"
#include "pg/failure.hpp"
#include "planner/guard_sql.hpp"
#include "planner/mark.hpp"

namespace pgsluice::mover {

namespace {

struct GuardTrigger {
  pg::QualifiedName table;
  std::string name;
  bool is_on_source = false;
};

std::vector<GuardTrigger> read_guard_triggers(pg::Connection& source, const planner::Plan& plan) {
  const pg::Result rows =
      fixed_query(source, "guard_triggers", {planner::mark(plan.migration_id), pg::quoted(plan.source.name)});
  std::vector<GuardTrigger> triggers;
  for (int i = 0; i < rows.row_count(); ++i) {
    triggers.push_back({{std::string(rows.text(i, 0)), std::string(rows.text(i, 1))},
                        std::string(rows.text(i, 2)),
                        !rows.is_null(i, 3) && rows.boolean(i, 3)});
  }
  return triggers;
}

bool has_guard_function(pg::Connection& source, const planner::Plan& plan) {
  const pg::Result rows = fixed_query(source, "guard_function", {planner::guard_function_name(plan.migration_id).name});
  return rows.row_count() > 0 && planner::is_marked(rows.text(0, 0), plan.migration_id);
}

bool is_complete(const std::vector<GuardTrigger>& triggers, bool guards_rows,
                 const std::vector<pg::QualifiedName>& partitions) {
  std::size_t on_source = 0;
  for (const GuardTrigger& trigger : triggers) {
    on_source += trigger.is_on_source ? 1 : 0;
  }
  constexpr std::size_t kStatementTriggers = 2;
  return on_source == kStatementTriggers + (guards_rows ? 1 : 0) &&
         std::all_of(partitions.begin(), partitions.end(), [&](const pg::QualifiedName& partition) {
           return std::any_of(triggers.begin(), triggers.end(),
                              [&](const GuardTrigger& trigger) { return trigger.table == partition; });
         });
}

// Of a source that is partitioned itself.
std::vector<pg::QualifiedName> read_partitions(pg::Connection& source, const planner::Plan& plan) {
  const pg::Result rows = fixed_query(source, "partition_names", {pg::quoted(plan.source.name)});
  std::vector<pg::QualifiedName> partitions;
  for (int i = 0; i < rows.row_count(); ++i) {
    partitions.push_back({std::string(rows.text(i, 0)), std::string(rows.text(i, 1))});
  }
  return partitions;
}

void drop_guard(pg::Connection& source, const planner::Plan& plan, const std::vector<GuardTrigger>& triggers) {
  for (const GuardTrigger& trigger : triggers) {
    source.query(planner::drop_trigger_sql(trigger.name, trigger.table).sql);
  }
  if (has_guard_function(source, plan)) {
    source.query(planner::drop_guard_function_sql(plan).sql);
  }
}

}  // namespace

void install_guard(const planner::Plan& plan, const Sessions& sessions, const RetryContext& context) {
  Session session([&] { return sessions.open_source("guarding"); });
  repeat_until_done(session, context, "making the schema of the guard", [&](pg::Connection& source) {
    if (!fixed_query(source, "guard_schema_exists").boolean(0, 0)) {
      in_transaction(source, [&] { source.run_script(planner::script_of(planner::create_guard_schema_sql())); });
    }
  });
  repeat_naming_holders(
      session, context, "guarding " + pg::display(plan.source.name), plan.source.name, [&](pg::Connection& source) {
        const bool guards_rows = plan.source.is_partition || plan.source.is_partitioned() ||
                                 fixed_query(source, "is_subscribed", {pg::quoted(plan.source.name)}).boolean(0, 0);
        const std::vector<GuardTrigger> present = read_guard_triggers(source, plan);
        const std::vector<pg::QualifiedName> partitions = read_partitions(source, plan);
        if (is_complete(present, guards_rows, partitions)) {
          return;
        }
        in_transaction(source, [&] {
          drop_guard(source, plan, present);
          source.run_script(planner::script_of(planner::create_guard_sql(plan, guards_rows, partitions)));
        });
      });
}

void remove_guard(const planner::Plan& plan, const Sessions& sessions, const RetryContext& context) {
  Session session([&] { return sessions.open_source("removing the guard"); });
  repeat_naming_holders(session, context, "removing the guard of " + pg::display(plan.source.name), plan.source.name,
                        [&](pg::Connection& source) {
                          in_transaction(source, [&] { drop_guard(source, plan, read_guard_triggers(source, plan)); });
                        });
  repeat_until_done(session, context, "removing the schema of the guard", [&](pg::Connection& source) {
    const pg::Result unused = fixed_query(source, "guard_schema_is_unused");
    if (unused.row_count() > 0 && unused.boolean(0, 0)) {
      source.query(planner::drop_guard_schema_sql().sql);
    }
  });
}

}  // namespace pgsluice::mover

#include "mover/rollback_triggers.hpp"

#include <functional>
#include <map>
#include <string>

#include "mover/target_session.hpp"
#include "pg/identifier.hpp"
#include "planner/finishing_sql.hpp"
#include "planner/guard_sql.hpp"

namespace pgsluice::mover {

namespace {

constexpr const char* kDisabled = "D";

std::map<std::string, std::string> read_trigger_states(pg::Connection& source, const planner::QualifiedName& table) {
  const pg::Result rows = fixed_query(source, "trigger_states", {pg::quoted(table)});
  std::map<std::string, std::string> states;
  for (int i = 0; i < rows.row_count(); ++i) {
    states.emplace(rows.text(i, 0), rows.text(i, 1));
  }
  return states;
}

// Brings every insert trigger of the plan that is still there into the state that `wanted` names.
void set_insert_triggers(const planner::Plan& plan, const Sessions& sessions, const RetryContext& context,
                         const std::string& what, const std::function<std::string(const planner::Trigger&)>& wanted) {
  Session session([&] { return sessions.open_source("rolling back"); });
  repeat_naming_holders(session, context, what, plan.source.name, [&](pg::Connection& source) {
    const std::map<std::string, std::string> states = read_trigger_states(source, plan.source.name);
    in_transaction(source, [&] {
      for (const planner::Trigger& trigger : plan.source.triggers) {
        const auto state = states.find(trigger.name);
        if (trigger.on_insert && state != states.end() && state->second != wanted(trigger)) {
          source.query(planner::set_trigger_sql(plan.source.name, trigger.name, wanted(trigger)).sql);
        }
      }
    });
  });
}

}  // namespace

void disable_insert_triggers(const planner::Plan& plan, const Sessions& sessions, const RetryContext& context) {
  set_insert_triggers(plan, sessions, context, "switching off the triggers of " + pg::display(plan.source.name),
                      [](const planner::Trigger&) { return kDisabled; });
}

void restore_insert_triggers(const planner::Plan& plan, const Sessions& sessions, const RetryContext& context) {
  set_insert_triggers(plan, sessions, context, "switching on the triggers of " + pg::display(plan.source.name),
                      [](const planner::Trigger& trigger) { return trigger.enabled; });
}

void drop_target_triggers(const planner::Plan& plan, const Sessions& sessions, const RetryContext& context) {
  if (plan.layout.existing) {
    return;
  }
  Session session([&] { return open_patient_target(sessions, "rolling back"); });
  repeat_until_done(session, context, "dropping the target's triggers", [&](pg::Connection& target) {
    const pg::Result rows = fixed_query(target, "triggers_of_own_target", {pg::quoted(plan.layout.root.name)});
    in_transaction(target, [&] {
      for (int i = 0; i < rows.row_count(); ++i) {
        const pg::QualifiedName table{std::string(rows.text(i, 0)), std::string(rows.text(i, 1))};
        target.query(planner::drop_trigger_sql(std::string(rows.text(i, 2)), table).sql);
      }
    });
  });
}

}  // namespace pgsluice::mover

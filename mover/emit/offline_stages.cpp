// The last stages of the strategy `offline`: the exchange of names that `run` prints at its end for a person to do, and
// what is left to remove after it.
#include "mover/emit/stages.hpp"
#include "planner/finish_sql.hpp"
#include "planner/guard_sql.hpp"
#include "planner/mark.hpp"
#include "planner/script_sql.hpp"
#include "planner/swap_names_sql.hpp"
#include "planner/swap_sql.hpp"
#include "planner/target_table_sql.hpp"

namespace pgsluice::mover {

Stage cutover_by_hand_stage(const Writing& writing) {
  const planner::Plan& plan = writing.plan;
  const std::string old_table = pg::display(planner::name_after_swap(plan));
  std::string what = "Puts the target into the place of " + pg::display(plan.source.name) + ", which is kept as " +
                     old_table +
                     ". Names only: what depends on the table stays with the old one and must be made anew.";
  for (const planner::Dependent& dependent : plan.source.dependents) {
    what += " Here: " + dependent.kind + " " + dependent.name + ".";
  }
  return {
      .name = std::string(kCutover),
      .part = Part::cutover,
      .up = {what, {{.what = "The exchange", .waits_briefly = true, .statements = planner::names_by_hand_sql(plan)}}},
      .down = {},
      .no_down = "Nothing notes what is written after it, so that the old table would come back without it."};
}

Stage finish_by_hand_stage(const Writing& writing) {
  const planner::Plan& plan = writing.plan;
  planner::Statements statements = planner::drop_old_sql(planner::name_after_swap(plan), {});
  if (plan.guard) {
    statements.push_back(planner::drop_guard_function_sql(plan));  // Its triggers went with the old table.
  }
  const auto unmark = [&](const pg::QualifiedName& name, const char* kind, const std::string& comment) {
    statements.push_back(planner::unmark_if_there_sql({name, kind, planner::marked_comment(comment, plan.migration_id)},
                                                      plan.migration_id));
  };
  unmark(plan.source.name, "p", plan.source.comment);
  for (const planner::Partition& partition : planner::partitions(plan.layout)) {
    unmark(partition.node->name, "p", "");
  }
  for (const planner::CarriedSequence& sequence : planner::carried_sequences(plan)) {
    unmark({plan.source.name.schema, sequence.target.name}, "S", "");  // It came with its table.
  }
  return {
      .name = std::string(kFinish),
      .part = Part::finish,
      .up = {"Drops " + pg::display(planner::name_after_swap(plan)) +
                 " and all else that was made for the migration. What others have tied to the old table keeps it: "
                 "then nothing happens.",
             {{.what = "The old table, and the marks of what stays", .waits_briefly = true, .statements = statements},
              {.what = "The list of steps, and the schema when it is empty then",
               .is_recorded = false,
               .statements = planner::drop_steps_sql(plan)}}},
      .down = {},
      .no_down = "The old table is gone, and with it the way back."};
}

}  // namespace pgsluice::mover

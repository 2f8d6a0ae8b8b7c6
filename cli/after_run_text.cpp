#include "cli/after_run_text.hpp"

#include "cli/migration_state.hpp"
#include "planner/swap_sql.hpp"

namespace pgsluice::cli {

namespace {

std::string dependents_text(const planner::TableFacts& facts) {
  std::string names;
  for (const planner::Dependent& dependent : facts.dependents) {
    names += (names.empty() ? "" : ", ") + dependent.kind + " " + dependent.name;
  }
  return names;
}

}  // namespace

namespace {

std::string after_live_run_text(const planner::Plan& plan, const std::string& whereabouts) {
  return "Changes of " + pg::display(plan.source.name) +
         " go on being noted; each `pgsluice run` brings them over again.\n\nnext: compare both sides\n    " +
         next_command(planner::Phase::complete, whereabouts) + "\nthen exchange them\n    pgsluice cutover" +
         whereabouts + "\nor undo everything\n    pgsluice rollback" + whereabouts + "\n";
}

}  // namespace

std::string after_run_text(const planner::Plan& plan, const std::string& whereabouts) {
  if (plan.strategy == planner::Strategy::capture) {
    return after_live_run_text(plan, whereabouts);
  }
  const std::string source = pg::display(plan.source.name);
  std::string text = "next: compare both sides\n    " + next_command(planner::Phase::complete, whereabouts) + "\n\n";
  text +=
      plan.guard ? "Writes to " + source + " stay rejected until one of these is done:\n" : "Then do one of these:\n";
  text += "- undo everything\n    pgsluice rollback" + whereabouts + "\n";
  const planner::Statements swap = planner::swap_by_hand_sql(plan);
  if (swap.empty()) {
    return text + "- point the application to the target's database, and keep or drop " + source + " there\n";
  }
  text += "- put the target into the source's place, by hand (no rollback after that)\n";
  for (const planner::Statement& statement : swap) {
    text += "    " + statement.sql + ";\n";
  }
  const std::string dependents = dependents_text(plan.source);
  if (!dependents.empty()) {
    text += "  What depends on the table stays with the old one and must be made anew: " + dependents + "\n";
  }
  return text;
}

}  // namespace pgsluice::cli

#include "mover/rehearsal_ledger.hpp"

#include <vector>

#include "mover/ledger.hpp"
#include "mover/prepare.hpp"
#include "mover/target_session.hpp"
#include "pg/failure.hpp"
#include "pg/identifier.hpp"
#include "planner/catalog.hpp"
#include "planner/mark.hpp"
#include "planner/names.hpp"

namespace pgsluice::mover {

namespace {

constexpr const char* kStrategy = "rehearsal";

std::string source_text(pg::Connection& connection, const pg::QualifiedName& table) {
  return pg::display(std::string_view(planner::read_database_identity(connection).database)) + ":" + pg::display(table);
}

pg::Failure is_being_moved(const pg::QualifiedName& table, const std::string& detail) {
  return pg::Failure(pg::FailureKind::refused, "a migration of " + pg::display(table) + " is not finished")
      .detail(detail)
      .hint("Rehearse on a fork, or undo that migration with `pgsluice rollback` first.")
      .status("nothing was changed");
}

// As much of a plan as the removal of its target needs. The tables stand side by side below the root: each is dropped
// after those that follow it.
planner::Plan plan_of_remains(pg::Connection& target, const std::string& migration_id) {
  planner::Plan plan;
  plan.migration_id = migration_id;
  const pg::Result tables = fixed_query(target, "marked_tables", {planner::mark(migration_id)});
  for (int i = 0; i < tables.row_count(); ++i) {
    planner::PartitionNode node;
    node.name = {std::string(tables.text(i, 0)), std::string(tables.text(i, 1))};
    if (tables.boolean(i, 2)) {
      node.method = planner::PartitionMethod::hash;
      plan.layout.root = node;
    } else {
      plan.layout.root.children.push_back(node);
    }
  }
  return plan;
}

void remove_everything(const planner::Plan& plan, Session& session, const Sessions& sessions,
                       const RetryContext& context) {
  if (!plan.layout.root.name.name.empty()) {
    remove_target(plan, sessions, context);
  }
  repeat_until_done(session, context, "removing the trial from the ledger",
                    [&](pg::Connection& target) { remove_from_ledger(target, plan.migration_id); });
}

}  // namespace

pg::QualifiedName rehearsal_target_name(const pg::QualifiedName& source) {
  return {source.schema, planner::fitted_name(source.name + "_estimate")};
}

void refuse_beside_migration(pg::Connection& connection, const pg::QualifiedName& table) {
  const pg::Result guards = fixed_query(connection, "guards_of_table", {pg::quoted(table)});
  if (guards.row_count() > 0) {
    throw is_being_moved(table, "Its guard is on the table: " + std::string(guards.text(0, 0)) + ".");
  }
  if (!ledger_exists(connection)) {
    return;
  }
  const pg::Result known = fixed_query(connection, "migrations_of_source", {source_text(connection, table)});
  if (known.row_count() > 0) {
    throw is_being_moved(
        table, "Migration " + std::string(known.text(0, 0)) + " is in phase " + std::string(known.text(0, 1)) + ".");
  }
}

void register_rehearsal(pg::Connection& target, const planner::Plan& plan) {
  if (!try_claim_migration(target, plan.migration_id)) {
    throw pg::Failure(pg::FailureKind::refused, "another session holds the claim on this trial");
  }
  create_ledger(target);
  fixed_query(
      target, "register_migration",
      {plan.migration_id, source_text(target, plan.source.name), pg::display(plan.layout.root.name),
       planner::digest(plan), kStrategy, methods_text(plan.methods), std::string(name_of(planner::Phase::preparing))});
}

void remove_rehearsal(const planner::Plan& plan, const Sessions& sessions, const RetryContext& context) {
  Session session([&] { return open_patient_target(sessions, "removing the trial"); });
  remove_everything(plan, session, sessions, context);
}

std::size_t remove_dead_rehearsals(const pg::QualifiedName& table, const Sessions& sessions,
                                   const RetryContext& context) {
  Session session([&] { return open_patient_target(sessions, "removing dead trials"); });
  std::vector<planner::Plan> dead;
  repeat_until_done(session, context, "looking for dead trials", [&](pg::Connection& target) {
    dead.clear();
    if (!ledger_exists(target)) {
      return;
    }
    const pg::Result known = fixed_query(target, "rehearsals");
    for (int i = 0; i < known.row_count(); ++i) {
      const std::string id(known.text(i, 0));
      if (try_claim_migration(target, id)) {
        dead.push_back(plan_of_remains(target, id));
        release_migration(target, id);
      } else if (known.text(i, 1) == source_text(target, table)) {
        throw pg::Failure(pg::FailureKind::refused, "a trial of " + pg::display(table) + " runs already")
            .detail("Its scratch target is " + std::string(known.text(i, 2)) + ".")
            .hint("Wait for its end. Two at once would measure each other.")
            .status("nothing was changed");
      }
    }
  });
  for (const planner::Plan& plan : dead) {
    remove_everything(plan, session, sessions, context);
  }
  return dead.size();
}

}  // namespace pgsluice::mover

#include "mover/live/finish.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>

#include "mover/live/following.hpp"
#include "mover/live/old_table.hpp"
#include "mover/live/partition_swap.hpp"
#include "mover/target_objects.hpp"
#include "mover/target_session.hpp"
#include "pg/failure.hpp"
#include "pg/statements.hpp"
#include "planner/finish_sql.hpp"
#include "planner/mark.hpp"
#include "planner/surroundings.hpp"
#include "planner/swap_names_sql.hpp"
#include "planner/target_table_sql.hpp"

namespace pgsluice::mover {

namespace {

using planner::Dependent;
using planner::DependentView;
using planner::MarkedRelation;
using planner::Plan;
using planner::QualifiedName;

constexpr std::string_view kDependentObjects = "2BP01";
constexpr const char* kOldTableStays = "the old table stays; the new one is in use, and nothing of it was changed";

// What is left of the old table.
struct OldTable {
  QualifiedName name;
  std::vector<std::string> oids;     // Its own, and those of its partitions.
  std::vector<QualifiedName> views;  // Materialized, upon it, with our mark.
};

MarkedRelation relation_at(const pg::Result& rows, int row) {
  return {{std::string(rows.text(row, rows.column("schema"))), std::string(rows.text(row, rows.column("name")))},
          std::string(rows.text(row, rows.column("kind"))),
          std::string(rows.text(row, rows.column("comment")))};
}

pg::Failure not_ours(const Plan& plan, const MarkedRelation& table) {
  return pg::Failure(pg::FailureKind::refused, pg::display(table.name) + " is not the old table of this migration")
      .detail(table.name == plan.source.name
                  ? (plan.parent ? "The partitions have not been exchanged." : "The tables have not been exchanged.")
                  : "Its comment does not end with \"" + planner::mark(plan.migration_id) + "\".")
      .status("nothing was changed");
}

// Absent when it is gone. Works inside a transaction, whose settings it changes.
std::optional<OldTable> read_old_table(pg::Connection& connection, const Plan& plan) {
  connection.run_script(pg::statement("catalog_settings", connection.server_major_version()));
  const std::string oid = std::to_string(plan.source.oid);
  const pg::Result rows = fixed_query(connection, "relation_of_oid", {oid});
  if (rows.row_count() == 0) {
    return std::nullopt;
  }
  const MarkedRelation table = relation_at(rows, 0);
  if (table.name != planner::name_after_swap(plan) || !planner::is_marked(table.comment, plan.migration_id)) {
    throw not_ours(plan, table);
  }
  OldTable old{table.name, {oid}, {}};
  if (plan.source.is_partitioned()) {
    const pg::Result partitions = fixed_query(connection, "swap_partitions", {oid});
    for (int i = 0; i < partitions.row_count(); ++i) {
      old.oids.emplace_back(partitions.text(i, partitions.column("oid")));
    }
  }
  for (const DependentView& view : planner::read_views_upon(connection, plan.source.oid)) {
    if (view.is_materialized && planner::is_marked(view.comment, plan.migration_id)) {
      old.views.push_back(view.name);
    }
  }
  return old;
}

std::vector<Dependent> read_users(pg::Connection& connection, const Plan& plan) {
  std::vector<Dependent> users;
  const std::optional<OldTable> old = read_old_table(connection, plan);
  if (!old) {
    return users;
  }
  for (const std::string& oid : old->oids) {
    const pg::Result rows = fixed_query(connection, "table_dependents", {oid});
    for (int i = 0; i < rows.row_count(); ++i) {
      const Dependent user{std::string(rows.text(i, 0)), std::string(rows.text(i, 1)), ""};
      // regclass text is quoted only where it must be, as display() does.
      const bool is_old_view = std::any_of(old->views.begin(), old->views.end(), [&](const QualifiedName& view) {
        return user.kind == "materialized view" && user.name == pg::display(view);
      });
      if (!is_old_view) {
        users.push_back(user);
      }
    }
  }
  return users;
}

pg::Failure still_used(const Plan& plan, const std::vector<Dependent>& users) {
  std::string list;
  for (const Dependent& user : users) {
    list += (list.empty() ? "" : "\n") + user.kind + " " + user.name;
  }
  return pg::Failure(pg::FailureKind::refused,
                     "the old table " + pg::display(planner::name_after_swap(plan)) + " is still used")
      .detail(list)
      .hint("Make them anew, so that they use " + pg::display(planner::table_in_use(plan)) +
            ", or drop them; then run the same command again.")
      .status(kOldTableStays);
}

void refuse_while_used(const Plan& plan, Session& session, const RetryContext& context) {
  std::vector<Dependent> users;
  repeat_until_done(session, context, "looking at who uses the old table",
                    [&](pg::Connection& connection) { users = read_users_of_old_table(connection, plan); });
  if (!users.empty()) {
    throw still_used(plan, users);
  }
}

// They would be dropped with it.
void refuse_unknown_partitions(pg::Connection& connection, const Plan& plan) {
  const PartitionDrift drift = read_old_table_drift(connection, plan);
  if (!drift.added.empty()) {
    throw pg::Failure(pg::FailureKind::refused, "partitions were added to the old table since the cutover")
        .detail(drift_text(drift))
        .hint("Detach them; then run the same command again.")
        .status(kOldTableStays);
  }
}

void drop_old_table(const Plan& plan, const Sessions& sessions, Session& session, const RetryContext& context) {
  const QualifiedName name = planner::name_after_swap(plan);
  try {
    repeat_naming_holders(session, context, "dropping " + pg::display(name), name, [&](pg::Connection& connection) {
      in_transaction(connection, [&] {
        wait_briefly(connection, sessions);
        if (const std::optional<OldTable> old = read_old_table(connection, plan)) {
          refuse_unknown_partitions(connection, plan);
          connection.run_script(planner::script_of(planner::drop_old_sql(old->name, old->views)));
        }
      });
    });
  } catch (pg::Failure& failure) {
    if (failure.sqlstate() == kDependentObjects) {
      throw pg::Failure(pg::FailureKind::refused, "the old table " + pg::display(name) + " is still used")
          .detail(failure.detail())
          .hint("Make what is named here anew, or drop it; then run the same command again.")
          .status(kOldTableStays);
    }
    throw;
  }
}

// What held the new partitions together until they had a place; nobody else uses it.
void drop_staging(const Plan& plan, Session& session, const RetryContext& context) {
  const planner::PartitionNode& root = plan.layout.root;
  repeat_until_done(session, context, "dropping " + pg::display(root.name), [&](pg::Connection& connection) {
    in_transaction(connection, [&] {
      const TargetObjects objects = TargetObjects::read(connection, {&root});
      const auto relation = objects.relation(root);
      if (!relation || !planner::is_marked(relation->comment, plan.migration_id)) {
        return;
      }
      if (fixed_query(connection, "partition_names", {pg::quoted(root.name)}).row_count() > 0) {
        throw pg::Failure(pg::FailureKind::refused, pg::display(root.name) + " has partitions again")
            .detail("It only held the new ones together before the cutover, and would take its partitions with it.")
            .hint("Detach them, then run the same command again.")
            .status("the old partition is dropped; the new ones are in use");
      }
      connection.query(planner::drop_tables_sql({&root}).sql);
    });
  });
}

// Takes locks that no reader or writer waits for.
void strip_marks(const Plan& plan, Session& session, const RetryContext& context) {
  constexpr std::size_t kPerTransaction = 100;
  std::size_t count = 0;
  do {
    leave_if_stopped(context, "taking the marks off");
    repeat_until_done(session, context, "taking the marks off", [&](pg::Connection& connection) {
      const pg::Result rows = fixed_query(connection, "marked_relations", {planner::mark(plan.migration_id)});
      planner::Statements statements;
      for (int i = 0; i < rows.row_count() && statements.size() < kPerTransaction; ++i) {
        const MarkedRelation relation = relation_at(rows, i);
        if (planner::is_marked(relation.comment, plan.migration_id)) {
          statements.push_back(planner::unmark_sql(relation, plan.migration_id));
        }
      }
      count = statements.size();
      if (count > 0) {
        in_transaction(connection, [&] { connection.run_script(planner::script_of(statements)); });
      }
    });
  } while (count > 0);
}

}  // namespace

std::vector<Dependent> read_users_of_old_table(pg::Connection& connection, const Plan& plan) {
  std::vector<Dependent> users;
  in_transaction(connection, [&] { users = read_users(connection, plan); });
  return users;
}

bool old_table_is_gone(pg::Connection& connection, const Plan& plan) {
  return fixed_query(connection, "relation_of_oid", {std::to_string(plan.source.oid)}).row_count() == 0;
}

void finish_swap(const Plan& plan, const Sessions& sessions, const RetryContext& context) {
  Session session([&sessions] { return open_patient_target(sessions, "finishing"); });
  refuse_while_used(plan, session, context);
  drop_old_table(plan, sessions, session, context);
  if (plan.parent) {
    drop_staging(plan, session, context);
    drop_bound_checks(plan, sessions, context);
  }
  strip_marks(plan, session, context);
}

}  // namespace pgsluice::mover

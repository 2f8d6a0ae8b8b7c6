#include "mover/live/materialized_views.hpp"

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "mover/target_session.hpp"
#include "pg/statements.hpp"
#include "planner/catalog.hpp"
#include "planner/mark.hpp"
#include "planner/materialized_view_sql.hpp"
#include "planner/surroundings.hpp"

namespace pgsluice::mover {

namespace {

using planner::DependentView;
using planner::Plan;
using planner::QualifiedName;
using planner::Statements;
using planner::TableFacts;

// One call, handed from step to step.
struct Work {
  const Plan& plan;
  const Sessions& sessions;
  const RetryContext& context;
  Session& session;
  bool is_ours(const DependentView& view) const { return planner::is_marked(view.comment, plan.migration_id); }
};

struct ViewsUponBoth {
  std::vector<DependentView> source;  // Materialized ones only.
  std::vector<DependentView> target;
};

std::vector<DependentView> materialized_upon(pg::Connection& connection, std::uint32_t oid) {
  std::vector<DependentView> views = planner::read_views_upon(connection, oid);
  std::erase_if(views, [](const DependentView& view) { return !view.is_materialized; });
  return views;
}

ViewsUponBoth read_views(const Work& work) {
  ViewsUponBoth views;
  repeat_until_done(work.session, work.context, "looking at materialized views", [&](pg::Connection& connection) {
    in_transaction(connection, [&] {
      const planner::Surroundings around = planner::read_surroundings(connection, work.plan);
      views = {materialized_upon(connection, around.source.oid), materialized_upon(connection, around.target.oid)};
    });
  });
  return views;
}

const DependentView* named(const std::vector<DependentView>& views, const QualifiedName& name) {
  const auto found =
      std::find_if(views.begin(), views.end(), [&](const DependentView& view) { return view.name == name; });
  return found == views.end() ? nullptr : &*found;
}

TableFacts read_facts(const Work& work, const QualifiedName& name) {
  TableFacts facts;
  repeat_until_done(work.session, work.context, "looking at " + pg::display(name),
                    [&](pg::Connection& connection) { facts = planner::read_table_facts(connection, name); });
  return facts;
}

void fill(const Work& work, const QualifiedName& view) {
  leave_if_stopped(work.context, "filling " + pg::display(view));
  repeat_until_done(work.session, work.context, "filling " + pg::display(view),
                    [&](pg::Connection& connection) { connection.query(planner::fill_view_sql(view).sql); });
}

std::vector<std::string> read_index_names(pg::Connection& connection, std::uint32_t oid) {
  const pg::Result rows = fixed_query(connection, "swap_parts", {std::to_string(oid)});
  std::vector<std::string> names;
  for (int i = 0; i < rows.row_count(); ++i) {
    if (rows.text(i, rows.column("kind")) == "index") {
      names.emplace_back(rows.text(i, rows.column("name")));
    }
  }
  return names;
}

void complete(const Work& work, const TableFacts& view, const DependentView& twin) {
  repeat_until_done(
      work.session, work.context, "completing " + pg::display(twin.name), [&](pg::Connection& connection) {
        in_transaction(connection, [&] {
          const Statements missing = planner::complete_twin_sql(view, read_index_names(connection, twin.oid));
          if (!missing.empty()) {
            connection.run_script(planner::script_of(missing));
          }
        });
      });
}

// Names exchanged, and the views upon the one that has the name now given the other, in one short transaction.
void in_short_transaction(const Work& work, const QualifiedName& table, std::uint32_t named_now,
                          const std::function<Statements(const std::vector<DependentView>&)>& compose) {
  leave_if_stopped(work.context, "exchanging " + pg::display(table));
  repeat_naming_holders(
      work.session, work.context, "exchanging " + pg::display(table), table, [&](pg::Connection& connection) {
        in_transaction(connection, [&] {
          wait_briefly(connection, work.sessions);
          connection.run_script(pg::statement("catalog_settings", connection.server_major_version()));
          connection.run_script(planner::script_of(compose(planner::read_views_upon(connection, named_now))));
        });
      });
}

void exchange(const Work& work, const DependentView& view, const DependentView& twin) {
  const TableFacts facts = read_facts(work, view.name);
  complete(work, facts, twin);
  if (!twin.is_populated) {
    fill(work, twin.name);
  }
  in_short_transaction(work, view.name, view.oid, [&](const std::vector<DependentView>& upon) {
    return planner::exchange_view_sql(facts, upon, work.plan.migration_id);
  });
}

void restore(const Work& work, const DependentView& old, const DependentView& twin) {
  fill(work, old.name);
  const TableFacts old_facts = read_facts(work, old.name);
  const TableFacts twin_facts = read_facts(work, twin.name);
  in_short_transaction(work, twin.name, twin.oid, [&](const std::vector<DependentView>& upon) {
    return planner::restore_view_sql(old_facts, twin_facts, upon, work.plan.migration_id);
  });
}

void drop_twin(const Work& work, const QualifiedName& twin) {
  repeat_until_done(work.session, work.context, "dropping " + pg::display(twin),
                    [&](pg::Connection& connection) { connection.query(planner::drop_view_sql(twin).sql); });
}

}  // namespace

void exchange_materialized_views(const Plan& plan, const Sessions& sessions, const RetryContext& context) {
  Session session([&sessions] { return open_patient_target(sessions, "materialized views"); });
  const Work work{plan, sessions, context, session};
  const ViewsUponBoth views = read_views(work);
  for (const DependentView& view : views.source) {
    const DependentView* twin = named(views.target, {view.name.schema, planner::twin_name(view.name.name)});
    if (!work.is_ours(view) && twin != nullptr && work.is_ours(*twin)) {
      exchange(work, view, *twin);
    }
  }
}

void restore_materialized_views(const Plan& plan, const Sessions& sessions, const RetryContext& context) {
  Session session([&sessions] { return open_patient_target(sessions, "materialized views"); });
  const Work work{plan, sessions, context, session};
  const ViewsUponBoth views = read_views(work);
  for (const DependentView& twin : views.target) {
    if (!work.is_ours(twin)) {
      continue;
    }
    const DependentView* old = named(views.source, {twin.name.schema, planner::old_view_name(twin.name.name)});
    if (old != nullptr && work.is_ours(*old)) {
      restore(work, *old, twin);
    } else {
      drop_twin(work, twin.name);
    }
  }
}

}  // namespace pgsluice::mover

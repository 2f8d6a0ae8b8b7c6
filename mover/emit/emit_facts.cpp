#include "mover/emit/emit_facts.hpp"

#include <algorithm>
#include <utility>

#include "mover/target_session.hpp"
#include "planner/catalog.hpp"
#include "planner/finishing_sql.hpp"
#include "planner/foreseen_surroundings.hpp"
#include "planner/materialized_view_sql.hpp"
#include "planner/script_sql.hpp"
#include "planner/swap_names_sql.hpp"

namespace pgsluice::mover {

namespace {

using planner::DependentView;
using planner::Plan;
using planner::QualifiedName;
using planner::Renaming;
using planner::SwapDirection;

std::vector<std::string> texts_of(const pg::Result& rows) {
  std::vector<std::string> texts;
  for (int i = 0; i < rows.row_count(); ++i) {
    texts.emplace_back(rows.text(i, 0));
  }
  return texts;
}

std::vector<std::string> read_known_grantees(pg::Connection& connection, const Plan& plan) {
  const std::vector<std::string> known = texts_of(fixed_query(connection, "grantees"));
  std::vector<std::string> grantees = planner::grantees_of(plan.source);
  std::erase_if(grantees, [&](const std::string& grantee) {
    return std::find(known.begin(), known.end(), grantee) == known.end();
  });
  return grantees;
}

bool gives_to_owner(pg::Connection& connection, const Plan& plan) {
  const pg::Result row =
      fixed_query(connection, "owner_is_assignable", {plan.source.owner, plan.layout.root.name.schema});
  return !row.boolean(0, row.column("is_self")) && row.boolean(0, row.column("can_be_given"));
}

// With the names that the target will have by then.
planner::TakenInSchema read_taken(pg::Connection& connection, const Plan& plan, const EmitFacts& facts) {
  const std::string& schema = plan.source.name.schema;
  planner::TakenInSchema taken{
      planner::read_relation_names(connection, schema), planner::read_statistics_names(connection, schema), {}};
  for (const QualifiedName& name : planner::names_for_views(facts.before_swap, SwapDirection::forward)) {
    if (fixed_query(connection, "relation_is_there", {pg::quoted(name)}).boolean(0, 0)) {
      taken.for_views.insert(name);
    }
  }
  if (plan.layout.root.name.schema == schema) {
    for (const Renaming& renaming : planner::renamings_into_place(plan)) {
      (renaming.kind == Renaming::Kind::statistics ? taken.statistics : taken.relations).insert(renaming.from.name);
    }
  }
  return taken;
}

void read_surroundings_of_day(pg::Connection& connection, const Plan& plan, EmitFacts& facts) {
  const planner::Surroundings alone = planner::read_source_surroundings(connection, plan);
  facts.before_swap = planner::foresee_before_swap(plan, alone);
  facts.after_swap = planner::foresee_after_swap(plan, facts.before_swap);
  for (const DependentView& view : facts.before_swap.views) {
    if (planner::gets_twin(view)) {
      EmitMaterializedView& found = facts.materialized_views.emplace_back();
      found.facts.name = view.name;
      found.upon = planner::read_views_upon(connection, view.oid);
    }
  }
  facts.surroundings_digest =
      std::string(connection.query(planner::surroundings_digest_sql(plan, facts.server_major_version)).text(0, 0));
  facts.obstacles =
      planner::swap_obstacles(plan, facts.before_swap, SwapDirection::forward, read_taken(connection, plan, facts),
                              planner::read_row_type_users(connection, facts.before_swap));
}

}  // namespace

EmitFacts read_emit_facts(pg::Connection& connection, const Plan& plan) {
  EmitFacts facts;
  facts.server_major_version = connection.server_major_version();
  facts.gives_to_owner = gives_to_owner(connection, plan);
  facts.default_grantees = texts_of(fixed_query(connection, "default_grantees", {plan.layout.root.name.schema}));
  facts.grantees = read_known_grantees(connection, plan);
  facts.guards_rows = plan.source.is_partition ||
                      fixed_query(connection, "is_subscribed", {pg::quoted(plan.source.name)}).boolean(0, 0);
  for (const planner::Publication& publication : plan.source.publications) {
    const pg::Result row = fixed_query(connection, "publication_goes_through_root", {publication.name});
    if (row.row_count() > 0) {
      facts.publications_through_root[publication.name] = row.boolean(0, 0);
    }
  }
  if (plan.strategy == planner::Strategy::capture) {
    in_transaction(connection, [&] { read_surroundings_of_day(connection, plan, facts); });
    for (EmitMaterializedView& view : facts.materialized_views) {
      view.facts = planner::read_table_facts(connection, view.facts.name);
    }
  }
  return facts;
}

}  // namespace pgsluice::mover

#include "planner/finish_sql.hpp"

#include "planner/mark.hpp"
#include "planner/materialized_view_sql.hpp"
#include "planner/script_sql.hpp"
#include "planner/swap_names_sql.hpp"
#include "planner/target_table_sql.hpp"

namespace pgsluice::planner {

namespace {

std::string_view kind_sql(const std::string& kind) {
  return kind == "S" ? "SEQUENCE" : kind == "m" ? "MATERIALIZED VIEW" : kind == "v" ? "VIEW" : "TABLE";
}

}  // namespace

Statements drop_old_sql(const QualifiedName& table, const std::vector<QualifiedName>& materialized_views) {
  Statements statements;
  for (const QualifiedName& view : materialized_views) {
    statements.push_back(drop_view_sql(view));
  }
  statements.push_back({"DROP TABLE " + pg::quoted(table), "ACCESS EXCLUSIVE", pg::display(table)});
  return statements;
}

Statement unmark_sql(const MarkedRelation& relation, const std::string& migration_id) {
  const std::string comment = unmarked_comment(relation.comment, migration_id);
  return {"COMMENT ON " + std::string(kind_sql(relation.kind)) + " " + pg::quoted(relation.name) + " IS " +
              (comment.empty() ? "NULL" : pg::literal(comment)),
          "SHARE UPDATE EXCLUSIVE", pg::display(relation.name)};
}

Statement unmark_if_there_sql(const MarkedRelation& relation, const std::string& migration_id) {
  const std::string ending = mark(migration_id);
  return run_if_sql("pg_catalog.right(pg_catalog.obj_description(pg_catalog.to_regclass(" +
                        pg::literal(pg::quoted(relation.name)) + "), 'pg_class'), " + std::to_string(ending.size()) +
                        ") = " + pg::literal(ending),
                    {unmark_sql(relation, migration_id)});
}

Statements finish_sql(const Plan& plan, const Surroundings& around) {
  std::vector<QualifiedName> views;
  for (const DependentView& view : around.views) {
    if (view.is_materialized && is_marked(view.comment, plan.migration_id)) {
      views.push_back({view.name.schema, old_view_name(view.name.name)});
    }
  }
  Statements statements = drop_old_sql(name_after_swap(plan), views);
  if (plan.layout.existing) {
    return statements;
  }
  statements.push_back(unmark_if_there_sql({plan.source.name, "p", around.target.comment}, plan.migration_id));
  for (const Partition& partition : partitions(plan.layout)) {
    statements.push_back(unmark_if_there_sql({partition.node->name, "p", ""}, plan.migration_id));
  }
  for (const CarriedSequence& sequence : carried_sequences(plan)) {
    statements.push_back(unmark_if_there_sql({sequence.source->name, "S", ""}, plan.migration_id));
  }
  return statements;
}

}  // namespace pgsluice::planner

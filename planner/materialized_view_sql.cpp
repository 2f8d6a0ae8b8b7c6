#include "planner/materialized_view_sql.hpp"

#include <algorithm>

#include "planner/mark.hpp"
#include "planner/names.hpp"
#include "planner/reloptions_sql.hpp"
#include "planner/swap_sql.hpp"

namespace pgsluice::planner {

namespace {

constexpr const char* kAccessExclusive = "ACCESS EXCLUSIVE";
constexpr const char* kCommentLock = "SHARE UPDATE EXCLUSIVE";

std::string comment_sql(const std::string& object, const std::string& comment) {
  return "COMMENT ON " + object + " IS " + (comment.empty() ? "NULL" : pg::literal(comment));
}

Statement comment_on_view_sql(const QualifiedName& view, const std::string& comment) {
  return {comment_sql("MATERIALIZED VIEW " + pg::quoted(view), comment), kCommentLock, pg::display(view)};
}

Statement rename_view_sql(const QualifiedName& view, const std::string& name) {
  return {"ALTER MATERIALIZED VIEW " + pg::quoted(view) + " RENAME TO " + pg::quoted(name), kAccessExclusive,
          pg::display(view)};
}

Statement rename_index_sql(const std::string& schema, const std::string& from, const std::string& to) {
  const QualifiedName index{schema, from};
  return {"ALTER INDEX " + pg::quoted(index) + " RENAME TO " + pg::quoted(to), kCommentLock, pg::display(index)};
}

void add_index(Statements& statements, const TableFacts& view, const QualifiedName& twin, const Index& index) {
  const std::string name = twin_name(index.name);
  statements.push_back({"SET LOCAL default_tablespace = " + pg::literal(index.tablespace), "", ""});
  statements.push_back({std::string(index.is_unique ? "CREATE UNIQUE INDEX " : "CREATE INDEX ") + pg::quoted(name) +
                            " ON " + pg::quoted(twin) + " USING " + index.body,
                        "SHARE", pg::display(twin)});
  if (!index.comment.empty()) {
    statements.push_back({comment_sql("INDEX " + pg::quoted(QualifiedName{view.name.schema, name}), index.comment),
                          kCommentLock, pg::display(twin)});
  }
  if (index.is_clustered) {
    statements.push_back({"ALTER MATERIALIZED VIEW " + pg::quoted(twin) + " CLUSTER ON " + pg::quoted(name),
                          kCommentLock, pg::display(twin)});
  }
}

void add_columns(Statements& statements, const TableFacts& view, const QualifiedName& twin) {
  for (const Column& column : view.columns) {
    if (column.statistics_target) {
      statements.push_back({"ALTER MATERIALIZED VIEW " + pg::quoted(twin) + " ALTER COLUMN " + pg::quoted(column.name) +
                                " SET STATISTICS " + std::to_string(*column.statistics_target),
                            kCommentLock, pg::display(twin)});
    }
    if (!column.comment.empty()) {
      statements.push_back({comment_sql("COLUMN " + pg::quoted(twin) + "." + pg::quoted(column.name), column.comment),
                            kCommentLock, pg::display(twin)});
    }
  }
}

void add_grants(Statements& statements, const TableFacts& view, const QualifiedName& twin) {
  for (const Grant& grant : view.grants) {
    statements.push_back({"GRANT " + grant.privilege +
                              (grant.column.empty() ? "" : " (" + pg::quoted(grant.column) + ")") + " ON TABLE " +
                              pg::quoted(twin) + " TO " + grant.grantee + (grant.grantable ? " WITH GRANT OPTION" : ""),
                          "", pg::display(twin)});
  }
}

void replace_views(Statements& statements, const std::vector<DependentView>& upon) {
  for (const DependentView& view : upon) {
    if (view.can_be_replaced()) {
      statements.push_back(replace_view_sql(view));
    }
  }
}

void lock_views(Statements& statements, const std::vector<DependentView>& upon) {
  for (const DependentView& view : upon) {
    if (view.can_be_replaced()) {
      statements.push_back(lock_view_sql(view));
    }
  }
}

}  // namespace

std::string twin_name(const std::string& name) {
  return fitted_name(name + "_new");
}

std::string old_view_name(const std::string& name) {
  return fitted_name(name + "_old");
}

bool gets_twin(const DependentView& view) {
  return view.is_materialized && view.is_owned && view.is_populated && !view.shows_row_type;
}

Statements create_twin_sql(const DependentView& view, const std::string& migration_id) {
  const QualifiedName twin{view.name.schema, twin_name(view.name.name)};
  return {{"CREATE MATERIALIZED VIEW " + pg::quoted(twin) + " USING " + pg::quoted(view.access_method) +
               (view.options.empty() ? "" : " WITH (" + reloptions_sql(view.options) + ")") +
               (view.tablespace.empty() ? "" : " TABLESPACE " + pg::quoted(view.tablespace)) + " AS " +
               view.definition + " WITH NO DATA",
           "", pg::display(twin)},
          {"ALTER MATERIALIZED VIEW " + pg::quoted(twin) + " OWNER TO " + pg::quoted(view.owner), kAccessExclusive,
           pg::display(twin)},
          comment_on_view_sql(twin, marked_comment("", migration_id))};
}

Statements complete_twin_sql(const TableFacts& view, const std::vector<std::string>& present) {
  const QualifiedName twin{view.name.schema, twin_name(view.name.name)};
  Statements statements;
  for (const Index& index : view.indexes) {
    if (index.is_valid && std::find(present.begin(), present.end(), twin_name(index.name)) == present.end()) {
      add_index(statements, view, twin, index);
    }
  }
  add_columns(statements, view, twin);
  add_grants(statements, view, twin);
  return statements;
}

Statement fill_view_sql(const QualifiedName& view) {
  return {"REFRESH MATERIALIZED VIEW " + pg::quoted(view), kAccessExclusive, pg::display(view)};
}

Statements exchange_view_sql(const TableFacts& view, const std::vector<DependentView>& upon,
                             const std::string& migration_id) {
  const std::string& schema = view.name.schema;
  const std::string& name = view.name.name;
  Statements statements;
  lock_views(statements, upon);
  statements.push_back(rename_view_sql(view.name, old_view_name(name)));
  statements.push_back(comment_on_view_sql({schema, old_view_name(name)}, marked_comment(view.comment, migration_id)));
  statements.push_back(rename_view_sql({schema, twin_name(name)}, name));
  statements.push_back(comment_on_view_sql(view.name, marked_comment(view.comment, migration_id)));
  for (const Index& index : view.indexes) {
    if (index.is_valid) {
      statements.push_back(rename_index_sql(schema, index.name, old_view_name(index.name)));
    }
  }
  for (const Index& index : view.indexes) {
    if (index.is_valid) {
      statements.push_back(rename_index_sql(schema, twin_name(index.name), index.name));
    }
  }
  replace_views(statements, upon);
  return statements;
}

Statements restore_view_sql(const TableFacts& old, const TableFacts& twin, const std::vector<DependentView>& upon,
                            const std::string& migration_id) {
  const std::string& schema = twin.name.schema;
  const QualifiedName dropped{schema, twin_name(twin.name.name)};
  Statements statements;
  lock_views(statements, upon);
  statements.push_back(rename_view_sql(twin.name, dropped.name));
  statements.push_back(rename_view_sql(old.name, twin.name.name));
  statements.push_back(comment_on_view_sql(twin.name, unmarked_comment(old.comment, migration_id)));
  replace_views(statements, upon);
  statements.push_back(drop_view_sql(dropped));
  for (const Index& index : twin.indexes) {
    const auto is_its_old = [&](const Index& one) { return one.name == old_view_name(index.name); };
    if (std::any_of(old.indexes.begin(), old.indexes.end(), is_its_old)) {
      statements.push_back(rename_index_sql(schema, old_view_name(index.name), index.name));
    }
  }
  return statements;
}

Statement drop_view_sql(const QualifiedName& view) {
  return {"DROP MATERIALIZED VIEW " + pg::quoted(view), kAccessExclusive, pg::display(view)};
}

}  // namespace pgsluice::planner

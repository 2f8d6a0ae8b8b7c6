#include "planner/swap_sql.hpp"

#include "planner/names.hpp"
#include "planner/target_table_sql.hpp"

namespace pgsluice::planner {

QualifiedName name_after_swap(const Plan& plan) {
  return {plan.source.name.schema, fitted_name(plan.source.name.name + "_old")};
}

Statements swap_by_hand_sql(const Plan& plan) {
  Statements statements;
  if (!plan.one_database) {
    return statements;
  }
  constexpr const char* kLock = "ACCESS EXCLUSIVE";
  const QualifiedName& source = plan.source.name;
  const QualifiedName& target = plan.layout.root.name;
  statements.push_back({"BEGIN", "", ""});
  statements.push_back({"SET LOCAL lock_timeout = '200ms'", "", ""});
  statements.push_back({"ALTER TABLE " + pg::quoted(source) + " RENAME TO " + pg::quoted(name_after_swap(plan).name),
                        kLock, pg::display(source)});
  QualifiedName moved = target;
  if (target.schema != source.schema) {
    statements.push_back(
        {"ALTER TABLE " + pg::quoted(target) + " SET SCHEMA " + pg::quoted(source.schema), kLock, pg::display(target)});
    moved.schema = source.schema;
  }
  statements.push_back(
      {"ALTER TABLE " + pg::quoted(moved) + " RENAME TO " + pg::quoted(source.name), kLock, pg::display(moved)});
  for (const Column& column : plan.source.columns) {
    if (column.owned_sequence && !plan.layout.existing && numbering_of(plan, column) == Numbering::source_sequence) {
      statements.push_back({"ALTER SEQUENCE " + pg::quoted(*column.owned_sequence) + " OWNED BY " + pg::quoted(source) +
                                "." + pg::quoted(column.name),
                            "SHARE ROW EXCLUSIVE", pg::display(*column.owned_sequence)});
    }
  }
  statements.push_back({"COMMIT", "", ""});
  return statements;
}

}  // namespace pgsluice::planner

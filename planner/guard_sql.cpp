#include "planner/guard_sql.hpp"

#include "planner/mark.hpp"
#include "planner/names.hpp"

namespace pgsluice::planner {

namespace {

constexpr std::string_view kSchema = "pgsluice";

std::string function_sql(const Plan& plan) {
  return pg::quoted(guard_function_name(plan.migration_id)) + "()";
}

std::string old_table_body_sql(const Plan& plan, const QualifiedName& old_table) {
  const std::string now = pg::display(table_in_use(plan));
  return "BEGIN\n"
         "  RAISE EXCEPTION USING ERRCODE = '25006',\n"
         "    MESSAGE = " +
         pg::literal("table " + pg::display(old_table) + " takes no writes: it was put aside by a cutover") +
         ",\n    DETAIL = " +
         pg::literal("Rows are in " + now + " now. " +
                     (plan.parent ? "Something writes to the partition that they were in, not to the whole table."
                                  : "Something writes to the old table by its identity, not by its name: a function "
                                    "with an SQL-standard body, a rule, or a view.")) +
         ",\n    HINT = " + pg::literal(plan.parent ? "Write to " + now + "." : "Make it anew upon " + now + ".") +
         ";\nEND";
}

std::string function_body_sql(const Plan& plan) {
  return "BEGIN\n"
         "  RAISE EXCEPTION USING ERRCODE = '25006',\n"
         "    MESSAGE = " +
         pg::literal("table " + pg::display(plan.source.name) + " takes no writes while pgsluice migrates it") +
         ",\n    DETAIL = " +
         pg::literal("Migration " + plan.migration_id + " brings its rows to " + pg::display(plan.layout.root.name) +
                     " and has stopped writes until it is finished or undone.") +
         ",\n    HINT = " +
         pg::literal(
             "`pgsluice status` tells how far it is; `pgsluice rollback` undoes it and lets writes through again.") +
         ";\nEND";
}

std::string trigger_name(const Plan& plan, std::string_view kind) {
  return fitted_name("pgsluice_guard_" + std::string(kind) + "_" + plan.migration_id);
}

void add_function(Statements& statements, const Plan& plan, const std::string& body) {
  // Without a comment of ours the function of another tool could be replaced: CREATE, not CREATE OR REPLACE.
  statements.push_back({"CREATE FUNCTION " + function_sql(plan) +
                            " RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS " +
                            pg::literal(body),
                        "", ""});
  statements.push_back(
      {"COMMENT ON FUNCTION " + function_sql(plan) + " IS " + pg::literal(marked_comment("", plan.migration_id)), "",
       ""});
}

void add_trigger(Statements& statements, const Plan& plan, const QualifiedName& on, std::string_view kind,
                 const std::string& events, const std::string& level) {
  const std::string lock = "SHARE ROW EXCLUSIVE";
  const std::string shown = pg::display(on);
  const std::string table = pg::quoted(on);
  const std::string name = pg::quoted(trigger_name(plan, kind));
  statements.push_back({"CREATE TRIGGER " + name + " BEFORE " + events + " ON " + table + " FOR EACH " + level +
                            " WHEN (pg_catalog.current_setting('pgsluice.migration', true) IS DISTINCT FROM " +
                            pg::literal(plan.migration_id) + ") EXECUTE FUNCTION " + function_sql(plan),
                        lock, shown});
  // ALWAYS: a session_replication_role of replica is no way around it.
  // One for statements is on this table alone, which not every version knows by itself.
  const std::string only = level == "STATEMENT" ? "ONLY " : "";
  statements.push_back({"ALTER TABLE " + only + table + " ENABLE ALWAYS TRIGGER " + name, lock, shown});
  statements.push_back(
      {"COMMENT ON TRIGGER " + name + " ON " + table + " IS " + pg::literal(marked_comment("", plan.migration_id)),
       "SHARE UPDATE EXCLUSIVE", shown});
}

Statements drop_triggers_and_function_sql(const Plan& plan, const QualifiedName& table,
                                          const std::vector<std::string_view>& kinds) {
  Statements statements;
  for (const std::string_view kind : kinds) {
    statements.push_back({"DROP TRIGGER IF EXISTS " + pg::quoted(trigger_name(plan, kind)) + " ON " + pg::quoted(table),
                          "ACCESS EXCLUSIVE", pg::display(table)});
  }
  statements.push_back({"DROP FUNCTION IF EXISTS " + function_sql(plan), "", ""});
  return statements;
}

// A statement that names a partition fires the triggers of that one alone.
void add_partition_triggers(Statements& statements, const Plan& plan, const std::vector<QualifiedName>& partitions) {
  for (const QualifiedName& partition : partitions) {
    add_trigger(statements, plan, partition, "write", "INSERT OR UPDATE OR DELETE OR TRUNCATE", "STATEMENT");
  }
}

std::string partitions_of_sql(const QualifiedName& table) {
  return "SELECT c.oid AS partition, pg_catalog.format('%I.%I', n.nspname, c.relname) AS name FROM "
         "pg_catalog.pg_partition_tree(pg_catalog.to_regclass(" +
         pg::literal(pg::quoted(table)) +
         ")) AS p JOIN pg_catalog.pg_class c ON c.oid = p.relid JOIN pg_catalog.pg_namespace n ON n.oid = "
         "c.relnamespace WHERE p.level > 0";
}

QualifiedName old_partitions(const Plan& plan) {
  return {std::string(kSchema), fitted_name("old_partitions_" + plan.migration_id)};
}

}  // namespace

QualifiedName guard_function_name(std::string_view migration_id) {
  return {std::string(kSchema), fitted_name("guard_" + std::string(migration_id))};
}

Statements create_guard_schema_sql() {
  return {{"CREATE SCHEMA IF NOT EXISTS pgsluice", "", ""},
          {"COMMENT ON SCHEMA pgsluice IS 'Made by pgsluice: ledgers and guards of its migrations. Removed with the "
           "last of "
           "them.'",
           "", ""}};
}

Statements create_guard_sql(const Plan& plan, bool guards_rows, const std::vector<QualifiedName>& partitions) {
  Statements statements;
  add_function(statements, plan, function_body_sql(plan));
  const QualifiedName& source = plan.source.name;
  add_trigger(statements, plan, source, "write", "INSERT OR UPDATE OR DELETE", "STATEMENT");
  add_trigger(statements, plan, source, "truncate", "TRUNCATE", "STATEMENT");
  if (guards_rows) {
    add_trigger(statements, plan, source, "row", "INSERT OR UPDATE OR DELETE", "ROW");
  }
  add_partition_triggers(statements, plan, partitions);
  return statements;
}

Statements create_old_table_guard_sql(const Plan& plan, const QualifiedName& old_table,
                                      const std::vector<QualifiedName>& partitions) {
  Statements statements;
  add_function(statements, plan, old_table_body_sql(plan, old_table));
  add_trigger(statements, plan, old_table, "write", "INSERT OR UPDATE OR DELETE", "STATEMENT");
  add_trigger(statements, plan, old_table, "truncate", "TRUNCATE", "STATEMENT");
  if (plan.source.is_partitioned()) {
    add_partition_triggers(statements, plan, partitions);
    const std::string list = pg::quoted(old_partitions(plan));
    statements.push_back({"CREATE TABLE " + list + " AS " + partitions_of_sql(old_table), "", ""});
    statements.push_back(
        {"COMMENT ON TABLE " + list + " IS " +
             pg::literal(marked_comment("Partitions of the old table as it was put aside.", plan.migration_id)),
         "", ""});
  }
  return statements;
}

std::string old_table_drift_sql(const Plan& plan, const QualifiedName& old_table) {
  return "SELECT coalesce(t.name, l.name) AS name, t.partition IS NULL AS is_gone FROM (" +
         partitions_of_sql(old_table) + ") AS t FULL JOIN " + pg::quoted(old_partitions(plan)) +
         " AS l ON l.partition = t.partition WHERE t.partition IS NULL OR l.partition IS NULL ORDER BY 1";
}

Statements drop_old_partitions_sql(const Plan& plan) {
  if (!plan.source.is_partitioned()) {
    return {};
  }
  const QualifiedName list = old_partitions(plan);
  return {{"DROP TABLE IF EXISTS " + pg::quoted(list), "ACCESS EXCLUSIVE", pg::display(list)}};
}

Statements drop_old_table_guard_sql(const Plan& plan, const QualifiedName& old_table,
                                    const std::vector<QualifiedName>& partitions) {
  Statements statements;
  for (const QualifiedName& partition : partitions) {
    statements.push_back(
        {"DROP TRIGGER IF EXISTS " + pg::quoted(trigger_name(plan, "write")) + " ON " + pg::quoted(partition),
         "ACCESS EXCLUSIVE", pg::display(partition)});
  }
  append(statements, drop_old_partitions_sql(plan));
  append(statements, drop_triggers_and_function_sql(plan, old_table, {"write", "truncate"}));
  return statements;
}

Statements drop_guard_sql(const Plan& plan) {
  return drop_triggers_and_function_sql(plan, plan.source.name, {"write", "truncate", "row"});
}

std::string guard_is_there_sql(const Plan& plan) {
  return "(pg_catalog.to_regprocedure(" + pg::literal(function_sql(plan)) + ") IS NOT NULL)";
}

Statement drop_trigger_sql(const std::string& trigger, const QualifiedName& table) {
  return {"DROP TRIGGER " + pg::quoted(trigger) + " ON " + pg::quoted(table), "ACCESS EXCLUSIVE", pg::display(table)};
}

Statement drop_guard_function_sql(const Plan& plan) {
  return {"DROP FUNCTION " + function_sql(plan), "", ""};
}

Statement drop_guard_schema_sql() {
  return {"DROP SCHEMA pgsluice", "", ""};
}

}  // namespace pgsluice::planner

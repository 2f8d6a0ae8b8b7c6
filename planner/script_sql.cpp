#include "planner/script_sql.hpp"

#include <algorithm>

#include "pg/statements.hpp"
#include "planner/capture_sql.hpp"
#include "planner/guard_sql.hpp"
#include "planner/mark.hpp"
#include "planner/refresh_sql.hpp"

namespace pgsluice::planner {

namespace {

constexpr std::size_t kTagBytes = 8;
constexpr std::string_view kRefused = "55000";  // object_not_in_prerequisite_state

std::string steps_sql(const Plan& plan) {
  return pg::quoted(steps_table(plan));
}

std::string values_sql(const StepId& step) {
  return "(" + pg::literal(step.script) + ", " + std::to_string(step.number) + ")";
}

std::string regclass_sql(const QualifiedName& table) {
  return "(" + pg::literal(pg::quoted(table)) + "::pg_catalog.regclass)";
}

// A fixed statement without the comment at its head and with SQL text in the place of its parameters; it must have no
// other dollar sign.
std::string fixed_sql(std::string_view name, int server_major_version, std::initializer_list<std::string> values) {
  std::string text = pg::statement(name, server_major_version);
  while (text.starts_with("--")) {
    text.erase(0, std::min(text.find('\n'), text.size() - 1) + 1);
  }
  std::string sql;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool is_parameter = text[at] == '$' && at + 1 < text.size() && text[at + 1] >= '1' && text[at + 1] <= '9';
    if (is_parameter) {
      sql += std::data(values)[static_cast<std::size_t>(text[++at] - '1')];
    } else {
      sql += text[at];
    }
  }
  while (!sql.empty() && (sql.back() == '\n' || sql.back() == ';' || sql.back() == ' ')) {
    sql.pop_back();
  }
  return sql;
}

std::string execute_sql(const Statements& statements) {
  std::string body;
  for (const Statement& statement : statements) {
    body += "    EXECUTE " + pg::literal(statement.sql) + ";\n";
  }
  return body;
}

Statement do_sql(const std::string& body, std::string lock = "", std::string on = "") {
  return {"DO LANGUAGE plpgsql " + pg::literal("BEGIN\n" + body + "END"), std::move(lock), std::move(on)};
}

// What a plan reads of a table, without what differs from database to database, role to role or day to day.
std::string definition_lines_sql(const std::string& table, int server_major_version) {
  struct Reading {
    std::string_view statement;
    std::string_view left_out;
  };
  constexpr Reading kReadings[] = {{"table_facts", "oid,file_node,row_security_active"},
                                   {"table_columns", "attribute_number,type_oid"},
                                   {"table_checks", ""},
                                   {"table_indexes", "bytes"},
                                   {"table_foreign_keys", ""},
                                   {"table_triggers", ""},
                                   {"table_policies", ""},
                                   {"table_grants", ""},
                                   {"table_statistics", ""},
                                   {"table_publications", "owned"}};
  std::string lines;
  for (const auto& [statement, left_out] : kReadings) {
    lines += "\nUNION ALL\nSELECT pg_catalog.format('%s %s', " + pg::literal(statement) +
             ", pg_catalog.to_jsonb(d) - '{" + std::string(left_out) + "}'::pg_catalog.text[]) FROM (" +
             fixed_sql(statement, server_major_version, {table}) + ") AS d";
  }
  return lines;
}

// A word that the text does not contain.
std::string word_beside(std::string_view text, std::string word) {
  while (text.find(word) != std::string_view::npos) {
    word += '_';
  }
  return word;
}

}  // namespace

QualifiedName steps_table(const Plan& plan) {
  return {"pgsluice", "steps_" + plan.migration_id.substr(0, kTagBytes)};
}

Statements create_steps_sql(const Plan& plan) {
  constexpr int kAnyVersion = 0;
  Statements statements = {
      run_if_sql("NOT (" + fixed_sql("guard_schema_exists", kAnyVersion, {}) + ")", create_guard_schema_sql())};
  statements.push_back({"CREATE TABLE IF NOT EXISTS " + steps_sql(plan) +
                            " (script text NOT NULL, step integer NOT NULL, done_at timestamptz NOT NULL DEFAULT "
                            "pg_catalog.clock_timestamp(), PRIMARY KEY (script, step))",
                        "", ""});
  statements.push_back({"COMMENT ON TABLE " + steps_sql(plan) + " IS " +
                            pg::literal(marked_comment("Steps of scripts that are done.", plan.migration_id)),
                        "", ""});
  return statements;
}

std::string step_is_open_sql(const Plan& plan, const StepId& step) {
  return "SELECT NOT EXISTS (SELECT FROM " + steps_sql(plan) + " WHERE (script, step) = " + values_sql(step) +
         ") AS is_open";
}

Statement record_step_sql(const Plan& plan, const StepId& step) {
  return {"INSERT INTO " + steps_sql(plan) + " (script, step) VALUES " + values_sql(step), "", ""};
}

Statements refuse_unless_done_sql(const Plan& plan, const std::vector<StepCount>& scripts, std::string_view message) {
  constexpr std::string_view kInOrder = "Run the files before it (again), in their order.";
  std::string missing;
  for (const auto& [script, count] : scripts) {
    missing += (missing.empty() ? "" : " OR ") + ("(SELECT pg_catalog.count(*) FROM " + steps_sql(plan)) +
               " WHERE script = " + pg::literal(script) + ") <> " + std::to_string(count);
  }
  return {refuse_sql("NOT " + is_there_sql(steps_table(plan)), message, kInOrder),
          refuse_sql(missing, message, kInOrder)};
}

std::string script_is_begun_sql(const Plan& plan, const std::string& script) {
  return "EXISTS (SELECT FROM " + steps_sql(plan) + " WHERE script = " + pg::literal(script) + ")";
}

Statement forget_scripts_sql(const Plan& plan, const std::vector<std::string>& scripts) {
  std::string list;
  for (const std::string& script : scripts) {
    list += (list.empty() ? "" : ", ") + pg::literal(script);
  }
  return {"DELETE FROM " + steps_sql(plan) + " WHERE script IN (" + list + ")", "", ""};
}

Statements drop_steps_sql(const Plan& plan) {
  constexpr int kAnyVersion = 0;
  return {{"DROP TABLE IF EXISTS " + steps_sql(plan), "ACCESS EXCLUSIVE", pg::display(steps_table(plan))},
          run_if_sql("COALESCE((" + fixed_sql("guard_schema_is_unused", kAnyVersion, {}) + "), false)",
                     {drop_guard_schema_sql()})};
}

Statement copy_range_sql(const Plan& plan, const std::string& insert_head, const Range& range, const StepId& step) {
  return {"WITH step AS (INSERT INTO " + steps_sql(plan) + " (script, step) VALUES " + values_sql(step) +
              " ON CONFLICT DO NOTHING RETURNING 1)\n" + insert_head + "(" +
              between_literals_sql(plan.key, range.lower, range.upper) + ") AND EXISTS (SELECT FROM step)",
          "", ""};
}

Statement refuse_sql(const std::string& condition, std::string_view message, std::string_view hint) {
  return do_sql("  IF " + condition + " THEN\n    RAISE EXCEPTION USING ERRCODE = " + pg::literal(kRefused) +
                ",\n      MESSAGE = " + pg::literal(message) + ",\n      HINT = " + pg::literal(hint) +
                ";\n  END IF;\n");
}

Statement run_if_sql(const std::string& condition, const Statements& statements) {
  const auto locking = std::find_if(statements.begin(), statements.end(),
                                    [](const Statement& statement) { return !statement.lock.empty(); });
  const bool locks = locking != statements.end();
  return do_sql("  IF " + condition + " THEN\n" + execute_sql(statements) + "  END IF;\n", locks ? locking->lock : "",
                locks ? locking->on : "");
}

std::string is_there_sql(const QualifiedName& relation) {
  return "(pg_catalog.to_regclass(" + pg::literal(pg::quoted(relation)) + ") IS NOT NULL)";
}

std::string truncate_is_noted_sql(const Feed& feed) {
  return "(SELECT b.truncated FROM (" + backlog_sql(feed) + ") AS b)";
}

std::string capture_is_broken_sql(const Feed& feed, int server_major_version) {
  Key tables;
  for (const QualifiedName& table : feed.noting()) {
    tables.push_back(pg::quoted(table));
  }
  return "(SELECT c.firing <> " + std::to_string(capture_trigger_count(feed)) + " FROM (" +
         fixed_sql("capture_triggers", server_major_version,
                   {pg::literal(to_array_text(tables)), pg::literal(feed.function("").name + "_"),
                    pg::literal(pg::quoted(feed.log()))}) +
         ") AS c)";
}

std::string columns_differ_sql(const QualifiedName& one, const QualifiedName& other, int server_major_version) {
  return "EXISTS (" +
         fixed_sql("differing_columns", server_major_version,
                   {pg::literal(pg::quoted(one)), pg::literal(pg::quoted(other))}) +
         ")";
}

std::string partitions_differ_sql(const QualifiedName& root, std::size_t count) {
  return "(SELECT pg_catalog.count(*) <> " + std::to_string(count) + " FROM pg_catalog.pg_partition_tree(" +
         regclass_sql(root) + "))";
}

// Policies of other tables are left out: the target's own look into the source, too, when it has any.
std::string surroundings_digest_sql(const Plan& plan, int server_major_version) {
  const std::string table = regclass_sql(plan.source.name);
  const std::string no_table = "'0'";
  return "SELECT pg_catalog.md5(pg_catalog.string_agg(around.line, ',' ORDER BY around.line COLLATE \"C\")) FROM (\n"
         "SELECT pg_catalog.format('%s %s', d.kind, d.name) AS line FROM (" +
         fixed_sql("table_dependents", server_major_version, {table}) +
         ") AS d WHERE d.kind <> 'policy'\nUNION ALL\n"
         "SELECT pg_catalog.format('%s %I.%I %s', p.kind, p.schema, p.name, p.state) FROM (" +
         fixed_sql("swap_parts", server_major_version, {table}) +
         ") AS p\nUNION ALL\n"
         "SELECT pg_catalog.format('key %I to %I.%I', k.name, k.referenced_schema, k.referenced_name) FROM (" +
         fixed_sql("swap_foreign_keys", server_major_version, {table, no_table}) + ") AS k" +
         definition_lines_sql(table, server_major_version) + "\n) AS around";
}

std::string surroundings_differ_sql(const Plan& plan, std::string_view digest, int server_major_version) {
  return "(" + surroundings_digest_sql(plan, server_major_version) + ") IS DISTINCT FROM " +
         (digest.empty() ? "NULL" : pg::literal(digest));
}

Statements create_snapshot_guard_here_sql(const Feed& feed) {
  const std::string all = script_of(create_snapshot_guard_sql(feed, "", {}));
  const std::string transaction = word_beside(all, "this_transaction");
  const std::string table = word_beside(all, "this_table");
  Statements statements;
  for (Statement& statement : create_snapshot_guard_sql(feed, transaction, {table})) {
    if (statement.sql.find(transaction) == std::string::npos) {
      statements.push_back(std::move(statement));
      continue;
    }
    statements.push_back(do_sql("  EXECUTE pg_catalog.replace(pg_catalog.replace(" + pg::literal(statement.sql) +
                                ",\n    " + pg::literal(transaction) +
                                ", pg_catalog.pg_current_xact_id()::pg_catalog.text),\n    " + pg::literal(table) +
                                ", " + regclass_sql(feed.from) + "::pg_catalog.oid::pg_catalog.text);\n"));
  }
  return statements;
}

Statement hold_lanes_sql(const Plan& plan, int server_major_version) {
  return {fixed_sql("hold_lanes", server_major_version,
                    {pg::literal(plan.migration_id), pg::literal(lanes_text(all_lanes()))}),
          "", ""};
}

Statement release_lanes_sql(const Plan& plan, int server_major_version) {
  return {fixed_sql("release_lanes", server_major_version,
                    {pg::literal(plan.migration_id), pg::literal(lanes_text(all_lanes()))}),
          "", ""};
}

Statement set_sql(std::string_view name, std::string_view value) {
  return {"SET " + std::string(name) + " = " + pg::literal(value), "", ""};
}

Statement set_local_sql(std::string_view name, std::string_view value) {
  return {"SET LOCAL " + std::string(name) + " = " + pg::literal(value), "", ""};
}

Statements catalog_settings_sql(int server_major_version) {
  const std::string all = fixed_sql("catalog_settings", server_major_version, {});
  Statements statements;
  for (std::size_t at = 0; at < all.size();) {
    const std::size_t end = std::min(all.find(";\n", at), all.size());
    statements.push_back({all.substr(at, end - at), "", ""});
    at = end + 2;
  }
  return statements;
}

std::string begin_sql() {
  return "BEGIN ISOLATION LEVEL READ COMMITTED";
}

std::string begin_snapshot_sql() {
  return "BEGIN ISOLATION LEVEL REPEATABLE READ";
}

std::string commit_sql() {
  return "COMMIT";
}

}  // namespace pgsluice::planner

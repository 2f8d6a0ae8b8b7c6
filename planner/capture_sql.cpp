#include "planner/capture_sql.hpp"

#include "planner/mark.hpp"

namespace pgsluice::planner {

namespace {

// The lock that CREATE TRIGGER takes: it waits for whoever has written, and nobody reads behind it.
constexpr const char* kTriggerLock = "SHARE ROW EXCLUSIVE";

std::vector<const CapturedColumn*> logged_columns(const Feed& feed) {
  std::vector<const CapturedColumn*> columns;
  for (const auto* part : {&feed.key, &feed.lead}) {
    for (const CapturedColumn& column : *part) {
      columns.push_back(&column);
    }
  }
  return columns;
}

// `"a", "b"`, each behind `prefix`.
std::string list_of(const Feed& feed, std::string_view prefix) {
  std::string list;
  for (const CapturedColumn* column : logged_columns(feed)) {
    list += (list.empty() ? "" : ", ") + std::string(prefix) + pg::quoted(column->name);
  }
  return list;
}

std::string insert_head(const Feed& feed) {
  return "INSERT INTO " + pg::quoted(feed.log()) + " (" + list_of(feed, "") + ") ";
}

// True when what is logged of a row differs between OLD and NEW. A type that somebody made is compared by its text,
// which exists wherever its operators are.
std::string differs_sql(const Feed& feed) {
  std::string condition;
  for (const CapturedColumn* column : logged_columns(feed)) {
    const std::string cast = column->has_own_equality ? "::pg_catalog.text" : "";
    const std::string name = pg::quoted(column->name) + cast;
    condition += (condition.empty() ? "" : " OR ") + ("OLD." + name + " IS DISTINCT FROM NEW." + name);
  }
  return condition;
}

std::string row_body(const Feed& feed) {
  const std::string old_row = "    " + insert_head(feed) + "VALUES (" + list_of(feed, "OLD.") + ");\n";
  const std::string new_row = "    " + insert_head(feed) + "VALUES (" + list_of(feed, "NEW.") + ");\n";
  return "BEGIN\n"
         "  IF TG_OP <> 'INSERT' THEN\n" +
         old_row +
         "  END IF;\n"
         "  IF TG_OP = 'INSERT' THEN\n" +
         new_row +
         "  ELSIF TG_OP = 'UPDATE' THEN\n"
         "    IF " +
         differs_sql(feed) + " THEN\n  " + new_row +
         "    END IF;\n"
         "  END IF;\n"
         "  RETURN NULL;\n"
         "END";
}

// UNION: a row whose key and lead stay is noted once.
std::string statement_body(const Feed& feed, std::string_view event) {
  // Qualified: a column may be called like one of PL/pgSQL's own variables.
  const std::string columns = list_of(feed, "r.");
  std::string rows = "SELECT " + columns + " FROM " + (event == "insert" ? "new_rows" : "old_rows") + " AS r";
  if (event == "update") {
    rows += " UNION SELECT " + columns + " FROM new_rows AS r";
  }
  return "BEGIN\n  " + insert_head(feed) + rows + ";\n  RETURN NULL;\nEND";
}

// A row without a key: everything that was there before is gone.
std::string truncate_body(const Feed& feed) {
  return "BEGIN\n  INSERT INTO " + pg::quoted(feed.log()) + " DEFAULT VALUES;\n  RETURN NULL;\nEND";
}

std::string comment_text(const Feed& feed, const std::string& what) {
  return pg::literal(marked_comment(what, feed.migration_id));
}

void add_function(Statements& statements, const Feed& feed, std::string_view event, const std::string& body) {
  const std::string function = pg::quoted(feed.function(event)) + "()";
  statements.push_back({"CREATE FUNCTION " + function +
                            " RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp "
                            "AS " +
                            pg::literal(body),
                        "", ""});
  statements.push_back({"COMMENT ON FUNCTION " + function + " IS " +
                            comment_text(feed, "Notes which rows of " + pg::display(feed.from) + " change."),
                        "", ""});
}

void add_trigger(Statements& statements, const Feed& feed, std::string_view event, const QualifiedName& table,
                 const std::string& when) {
  const std::string name = pg::quoted(feed.trigger(event));
  const std::string quoted_table = pg::quoted(table);
  const std::string shown = pg::display(table);
  statements.push_back(
      {"CREATE TRIGGER " + name + " AFTER " + when + " EXECUTE FUNCTION " + pg::quoted(feed.function(event)) + "()",
       kTriggerLock, shown});
  // A trigger for statements is on this table alone, which not every version knows by itself.
  const std::string only = event == "row" ? "" : "ONLY ";
  statements.push_back({"ALTER TABLE " + only + quoted_table + " ENABLE ALWAYS TRIGGER " + name, kTriggerLock, shown});
  statements.push_back(
      {"COMMENT ON TRIGGER " + name + " ON " + quoted_table + " IS " + comment_text(feed, ""), "", ""});
}

void add_log(Statements& statements, const Feed& feed) {
  std::string columns;
  for (const CapturedColumn* column : logged_columns(feed)) {
    columns += pg::quoted(column->name) + " " + column->type +
               (column->collation.empty() ? "" : " COLLATE " + column->collation) + ", ";
  }
  const std::string log = pg::quoted(feed.log());
  // Rows come and go, and its pages are read from the first to the last: dead rows must not stay for long.
  statements.push_back({"CREATE TABLE " + log + " (" + columns + pg::quoted(feed.time_column()) +
                            " timestamptz NOT NULL DEFAULT pg_catalog.now()) WITH (autovacuum_vacuum_scale_factor = 0, "
                            "autovacuum_vacuum_threshold = 20000, autovacuum_analyze_scale_factor = 1)",
                        "", ""});
  // Where a publication takes in all tables, rows without an identity could not be deleted.
  statements.push_back({"ALTER TABLE " + log + " REPLICA IDENTITY FULL", "", ""});
  statements.push_back(
      {"COMMENT ON TABLE " + log + " IS " +
           comment_text(feed, "Keys of rows of " + pg::display(feed.from) +
                                  " that changed and are still to be brought to " + pg::display(feed.to) + "."),
       "", ""});
}

std::vector<QualifiedName> truncatable(const Feed& feed) {
  std::vector<QualifiedName> tables = feed.noting();
  tables.insert(tables.end(), feed.truncatable.begin(), feed.truncatable.end());
  return tables;
}

std::vector<std::string_view> row_events(const Feed& feed) {
  return feed.form == CaptureForm::row ? std::vector<std::string_view>{"row"}
                                       : std::vector<std::string_view>{"insert", "update", "delete"};
}

std::string firing(const QualifiedName& table, std::string_view event) {
  const std::string on = " ON " + pg::quoted(table);
  if (event == "row") {
    return "INSERT OR UPDATE OR DELETE" + on + " FOR EACH ROW";
  }
  const std::string rows = event == "insert"   ? "NEW TABLE AS new_rows"
                           : event == "delete" ? "OLD TABLE AS old_rows"
                                               : "OLD TABLE AS old_rows NEW TABLE AS new_rows";
  const std::string verb = event == "insert" ? "INSERT" : event == "delete" ? "DELETE" : "UPDATE";
  return verb + on + " REFERENCING " + rows + " FOR EACH STATEMENT";
}

}  // namespace

Statements create_capture_log_sql(const Feed& feed) {
  Statements statements;
  add_log(statements, feed);
  add_function(statements, feed, "truncate", truncate_body(feed));
  for (const std::string_view event : row_events(feed)) {
    add_function(statements, feed, event, event == "row" ? row_body(feed) : statement_body(feed, event));
  }
  return statements;
}

Statements create_capture_triggers_sql(const Feed& feed) {
  Statements statements;
  for (const QualifiedName& table : feed.noting()) {
    for (const std::string_view event : row_events(feed)) {
      add_trigger(statements, feed, event, table, firing(table, event));
    }
  }
  for (const QualifiedName& table : truncatable(feed)) {
    add_trigger(statements, feed, "truncate", table, "TRUNCATE ON " + pg::quoted(table) + " FOR EACH STATEMENT");
  }
  return statements;
}

Statements create_snapshot_guard_sql(const Feed& feed, std::string_view xid, std::string_view table_oid) {
  const std::string function = pg::quoted(feed.snapshot_function()) + "()";
  const std::string name = pg::quoted(feed.snapshot_function().name);
  const std::string table = pg::quoted(feed.addressed());
  const std::string body =
      "BEGIN\n"
      "  IF NOT pg_catalog.pg_visible_in_snapshot(" +
      pg::literal(xid) +
      "::pg_catalog.xid8, pg_catalog.pg_current_snapshot())\n"
      // In a copy that was restored elsewhere the table has another identity, and the number means nothing.
      "     AND TG_RELID = " +
      pg::literal(table_oid) +
      "::pg_catalog.oid THEN\n"
      "    RAISE EXCEPTION USING ERRCODE = '40001',\n"
      "      MESSAGE = 'could not serialize access: the table was exchanged after this transaction had begun',\n"
      "      HINT = 'The transaction might succeed if retried.';\n"
      "  END IF;\n"
      "  RETURN NULL;\n"
      "END";
  Statements statements;
  statements.push_back(
      {"CREATE FUNCTION " + function + " RETURNS trigger LANGUAGE plpgsql AS " + pg::literal(body), "", ""});
  statements.push_back({"COMMENT ON FUNCTION " + function + " IS " +
                            comment_text(feed, "Refuses writes by snapshots from before the cutover."),
                        "", ""});
  statements.push_back({"CREATE TRIGGER " + name + " BEFORE INSERT OR UPDATE OR DELETE ON " + table +
                            " FOR EACH STATEMENT EXECUTE FUNCTION " + function,
                        kTriggerLock, pg::display(feed.addressed())});
  statements.push_back({"COMMENT ON TRIGGER " + name + " ON " + table + " IS " + comment_text(feed, ""), "", ""});
  return statements;
}

// DROP TRIGGER on a partitioned table locks its partitions before itself, the reverse of what everybody else does.
// Other partitions of the application's table, which have no trigger of ours, are left out.
Statements drop_capture_triggers_sql(const Feed& feed) {
  const char* const lock = "ACCESS EXCLUSIVE";
  const QualifiedName& addressed = feed.addressed();
  Statements statements;
  const auto add_lock = [&](const std::string& only, const QualifiedName& table) {
    statements.push_back(
        {"LOCK TABLE " + only + pg::quoted(table) + " IN ACCESS EXCLUSIVE MODE", lock, pg::display(table)});
  };
  const auto drop = [&](const std::string& name, const QualifiedName& table) {
    statements.push_back(
        {"DROP TRIGGER IF EXISTS " + pg::quoted(name) + " ON " + pg::quoted(table), lock, pg::display(table)});
  };
  add_lock(feed.parent ? "ONLY " : "", addressed);
  if (feed.parent) {
    for (const QualifiedName& table : feed.noting()) {
      add_lock("", table);
    }
  }
  drop(feed.snapshot_function().name, addressed);
  for (const QualifiedName& table : feed.noting()) {
    for (const std::string_view event : row_events(feed)) {
      drop(feed.trigger(event), table);
    }
  }
  for (const QualifiedName& table : truncatable(feed)) {
    drop(feed.trigger("truncate"), table);
  }
  return statements;
}

Statements drop_capture_log_sql(const Feed& feed) {
  Statements statements;
  std::vector<std::string_view> events = row_events(feed);
  events.emplace_back("truncate");
  for (const std::string_view event : events) {
    statements.push_back({"DROP FUNCTION IF EXISTS " + pg::quoted(feed.function(event)) + "()", "", ""});
  }
  statements.push_back({"DROP FUNCTION IF EXISTS " + pg::quoted(feed.snapshot_function()) + "()", "", ""});
  statements.push_back({"DROP TABLE IF EXISTS " + pg::quoted(feed.log()), "ACCESS EXCLUSIVE", pg::display(feed.log())});
  return statements;
}

std::size_t capture_trigger_count(const Feed& feed) {
  return (row_events(feed).size() + 1) * feed.noting().size();
}

// Giving pages back would wait for up to 5 s for the lock, in vain while the application writes much.
Statement vacuum_log_sql(const Feed& feed, bool gives_back) {
  return {"VACUUM (ANALYZE, TRUNCATE " + std::string(gives_back ? "true" : "false") + ") " + pg::quoted(feed.log()),
          "SHARE UPDATE EXCLUSIVE", pg::display(feed.log())};
}

}  // namespace pgsluice::planner

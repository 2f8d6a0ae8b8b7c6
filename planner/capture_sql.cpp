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

// All below `from`, of every level: oid, is_leaf.
std::string partitions_of_sql(const QualifiedName& from) {
  return "SELECT p.relid::pg_catalog.oid AS oid, p.isleaf AS is_leaf FROM "
         "pg_catalog.pg_partition_tree(pg_catalog.to_regclass(" +
         pg::literal(pg::quoted(from)) + ")) AS p WHERE p.level > 0";
}

// A partition that is not known yet lists itself, without an index that writers could wait for each other at.
std::string list_partition_sql(const Feed& feed) {
  if (!feed.from_is_partitioned) {
    return "";
  }
  std::string known;
  for (const std::string& oid : feed.known_partitions) {
    known += (known.empty() ? "" : ",") + oid;
  }
  const std::string list = pg::quoted(feed.partitions());
  return "  IF TG_RELID <> ALL ('{" + known +
         "}'::pg_catalog.oid[]) THEN\n"
         "    INSERT INTO " +
         list +
         " (partition, trigger) SELECT TG_RELID, t.oid FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = TG_RELID AND "
         "t.tgname = TG_NAME AND NOT EXISTS (SELECT FROM " +
         list +
         " AS p WHERE p.partition = TG_RELID AND p.trigger = t.oid);\n"
         "  END IF;\n";
}

std::string row_body(const Feed& feed) {
  const std::string old_row = "    " + insert_head(feed) + "VALUES (" + list_of(feed, "OLD.") + ");\n";
  const std::string new_row = "    " + insert_head(feed) + "VALUES (" + list_of(feed, "NEW.") + ");\n";
  return "BEGIN\n" + list_partition_sql(feed) + "  IF TG_OP <> 'INSERT' THEN\n" + old_row +
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

Statement create_function_sql(const Feed& feed, std::string_view event, const std::string& body, bool anew) {
  return {std::string(anew ? "CREATE OR REPLACE" : "CREATE") + " FUNCTION " + pg::quoted(feed.function(event)) +
              "() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS " +
              pg::literal(body),
          "", ""};
}

void add_function(Statements& statements, const Feed& feed, std::string_view event, const std::string& body) {
  const std::string function = pg::quoted(feed.function(event)) + "()";
  statements.push_back(create_function_sql(feed, event, body, false));
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

void add_partitions(Statements& statements, const Feed& feed) {
  const std::string list = pg::quoted(feed.partitions());
  statements.push_back({"CREATE TABLE " + list + " (partition oid NOT NULL, trigger oid, name text)", "", ""});
  statements.push_back({"ALTER TABLE " + list + " REPLICA IDENTITY FULL", "", ""});
  statements.push_back({"COMMENT ON TABLE " + list + " IS " +
                            comment_text(feed, "Partitions of " + pg::display(feed.from) + " whose rows are followed."),
                        "", ""});
}

std::vector<QualifiedName> truncatable(const Feed& feed) {
  std::vector<QualifiedName> tables = feed.noting();
  tables.insert(tables.end(), feed.truncatable.begin(), feed.truncatable.end());
  return tables;
}

// The application knows the partitions that a partitioned source has by their names; those of a target it does not know
// before its cutover.
std::vector<QualifiedName> guarded_from_old_snapshots(const Feed& feed) {
  return feed.from_is_partitioned ? truncatable(feed) : std::vector<QualifiedName>{feed.addressed()};
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
  if (feed.from_is_partitioned) {
    add_partitions(statements, feed);
  }
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

std::string standing_partitions_sql(const Feed& feed) {
  const std::string row = pg::literal(feed.function("row").name);
  const std::string truncate = pg::literal(feed.function("truncate").name);
  return "WITH tree AS (" + partitions_of_sql(feed.from) +
         "), noting AS (SELECT g.tgrelid, g.oid, f.proname, g.tgenabled = 'A' AS fires FROM pg_catalog.pg_trigger g "
         "JOIN "
         "pg_catalog.pg_proc f ON f.oid = g.tgfoid JOIN pg_catalog.pg_namespace s ON s.oid = f.pronamespace WHERE "
         "s.nspname "
         "= 'pgsluice' AND f.proname IN (" +
         row + ", " + truncate +
         ") AND g.tgrelid IN (SELECT t.oid FROM tree t)), listed AS (SELECT l.partition, pg_catalog.max(l.name) AS "
         "name, "
         "pg_catalog.bool_or(g.oid IS NULL) AS was_away FROM " +
         pg::quoted(feed.partitions()) +
         " AS l LEFT JOIN noting g ON g.tgrelid = l.partition AND g.oid = l.trigger GROUP BY l.partition) SELECT "
         "n.nspname "
         "AS schema, c.relname AS name, c.relkind AS kind, c.relpersistence AS persistence, coalesce(t.oid, "
         "l.partition) AS "
         "oid, t.is_leaf, t.oid IS NOT NULL AS is_there, l.partition IS NOT NULL AS is_listed, l.name AS listed_name, "
         "l.was_away, (SELECT g.oid FROM noting g WHERE g.tgrelid = t.oid AND g.proname = " +
         row +
         ") AS row_trigger, "
         // A table that is made new has its file by its own OID, until TRUNCATE, or something that writes all of it
         // anew, gives it another.
         "pg_catalog.pg_relation_filenode(t.oid) IS DISTINCT FROM t.oid AS has_another_file, EXISTS (SELECT FROM "
         "noting g "
         "WHERE g.tgrelid = t.oid AND g.fires AND g.proname = " +
         row + ") AS notes_rows, EXISTS (SELECT FROM noting g WHERE g.tgrelid = t.oid AND g.fires AND g.proname = " +
         truncate +
         ") AS notes_truncate FROM tree t FULL JOIN listed l ON l.partition = t.oid LEFT JOIN pg_catalog.pg_class c ON "
         "c.oid = t.oid LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace ORDER BY 5";
}

Statement lock_partitions_sql(const Feed& feed, bool against_writers) {
  const std::string mode = against_writers ? kTriggerLock : "SHARE UPDATE EXCLUSIVE";
  return {"LOCK TABLE " + std::string(against_writers ? "" : "ONLY ") + pg::quoted(feed.from) + " IN " + mode + " MODE",
          mode, pg::display(feed.from)};
}

Statements list_partitions_sql(const Feed& feed, const std::vector<ListedPartition>& partitions,
                               const std::vector<std::string>& gone) {
  const std::string list = pg::quoted(feed.partitions());
  std::string oids;
  std::string rows;
  for (const ListedPartition& partition : partitions) {
    oids += (oids.empty() ? "" : ",") + partition.oid;
    rows += (rows.empty() ? "" : ", ") +
            ("(" + partition.oid + ", " + partition.trigger + ", " + pg::literal(pg::display(partition.name)) + ")");
  }
  for (const std::string& oid : gone) {
    oids += (oids.empty() ? "" : ",") + oid;
  }
  Statements statements = {create_function_sql(feed, "row", row_body(feed), true)};
  if (!oids.empty()) {
    statements.push_back({"DELETE FROM " + list + " WHERE partition IN (" + oids + ")", "", ""});
  }
  if (!rows.empty()) {
    statements.push_back({"INSERT INTO " + list + " (partition, trigger, name) VALUES " + rows, "", ""});
  }
  return statements;
}

Statement forget_partition_sql(const Feed& feed, const std::string& partition) {
  return {"DELETE FROM " + pg::quoted(feed.partitions()) + " WHERE partition = pg_catalog.to_regclass(" +
              pg::literal(partition) + ")",
          "", ""};
}

Statement note_rows_sql(const Feed& feed, const QualifiedName& partition, std::int64_t block_begin,
                        std::int64_t block_end) {
  const auto place = [](std::int64_t block) {
    return pg::literal("(" + std::to_string(block) + ",0)") + "::pg_catalog.tid";
  };
  return {
      insert_head(feed) + "SELECT " + list_of(feed, "r.") + " FROM ONLY " + pg::quoted(partition) + " AS r" +
          (block_begin == block_end ? std::string()
                                    : " WHERE r.ctid >= " + place(block_begin) + " AND r.ctid < " + place(block_end)),
      "ACCESS SHARE", pg::display(partition)};
}

Statements note_truncate_sql(const Feed& feed, const QualifiedName& partition) {
  Statements statements;
  add_trigger(statements, feed, "truncate", partition, "TRUNCATE ON " + pg::quoted(partition) + " FOR EACH STATEMENT");
  return statements;
}

Statement note_loss_sql(const Feed& feed) {
  return {"INSERT INTO " + pg::quoted(feed.log()) + " DEFAULT VALUES", "", ""};
}

Statements create_snapshot_guard_sql(const Feed& feed, std::string_view xid,
                                     const std::vector<std::string>& table_oids) {
  const std::string function = pg::quoted(feed.snapshot_function()) + "()";
  const std::string name = pg::quoted(feed.snapshot_function().name);
  std::string oids;
  for (const std::string& oid : table_oids) {
    oids += (oids.empty() ? "" : ",") + oid;
  }
  const std::string body =
      "BEGIN\n"
      "  IF NOT pg_catalog.pg_visible_in_snapshot(" +
      pg::literal(xid) +
      "::pg_catalog.xid8, pg_catalog.pg_current_snapshot())\n"
      // In a copy that was restored elsewhere the table has another identity, and the number means nothing.
      "     AND TG_RELID = ANY (" +
      pg::literal("{" + oids + "}") +
      "::pg_catalog.oid[]) THEN\n"
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
  for (const QualifiedName& table : guarded_from_old_snapshots(feed)) {
    statements.push_back({"CREATE TRIGGER " + name + " BEFORE INSERT OR UPDATE OR DELETE ON " + pg::quoted(table) +
                              " FOR EACH STATEMENT EXECUTE FUNCTION " + function,
                          kTriggerLock, pg::display(table)});
    statements.push_back(
        {"COMMENT ON TRIGGER " + name + " ON " + pg::quoted(table) + " IS " + comment_text(feed, ""), "", ""});
  }
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
  for (const QualifiedName& table : guarded_from_old_snapshots(feed)) {
    drop(feed.snapshot_function().name, table);
  }
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
  if (feed.from_is_partitioned) {
    const QualifiedName list = feed.partitions();
    statements.push_back({"DROP TABLE IF EXISTS " + pg::quoted(list), "ACCESS EXCLUSIVE", pg::display(list)});
  }
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

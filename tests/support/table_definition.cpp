// Reads definitions from the catalogue and compares them.
#include "tests/support/table_definition.hpp"

#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <sstream>
#include <stdexcept>

#include "tests/support/installation.hpp"

namespace pgsluice::tests {

namespace {

// Each gives lines; $1 is the table. to_jsonb(row)->>'column' reads columns that not every version has.
constexpr const char* kQueries[] = {
    R"~(SELECT 'table: owner ' || pg_get_userbyid(relowner) || ', row security ' || relrowsecurity || ', forced ' ||
          relforcerowsecurity || ', replica identity ' || relreplident::text || ', persistence ' || relpersistence::text ||
          ', comment ' || coalesce(nullif(regexp_replace(obj_description(oid, 'pg_class'),
            E'\n?\\[pgsluice [-0-9a-f]+\\]$', ''), ''), '-')
        FROM pg_class WHERE oid = $1::regclass)~",

    R"~(SELECT 'column ' || attname || ': ' || format_type(atttypid, atttypmod) ||
          CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END ||
          coalesce(' COLLATE ' || (SELECT collname FROM pg_collation WHERE pg_collation.oid = attcollation), '') ||
          coalesce(' DEFAULT ' || pg_get_expr(adbin, adrelid), '') ||
          ' generated "' || attgenerated::text || '" identity "' || attidentity::text || '" storage ' || attstorage::text ||
          ' compression "' || coalesce(to_jsonb(a)->>'attcompression', '') || '" statistics ' ||
          coalesce(nullif(attstattarget::int, -1)::text, '-') || ' options ' ||
          coalesce((SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(attoptions) AS o WHERE o !~ '^pg_'), '-') ||
          ' comment ' || coalesce(col_description(attrelid, attnum), '-')
        FROM pg_attribute a LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped)~",

    R"~(SELECT 'order of columns: ' || string_agg(attname, ', ' ORDER BY attnum)
        FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped)~",

    R"~(SELECT CASE contype WHEN 'c' THEN 'check ' ELSE 'foreign key ' END || conname || ': ' ||
          pg_get_constraintdef(c.oid) || ' comment ' || coalesce(obj_description(c.oid, 'pg_constraint'), '-')
        FROM pg_constraint c WHERE conrelid = $1::regclass AND contype IN ('c', 'f'))~",

    R"~(SELECT 'index: ' || regexp_replace(pg_get_indexdef(indexrelid), '^CREATE (UNIQUE )?INDEX .*? USING ', '\1') ||
          coalesce(' constraint ' || (SELECT pg_get_constraintdef(c.oid) || ' comment ' ||
            coalesce(obj_description(c.oid, 'pg_constraint'), '-') FROM pg_constraint c
            WHERE conindid = indexrelid AND conrelid = indrelid AND contype IN ('p', 'u', 'x')), '') ||
          ' valid ' || indisvalid || ' replica identity ' || indisreplident ||
          ' comment ' || coalesce(obj_description(indexrelid, 'pg_class'), '-')
        FROM pg_index WHERE indrelid = $1::regclass)~",

    R"~(SELECT 'trigger ' || tgname || ': ' || regexp_replace(pg_get_triggerdef(oid), ' ON .*? (FROM|REFERENCING|NOT|DEFERRABLE|FOR|WHEN|EXECUTE) ',
          ' ON … \1 ') || ' enabled ' || tgenabled::text || ' comment ' || coalesce(obj_description(oid, 'pg_trigger'), '-')
        FROM pg_trigger WHERE tgrelid = $1::regclass AND NOT tgisinternal)~",

    R"~(SELECT 'policy ' || polname || ': ' || polcmd::text || ' permissive ' || polpermissive || ' roles ' ||
          (SELECT string_agg(CASE role WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(role) END, ', ' ORDER BY 1) FROM unnest(polroles) AS role) ||
          ' using ' || coalesce(pg_get_expr(polqual, polrelid), '-') || ' check ' ||
          coalesce(pg_get_expr(polwithcheck, polrelid), '-') || ' comment ' || coalesce(obj_description(oid, 'pg_policy'), '-')
        FROM pg_policy WHERE polrelid = $1::regclass)~",

    R"~(SELECT 'grant on table: ' || privilege_type || ' to ' || grantee::regrole || ' by ' || grantor::regrole || ' grantable ' || is_grantable
        FROM pg_class, aclexplode(coalesce(relacl, acldefault('r', relowner))) WHERE oid = $1::regclass)~",

    R"~(SELECT 'grant on column ' || attname || ': ' || privilege_type || ' to ' || grantee::regrole || ' grantable ' || is_grantable
        FROM pg_attribute, aclexplode(attacl) WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped)~",

    R"~(SELECT 'statistics: ' || replace(replace(pg_get_statisticsobjdef(oid), ' FROM ' || stxrelid::regclass, ''),
            format('CREATE STATISTICS %I.%I ', (SELECT nspname FROM pg_namespace n WHERE n.oid = stxnamespace), stxname), '') ||
          ' target ' || coalesce(nullif((to_jsonb(s)->>'stxstattarget')::int, -1)::text, '-') || ' owner ' || pg_get_userbyid(stxowner) ||
          ' comment ' || coalesce(nullif(regexp_replace(obj_description(oid, 'pg_statistic_ext'),
            E'\n?\\[pgsluice [-0-9a-f]+\\]$', ''), ''), '-')
        FROM pg_statistic_ext s WHERE stxrelid = $1::regclass)~",

    R"~(SELECT 'publication ' || pubname || ': columns ' || coalesce((SELECT string_agg(attname, ', ' ORDER BY attnum)
            FROM pg_attribute WHERE attrelid = prrelid
            AND attnum = ANY (string_to_array(to_jsonb(r)->>'prattrs', ' ')::int[])), '-') ||
          ' where ' || coalesce(pg_get_expr((to_jsonb(r)->>'prqual')::pg_node_tree, prrelid), '-')
        FROM pg_publication_rel r JOIN pg_publication p ON p.oid = prpubid WHERE prrelid = $1::regclass)~",
};

std::string dump_without_random_parts(const std::filesystem::path& file) {
  std::istringstream lines(file_text(file));
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("\\restrict") && !line.starts_with("\\unrestrict")) text += line + "\n";
  }
  return text;
}

}  // namespace

Definition read_definition(pg::Connection& connection, const std::string& table) {
  Definition definition;
  for (const char* query : kQueries) {
    std::string sql = query;
    // pg_node_tree takes no input: the row filter is read where the column exists.
    if (const auto at = sql.find("(to_jsonb(r)->>'prqual')::pg_node_tree"); at != std::string::npos) {
      constexpr int kRowFilters = 15;
      const std::string_view cast = "(to_jsonb(r)->>'prqual')::pg_node_tree";
      sql.replace(at, cast.size(), connection.server_major_version() >= kRowFilters ? "prqual" : "NULL");
    }
    const pg::Result lines = connection.query(sql, {table});
    for (int row = 0; row < lines.row_count(); ++row) {
      if (lines.is_null(row, 0)) throw std::runtime_error("a line of the definition is NULL: " + sql);
      definition.emplace(lines.text(row, 0));
    }
  }
  return definition;
}

Definition read_storage_parameters(pg::Connection& connection, const std::string& table) {
  const pg::Result lines = connection.query(
      "SELECT unnest(reloptions) FROM pg_class WHERE oid = $1::regclass UNION ALL "
      "SELECT 'toast.' || unnest(t.reloptions) FROM pg_class c JOIN pg_class t ON t.oid = c.reltoastrelid "
      "WHERE c.oid = $1::regclass",
      {table});
  Definition definition;
  for (int row = 0; row < lines.row_count(); ++row) definition.emplace(lines.text(row, 0));
  return definition;
}

std::string difference(const Definition& expected, const Definition& actual) {
  std::string text;
  for (const std::string& line : expected) {
    if (!actual.contains(line)) text += "- " + line + "\n";
  }
  for (const std::string& line : actual) {
    if (!expected.contains(line)) text += "+ " + line + "\n";
  }
  return text;
}

std::string schema_dump(const Database& database) {
  const Installation installation = find_installation();
  // The program may run as another user and see another root: it gets a folder there that everybody may write to.
  std::string folder = (installation.root / "tmp/pgsluice-dump-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) throw std::runtime_error("cannot make the folder " + folder);
  chmod(folder.c_str(), 0777);
  const std::filesystem::path file = std::filesystem::path(folder) / "dump";
  run_program(installation, "pg_dump",
              {"--schema-only", "--dbname", database.tcp_conninfo(kSuperuser), "--file", installation.inside(file)},
              std::filesystem::path(folder) / "log");
  const std::string text = dump_without_random_parts(file);
  std::filesystem::remove_all(folder);
  return text;
}

}  // namespace pgsluice::tests

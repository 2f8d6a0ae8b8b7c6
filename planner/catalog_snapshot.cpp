// Begins and ends the read-only transaction, and finds relations by name.
#include "planner/catalog_snapshot.hpp"

#include "pg/failure.hpp"
#include "pg/statements.hpp"
#include "planner/result_row.hpp"

namespace pgsluice::planner {

namespace {

// Takes ACCESS SHARE, which conflicts with nothing but ACCESS EXCLUSIVE: what a SELECT takes.
std::string lock_definition_sql(const pg::QualifiedName& name) {
  return "LOCK TABLE ONLY " + pg::quoted(name) + " IN ACCESS SHARE MODE";
}

std::string similar_names_hint(pg::Connection& connection, const std::string& name) {
  const pg::Result similar = read_statement(connection, "similar_relations", {name});
  std::string names;
  for (int i = 0; i < similar.row_count(); ++i) {
    const ResultRow row(similar, i);
    names += (names.empty() ? "" : ", ") + pg::display({row.text("schema"), row.text("name")});
  }
  return names.empty() ? "Check the database and the spelling; a name without a schema is looked for along search_path."
                       : "There is " + names + ".";
}

}  // namespace

pg::Result read_statement(pg::Connection& connection, std::string_view statement_name,
                          const pg::Parameters& parameters) {
  return connection.query(pg::statement(statement_name, connection.server_major_version()), parameters);
}

std::optional<Relation> read_relation(pg::Connection& connection, const pg::QualifiedName& name) {
  const pg::Result found = read_statement(connection, "relation_oid", {name.schema, name.name, pg::quoted(name.name)});
  if (found.row_count() == 0) {
    return std::nullopt;
  }
  const ResultRow row(found, 0);
  return Relation{static_cast<std::uint32_t>(row.integer("oid")),
                  {row.text("schema"), row.text("name")},
                  row.text("kind"),
                  row.boolean("can_select")};
}

CatalogSnapshot::CatalogSnapshot(pg::Connection& connection) : connection_(connection) {
  connection_.begin("ISOLATION LEVEL REPEATABLE READ READ ONLY");
}

CatalogSnapshot::~CatalogSnapshot() {
  connection_.rollback();
}

Relation CatalogSnapshot::find(const pg::QualifiedName& name) {
  std::optional<Relation> relation = read_relation(connection_, name);
  if (!relation) {
    throw pg::Failure(pg::FailureKind::refused, "relation " + pg::display(name) + " does not exist")
        .detail("Looked for in " + connection_.description() + ".")
        .hint(similar_names_hint(connection_, name.name));
  }
  return *std::move(relation);
}

void CatalogSnapshot::hold_definition(const Relation& relation) {
  const bool is_table = relation.kind == "r" || relation.kind == "p";
  if (is_table && relation.can_select) {
    connection_.query(lock_definition_sql(relation.name));
  }
}

void CatalogSnapshot::write_definitions_in_full() {
  connection_.run_script(pg::statement("catalog_settings", connection_.server_major_version()));
}

pg::Result CatalogSnapshot::read(std::string_view statement_name, const pg::Parameters& parameters) {
  return read_statement(connection_, statement_name, parameters);
}

}  // namespace pgsluice::planner

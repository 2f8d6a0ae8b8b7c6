// Asks what the server would deny, before it does: each privilege that a migration needs, and the statement that gives
// it.
#include <algorithm>
#include <set>

#include "planner/catalog.hpp"
#include "planner/catalog_snapshot.hpp"
#include "planner/key.hpp"
#include "planner/result_row.hpp"

namespace pgsluice::planner {

namespace {

std::string grant_sql(std::string_view privilege, std::string_view object, const std::string& role) {
  return "GRANT " + std::string(privilege) + " ON " + std::string(object) + " TO " + pg::quoted(role);
}

std::string create_schema_sql(const std::string& schema, const std::string& role) {
  return "CREATE SCHEMA " + pg::quoted(schema) + " AUTHORIZATION " + pg::quoted(role);
}

std::string create_role_sql(const std::string& role) {
  return "CREATE ROLE " + pg::quoted(role);
}

std::string alter_publication_owner_sql(const std::string& publication, const std::string& role) {
  return "ALTER PUBLICATION " + pg::quoted(publication) + " OWNER TO " + pg::quoted(role);
}

std::string bypass_row_security_sql(const std::string& role) {
  return "ALTER ROLE " + pg::quoted(role) + " BYPASSRLS";
}

// Makes `role` a member of `owner` that has its privileges and may give objects to it.
std::string grant_membership_sql(const std::string& owner, const std::string& role, int server_major_version,
                                 bool is_member, bool inherits) {
  const std::string grant = "GRANT " + pg::quoted(owner) + " TO " + pg::quoted(role);
  constexpr int kMembershipOptionsVersion = 16;
  if (server_major_version >= kMembershipOptionsVersion) {
    return grant + " WITH INHERIT TRUE, SET TRUE";
  }
  const std::string inherit = "ALTER ROLE " + pg::quoted(role) + " INHERIT";
  if (is_member) {
    return inherit;
  }
  return inherits ? grant : grant + "; " + inherit;
}

// What one session needs, added up in the order of asking.
class PrivilegesOfSession {
 public:
  // `where` follows every name, to tell two databases apart.
  PrivilegesOfSession(pg::Connection& connection, std::string where, std::vector<Privilege>& all)
      : connection_(connection), role_(read_session_role(connection).name), where_(std::move(where)), all_(all) {}

  const std::string& role() const { return role_; }
  pg::Connection& connection() { return connection_; }

  // Once each: several objects may lie in one schema.
  void add(const std::string& what, bool held, std::string sql) {
    const std::string name = what + where_;
    if (std::none_of(all_.begin(), all_.end(), [&](const Privilege& listed) { return listed.what == name; })) {
      all_.push_back({.what = name, .held = held, .grant_sql = std::move(sql)});
    }
  }

  // `why` may be empty. A missing table is said to be missing.
  void table(std::string_view privilege, const QualifiedName& table, const std::string& why = "",
             const std::vector<std::string>& columns = {}) {
    const pg::Result result =
        read("privilege_on_table", {table.schema, table.name, std::string(privilege), to_array_text(columns)});
    const bool exists = result.row_count() > 0;
    const std::string what = std::string(privilege) + " on " + pg::display(table) + why;
    add(exists ? what : what + " (there is no such table)", exists && result.boolean(0, 0),
        exists ? grant_sql(privilege, "TABLE " + pg::quoted(table), role_) : "");
  }

  // USAGE and, to create in it, CREATE: also for `owner`, to whom the new objects are given.
  void schema(const std::string& schema, bool create, const std::string& owner) {
    const std::string name = pg::display(schema);
    if (schema == "pg_catalog") {  // Everybody's.
      return;
    }
    const pg::Result result = read("privileges_on_schema", {schema, owner});
    if (result.row_count() == 0) {
      add("schema " + name, false, create_schema_sql(schema, role_));
      return;
    }
    const ResultRow row(result, 0);
    const std::string object = "SCHEMA " + pg::quoted(schema);
    add("USAGE on schema " + name, row.boolean("usage"), grant_sql("USAGE", object, role_));
    if (create) {
      add("CREATE on schema " + name, row.boolean("create"), grant_sql("CREATE", object, role_));
    }
    if (create && owner != role_ && row.optional_text("other_create")) {
      add("CREATE on schema " + name + " for " + pg::display(owner) + ", the owner of the new tables",
          row.boolean("other_create"), grant_sql("CREATE", object, owner));
    }
  }

  // To make schema pgsluice, or to work in the one that is there.
  void own_schema() {
    const pg::Result schema = read("privileges_on_schema", {"pgsluice", role_});
    if (schema.row_count() == 0) {
      const pg::Result result = read("privilege_on_database");
      const ResultRow row(result, 0);
      const std::string database = row.text("database");
      add("CREATE on database " + pg::display(database) + " (for schema pgsluice)", row.boolean("held"),
          grant_sql("CREATE", "DATABASE " + pg::quoted(database), role_));
      return;
    }
    const ResultRow row(schema, 0);
    add("USAGE and CREATE on schema pgsluice", row.boolean("usage") && row.boolean("create"),
        grant_sql("USAGE, CREATE", "SCHEMA pgsluice", role_));
    const pg::Result tables = read("privileges_on_ledger");
    for (int i = 0; i < tables.row_count(); ++i) {
      const ResultRow table(tables, i);
      const QualifiedName name = {"pgsluice", table.text("name")};
      add("SELECT, INSERT, UPDATE and DELETE on " + pg::display(name), table.boolean("held"),
          grant_sql("SELECT, INSERT, UPDATE, DELETE", "TABLE " + pg::quoted(name), role_));
    }
  }

  void membership(const std::string& owner, const std::string& why) {
    const pg::Result result = read("role_membership", {owner});
    if (result.row_count() == 0) {
      add("role " + pg::display(owner) + why, false, create_role_sql(owner));
      return;
    }
    const ResultRow row(result, 0);
    const std::string what =
        owner == role_ ? "being " + pg::display(owner) : "membership in role " + pg::display(owner);
    add(what + why, row.boolean("usage") && row.boolean("may_give"),
        grant_membership_sql(owner, role_, connection_.server_major_version(), row.boolean("member"),
                             row.boolean("inherits")));
  }

  // A trigger's function. One that is not there is no question of privileges, and left to what creates the triggers.
  void function(const QualifiedName& function) {
    const pg::Result result = read("privilege_on_function", {function.schema, function.name});
    if (result.row_count() > 0) {
      schema(function.schema, false, "");
      add("EXECUTE on function " + pg::display(function) + "()", result.boolean(0, 0),
          grant_sql("EXECUTE", "FUNCTION " + pg::quoted(function) + "()", role_));
    }
  }

  void types(std::uint32_t table_oid) {
    const pg::Result result = read("privileges_on_types", {std::to_string(table_oid)});
    for (int i = 0; i < result.row_count(); ++i) {
      const ResultRow row(result, i);
      const QualifiedName type = {row.text("schema"), row.text("name")};
      schema(type.schema, false, "");
      add("USAGE on type " + pg::display(type), row.boolean("held"),
          grant_sql("USAGE", "TYPE " + pg::quoted(type), role_));
    }
  }

  // A tablespace that is not there is left to what creates the tables.
  void tablespace(const std::string& tablespace) {
    const pg::Result result = read("privilege_on_tablespace", {tablespace});
    if (result.row_count() > 0) {
      add("CREATE on tablespace " + pg::display(tablespace), result.boolean(0, 0),
          grant_sql("CREATE", "TABLESPACE " + pg::quoted(tablespace), role_));
    }
  }

  pg::Result read(std::string_view statement_name, const pg::Parameters& parameters = {}) {
    return read_statement(connection_, statement_name, parameters);
  }

 private:
  pg::Connection& connection_;
  std::string role_;
  std::string where_;
  std::vector<Privilege>& all_;
};

void add_for_source(PrivilegesOfSession& source, const TableFacts& facts, bool empties_source) {
  source.schema(facts.name.schema, false, facts.owner);
  source.table("SELECT", facts.name);
  if (empties_source) {
    source.table("DELETE", facts.name);
  }
  source.membership(facts.owner, ", the owner of " + pg::display(facts.name) + " (for the guard trigger)");
  for (const SourcePartition& partition : facts.partitions) {
    if (partition.owner != facts.owner) {
      source.membership(partition.owner, ", the owner of partition " + pg::display(partition.name));
    }
  }
  if (facts.row_security) {
    source.add("seeing every row of " + pg::display(facts.name) + " in spite of row security",
               !facts.row_security_active, bypass_row_security_sql(source.role()));
  }
}

void add_for_existing_target(PrivilegesOfSession& target, const QualifiedName& table) {
  target.schema(table.schema, false, "");
  target.table("INSERT", table);
  target.table("SELECT", table, " (to verify)");
  target.table("DELETE", table, " (to roll back)");
}

void add_for_new_target(PrivilegesOfSession& target, PrivilegesOfSession& source, const TableFacts& facts,
                        const QualifiedName& table, bool one_database) {
  target.schema(table.schema, true, facts.owner);
  if (!one_database) {
    target.membership(facts.owner, ", who will own the new tables");
  }
  for (const ForeignKey& key : facts.foreign_keys) {
    if (!key.is_self()) {
      if (read_relation_kind(target.connection(), key.referenced)) {
        target.schema(key.referenced.schema, false, "");
      }
      target.table("REFERENCES", key.referenced, " (foreign key " + pg::display(key.name) + ")",
                   key.referenced_columns);
    }
  }
  const pg::Result functions = source.read("trigger_functions", {std::to_string(facts.oid)});
  for (int i = 0; i < functions.row_count(); ++i) {
    const ResultRow row(functions, i);
    target.function({row.text("schema"), row.text("name")});
  }
  if (one_database) {
    target.types(facts.oid);
    for (const Publication& publication : facts.publications) {
      target.add("ownership of publication " + pg::display(publication.name), publication.owned,
                 alter_publication_owner_sql(publication.name, target.role()));
    }
  }
  std::set<std::string> tablespaces = {facts.tablespace};
  for (const Index& index : facts.indexes) {
    tablespaces.insert(index.tablespace);
  }
  tablespaces.erase("");  // The database's own.
  for (const std::string& tablespace : tablespaces) {
    target.tablespace(tablespace);
  }
}

}  // namespace

std::vector<Privilege> read_privileges(pg::Connection& source, pg::Connection& target, const TableFacts& facts,
                                       const QualifiedName& target_table, bool empties_source, bool one_database) {
  std::vector<Privilege> all;
  PrivilegesOfSession on_source(source, one_database ? "" : ", on the source", all);
  PrivilegesOfSession on_target(target, one_database ? "" : ", on the target", all);
  add_for_source(on_source, facts, empties_source);
  on_target.own_schema();
  if (!one_database) {
    on_source.own_schema();
  }
  if (read_relation_kind(target, target_table)) {
    add_for_existing_target(on_target, target_table);
  } else {
    add_for_new_target(on_target, on_source, facts, target_table, one_database);
  }
  return all;
}

}  // namespace pgsluice::planner

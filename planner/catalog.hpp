// Asks a server what the planner must know, and changes nothing: every reading works in a read-only transaction, for a
// role that is no superuser, on PostgreSQL 13 to 18. What the answers mean is decided elsewhere.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "pg/connection.hpp"
#include "planner/layout.hpp"
#include "planner/plan.hpp"
#include "planner/table_facts.hpp"

namespace pgsluice::planner {

// ---- Tables (catalog.cpp). The session must have no transaction open.

// Everything about a table, as of one moment. An absent schema is looked for along the role's search_path.
// Ensures: the names within definitions have their schemas, and their constants are written in UTC and ISO style.
//          A table of less than 1,000 pages, or one never analyzed, has its rows counted; a huge one never analyzed is
//          sampled.
// Fails:   refused, when there is no such relation; server, connection.
TableFacts read_table_facts(pg::Connection& connection, const QualifiedName& name);

// ---- What exists already (catalog_existing.cpp). These also work inside a transaction, but for read_existing_layout.

// relkind: "r", "p", "v", …; absent when there is no such relation.
std::optional<std::string> read_relation_kind(pg::Connection& connection, const QualifiedName& name);

// Names in a schema that a new table or index cannot have: of relations and of types.
std::set<std::string> read_relation_names(pg::Connection& connection, const std::string& schema);
std::set<std::string> read_statistics_names(pg::Connection& connection, const std::string& schema);

// Whether the table, its children included, holds a row that this role can see. Fails: server (42501, 42P01),
// connection.
bool read_has_rows(pg::Connection& connection, const QualifiedName& name);

// The partitions of a table as they are, of any depth; layout.existing is set.
// Fails: refused, when the table is not there, is not partitioned, has a foreign table among its leaves, or has no
// leaf.
Layout read_existing_layout(pg::Connection& connection, const QualifiedName& name);

// ---- Servers and roles (catalog_server.cpp). These also work inside a transaction, but for is_one_database.

DatabaseIdentity read_database_identity(pg::Connection& connection);

// Whether both sessions are in the same database of the same server, whatever their host names: proved by a lock that
// one takes and the other sees.
bool is_one_database(pg::Connection& source, pg::Connection& target);

struct ServerFacts {
  int version = 0;  // 150018
  std::int64_t block_bytes = 0;
  bool in_recovery = false;                    // A standby.
  bool default_transaction_read_only = false;  // For this role in this database, before SET.
  std::int64_t lock_count_max =
      0;  // Room in the shared lock table: one per table, index and transaction that holds it.
  std::int64_t connection_count_max = 0;       // max_connections
  std::int64_t connection_count_reserved = 0;  // Kept for superusers and for pg_use_reserved_connections.
  std::int64_t connection_count_used = 0;      // Now, background sessions of databases included.
};
ServerFacts read_server_facts(pg::Connection& connection);

struct SessionRole {
  std::string name;  // current_user, unquoted.
  bool is_superuser = false;
  bool bypasses_row_security = false;
};
SessionRole read_session_role(pg::Connection& connection);

// ---- Privileges (catalog_privileges.cpp).

// Something that this migration needs and that the server could deny.
struct Privilege {
  std::string what;  // "SELECT on public.events"
  bool held = false;
  std::string grant_sql;  // The statement that gives it, for somebody who may; empty where no statement alone can.
};

// What the roles of the two sessions need for this migration. `target_table` may exist (then it is filled as it is) or
// not. The session on the source must have no transaction open. Fails: server, connection.
std::vector<Privilege> read_privileges(pg::Connection& source, pg::Connection& target, const TableFacts& facts,
                                       const QualifiedName& target_table, bool empties_source, bool one_database);

}  // namespace pgsluice::planner

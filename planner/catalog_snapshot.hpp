// One consistent look at a database that can change nothing: a READ ONLY, REPEATABLE READ transaction for as long as
// the object lives.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "pg/connection.hpp"
#include "pg/identifier.hpp"

namespace pgsluice::planner {

// What a name stands for.
struct Relation {
  std::uint32_t oid = 0;
  pg::QualifiedName name;   // With its schema.
  std::string kind;         // relkind
  bool can_select = false;  // This role may read it.
};

// A fixed statement of sql/, in the version that this server understands.
pg::Result read_statement(pg::Connection& connection, std::string_view statement_name,
                          const pg::Parameters& parameters = {});

// The relation of that name; an absent schema is looked for along search_path. No privilege is needed.
std::optional<Relation> read_relation(pg::Connection& connection, const pg::QualifiedName& name);

class CatalogSnapshot {
 public:
  // Begins the transaction: the session must have none open. Fails: server, connection.
  explicit CatalogSnapshot(pg::Connection& connection);
  CatalogSnapshot(const CatalogSnapshot&) = delete;
  CatalogSnapshot& operator=(const CatalogSnapshot&) = delete;
  ~CatalogSnapshot();

  // As read_relation. Fails: refused, when there is no such relation; the hint names similar ones.
  Relation find(const pg::QualifiedName& name);

  // Holds off DDL on the relation until the end, where this role may; waits as long as the session's lock_timeout.
  // Fails: server (55P03), connection.
  void hold_definition(const Relation& relation);

  // From here on every name in a definition that the server writes has its schema, and no constant follows the
  // session's settings. Names without a schema are no longer found.
  void write_definitions_in_full();

  pg::Result read(std::string_view statement_name, const pg::Parameters& parameters = {});
  pg::Connection& connection() { return connection_; }

 private:
  pg::Connection& connection_;
};

}  // namespace pgsluice::planner

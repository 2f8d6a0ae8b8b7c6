// Reads which server and database a session is in, what bounds it, and who the session is.
#include <random>

#include "planner/catalog.hpp"
#include "planner/catalog_snapshot.hpp"
#include "planner/result_row.hpp"

namespace pgsluice::planner {

DatabaseIdentity read_database_identity(pg::Connection& connection) {
  const pg::Result result = read_statement(connection, "database_identity");
  const ResultRow row(result, 0);
  DatabaseIdentity identity;
  identity.database = row.text("database");
  identity.database_oid = static_cast<std::uint32_t>(row.integer("database_oid"));
  identity.server_version = static_cast<int>(row.integer("server_version"));
  // Asked only where it is allowed: a denied call would end the transaction that may be around us.
  if (row.boolean("may_ask_system")) {
    identity.system_identifier = read_statement(connection, "system_identifier").text(0, 0);
  }
  return identity;
}

bool is_one_database(pg::Connection& source, pg::Connection& target) {
  std::random_device random;
  const auto key = [&] { return std::to_string(static_cast<std::int32_t>(random())); };
  const pg::Parameters keys = {key(), key()};
  // The lock ends with the snapshot, so also on every way out by an exception.
  CatalogSnapshot snapshot(source);
  const pg::Result result = snapshot.read("take_identity_lock", keys);
  const ResultRow lock(result, 0);
  if (!lock.boolean("taken")) {  // Somebody else holds 64 random bits: as good as impossible, and no proof of anything.
    return false;
  }
  return read_statement(target, "identity_lock_is_seen", {keys[0], keys[1], lock.text("pid")}).boolean(0, 0);
}

ServerFacts read_server_facts(pg::Connection& connection) {
  const pg::Result result = read_statement(connection, "server_facts");
  const ResultRow row(result, 0);
  ServerFacts facts;
  facts.version = static_cast<int>(row.integer("version"));
  facts.block_bytes = row.integer("block_bytes");
  facts.in_recovery = row.boolean("in_recovery");
  facts.default_transaction_read_only = row.boolean("default_transaction_read_only");
  facts.lock_count_max = row.integer("lock_count_max");
  facts.connection_count_max = row.integer("connection_count_max");
  facts.connection_count_reserved = row.integer("connection_count_reserved");
  facts.connection_count_used = row.integer("connection_count_used");
  return facts;
}

SessionRole read_session_role(pg::Connection& connection) {
  const pg::Result result = read_statement(connection, "session_role");
  const ResultRow row(result, 0);
  return {.name = row.text("name"),
          .is_superuser = row.boolean("is_superuser"),
          .bypasses_row_security = row.boolean("bypasses_row_security")};
}

}  // namespace pgsluice::planner

// Telling databases and servers apart, and what a server says about itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pg/failure.hpp"
#include "planner/catalog.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/database.hpp"
#include "tests/support/role.hpp"

namespace pgsluice::planner {
namespace {

using tests::Database;

pg::Connection connect_to(const std::string& conninfo) {
  pg::SessionOptions options;
  options.conninfo = conninfo;
  return pg::Connection(options);
}

std::int64_t advisory_lock_count(pg::Connection& connection) {
  return connection.query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()")
      .integer(0, 0);
}

TEST(DatabaseIdentityOfAServer, IsTheSameInEverySessionAndOtherInEveryDatabase) {
  Database database;
  Database other;
  pg::Connection first = database.connect();
  pg::Connection second = database.connect_as_superuser();
  pg::Connection third = other.connect();
  const DatabaseIdentity identity = read_database_identity(first);
  EXPECT_EQ(identity, read_database_identity(second));
  EXPECT_EQ(identity.database, database.name());
  EXPECT_EQ(identity.server_version, first.server_version());
  EXPECT_GT(identity.system_identifier.size(), 10U);
  const DatabaseIdentity elsewhere = read_database_identity(third);
  EXPECT_EQ(elsewhere.system_identifier, identity.system_identifier);
  EXPECT_NE(elsewhere.database_oid, identity.database_oid);
}

TEST(DatabaseIdentityOfAServer, IsReadWithoutTheSystemIdentifierWhereThatIsDenied) {
  Database database;
  database.connect_as_superuser().query("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC");
  pg::Connection connection = database.connect();
  connection.begin();
  EXPECT_EQ(read_database_identity(connection).system_identifier, "");
  EXPECT_EQ(read_database_identity(connection).database, database.name()) << "the transaction goes on";
  connection.commit();
}

TEST(OneDatabase, IsProvedWhateverTheHostNameAndTheRole) {
  Database database;
  tests::Role stranger("stranger");
  pg::Connection by_socket = database.connect();
  pg::Connection by_tcp = connect_to(database.tcp_conninfo());
  pg::Connection by_stranger = database.connect(stranger.name());
  EXPECT_TRUE(is_one_database(by_socket, by_tcp));
  EXPECT_TRUE(is_one_database(by_tcp, by_socket));
  EXPECT_TRUE(is_one_database(by_socket, by_stranger));
  EXPECT_TRUE(is_one_database(by_stranger, by_socket));
}

TEST(OneDatabase, IsNotTwoDatabasesOfOneServer) {
  Database database;
  Database other;
  pg::Connection first = database.connect();
  pg::Connection second = other.connect();
  EXPECT_FALSE(is_one_database(first, second));
  EXPECT_FALSE(is_one_database(second, first));
}

TEST(OneDatabase, IsNotTheSameNameOnAnotherServer) {
  Database database;
  tests::Cluster elsewhere;
  pg::Connection here = connect_to(tests::shared_server().conninfo("postgres"));
  pg::Connection there = connect_to(elsewhere.conninfo("postgres"));
  EXPECT_FALSE(is_one_database(here, there));
  EXPECT_FALSE(is_one_database(there, here));
}

TEST(OneDatabase, LeavesNoLockAndWorksWhereNothingMayBeWritten) {
  Database database;
  pg::Connection first = database.connect();
  pg::Connection second = database.connect();
  first.query("SET default_transaction_read_only = on");
  second.query("SET default_transaction_read_only = on");
  EXPECT_TRUE(is_one_database(first, second));
  EXPECT_EQ(advisory_lock_count(first), 0);
  EXPECT_EQ(advisory_lock_count(second), 0);
}

TEST(ServerFactsOfAServer, TellItsLimits) {
  Database database;
  pg::Connection connection = database.connect();
  const ServerFacts facts = read_server_facts(connection);
  EXPECT_EQ(facts.version, connection.server_version());
  EXPECT_EQ(facts.block_bytes, 8192);
  EXPECT_FALSE(facts.in_recovery);
  EXPECT_FALSE(facts.default_transaction_read_only);
  EXPECT_EQ(facts.connection_count_max, connection.query("SHOW max_connections").integer(0, 0));
  EXPECT_GE(facts.lock_count_max, facts.connection_count_max);
  EXPECT_GE(facts.connection_count_reserved, 1);
  EXPECT_GE(facts.connection_count_used, 1);
  EXPECT_LT(facts.connection_count_used, facts.connection_count_max);
}

TEST(ServerFactsOfAServer, TellThatARoleMayOnlyReadWhateverThisSessionHasSet) {
  Database database;
  tests::Role reader("reader");
  pg::Connection connection = database.connect();
  connection.query("SET default_transaction_read_only = on");
  EXPECT_FALSE(read_server_facts(connection).default_transaction_read_only) << "a dry run sets it itself";
  database.connect_as_superuser().query("ALTER ROLE " + pg::quoted(reader.name()) +
                                        " SET default_transaction_read_only = on");
  pg::Connection restricted = database.connect(reader.name());
  restricted.query("SET default_transaction_read_only = off");
  EXPECT_TRUE(read_server_facts(restricted).default_transaction_read_only);
}

TEST(SessionRoleOfAServer, IsTheOneThatActsNotTheOneThatLoggedIn) {
  Database database;
  tests::Role odd("O'd\"d");
  tests::Role sees_all("sees all", "LOGIN BYPASSRLS");
  pg::Connection connection = database.connect_as_superuser();
  EXPECT_TRUE(read_session_role(connection).is_superuser);
  connection.query("SET ROLE " + pg::quoted(odd.name()));
  EXPECT_EQ(read_session_role(connection).name, odd.name());
  EXPECT_FALSE(read_session_role(connection).is_superuser);
  EXPECT_FALSE(read_session_role(connection).bypasses_row_security);
  pg::Connection other = database.connect(sees_all.name());
  EXPECT_TRUE(read_session_role(other).bypasses_row_security);
}

}  // namespace
}  // namespace pgsluice::planner

// A fresh database for one test, dropped with the object. The role that tests work as, kOwner, is no superuser: it may
// create schemas in the database and owns its schema public, like the owner of an application's tables on a managed
// service.
//
//   Database database;
//   pg::Connection c = database.connect();
//   c.query("CREATE TABLE t (id bigint PRIMARY KEY)");
//   run_pgsluice({"plan", "--source", database.conninfo(), …});
#pragma once

#include <string>
#include <string_view>

#include "pg/connection.hpp"
#include "tests/support/server_address.hpp"
#include "tests/support/shared_server.hpp"

namespace pgsluice::tests {

struct DatabaseOptions {
  std::string encoding;  // Empty: the cluster's, UTF8. Others need a locale that fits: {"LATIN1", "C"}.
  std::string locale;
};

class Database {
 public:
  explicit Database(const ServerAddress& server = shared_server(), const DatabaseOptions& options = {});
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();  // Ends the sessions that are left. A drop that fails while the server runs fails the test.

  const std::string& name() const { return name_; }
  std::string conninfo(std::string_view role = kOwner) const { return server_.conninfo(name_, role); }
  std::string tcp_conninfo(std::string_view role = kOwner) const { return server_.tcp_conninfo(name_, role); }
  const ServerAddress& server() const { return server_; }

  pg::Connection connect(std::string_view role = kOwner) const;
  pg::Connection connect_as_superuser() const { return connect(kSuperuser); }

 private:
  ServerAddress server_;
  std::string name_;
};

}  // namespace pgsluice::tests

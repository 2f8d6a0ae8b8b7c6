// What names mean in a transaction, kept for whoever goes on in it: reading definitions changes it.
#pragma once

#include <string>

#include "mover/target_session.hpp"
#include "pg/connection.hpp"

namespace pgsluice::mover {

class SearchPath {
 public:
  explicit SearchPath(pg::Connection& connection)
      : connection_(connection), before_(fixed_query(connection, "search_path").text(0, 0)) {}
  void restore() { set_for_transaction(connection_, "search_path", before_); }

 private:
  pg::Connection& connection_;
  std::string before_;
};

}  // namespace pgsluice::mover

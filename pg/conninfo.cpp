#include "pg/conninfo.hpp"

#include <libpq-fe.h>

#include <string_view>

namespace pgsluice::pg {

bool holds_password(const std::string& conninfo) {
  PQconninfoOption* options = PQconninfoParse(conninfo.c_str(), nullptr);
  bool found = false;
  for (const PQconninfoOption* option = options; option != nullptr && option->keyword != nullptr; ++option) {
    const std::string_view keyword = option->keyword;
    const bool is_secret = keyword == "password" || keyword == "sslpassword";
    found = found || (is_secret && option->val != nullptr && option->val[0] != '\0');
  }
  PQconninfoFree(options);
  return found;
}

}  // namespace pgsluice::pg

// Conninfo strings for a test server.
#include "tests/support/server_address.hpp"

namespace pgsluice::tests {

namespace {

std::string conninfo_of(std::string_view host, int port, std::string_view database, std::string_view role) {
  return "host=" + conninfo_value(host) + " port=" + std::to_string(port) + " dbname=" + conninfo_value(database) +
         " user=" + conninfo_value(role);
}

}  // namespace

std::string conninfo_value(std::string_view value) {
  std::string text = "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') text += '\\';
    text += c;
  }
  return text + "'";
}

std::string ServerAddress::conninfo(std::string_view database, std::string_view role) const {
  return conninfo_of(socket_folder, port, database, role);
}

std::string ServerAddress::tcp_conninfo(std::string_view database, std::string_view role) const {
  return conninfo_of("127.0.0.1", port, database, role);
}

}  // namespace pgsluice::tests

// Where a test server listens and how a role logs in to it. Says nothing about who started the server: see cluster.hpp
// for one that the test owns, shared_server.hpp for the one that all tests of a ctest run share.
#pragma once

#include <string>
#include <string_view>

namespace pgsluice::tests {

// The roles that every test server has.
inline constexpr std::string_view kSuperuser = "postgres";
inline constexpr std::string_view kOwner =
    "owner";  // LOGIN and nothing else: what an application's table owner is on a managed service.

// The password of every role, asked for over TCP where ClusterOptions::password_required is set.
inline constexpr std::string_view kPassword = "sesame 'and' \\more";

struct ServerAddress {
  std::string socket_folder;
  int port = 0;

  // Over the Unix socket, where no password is asked.
  std::string conninfo(std::string_view database, std::string_view role = kOwner) const;

  // Over TCP, 127.0.0.1. Holds no password: give it by passfile or PGPASSWORD.
  std::string tcp_conninfo(std::string_view database, std::string_view role = kOwner) const;
};

// A libpq keyword's value: 'it\'s'.
std::string conninfo_value(std::string_view value);

}  // namespace pgsluice::tests

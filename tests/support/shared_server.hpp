// The server that tests use unless they need one of their own. Under ctest it is one cluster for the whole run, held by
// the program cluster_keeper, whose file PGSLUICE_TEST_CLUSTER names; a test binary that is started by hand starts its
// own at the first call. Tests must not stop it or change its settings: for that they make a Cluster.
#pragma once

#include <filesystem>

#include "tests/support/server_address.hpp"

namespace pgsluice::tests {

// Fails: std::runtime_error.
const ServerAddress& shared_server();

// The keeper's file: one `key=value` a line. Written whole or not at all.
void write_server_file(const std::filesystem::path& path, const ServerAddress& address, int keeper_pid);
ServerAddress read_server_file(const std::filesystem::path& path);
int read_keeper_pid(const std::filesystem::path& path);  // 0 where there is no such file.

}  // namespace pgsluice::tests

// Finds the run's shared server, or starts one.
#include "tests/support/shared_server.hpp"

#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>

#include "tests/support/cluster.hpp"

namespace pgsluice::tests {

namespace {

std::string value_in_file(const std::filesystem::path& path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(key + "=")) return line.substr(key.size() + 1);
  }
  return "";
}

}  // namespace

void write_server_file(const std::filesystem::path& path, const ServerAddress& address, int keeper_pid) {
  const std::filesystem::path temporary = path.string() + ".new";
  std::ofstream file(temporary);
  file << "socket_folder=" << address.socket_folder << "\nport=" << address.port << "\nkeeper=" << keeper_pid << "\n";
  file.close();
  if (!file) throw std::runtime_error("cannot write " + temporary.string());
  std::filesystem::rename(temporary, path);
}

ServerAddress read_server_file(const std::filesystem::path& path) {
  ServerAddress address;
  address.socket_folder = value_in_file(path, "socket_folder");
  address.port = std::atoi(value_in_file(path, "port").c_str());
  if (address.port == 0) throw std::runtime_error("no shared test server is described in '" + path.string() + "'");
  return address;
}

int read_keeper_pid(const std::filesystem::path& path) {
  return std::atoi(value_in_file(path, "keeper").c_str());
}

const ServerAddress& shared_server() {
  static const ServerAddress address = [] {
    if (const char* file = std::getenv("PGSLUICE_TEST_CLUSTER"); file && *file) return read_server_file(file);
    static Cluster own;
    return own.address();
  }();
  return address;
}

}  // namespace pgsluice::tests

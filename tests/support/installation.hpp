// Which PostgreSQL the tests use, and how one of its programs is started: never as root, with an environment of our own
// making, and never outliving the thread that started it. Knows nothing of data folders: see cluster.hpp.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace pgsluice::tests {

struct Installation {
  std::filesystem::path root = "/";  // Another Debian suite when PGSLUICE_TEST_CHROOT is set.
  std::filesystem::path bin_folder;  // As seen from inside root.
  uid_t user = 0;
  gid_t group = 0;
  bool changes_user = false;  // We are root, so the programs run as user postgres.

  bool is_chroot() const { return root != "/"; }
  // A path of ours as the programs see it.
  std::string inside(const std::filesystem::path& path) const;
};

// Fails: std::runtime_error, naming what is not installed.
Installation find_installation();

// Starts a program of the installation; its output is appended to `log`.
pid_t start_program(const Installation& installation, const std::string& program,
                    const std::vector<std::string>& arguments, const std::filesystem::path& log);

// Runs it to its end. Fails: std::runtime_error with the program's output.
void run_program(const Installation& installation, const std::string& program,
                 const std::vector<std::string>& arguments, const std::filesystem::path& log);

// The text of a file; empty when it cannot be read.
std::string file_text(const std::filesystem::path& path);

}  // namespace pgsluice::tests

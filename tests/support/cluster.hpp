// A real PostgreSQL server for tests: its own data folder under /tmp, its own port and Unix socket, run by an
// unprivileged user, gone when the object is. The server is a direct child that dies with the process that started it;
// a folder that a killed process left behind is removed by the next Cluster that starts. Databases are another concept:
// see database.hpp.
//
//   Cluster cluster;                                        // initdb, start
//   pg::Connection c({.conninfo = cluster.conninfo("postgres")});
//   cluster.stop_immediate(); cluster.start();              // a crash, and its recovery
//
// Environment:
//   PGSLUICE_TEST_PGBIN   folder of postgres and initdb; default: what pg_config says, else the newest
//   /usr/lib/postgresql/*/bin. PGSLUICE_TEST_CHROOT  a folder that holds another Debian suite (see `scripts/setup
//   --postgres`): the binaries are taken from there
//                         and run inside it. Needs root.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/server_address.hpp"

namespace pgsluice::tests {

struct ClusterOptions {
  // Lines for postgresql.conf, after ours: {"max_connections = 20", "default_transaction_read_only = on"}.
  std::vector<std::string> settings;
  // For initdb, after ours (UTF8, C.UTF-8): {"--encoding=LATIN1", "--locale=C"}.
  std::vector<std::string> initdb_arguments;
  // fsync; off by default, because a test kills processes, never the machine.
  bool durable = false;
  // Offers TLS with a self-signed certificate; conninfo needs sslmode=require and TCP to use it.
  bool tls = false;
  // TCP asks for kPassword by SCRAM. The Unix socket asks for nothing, ever.
  bool password_required = false;
  // When not 0: the data folder lies on a file system of this size. An empty cluster takes about 40 MB of it. Needs
  // root.
  std::uint64_t disk_bytes_max = 0;
  // The WAL lies on that small file system, and nothing else: the server panics when it is full, instead of refusing
  // the statement.
  bool wal_on_small_disk = false;
};

// Thread: one at a time, and the thread that calls start() must outlive the server (the kernel ties a child to the
// thread).
class Cluster {
 public:
  // Makes the cluster and starts it. Fails: std::runtime_error with the server's own words.
  explicit Cluster(ClusterOptions options = {});
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;
  ~Cluster();

  // Empty when this process may mount the small file system of ClusterOptions::disk_bytes_max; else the reason, for
  // GTEST_SKIP.
  static std::optional<std::string> why_no_small_disk();

  void start();           // Returns when the server accepts connections, recovery included.
  void stop_fast();       // SIGINT: transactions are rolled back, sessions are ended, a checkpoint is written.
  void stop_immediate();  // SIGQUIT: as a crash; the next start recovers.
  void restart();         // stop_fast and start, on the same port.
  bool is_running();

  // Leaves this many bytes on the small file system by putting a ballast file there; free_disk takes it away.
  // Fails: std::runtime_error when there is no small file system or it holds less already.
  void fill_disk(std::uint64_t bytes_left);
  void free_disk();

  const ServerAddress& address() const { return address_; }
  std::string conninfo(std::string_view database, std::string_view role = kOwner) const {
    return address_.conninfo(database, role);
  }
  std::string tcp_conninfo(std::string_view database, std::string_view role = kOwner) const {
    return address_.tcp_conninfo(database, role);
  }
  int port() const { return address_.port; }
  const std::string& socket_folder() const { return address_.socket_folder; }
  pid_t pid() const { return pid_; }  // The postmaster's; 0 when stopped.
  const std::filesystem::path& folder() const { return folder_; }
  std::filesystem::path data_folder() const { return folder_ / "pg"; }
  std::string log() const;  // What the server wrote so far.

 private:
  void initialize();
  void write_settings() const;
  void make_certificate() const;
  void launch();
  void stop(int signal);
  void remove_folder() noexcept;

  ClusterOptions options_;
  std::filesystem::path folder_;      // As this process sees it.
  std::filesystem::path bin_folder_;  // As the server sees it.
  ServerAddress address_;
  pid_t pid_ = 0;
  int lock_ = -1;  // Holds folder_/lock, the sign that the folder is in use.
};

}  // namespace pgsluice::tests

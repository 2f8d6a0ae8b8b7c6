// Makes, starts, stops and removes a PostgreSQL cluster.
#include "tests/support/cluster.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <random>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "pg/connection.hpp"
#include "pg/identifier.hpp"
#include "tests/support/installation.hpp"

namespace pgsluice::tests {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kFolderPrefix = "pgsluice-cluster-";
constexpr auto kStartTimeMax = std::chrono::seconds(120);
constexpr auto kStopTimeMax = std::chrono::seconds(60);
constexpr int kStartAttemptsMax = 10;

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

// Below the range from which the kernel takes ports for outgoing connections, so that a restart finds its port still
// free.
int free_port() {
  static std::mt19937 random{std::random_device{}()};
  std::uniform_int_distribution<int> any_port(20000, 32000);
  for (int attempt = 0; attempt < 1000; ++attempt) {
    const int port = any_port(random);
    const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe < 0) fail("cannot make a socket");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    const bool is_free = bind(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    close(probe);
    if (is_free) return port;
  }
  throw std::runtime_error("no free port between 20000 and 32000 on 127.0.0.1");
}

void remove_tree(const fs::path& folder) {
  umount2((folder / "small_disk").c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);  // Fails where nothing is mounted: as wished.
  fs::remove_all(folder);
}

// Removes folders whose owner was killed: nobody holds their lock.
void sweep(const fs::path& parent) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(parent, error)) {
    if (!entry.path().filename().string().starts_with(kFolderPrefix)) continue;
    const int lock = open((entry.path() / "lock").c_str(), O_RDWR | O_CLOEXEC);
    if (lock < 0) continue;  // Just being made, just being removed, or another user's.
    if (flock(lock, LOCK_EX | LOCK_NB) == 0) {
      try {
        remove_tree(entry.path());
      } catch (const std::exception&) {
        // Its server is still ending, or somebody else sweeps too: the next cluster tries again.
      }
    }
    close(lock);
  }
}

// The eighth line of postmaster.pid, by which pg_ctl knows it too.
bool accepts_connections(const fs::path& data_folder, pid_t pid) {
  std::istringstream lines(file_text(data_folder / "postmaster.pid"));
  std::string line;
  if (!std::getline(lines, line) || std::atoi(line.c_str()) != pid) return false;
  for (int number = 2; number <= 8; ++number) {
    if (!std::getline(lines, line)) return false;
  }
  return line.starts_with("ready");
}

void mount_small_disk(const fs::path& folder, std::uint64_t bytes) {
  const std::string size = "size=" + std::to_string(bytes);
  if (mount("tmpfs", folder.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, size.c_str()) != 0) {
    fail("cannot mount a tmpfs on " + folder.string());
  }
}

}  // namespace

std::optional<std::string> Cluster::why_no_small_disk() {
  if (geteuid() != 0) return "a size-limited file system needs root, to mount a tmpfs";
  const fs::path folder = fs::temp_directory_path() / ("pgsluice-mount-probe-" + std::to_string(getpid()));
  fs::create_directory(folder);
  const bool mounted = mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=65536") == 0;
  const std::string reason = std::strerror(errno);
  if (mounted) umount2(folder.c_str(), MNT_DETACH);
  fs::remove(folder);
  if (!mounted) return "a size-limited file system cannot be mounted here: " + reason;
  return std::nullopt;
}

Cluster::Cluster(ClusterOptions options) : options_(std::move(options)) {
  try {
    initialize();
    start();
    pg::SessionOptions session;
    session.conninfo = conninfo("postgres", kSuperuser);
    pg::Connection connection(session);
    connection.query("CREATE ROLE " + pg::quoted(kOwner) + " LOGIN PASSWORD " + pg::literal(kPassword));
    connection.query("ALTER ROLE " + pg::quoted(kSuperuser) + " PASSWORD " + pg::literal(kPassword));
  } catch (...) {
    if (is_running()) stop(SIGQUIT);
    remove_folder();
    throw;
  }
}

Cluster::~Cluster() {
  try {
    if (is_running()) stop(SIGQUIT);
  } catch (const std::exception& error) {
    std::cerr << "cluster " << folder_ << ": " << error.what() << "\n";
  }
  remove_folder();
}

void Cluster::initialize() {
  const Installation installation = find_installation();
  bin_folder_ = installation.bin_folder;
  const fs::path parent = installation.is_chroot() ? installation.root / "tmp" : fs::path("/tmp");
  sweep(parent);
  // It takes the name by which sweep() knows it when it is locked, not before.
  std::string name = (parent / "pgsluice-new-XXXXXX").string();
  if (!mkdtemp(name.data())) fail("cannot make a folder in " + parent.string());
  folder_ = name;
  lock_ = open((folder_ / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_ < 0 || flock(lock_, LOCK_EX | LOCK_NB) != 0) fail("cannot lock " + folder_.string());
  const fs::path locked_name = parent / (std::string(kFolderPrefix) + name.substr(name.size() - 6));
  fs::rename(folder_, locked_name);
  folder_ = locked_name;
  if (chmod(folder_.c_str(), 0755) != 0) fail("cannot open up " + folder_.string());
  address_.socket_folder = folder_.string();

  std::vector<std::string> arguments = {"--no-sync", "--username=postgres", "--auth=trust", "--encoding=UTF8",
                                        "--locale=C.UTF-8"};
  arguments.push_back("--pgdata=" + installation.inside(data_folder()));
  if (options_.disk_bytes_max > 0) {
    const fs::path disk = folder_ / "small_disk";
    fs::create_directory(disk);
    mount_small_disk(disk, options_.disk_bytes_max);
    const fs::path wal = options_.wal_on_small_disk ? disk / "wal" : folder_ / "wal";
    fs::create_directory(wal);
    arguments.push_back("--waldir=" + installation.inside(wal));
    if (!options_.wal_on_small_disk) {
      fs::create_directory(disk / "pg");
      fs::create_directory_symlink("small_disk/pg", data_folder());  // Relative: right inside a chroot as well.
    }
  }
  if (installation.changes_user) {
    for (const fs::path& path : {folder_, folder_ / "small_disk/pg", folder_ / "small_disk/wal", folder_ / "wal"}) {
      if (fs::exists(path) && chown(path.c_str(), installation.user, installation.group) != 0) {
        fail("cannot give " + path.string() + " to user postgres");
      }
    }
  }
  for (const std::string& argument : options_.initdb_arguments) arguments.push_back(argument);
  run_program(installation, "initdb", arguments, folder_ / "initdb.log");
  if (options_.tls) make_certificate();
}

void Cluster::make_certificate() const {
  const fs::path key = data_folder() / "server.key";
  const fs::path certificate = data_folder() / "server.crt";
  const std::string command =
      "openssl req -new -x509 -days 30 -nodes -newkey rsa:2048 -subj /CN=localhost -addext "
      "subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout " +
      key.string() + " -out " + certificate.string() + " >" + (folder_ / "openssl.log").string() + " 2>&1";
  if (std::system(command.c_str()) != 0) {
    throw std::runtime_error("openssl failed:\n" + file_text(folder_ / "openssl.log"));
  }
  if (chmod(key.c_str(), 0600) != 0) fail("cannot protect " + key.string());
  struct stat owner {};
  if (stat(data_folder().c_str(), &owner) != 0) fail("cannot read " + data_folder().string());
  for (const fs::path& path : {key, certificate}) {
    if (chown(path.c_str(), owner.st_uid, owner.st_gid) != 0) fail("cannot give away " + path.string());
  }
}

// Written at every start, because the port is chosen then.
void Cluster::write_settings() const {
  const Installation installation = find_installation();
  std::ofstream settings(data_folder() / "postgresql.auto.conf");
  settings << "listen_addresses = '127.0.0.1'\n"
           << "port = " << address_.port << "\n"
           << "unix_socket_directories = '" << installation.inside(folder_) << "'\n"
           << "timezone = 'UTC'\n"
           << "lc_messages = 'C'\n"
           << "password_encryption = 'scram-sha-256'\n"
           << "shared_buffers = '128MB'\n"
           << "max_connections = 200\n"
           << "log_line_prefix = '%m [%p] %q%u@%d %a: '\n";
  if (installation.is_chroot()) settings << "dynamic_shared_memory_type = 'mmap'\n";  // /dev/shm is not mounted there.
  if (!options_.durable) settings << "fsync = off\n";
  if (options_.tls) settings << "ssl = on\n";
  for (const std::string& line : options_.settings) settings << line << "\n";
  settings.close();
  std::ofstream access(data_folder() / "pg_hba.conf");
  access << "local all all trust\n"
         << "local replication all trust\n"
         << "host all all 127.0.0.1/32 " << (options_.password_required ? "scram-sha-256" : "trust") << "\n";
  access.close();
  if (!settings || !access) throw std::runtime_error("cannot write the settings in " + data_folder().string());
}

void Cluster::start() {
  if (is_running()) return;
  for (int attempt = 1;; ++attempt) {
    const bool port_is_ours_to_choose = address_.port == 0 || attempt > 1;
    if (port_is_ours_to_choose) address_.port = free_port();
    write_settings();
    try {
      launch();
      return;
    } catch (const std::runtime_error& error) {
      const bool port_was_taken = std::string_view(error.what()).find("could not bind") != std::string_view::npos;
      if (!port_was_taken || !port_is_ours_to_choose || attempt == kStartAttemptsMax) throw;
    }
  }
}

void Cluster::launch() {
  const Installation installation = find_installation();
  const std::uintmax_t log_bytes_before = fs::exists(folder_ / "log") ? fs::file_size(folder_ / "log") : 0;
  pid_ = start_program(installation, "postgres", {"-D", installation.inside(data_folder())}, folder_ / "log");
  const auto deadline = std::chrono::steady_clock::now() + kStartTimeMax;
  while (!accepts_connections(data_folder(), pid_)) {
    if (!is_running()) throw std::runtime_error("the server did not start:\n" + log().substr(log_bytes_before));
    if (std::chrono::steady_clock::now() > deadline) {
      stop(SIGQUIT);
      throw std::runtime_error("the server does not accept connections:\n" + log().substr(log_bytes_before));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

bool Cluster::is_running() {
  if (pid_ == 0) return false;
  if (waitpid(pid_, nullptr, WNOHANG) == 0) return true;
  pid_ = 0;
  return false;
}

void Cluster::stop(int signal) {
  if (!is_running()) return;
  kill(pid_, signal);
  const auto deadline = std::chrono::steady_clock::now() + kStopTimeMax;
  while (is_running()) {
    if (std::chrono::steady_clock::now() > deadline) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
      pid_ = 0;
      throw std::runtime_error("the server did not stop and was killed:\n" + log());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

void Cluster::stop_fast() {
  stop(SIGINT);
}

void Cluster::stop_immediate() {
  stop(SIGQUIT);
}

void Cluster::restart() {
  stop_fast();
  start();
}

void Cluster::fill_disk(std::uint64_t bytes_left) {
  if (options_.disk_bytes_max == 0) throw std::runtime_error("this cluster has no small file system to fill");
  const fs::path ballast = folder_ / "small_disk/ballast";
  struct statvfs disk {};
  if (statvfs((folder_ / "small_disk").c_str(), &disk) != 0) fail("cannot read the small file system");
  const std::uint64_t bytes_free = disk.f_bavail * disk.f_frsize;
  if (bytes_free < bytes_left) {
    throw std::runtime_error("only " + std::to_string(bytes_free) + " bytes are free on the small file system");
  }
  const int file = open(ballast.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) fail("cannot write " + ballast.string());
  const auto bytes_already = static_cast<std::uint64_t>(lseek(file, 0, SEEK_END));
  const int outcome =
      posix_fallocate(file, static_cast<off_t>(bytes_already), static_cast<off_t>(bytes_free - bytes_left));
  close(file);
  if (outcome != 0) throw std::runtime_error(std::string("cannot fill the disk: ") + std::strerror(outcome));
}

void Cluster::free_disk() {
  fs::remove(folder_ / "small_disk/ballast");
}

std::string Cluster::log() const {
  return file_text(folder_ / "log");
}

void Cluster::remove_folder() noexcept {
  if (folder_.empty()) return;
  // Children of the server notice its end by themselves; until they have, they may still write a file.
  for (int attempt = 0; attempt < 100; ++attempt) {
    try {
      remove_tree(folder_);
      break;
    } catch (const std::exception& error) {
      if (attempt == 99) std::cerr << "cluster " << folder_ << " cannot be removed: " << error.what() << "\n";
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
  if (lock_ >= 0) close(lock_);
}

}  // namespace pgsluice::tests

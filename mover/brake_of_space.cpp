// The brake on the space that is left where the server keeps its data. No statement tells it, so it works only where
// the server shares this machine.
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "mover/brakes.hpp"
#include "mover/target_session.hpp"

namespace pgsluice::mover {

namespace {

// As gate::Brake, upside down: it stops at the limit and lets go above it.
constexpr double kResumeTimes = 1.25;

// What an unprivileged process may still write. Nothing, if it cannot be told.
std::optional<double> free_bytes_of(const std::string& folder) {
  struct statvfs space {};
  if (statvfs(folder.c_str(), &space) != 0) {
    return std::nullopt;
  }
  return static_cast<double>(space.f_bavail) * static_cast<double>(space.f_frsize);
}

// A tunnel, too, ends at a local address. The server is here if its process is.
bool is_process_of_postgres(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
  std::string name;
  return std::getline(file, name) && name.starts_with("postgres");
}

class SpaceBrake : public LocalBrake {
 public:
  SpaceBrake(std::string folder, std::uint64_t bytes_min)
      : folder_(std::move(folder)), bytes_min_(static_cast<double>(bytes_min)) {}

  gate::Brake brake() const override {
    return gate::Brake::when_on("free space", "space runs out where the server keeps its data");
  }
  std::string description() const override {
    return "stops while less than " + gigabytes_text(bytes_min_) + " are free in " + folder_ +
           "; tablespaces elsewhere are not watched";
  }

  BrakeReading read() override {
    const std::optional<double> data = free_bytes_of(folder_);
    if (!data) {
      return {true, "the free space in " + folder_ + " cannot be told: " + std::strerror(errno)};
    }
    // WAL may lie elsewhere; who may not look into the folder sees its own file system alone.
    const double free_bytes = std::min(*data, free_bytes_of(folder_ + "/pg_wal").value_or(*data));
    is_on_ = free_bytes <= bytes_min_ || (is_on_ && free_bytes < kResumeTimes * bytes_min_);
    return {is_on_, "only " + gigabytes_text(free_bytes) + " are free in " + folder_ + " (limit " +
                        gigabytes_text(bytes_min_) + ")"};
  }

 private:
  const std::string folder_;
  const double bytes_min_;
  bool is_on_ = false;
};

[[noreturn]] void refuse(const pg::Connection& connection, const std::string& why, const std::string& hint) {
  throw pg::Failure(pg::FailureKind::refused, "--min-free: " + why).detail(connection.description()).hint(hint);
}

}  // namespace

std::unique_ptr<LocalBrake> make_space_brake(pg::Connection& connection, std::uint64_t bytes_min) {
  constexpr const char* kElsewhere =
      "Use --pause-file, and let what watches the server's storage make the file; or --pause-query, where a query can "
      "tell.";
  if (!connection.is_local() || !is_process_of_postgres(connection.backend_pid())) {
    refuse(connection, "the server is on another machine, and does not tell what space it has left", kElsewhere);
  }
  std::string folder;
  try {
    folder = fixed_query(connection, "data_folder").text(0, 0);
  } catch (const pg::Failure& failure) {
    if (failure.kind() != pg::FailureKind::server) {
      throw;
    }
    refuse(connection, "this role may not know where the server keeps its data", "GRANT pg_monitor to it.");
  }
  if (!free_bytes_of(folder)) {
    refuse(connection, "the server's folder " + folder + " cannot be looked at: " + std::strerror(errno), kElsewhere);
  }
  return std::make_unique<SpaceBrake>(folder, bytes_min);
}

}  // namespace pgsluice::mover

#include "mover/server_work.hpp"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include "pg/failure.hpp"
#include "pg/statements.hpp"

namespace pgsluice::mover {

namespace {

// Seconds of user and system time of a process of this machine, if it is one of PostgreSQL's.
// Source: proc(5), /proc/PID/stat: field 2 is the command in parentheses, fields 14 and 15 are utime and stime in
// ticks.
std::optional<double> cpu_seconds_of(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (!std::getline(file, line) || line.find("(postgres)") == std::string::npos) {
    return std::nullopt;
  }
  std::istringstream fields(line.substr(line.rfind(')') + 1));
  constexpr int kFieldsBetween = 11;  // From the state to the field before utime.
  std::string skipped;
  for (int i = 0; i < kFieldsBetween; ++i) {
    fields >> skipped;
  }
  double user_ticks = 0;
  double system_ticks = 0;
  fields >> user_ticks >> system_ticks;
  return fields ? std::optional((user_ticks + system_ticks) / static_cast<double>(sysconf(_SC_CLK_TCK))) : std::nullopt;
}

// The one number of a fixed statement; absent where the server refuses to tell.
std::optional<double> read_counter(pg::Connection& target, std::string_view name) {
  try {
    const pg::Result row = target.query(pg::statement(name, target.server_major_version()));
    return row.row_count() == 1 && !row.is_null(0, 0) ? std::optional(row.number(0, 0)) : std::nullopt;
  } catch (const pg::Failure& failure) {
    if (failure.kind() != pg::FailureKind::server) {
      throw;
    }
    return std::nullopt;
  }
}

std::optional<double> minus(const std::optional<double>& after, const std::optional<double>& before) {
  return after && before ? std::optional(*after - *before) : std::nullopt;
}

}  // namespace

ServerWork read_server_work(pg::Connection& target, const std::vector<int>& pids) {
  ServerWork work;
  work.wal_bytes = read_counter(target, "wal_written");
  work.blocks_read = read_counter(target, "blocks_read");
  if (target.is_local()) {
    work.cpu_seconds = 0;
    for (const int pid : pids) {
      const std::optional<double> seconds = cpu_seconds_of(pid);
      if (!seconds) {
        work.cpu_seconds.reset();
        break;
      }
      *work.cpu_seconds += *seconds;
    }
  }
  return work;
}

std::uint64_t read_free_sessions(pg::Connection& target) {
  const pg::Result row = target.query(pg::statement("free_sessions", target.server_major_version()));
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, row.integer(0, 0)));
}

ServerWork difference(const ServerWork& after, const ServerWork& before) {
  return {minus(after.wal_bytes, before.wal_bytes), minus(after.blocks_read, before.blocks_read),
          minus(after.cpu_seconds, before.cpu_seconds)};
}

}  // namespace pgsluice::mover

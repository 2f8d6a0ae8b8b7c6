#include "mover/server_work.hpp"

#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

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

std::optional<double> minus(const std::optional<double>& after, const std::optional<double>& before) {
  return after && before ? std::optional(*after - *before) : std::nullopt;
}

}  // namespace

ServerWork read_server_work(pg::Connection& target, const std::vector<int>& pids) {
  ServerWork work;
  const pg::Result row = target.query(pg::statement("server_work", target.server_major_version()));
  if (!row.is_null(0, 0)) {
    work.wal_bytes = row.number(0, 0);
  }
  if (!row.is_null(0, 1)) {
    work.blocks_read = row.number(0, 1);
  }
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

ServerWork difference(const ServerWork& after, const ServerWork& before) {
  return {minus(after.wal_bytes, before.wal_bytes), minus(after.blocks_read, before.blocks_read),
          minus(after.cpu_seconds, before.cpu_seconds)};
}

}  // namespace pgsluice::mover

// What the server has done since it was looked at before, as far as a plain role can see: WAL written, blocks read,
// and the processor time of our own sessions where they run on this machine. For comparing trials; others' work is in
// it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "pg/connection.hpp"

namespace pgsluice::mover {

struct ServerWork {
  std::optional<double> wal_bytes;
  std::optional<double> blocks_read;  // Of the whole database; the server tells it about a second late.
  std::optional<double> cpu_seconds;  // Of the given sessions.
};

// Counters since whenever. `pids` are the server processes of sessions, all on the server of `target`. What cannot be
// read, or is refused, is absent. Outside a transaction. Fails: connection.
ServerWork read_server_work(pg::Connection& target, const std::vector<int>& pids);

// How many more sessions the limits of server, database and role leave; 0 for none. Fails: server, connection.
std::uint64_t read_free_sessions(pg::Connection& target);

// What was done from `before` to `after`: a figure that either lacks is absent.
ServerWork difference(const ServerWork& after, const ServerWork& before);

}  // namespace pgsluice::mover

// What makes the gate stop altogether, beside its I/O budget, and how each such brake is polled: replicas that lag, WAL
// that replication slots hold back, sessions that wait for locks, space that runs out, the operator's own query, file
// or hours. A brake says at start what it watches, and is refused where it could see nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "gate/brake.hpp"
#include "pg/connection.hpp"
#include "pg/failure.hpp"

namespace pgsluice::mover {

// What was asked for. A limit stops when it is reached.
struct BrakeOptions {
  std::optional<double> lag_seconds_max = {};            // --max-lag
  std::optional<std::uint64_t> slot_wal_bytes_max = {};  // --max-wal-lag
  std::optional<unsigned> lock_waits_max = {};           // --max-lock-waits
  std::optional<std::uint64_t> free_bytes_min = {};      // --min-free
  std::string pause_query = {};                          // --pause-query; empty: none.
  std::string pause_file = {};                           // --pause-file; empty: none.
  std::string window = {};                               // --window; empty: none.
  bool is_empty() const;                                 // Asks for none.
};

struct BrakeReading {
  std::variant<bool, double> state;  // On or off; or the measured value, for gate::Brake::at().
  std::string text;                  // For gate::Brake::describe(); empty: as it was.
};

class PolledBrake {
 public:
  virtual ~PolledBrake() = default;
  virtual gate::Brake brake() const = 0;
  // For the log: "stops while a replica lags by 10 s; sees 2 replicas: db2, db3".
  virtual std::string description() const = 0;
};

// Asks the server. Thread: one at a time.
class ServerBrake : public PolledBrake {
 public:
  // `now`: seconds since any fixed moment. Outside a transaction. Fails: server, connection.
  virtual BrakeReading read(pg::Connection& connection, double now) = 0;
  // What holds as soon as read() failed; nothing: what was read last, for a while.
  virtual std::optional<BrakeReading> when_unanswered(const pg::Failure& /*failure*/) const { return std::nullopt; }
};

// Looks at this machine. Never fails: what cannot be seen is a reason to stop. Thread: one at a time.
class LocalBrake : public PolledBrake {
 public:
  virtual BrakeReading read() = 0;
};

struct Brakes {
  std::vector<std::unique_ptr<ServerBrake>> of_server;
  std::vector<std::unique_ptr<LocalBrake>> of_machine;

  std::vector<std::string> descriptions() const;
  bool is_empty() const { return of_server.empty() && of_machine.empty(); }
};

// The brakes that `options` ask for.
// Fails: refused, where an option cannot be read, or this role sees nothing of what it limits, or the pause query is no
// valid query; connection.
Brakes make_brakes(pg::Connection& connection, const BrakeOptions& options);

// Whether the first value of a pause query's answer means: pause. Nothing: it is neither a truth value nor a number.
std::optional<bool> means_pause(std::string_view value);

// "48.2 GB", decimal.
std::string gigabytes_text(double bytes);

std::unique_ptr<ServerBrake> make_lag_brake(pg::Connection& connection, double seconds_max);
std::unique_ptr<ServerBrake> make_slot_brake(pg::Connection& connection, std::uint64_t bytes_max);
std::unique_ptr<ServerBrake> make_lock_brake(pg::Connection& connection, unsigned waits_max);
std::unique_ptr<ServerBrake> make_query_brake(pg::Connection& connection, const std::string& query);
std::unique_ptr<ServerBrake> make_window_brake(pg::Connection& connection, const std::string& window);
std::unique_ptr<LocalBrake> make_space_brake(pg::Connection& connection, std::uint64_t bytes_min);
std::unique_ptr<LocalBrake> make_file_brake(const std::string& file);

}  // namespace pgsluice::mover

// What reads the server's I/O counters for the gate. Which counters a role may read, and what they leave out, differs
// from server to server, so the best source is found by trying, and says in words what it sees and what it does not.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "gate/meter_sample.hpp"
#include "pg/connection.hpp"

namespace pgsluice::mover {

// --meter auto|server|diskstats:DEVICE|none.
struct MeterOptions {
  enum class Kind {
    best,       // auto: the server's own counters, and the volume's where the extension pg_proctab tells them.
    server,     // The server's own counters alone.
    diskstats,  // The server's own counters, and a volume's of this machine.
    none,
  };
  Kind kind = Kind::best;
  std::string device;  // For diskstats: a name like nvme0n1, or the path of a file or folder on it.
};

// Fails: refused.
MeterOptions parse_meter(std::string_view text);

// Thread: one at a time.
class Meter {
 public:
  virtual ~Meter() = default;
  // Chooses what this session may read, by trying; again for every new session, which may be on another server. Outside
  // a transaction. Fails: refused, if there is nothing; connection.
  virtual void prepare(pg::Connection& connection) = 0;
  // `seconds` is left to the caller. Outside a transaction: inside one the counters stand still. Fails: server,
  // connection; local, where this machine's own counters are gone.
  virtual gate::MeterSample read(pg::Connection& connection) = 0;
  // For the log: "meter: pg_stat_io (PostgreSQL 17): …; cannot see …".
  virtual std::string description() const = 0;
  // How late our own work shows, where each session calls flush_own_statistics() after its batch.
  virtual double delay_seconds() const = 0;
};

// Prepared; none where `options` say so. Fails: as prepare(); refused, if the device is not known.
std::unique_ptr<Meter> make_meter(pg::Connection& connection, const MeterOptions& options);

// Asks the server to count this session's work as soon as the session is idle outside a transaction, rather than up to
// 10 s later. Does nothing before PostgreSQL 15, which has no such call. Fails: server, connection.
void flush_own_statistics(pg::Connection& connection);

}  // namespace pgsluice::mover

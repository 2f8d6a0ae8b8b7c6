// Feeds the gate while rows move, from a thread and a session of its own: the meter's figures once a second, the
// brakes' state every few. It never ends a run. Without its session it tries again, ever more seldom; meanwhile the
// gate grows blind, which makes it slow, and a brake that could not be read for a minute stops it: who asked for a
// limit is not served by a mover that does not look.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "mover/brakes.hpp"
#include "mover/gate_keeper.hpp"
#include "mover/meter.hpp"
#include "pg/connection.hpp"

namespace pgsluice::mover {

struct WatchOptions {
  std::chrono::milliseconds meter_period{1000};
  std::chrono::milliseconds brake_period{2000};
  std::chrono::milliseconds reconnect_pause_min{500};
  std::chrono::milliseconds reconnect_pause_max{30'000};
  double patience_seconds = 60;  // With a brake that cannot be read.
};

class MeterWatch {
 public:
  // The brake that is on when others could not be read.
  static constexpr const char* kUnreadBrake = "unread brakes";

  // Adds `brakes` to the gate, reads all of them and the meter once, and only then starts: nothing moves outside of the
  // window, say. `first` is the session to use; `open` makes the next one. `meter` is prepared, or absent. `note` takes
  // a line for the log, from the watch's thread. `keeper` must outlive it.
  // Fails: server, connection; refused, if the gate has brakes of these names.
  MeterWatch(GateKeeper& keeper, pg::Connection first, std::function<pg::Connection()> open,
             std::unique_ptr<Meter> meter, Brakes brakes, std::function<void(const std::string&)> note,
             WatchOptions options = {});
  // Ends at once, cancelling what it asked the server; but for a server that does not answer to a connection attempt.
  ~MeterWatch() = default;
  MeterWatch(const MeterWatch&) = delete;
  MeterWatch& operator=(const MeterWatch&) = delete;

 private:
  using Clock = std::chrono::steady_clock;

  void watch(const std::stop_token& stop);
  void connect();
  void lose(const std::string& why, const pg::Failure* failure);
  void adopt(pg::Connection connection);
  void read_meter();
  void read_brakes();
  void read_local_brakes();
  struct Named {
    std::string brake;
    BrakeReading reading;
  };
  void apply(const std::vector<Named>& readings);
  void judge_unread();

  GateKeeper& keeper_;
  const std::function<pg::Connection()> open_;
  const std::unique_ptr<Meter> meter_;
  const Brakes brakes_;
  const std::function<void(const std::string&)> note_;
  const WatchOptions options_;

  std::optional<pg::Connection> connection_;
  std::string description_;          // The meter's, as it was noted last.
  std::vector<double> answered_at_;  // Of each brake of the server.
  std::string unread_because_;       // Why the last reading failed.
  std::chrono::milliseconds reconnect_pause_;
  bool is_lost_ = false;      // The session; said once.
  bool meter_fails_ = false;  // On a session that stands.
  bool is_unread_ = false;    // kUnreadBrake is on.

  std::mutex mutex_;
  std::condition_variable_any ended_;
  std::optional<pg::Canceller> canceller_;  // Of connection_; guarded by mutex_.
  std::jthread thread_;                     // The last: it ends first.
};

}  // namespace pgsluice::mover

// Everything that can slow a run down or stop it for a while, put together: the gate that its workers share, the meter
// and the brakes that feed it, and what the operator says meanwhile.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gate/gate.hpp"
#include "mover/brakes.hpp"
#include "mover/control_settings.hpp"
#include "mover/gate_keeper.hpp"
#include "mover/meter.hpp"
#include "mover/meter_watch.hpp"
#include "mover/observer.hpp"
#include "mover/sessions.hpp"

namespace pgsluice::mover {

struct PacingOptions {
  gate::Budget budget;
  MeterOptions meter;
  bool is_meter_asked_for = false;  // Even where no limit needs it yet.
  BrakeOptions brakes;
};

// The limits among the settings that an operator may change.
gate::Budget budget_of(const ControlState& state);

// Thread: keeper() as GateKeeper; the rest by one.
class Pacing {
 public:
  // Looks at the target's server: that is where rows are written. Without a limit, a brake or a wish for a meter it
  // asks nothing of the server. What it will watch is noted on `observer`. All arguments but `options` must outlive it;
  // `control` may be null. Fails: refused, where a limit cannot be kept on this server; connection.
  Pacing(const Sessions& sessions, const PacingOptions& options, ControlSettings* control, const StopRequest& stop,
         Observer& observer);
  Pacing(const Pacing&) = delete;
  Pacing& operator=(const Pacing&) = delete;

  GateKeeper& keeper() { return *keeper_; }
  // For the summary: seconds that workers waited, by reason, the longest first.
  std::vector<std::pair<std::string, double>> seconds_waited();

 private:
  std::optional<GateKeeper> keeper_;
  std::optional<MeterWatch> watch_;
  std::optional<ControlSettings::Listening> listening_;
};

}  // namespace pgsluice::mover

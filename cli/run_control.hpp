// What `pgsluice control` reaches in a run: its figures, its stop request, its settings.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cli/log.hpp"
#include "cli/options.hpp"
#include "cli/progress.hpp"
#include "mover/control_server.hpp"
#include "mover/control_settings.hpp"
#include "mover/control_target.hpp"
#include "mover/gate_keeper.hpp"
#include "mover/stop.hpp"
#include "planner/checkpoint.hpp"

namespace pgsluice::cli {

// Thread: as mover::ControlTarget; beside the run.
class RunControl : public mover::ControlTarget {
 public:
  // All of them must outlive it; `gate` is null where the run has none. What is asked for is noted on the display.
  RunControl(planner::Checkpoint& checkpoint, mover::ControlSettings& settings, mover::StopRequest& stop,
             ProgressDisplay& display, mover::GateKeeper* gate);

  nlohmann::ordered_json status() override;
  bool pause(bool is_paused) override;
  bool stop() override;
  bool cut_over() override;
  std::vector<mover::ControlChange> set(const std::vector<std::string>& assignments) override;
  std::vector<mover::ControlValue> get(const std::vector<std::string>& names) override;

 private:
  planner::Checkpoint& checkpoint_;
  mover::ControlSettings& settings_;
  mover::StopRequest& stop_;
  ProgressDisplay& display_;
  mover::GateKeeper* gate_;
};

// What the options of `run` say of settings that `pgsluice control` may change. Fails: refused.
mover::GivenSettings given_settings(const Options& options);

// A run that is set otherwise than its options and the defaults say has to say so.
void note_kept_settings(const mover::ControlSettings& settings, mover::Observer& observer);

// Listens while the result lives. Null, with a warning in the log, where there can be no socket, as in some network
// file systems: the run goes on all the same.
std::unique_ptr<mover::ControlServer> listen_for_control(const planner::Checkpoint& checkpoint, RunControl& control,
                                                         Log& log);

// One drawing's figures, for programs. What nothing limits, and what is not known, is null. Pure.
nlohmann::ordered_json to_document(const ProgressView& view);
nlohmann::ordered_json to_document(const gate::Status& status);

}  // namespace pgsluice::cli

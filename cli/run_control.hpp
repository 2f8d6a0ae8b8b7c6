// What `pgsluice control` reaches in a run: its figures, its stop request, its settings.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cli/progress.hpp"
#include "mover/control_settings.hpp"
#include "mover/control_target.hpp"
#include "mover/stop.hpp"
#include "planner/checkpoint.hpp"

namespace pgsluice::cli {

// Thread: as mover::ControlTarget; beside the run.
class RunControl : public mover::ControlTarget {
 public:
  // All of them must outlive it. What is asked for is noted on the display.
  RunControl(planner::Checkpoint& checkpoint, mover::ControlSettings& settings, mover::StopRequest& stop,
             ProgressDisplay& display);

  nlohmann::ordered_json status() override;
  bool pause(bool is_paused) override;
  bool stop() override;
  std::vector<mover::ControlChange> set(const std::vector<std::string>& assignments) override;
  std::vector<mover::ControlValue> get(const std::vector<std::string>& names) override;

 private:
  planner::Checkpoint& checkpoint_;
  mover::ControlSettings& settings_;
  mover::StopRequest& stop_;
  ProgressDisplay& display_;
};

// One drawing's figures, for programs. What nothing limits, and what is not known, is null. Pure.
nlohmann::ordered_json to_document(const ProgressView& view);

}  // namespace pgsluice::cli

// What a running mover answered, as a person reads it. Pure: from the documents of mover/control_target.hpp, the status
// from those of cli/run_control.hpp.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "mover/control_target.hpp"

namespace pgsluice::cli {

std::string control_text(mover::ControlAction action, const nlohmann::ordered_json& result);

// Why the rows of a mover of this status wait, as far as it is known: "paused", "its operations a second"; empty where
// they do not wait.
std::string waiting_text(const nlohmann::ordered_json& status);

}  // namespace pgsluice::cli

// Asks a running mover through the socket beside its checkpoint, and tells apart why there may be no answer.
#pragma once

#include <chrono>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "mover/control_target.hpp"

namespace pgsluice::mover {

struct ControlPatience {
  std::chrono::milliseconds for_the_socket{1000};  // Of a mover that has just begun.
  std::chrono::milliseconds for_the_answer{5000};
};

// Fails: refused, when there is no such checkpoint, no mover at work on it, or one that does not listen; and as the
// mover refuses. Local, when the mover does not answer in time, or ends before it does.
nlohmann::ordered_json ask_mover(const std::filesystem::path& checkpoint, ControlAction action,
                                 const std::vector<std::string>& words = {}, const ControlPatience& patience = {});

}  // namespace pgsluice::mover

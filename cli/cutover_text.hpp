// What a person and a program read of a cutover, of what stands in its way, and of its way back.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "mover/live/cutover.hpp"
#include "planner/plan.hpp"

namespace pgsluice::cli {

class Options;

// Of the options that `cutover` and `rollback` have in common. Fails: refused.
mover::CutoverOptions cutover_options(const Options& options);

bool is_blocked(const std::vector<mover::Finding>& findings);
std::string preflight_text(const std::vector<mover::Finding>& findings);
nlohmann::ordered_json preflight_document(const std::vector<mover::Finding>& findings);

// "held for 12.3 ms"
std::string lock_text(const mover::CutoverSummary& summary);
std::string cutover_text(const planner::Plan& plan, const mover::CutoverSummary& summary,
                         const std::string& whereabouts);
nlohmann::ordered_json cutover_document(const mover::CutoverSummary& summary);

}  // namespace pgsluice::cli

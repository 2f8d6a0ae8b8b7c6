// Where a migration stands, added up from its checkpoint: what `status` shows and what `run` ends with.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "planner/checkpoint.hpp"

namespace pgsluice::cli {

struct MigrationState {
  planner::Phase phase = planner::Phase::planned;
  std::uint64_t ranges_total = 0;
  std::uint64_t ranges_done = 0;
  std::uint64_t ranges_partial = 0;
  std::uint64_t ranges_failed = 0;
  std::uint64_t ranges_equal = 0;      // Of verify.
  std::uint64_t ranges_differing = 0;  // Of verify.
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;

  std::uint64_t ranges_left() const { return ranges_total - ranges_done; }
  bool operator==(const MigrationState&) const = default;
};

MigrationState state_of(const planner::Checkpoint& checkpoint);

nlohmann::ordered_json to_document(const MigrationState& state);

// The command that a migration in this phase waits for, `pgsluice run --source …`; empty when nothing is left to type.
// `whereabouts` is Options::whereabouts().
std::string next_command(planner::Phase phase, const std::string& whereabouts);
// The same, where it also depends on what was found equal and on how the migration ends.
std::string next_command(const planner::Plan& plan, const MigrationState& state, const std::string& whereabouts);

// "public.sources to public.sources_partitioned (insert)".
std::string title(const planner::Plan& plan);

// What a run found about the best way, as its calibration left it in the checkpoint; null when there was none.
nlohmann::ordered_json calibration_document(const planner::Checkpoint& checkpoint);
// The same in one sentence; empty when there was none.
std::string calibration_text(const planner::Checkpoint& checkpoint);

}  // namespace pgsluice::cli

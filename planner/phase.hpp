// The steps of a migration's life, in order. The ledger holds the phase that was reached; the checkpoint repeats it for
// `status`.
#pragma once

#include <optional>
#include <string_view>

namespace pgsluice::planner {

enum class Phase {
  planned,       // The checkpoint exists; the database is untouched.
  preparing,     // Ledger, guard and target are being made.
  moving,        // Ranges are being moved.
  indexing,      // Every row is moved; indexes and constraints are being built.
  finishing,     // Triggers, policies, publications, sequence values, ANALYZE.
  complete,      // `run` has nothing left to do. While changes are captured: the target follows the source.
  cut_over,      // The target has the source's name, and the old table follows it.
  finished,      // The old table is gone, and what was ours beside the target with it.
  rolling_back,  // `rollback` has begun; `run` refuses from here on.
  rolled_back,   // Nothing of ours is left in the database.
};

constexpr std::string_view name_of(Phase phase) {
  switch (phase) {
    case Phase::planned:
      return "planned";
    case Phase::preparing:
      return "preparing";
    case Phase::moving:
      return "moving";
    case Phase::indexing:
      return "indexing";
    case Phase::finishing:
      return "finishing";
    case Phase::complete:
      return "complete";
    case Phase::cut_over:
      return "cut-over";
    case Phase::finished:
      return "finished";
    case Phase::rolling_back:
      return "rolling-back";
    case Phase::rolled_back:
      return "rolled-back";
  }
  return "";
}

constexpr std::optional<Phase> phase_named(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(Phase::rolled_back); ++i) {
    if (name_of(static_cast<Phase>(i)) == name) {
      return static_cast<Phase>(i);
    }
  }
  return std::nullopt;
}

}  // namespace pgsluice::planner

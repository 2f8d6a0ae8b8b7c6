#include "cli/migration_state.hpp"

#include <nlohmann/json.hpp>

#include "mover/calibration.hpp"
#include "mover/verify.hpp"

namespace pgsluice::cli {

MigrationState state_of(const planner::Checkpoint& checkpoint) {
  MigrationState state;
  state.phase = checkpoint.phase();
  state.ranges_total = checkpoint.states().size();
  for (const planner::RangeState& range : checkpoint.states()) {
    state.ranges_done += range.status == planner::RangeStatus::done ? 1U : 0U;
    state.ranges_partial += range.status == planner::RangeStatus::partial ? 1U : 0U;
    state.ranges_failed += range.status == planner::RangeStatus::failed ? 1U : 0U;
    state.ranges_equal += range.verification == planner::Verification::equal ? 1U : 0U;
    state.ranges_differing += range.verification == planner::Verification::differs ? 1U : 0U;
    state.rows += range.rows;
    state.bytes += range.bytes;
  }
  if (mover::is_equal_in_total(checkpoint)) {
    state.ranges_equal = state.ranges_done;
  }
  return state;
}

nlohmann::ordered_json to_document(const MigrationState& state) {
  return {{"phase", name_of(state.phase)},
          {"ranges",
           {{"total", state.ranges_total},
            {"done", state.ranges_done},
            {"partial", state.ranges_partial},
            {"failed", state.ranges_failed},
            {"verified_equal", state.ranges_equal},
            {"verified_differing", state.ranges_differing}}},
          {"rows", state.rows},
          {"bytes", state.bytes}};
}

std::string next_command(planner::Phase phase, const std::string& whereabouts) {
  using planner::Phase;
  switch (phase) {
    case Phase::planned:
    case Phase::preparing:
    case Phase::moving:
    case Phase::indexing:
    case Phase::finishing:
      return "pgsluice run" + whereabouts;
    case Phase::complete:
      return "pgsluice verify" + whereabouts;
    case Phase::rolling_back:
      return "pgsluice rollback" + whereabouts;
    case Phase::cut_over:
      return "pgsluice finish" + whereabouts;
    case Phase::finished:
    case Phase::rolled_back:
      return "";
  }
  return "";
}

std::string next_command(const planner::Plan& plan, const MigrationState& state, const std::string& whereabouts) {
  const bool may_cut_over = plan.strategy == planner::Strategy::capture && state.phase == planner::Phase::complete &&
                            state.ranges_equal == state.ranges_total;
  return may_cut_over ? "pgsluice cutover" + whereabouts : next_command(state.phase, whereabouts);
}

std::string title(const planner::Plan& plan) {
  return pg::display(plan.source.name) + " to " + pg::display(plan.layout.root.name) + " (" +
         methods_text(plan.methods) + ")";
}

nlohmann::ordered_json calibration_document(const planner::Checkpoint& checkpoint) {
  const std::optional<std::string> setting = checkpoint.setting(mover::kCalibrationSetting);
  return setting ? nlohmann::ordered_json::parse(*setting) : nlohmann::ordered_json();
}

std::string calibration_text(const planner::Checkpoint& checkpoint) {
  const nlohmann::ordered_json document = calibration_document(checkpoint);
  return document.is_object() ? document.at("summary").get<std::string>() : "";
}

}  // namespace pgsluice::cli

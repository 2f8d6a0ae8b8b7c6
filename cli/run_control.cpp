#include "cli/run_control.hpp"

#include <unistd.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/command_sessions.hpp"
#include "cli/pacing_options.hpp"
#include "pg/failure.hpp"

namespace pgsluice::cli {

namespace {

using nlohmann::ordered_json;

ordered_json number(std::optional<double> value) {
  return value && std::isfinite(*value) ? ordered_json(*value) : ordered_json();
}

ordered_json rate_document(const gate::Cost& rate) {
  return {{"operations_per_second", number(rate.operations)}, {"bytes_per_second", number(rate.bytes)}};
}

ordered_json seconds(const std::optional<std::chrono::milliseconds>& duration) {
  return duration ? number(std::chrono::duration<double>(*duration).count()) : ordered_json();
}

}  // namespace

ordered_json to_document(const ProgressView& view) {
  return {{"phase", view.phase},
          {"unit", view.unit},
          {"units_done", view.progress.units_done},
          {"units_total", view.progress.units_total},
          {"fraction", view.progress.fraction},
          {"rows_done", view.progress.rows_done},
          {"rows_planned", view.progress.rows_planned},
          {"bytes_done", view.progress.bytes_done},
          {"rows_this_run", view.progress.rows_this_run},
          {"rows_per_second", number(view.rows_per_second)},
          {"bytes_per_second", number(view.bytes_per_second)},
          {"remaining_seconds", seconds(view.remaining)},
          {"seconds", seconds(view.elapsed)},
          {"retries", view.progress.retries},
          {"workers", view.progress.workers},
          {"workers_busy", view.progress.workers_busy},
          {"last_note", view.last_note}};
}

ordered_json to_document(const gate::Status& status) {
  return {{"waiting_for", status.waiting_for},
          {"seconds_waited", status.seconds_waited},
          {"allowance", rate_document(status.allowance)},
          {"own_rate", rate_document(status.own_rate)},
          {"per_row", {{"operations", number(status.per_row.operations)}, {"bytes", number(status.per_row.bytes)}}},
          {"operations_per_page", number(status.operations_per_page)},
          {"written_per_dirtied", number(status.written_per_dirtied)},
          {"trim", number(status.trim_operations)},
          {"guard", number(status.guard)},
          {"application", status.foreground_text}};
}

mover::GivenSettings given_settings(const Options& options) {
  mover::GivenSettings given;
  if (options.has("workers")) {
    given["workers"] =
        options.text("workers") == "auto" ? std::nullopt : std::optional<double>(session_count(options, "workers", 1));
  }
  if (options.has("batch-rows")) {
    const std::uint64_t rows = options.count("batch-rows", 0);
    given["batch-rows"] = rows == 0 ? std::nullopt : std::optional(static_cast<double>(rows));
  }
  add_limits(options, given);
  return given;
}

void note_kept_settings(const mover::ControlSettings& settings, mover::Observer& observer) {
  std::string kept;
  for (const mover::ControlValue& value : settings.values()) {
    if (value.origin == mover::ControlOrigin::operator_before) {
      kept += (kept.empty() ? "" : ", ") + value.name + " " + value.value;
    }
  }
  if (!kept.empty()) {
    observer.noted("kept from `pgsluice control` during an earlier run: " + kept);
  }
}

std::unique_ptr<mover::ControlServer> listen_for_control(const planner::Checkpoint& checkpoint, RunControl& control,
                                                         Log& log) {
  try {
    return std::make_unique<mover::ControlServer>(checkpoint.path(), control);
  } catch (const pg::Failure& failure) {
    log.write(LogLevel::warn, std::string("`pgsluice control` cannot reach this run: ") + failure.what());
    return nullptr;
  }
}

RunControl::RunControl(planner::Checkpoint& checkpoint, mover::ControlSettings& settings, mover::StopRequest& stop,
                       ProgressDisplay& display, mover::GateKeeper* gate)
    : checkpoint_(checkpoint), settings_(settings), stop_(stop), display_(display), gate_(gate) {}

ordered_json RunControl::status() {
  ordered_json document = to_document(display_.view());
  if (gate_ != nullptr) {
    document.update(to_document(gate_->status()));
  }
  document["paused"] = settings_.state().is_paused;
  document["stopping"] = stop_.is_requested();
  ordered_json& settings = document["settings"] = ordered_json::object();
  for (const mover::ControlValue& value : settings_.values()) {
    settings[value.name] = value.value;
  }
  document["pid"] = getpid();
  return document;
}

bool RunControl::pause(bool is_paused) {
  const bool has_changed = settings_.pause(is_paused);
  if (has_changed) {
    display_.noted(is_paused ? "paused by `pgsluice control`" : "resumed by `pgsluice control`");
  }
  return has_changed;
}

bool RunControl::stop() {
  const bool is_urgent = stop_.is_requested();
  stop_.request();
  display_.noted(is_urgent ? "`pgsluice control` asked again to stop: what runs is cancelled"
                           : "`pgsluice control` asked to stop: batches in flight are finished");
  return is_urgent;
}

bool RunControl::cut_over() {
  throw pg::Failure(pg::FailureKind::refused, "this pgsluice does not hold ready for a cutover")
      .hint("`pgsluice cutover --wait` does.");
}

std::vector<mover::ControlChange> RunControl::set(const std::vector<std::string>& assignments) {
  const std::vector<mover::ControlChange> changes = settings_.set(assignments, [&](const std::string& remembered) {
    checkpoint_.record_setting(mover::kControlSetting, remembered);
  });
  for (const mover::ControlChange& change : changes) {
    display_.noted("`pgsluice control` set " + change.name + " from " + change.from + " to " + change.to);
  }
  return changes;
}

std::vector<mover::ControlValue> RunControl::get(const std::vector<std::string>& names) {
  return settings_.values(names);
}

}  // namespace pgsluice::cli

#include "cli/control_text.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/quantity.hpp"

namespace pgsluice::cli {

namespace {

using mover::ControlAction;
using nlohmann::ordered_json;

std::string line(const std::string& label, const std::string& value) {
  constexpr std::size_t kLabelWidth = 12;
  std::string padded = label;
  padded.resize(std::max(kLabelWidth, label.size() + 1), ' ');
  return padded + value + "\n";
}

std::string duration_of(const ordered_json& seconds) {
  return duration_text(std::chrono::milliseconds(std::llround(seconds.get<double>() * 1000)));
}

// "8,000 operations/s, 40 MB/s", without what nothing limits.
std::string rate_text(const ordered_json& rate) {
  const ordered_json& operations = rate.at("operations_per_second");
  const ordered_json& bytes = rate.at("bytes_per_second");
  std::string text = operations.is_null() ? "" : count_text(operations.get<double>()) + " operations/s";
  if (!bytes.is_null()) {
    text += (text.empty() ? "" : ", ") + bytes_text(bytes.get<double>()) + "/s";
  }
  return text.empty() ? "without a limit" : text;
}

std::string rows_line(const ordered_json& status) {
  const double planned = status.at("rows_planned").get<double>();
  return line("rows", count_text(status.at("rows_done").get<double>()) +
                          (planned > 0 ? " of about " + count_text(planned) : "") + ", " +
                          bytes_text(status.at("bytes_done").get<double>()));
}

std::string speed_line(const ordered_json& status) {
  const ordered_json& rows = status.at("rows_per_second");
  const ordered_json& bytes = status.at("bytes_per_second");
  return rows.is_null() || bytes.is_null()
             ? ""
             : line("rate", count_text(rows.get<double>()) + " rows/s, " + bytes_text(bytes.get<double>()) + "/s");
}

std::string waits_lines(const ordered_json& status) {
  if (!status.contains("seconds_waited")) {
    return "";
  }
  std::string reasons;
  for (const auto& [reason, seconds] : status.at("seconds_waited").items()) {
    reasons += (reasons.empty() ? "" : ", ") + reason + " " + duration_of(seconds);
  }
  return (reasons.empty() ? "" : line("waited for", reasons)) + line("allowed", rate_text(status.at("allowance"))) +
         line("own rate", rate_text(status.at("own_rate")));
}

std::string settings_text(const ordered_json& settings) {
  std::string text;
  for (const auto& [name, value] : settings.items()) {
    text += (text.empty() ? "" : ", ") + name + " " + value.get<std::string>();
  }
  return text;
}

std::string status_text(const ordered_json& status) {
  const std::string phase = status.at("phase");
  std::string text = line("phase", phase.empty() ? "the run begins" : phase);
  if (const std::string unit = status.at("unit"); !unit.empty()) {
    const auto percent = static_cast<int>(std::floor(status.at("fraction").get<double>() * 100));
    text += line(unit, exact_count_text(status.at("units_done")) + " of " + exact_count_text(status.at("units_total")) +
                           ", " + std::to_string(percent) + " %");
  }
  if (status.at("rows_planned").get<double>() > 0 || status.at("rows_done").get<double>() > 0) {
    text += rows_line(status) + speed_line(status);
  }
  const ordered_json& remaining = status.at("remaining_seconds");
  text += line("remaining", remaining.is_null() ? "unknown" : duration_of(remaining));
  if (const unsigned workers = status.at("workers"); workers > 0) {
    text += line("workers", std::to_string(status.at("workers_busy").get<unsigned>()) + " of " +
                                std::to_string(workers) + " busy");
  }
  const std::string waiting = waiting_text(status);
  text += line("waits for", waiting.empty() ? "nothing" : waiting);
  text += waits_lines(status);
  text += line("settings", settings_text(status.at("settings")));
  text += line("running", duration_of(status.at("seconds")) + ", " + exact_count_text(status.at("retries")) +
                              " retries, process " + std::to_string(status.at("pid").get<long>()));
  if (const std::string note = status.at("last_note"); !note.empty()) {
    text += line("last", note);
  }
  return text + (status.at("stopping").get<bool>() ? line("stopping", "batches in flight are finished first") : "");
}

std::string set_text(const ordered_json& result) {
  std::string text;
  for (const ordered_json& change : result.at("changes")) {
    text += change.at("name").get<std::string>() + ": " + change.at("from").get<std::string>() + " -> " +
            change.at("to").get<std::string>() + ", " + change.at("effect").get<std::string>() + "\n";
  }
  return text + "Recorded: a later run keeps this, unless its own options say otherwise.\n";
}

std::string get_text(const ordered_json& result) {
  std::string text;
  for (const ordered_json& setting : result.at("settings")) {
    text += line(setting.at("name"),
                 setting.at("value").get<std::string>() + "  (" + setting.at("origin").get<std::string>() + ")");
  }
  return text;
}

}  // namespace

std::string waiting_text(const ordered_json& status) {
  if (const std::string gate = status.value("waiting_for", ""); !gate.empty()) {
    return gate;
  }
  return status.value("paused", false) ? "paused by `pgsluice control`" : "";
}

std::string control_text(ControlAction action, const ordered_json& result) {
  switch (action) {
    case ControlAction::status:
      return status_text(result);
    case ControlAction::pause:
      return result.at("changed").get<bool>()
                 ? "Paused: no batch begins, those in flight are finished. `pgsluice control resume` goes on.\n"
                 : "It was paused before.\n";
    case ControlAction::resume:
      return result.at("changed").get<bool>() ? "Resumed: batches begin again.\n" : "It was not paused.\n";
    case ControlAction::stop:
      return result.at("urgent").get<bool>()
                 ? "Asked again to stop: what runs is cancelled. The same `pgsluice run` goes on from there.\n"
                 : "Asked to stop: batches in flight are finished. The same `pgsluice run` goes on from there.\n";
    case ControlAction::cutover:
      return result.at("changed").get<bool>() ? "The cutover begins.\n" : "It had been told to begin before.\n";
    case ControlAction::set:
      return set_text(result);
    case ControlAction::get:
      return get_text(result);
  }
  return "";
}

}  // namespace pgsluice::cli

// `pgsluice status`: where a migration stands, by its checkpoint and, where the server can be reached, by its ledger.
// Works beside a running mover and changes nothing.
#include <unistd.h>

#include <array>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "cli/command_sessions.hpp"
#include "cli/commands.hpp"
#include "cli/control_text.hpp"
#include "cli/log.hpp"
#include "cli/migration_state.hpp"
#include "cli/quantity.hpp"
#include "cli/result.hpp"
#include "mover/control_client.hpp"
#include "mover/ledger.hpp"
#include "mover/live/trigger_log.hpp"
#include "pg/failure.hpp"
#include "planner/checkpoint.hpp"

namespace pgsluice::cli {

namespace {

using planner::Checkpoint;

constexpr std::size_t kErrorsShown = 5;
constexpr std::chrono::seconds kWatch{2};

// What the ledger says, or why it could not be asked.
struct LedgerState {
  std::optional<planner::Phase> phase;
  std::uint64_t ranges_done = 0;
  std::uint64_t rows = 0;
  std::optional<mover::Backlog> backlog;  // Of a table whose changes are captured.
  std::string unreachable;                // The reason.
};

// Of the feed that is installed now.
std::optional<mover::Backlog> read_backlog(pg::Connection& connection, const planner::Plan& plan) {
  if (plan.strategy == planner::Strategy::capture) {
    for (planner::Feed& feed : std::array{planner::forward_feed(plan), planner::reverse_feed(plan)}) {
      const mover::TriggerLog log(std::move(feed));
      if (log.read_installed(connection) == mover::ChangeFeed::Installed::wholly) {
        return log.read_backlog(connection);
      }
    }
  }
  return std::nullopt;
}

LedgerState read_ledger_state(const Options& options, Log& log, const planner::Plan& plan) {
  LedgerState state;
  const std::string& migration_id = plan.migration_id;
  try {
    mover::SessionsOptions wanted = sessions_options(options, log, migration_id);
    wanted.read_only = true;
    pg::Connection target = mover::Sessions(wanted).open_target("status");
    state.phase = mover::read_phase(target, migration_id);
    if (*state.phase != planner::Phase::planned) {
      for (const auto& [range, entry] : mover::read_ledger(target, migration_id)) {
        state.ranges_done += entry.complete ? 1U : 0U;
        state.rows += entry.rows;
      }
      state.backlog = read_backlog(target, plan);
    }
  } catch (const pg::Failure& failure) {
    state.phase.reset();
    state.unreachable = failure.what();
  }
  return state;
}

// What a running mover does while we watch it.
struct Pace {
  double rows_per_second = 0;
  double bytes_per_second = 0;
  std::optional<std::chrono::milliseconds> remaining;
};

// The share of the ranges that is done, with that of ranges in work guessed from their rows.
double fraction_done(const Checkpoint& checkpoint) {
  double done = 0;
  for (const planner::Range& range : checkpoint.plan().ranges) {
    const planner::RangeState& state = checkpoint.state(range.index);
    if (state.status == planner::RangeStatus::done) {
      done += 1;
    } else if (range.rows_estimate > 0) {
      constexpr double kNeverWhole = 0.95;
      done += std::min(kNeverWhole, static_cast<double>(state.rows) / static_cast<double>(range.rows_estimate));
    }
  }
  return done / static_cast<double>(std::max<std::size_t>(1, checkpoint.plan().ranges.size()));
}

Pace watch(const Checkpoint& before, const std::string& path) {
  const auto begun = std::chrono::steady_clock::now();
  std::this_thread::sleep_for(kWatch);
  const Checkpoint after = Checkpoint::read(path);
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begun;
  const MigrationState first = state_of(before);
  const MigrationState second = state_of(after);
  Pace pace;
  pace.rows_per_second = (static_cast<double>(second.rows) - static_cast<double>(first.rows)) / passed.count();
  pace.bytes_per_second = (static_cast<double>(second.bytes) - static_cast<double>(first.bytes)) / passed.count();
  const double fraction = fraction_done(after);
  const double speed = (fraction - fraction_done(before)) / passed.count();
  if (speed > 0) {
    pace.remaining =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::duration<double>((1 - fraction) / speed));
  }
  return pace;
}

// What the mover itself says; null where it does not answer at once.
nlohmann::ordered_json ask_running_mover(const std::string& path) {
  try {
    constexpr mover::ControlPatience kShort{std::chrono::milliseconds(0), std::chrono::milliseconds(1000)};
    return mover::ask_mover(path, mover::ControlAction::status, {}, kShort);
  } catch (const pg::Failure&) {
    return {};
  }
}

std::string ledger_line(const LedgerState& ledger, const MigrationState& state) {
  if (!ledger.phase) {
    return "not asked: " + ledger.unreachable;
  }
  if (*ledger.phase == planner::Phase::planned) {
    return "knows nothing of this migration";
  }
  std::string line = "phase " + std::string(name_of(*ledger.phase)) + ", " + exact_count_text(ledger.ranges_done) +
                     " ranges done, " + exact_count_text(ledger.rows) + " rows";
  if (ledger.ranges_done != state.ranges_done || ledger.rows != state.rows) {
    line += " (the ledger decides; `run` brings the checkpoint in line)";
  }
  return line;
}

std::string changes_text(const mover::Backlog& backlog) {
  std::string text = exact_count_text(backlog.rows) + " noted and not yet brought over";
  text += backlog.rows > 0 ? ", the oldest " + duration_text(backlog.age) + " ago" : "";
  text += "; the log takes " + bytes_text(static_cast<double>(backlog.bytes));
  return text + (backlog.holds_truncate ? "; THE TABLE WAS EMPTIED by TRUNCATE" : "");
}

std::string status_text(const Checkpoint& checkpoint, const MigrationState& state, const LedgerState& ledger,
                        const std::optional<Pace>& pace, const nlohmann::ordered_json& mover,
                        const std::string& whereabouts) {
  const auto line = [](const std::string& label, const std::string& value) {
    constexpr std::size_t kLabelWidth = 12;
    return label + std::string(kLabelWidth - label.size(), ' ') + value + "\n";
  };
  std::string text = line("migration", title(checkpoint.plan()) + ", " + checkpoint.plan().migration_id);
  text += line("phase", std::string(name_of(state.phase)) +
                            (checkpoint.is_held_by_a_mover() ? ", a mover is at work" : ", no mover is at work"));
  std::string ranges = exact_count_text(state.ranges_done) + " of " + exact_count_text(state.ranges_total) + " done";
  ranges += state.ranges_partial > 0 ? ", " + exact_count_text(state.ranges_partial) + " begun" : "";
  ranges += state.ranges_failed > 0 ? ", " + exact_count_text(state.ranges_failed) + " FAILED" : "";
  text += line("ranges", ranges);
  text += line("rows", exact_count_text(state.rows) + " of about " +
                           count_text(checkpoint.plan().source.size.rows_estimate) + ", " +
                           bytes_text(static_cast<double>(state.bytes)));
  if (pace) {
    text += line("rate", count_text(pace->rows_per_second) + " rows/s, " + bytes_text(pace->bytes_per_second) + "/s");
    if (state.ranges_left() > 0) {
      text += line("remaining", pace->remaining ? duration_text(*pace->remaining) : "unknown");
    }
  }
  if (const std::string waiting = mover.is_null() ? "" : waiting_text(mover); !waiting.empty()) {
    text += line("waits for", waiting);
  }
  if (state.ranges_equal + state.ranges_differing > 0) {
    text += line("verified", exact_count_text(state.ranges_equal) + " ranges equal, " +
                                 exact_count_text(state.ranges_differing) + " differ");
  }
  if (const std::string chosen = calibration_text(checkpoint); !chosen.empty()) {
    text += line("chosen", chosen);
  }
  text += line("ledger", ledger_line(ledger, state));
  if (ledger.backlog) {
    text += line("changes", changes_text(*ledger.backlog));
  }
  const std::vector<planner::RecordedError>& errors = checkpoint.errors();
  for (std::size_t i = errors.size() - std::min(errors.size(), kErrorsShown); i < errors.size(); ++i) {
    text += line("error", errors[i].at + (errors[i].range ? ", range " + std::to_string(*errors[i].range) : "") + ": " +
                              one_line(errors[i].text));
  }
  if (!checkpoint.is_held_by_a_mover() && !next_command(checkpoint.plan(), state, whereabouts).empty()) {
    text += line("next", next_command(checkpoint.plan(), state, whereabouts));
  }
  return text;
}

nlohmann::ordered_json status_document(const Checkpoint& checkpoint, const MigrationState& state,
                                       const LedgerState& ledger, const std::optional<Pace>& pace,
                                       const nlohmann::ordered_json& mover, const std::string& whereabouts) {
  nlohmann::ordered_json document = {{"migration", checkpoint.plan().migration_id},
                                     {"source", pg::display(checkpoint.plan().source.name)},
                                     {"target", pg::display(checkpoint.plan().layout.root.name)},
                                     {"method", methods_text(checkpoint.plan().methods)},
                                     {"mover_at_work", checkpoint.is_held_by_a_mover()}};
  document.update(to_document(state));
  document["rows_estimate"] = checkpoint.plan().source.size.rows_estimate;
  if (pace) {
    document["rows_per_second"] = pace->rows_per_second;
    document["bytes_per_second"] = pace->bytes_per_second;
    document["remaining_seconds"] =
        pace->remaining ? nlohmann::ordered_json(static_cast<double>(pace->remaining->count()) / 1000) : nullptr;
  }
  if (!mover.is_null()) {
    document["mover"] = mover;
  }
  if (const auto calibration = calibration_document(checkpoint); !calibration.is_null()) {
    document["calibration"] = calibration;
  }
  if (ledger.phase) {
    document["ledger"] = {
        {"phase", name_of(*ledger.phase)}, {"ranges_done", ledger.ranges_done}, {"rows", ledger.rows}};
  } else {
    document["ledger"] = {{"unreachable", ledger.unreachable}};
  }
  if (ledger.backlog) {
    document["changes"] = {{"rows", ledger.backlog->rows},
                           {"oldest_seconds", std::chrono::duration<double>(ledger.backlog->age).count()},
                           {"log_bytes", ledger.backlog->bytes},
                           {"truncated", ledger.backlog->holds_truncate}};
  }
  document["errors"] = nlohmann::ordered_json::array();
  for (const planner::RecordedError& error : checkpoint.errors()) {
    document["errors"].push_back({{"range", error.range ? nlohmann::ordered_json(*error.range) : nullptr},
                                  {"at", error.at},
                                  {"text", error.text}});
  }
  document["next"] = next_command(checkpoint.plan(), state, whereabouts);
  return document;
}

}  // namespace

int status_command(const Options& options) {
  Terminal terminal(STDERR_FILENO);
  Log log(terminal, log_options(options));
  const std::string path = options.text("checkpoint", kDefaultCheckpoint);
  Checkpoint checkpoint = Checkpoint::read(path);
  std::optional<Pace> pace;
  if (checkpoint.is_held_by_a_mover() && checkpoint.phase() == planner::Phase::moving) {
    pace = watch(checkpoint, path);
    checkpoint = Checkpoint::read(path);
  }
  const MigrationState state = state_of(checkpoint);
  const LedgerState ledger = read_ledger_state(options, log, checkpoint.plan());
  const nlohmann::ordered_json mover = checkpoint.is_held_by_a_mover() ? ask_running_mover(path) : nullptr;
  if (options.is_on("json")) {
    print_result(status_document(checkpoint, state, ledger, pace, mover, options.whereabouts()));
  } else {
    print_result(status_text(checkpoint, state, ledger, pace, mover, options.whereabouts()));
  }
  return 0;
}

}  // namespace pgsluice::cli

// `pgsluice run`: shows the plan, asks once, moves what is not moved yet, and says how it ended and how to go on.
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "cli/after_run_text.hpp"
#include "cli/command_sessions.hpp"
#include "cli/commands.hpp"
#include "cli/comparison_text.hpp"
#include "cli/log.hpp"
#include "cli/migration_state.hpp"
#include "cli/pacing_options.hpp"
#include "cli/plan_text.hpp"
#include "cli/progress.hpp"
#include "cli/quantity.hpp"
#include "cli/question.hpp"
#include "cli/result.hpp"
#include "cli/run_control.hpp"
#include "cli/stop_signals.hpp"
#include "mover/control_settings.hpp"
#include "mover/move.hpp"
#include "mover/pacing.hpp"
#include "mover/verify.hpp"
#include "pg/failure.hpp"
#include "planner/checkpoint.hpp"
#include "planner/planning.hpp"
#include "planner/swap_names_sql.hpp"
#include "planner/target_sql.hpp"

namespace pgsluice::cli {

namespace {

using mover::MoveSummary;
using pg::Failure;
using pg::FailureKind;
using planner::Checkpoint;

mover::MoveOptions move_options(const Options& options, const FirstSessions& reached,
                                mover::ControlSettings& settings) {
  const mover::ControlState state = settings.state();
  mover::MoveOptions wanted;
  wanted.workers = state.workers ? static_cast<unsigned>(*state.workers) : worker_count(options, reached);
  wanted.workers_max = state.workers ? wanted.workers : worker_count_max(options, wanted.workers);
  wanted.optimize = mover::optimize_named(options.text("optimize", "time"));
  wanted.batch_rows = state.batch_rows.value_or(0);
  wanted.control = &settings;
  wanted.index_jobs = session_count(options, "index-jobs", wanted.workers);
  if (options.has("index-memory")) {
    constexpr std::uint64_t kKibi = 1024;
    wanted.index_memory = std::to_string(options.bytes("index-memory", 0) / kKibi) + "kB";
  }
  wanted.vacuum_freeze = options.is_on("vacuum-freeze");
  wanted.retry = retry_options(options);
  return wanted;
}

enum class Verifying { off, during, after };

Verifying verifying_of(const Options& options) {
  const std::string when = options.text("verify", "off");
  if (when == "off") {
    return Verifying::off;
  }
  if (when != "during" && when != "after") {
    throw Failure(FailureKind::refused, "--verify " + when + " is not known").hint("It is off, during or after.");
  }
  return when == "during" ? Verifying::during : Verifying::after;
}

mover::VerifyOptions verify_options(const mover::MoveOptions& moving, bool needs_exact) {
  mover::VerifyOptions wanted;
  wanted.workers = moving.workers;
  wanted.by_ledger = moving.take_sums;
  wanted.exact = needs_exact;
  wanted.retry = moving.retry;
  wanted.gate = moving.gate;
  return wanted;
}

// The roles of these sessions may be others than those that planned, and the table may have changed since.
void check_before_the_first_change(const planner::Plan& plan, const mover::Sessions& sessions, const Options& options,
                                   Terminal& terminal, Log& log) {
  read_with_retries(sessions, options, terminal, log, plan.source.name,
                    [&](pg::Connection& source, pg::Connection& target) {
                      planner::check_plan_still_holds(plan, source, target);
                      const auto missing = planner::missing_privileges(planner::read_privileges(plan, source, target));
                      if (missing) {
                        throw *missing;
                      }
                    });
}

void ask(const Options& options, const planner::Plan& plan, Terminal& terminal) {
  if (options.is_on("yes") || !can_ask()) {
    return;
  }
  terminal.line(plan_text(
      plan, {.privileges = {}, .statements = all_statements_sql(plan), .in_full = false, .written = "", .next = ""}));
  if (!says_yes("Move the rows of " + pg::display(plan.source.name) + " now?")) {
    throw Failure(FailureKind::refused, "not confirmed").status("nothing was changed");
  }
}

// What the checkpoint remembers, which is current however the run ended, and what only this run knows.
struct Ending {
  MigrationState state;
  std::string calibration;  // In one sentence; empty when there was nothing to choose.
  nlohmann::ordered_json calibration_document;
  std::chrono::milliseconds duration{0};
  std::optional<MoveSummary> summary;              // Absent when the run failed or was stopped.
  std::optional<mover::VerifySummary> comparison;  // Absent when it was not asked for, or did not come to its end.
  std::optional<Failure> failure;
  std::uint64_t rows_this_run = 0;
  std::uint64_t retries = 0;
  std::vector<std::pair<std::string, double>> seconds_waited;  // By reason, summed over the workers.
  int code() const { return failure ? pg::exit_code(failure->kind()) : 0; }
};

double per_second(std::uint64_t count, std::chrono::milliseconds duration) {
  return duration.count() == 0 ? 0 : static_cast<double>(count) * 1000 / static_cast<double>(duration.count());
}

std::chrono::milliseconds moving_time(const Ending& ending) {
  return ending.summary ? ending.summary->moving_duration : ending.duration;
}

bool is_different(const Ending& ending) {
  return ending.comparison && !ending.comparison->is_equal();
}

std::string cut_over_text(const planner::Plan& plan, const std::string& whereabouts) {
  return title(plan) + ": cut over\n" + pg::display(planner::name_after_swap(plan)) + " has every change of " +
         pg::display(plan.source.name) +
         " up to now; each `pgsluice run` brings over what came since, so that a rollback is short\n\n" +
         "next: when all is well, drop the old table\n    " + next_command(planner::Phase::cut_over, whereabouts) +
         "\nor go back, with every write\n    pgsluice rollback" + whereabouts + "\n";
}

std::string ending_text(const planner::Plan& plan, const Ending& ending, const std::string& whereabouts) {
  const MigrationState& state = ending.state;
  if (ending.summary && state.phase == planner::Phase::cut_over) {
    return cut_over_text(plan, whereabouts);
  }
  const bool is_complete = ending.summary.has_value();
  std::string text = title(plan) + ": " +
                     (is_complete ? std::string("complete, ") +
                                        (is_different(ending) ? "but the target DIFFERS" : "every row has arrived")
                                  : "not complete, phase " + std::string(name_of(state.phase))) +
                     "\n";
  text += exact_count_text(state.rows) + " rows, " + bytes_text(static_cast<double>(state.bytes)) + ", " +
          exact_count_text(state.ranges_done) + " of " + exact_count_text(state.ranges_total) + " ranges";
  text += state.ranges_failed > 0 ? ", " + exact_count_text(state.ranges_failed) + " FAILED\n" : "\n";
  text += "this run: " + exact_count_text(ending.rows_this_run) + " rows in " + duration_text(ending.duration) + ", " +
          count_text(per_second(ending.rows_this_run, moving_time(ending))) + " rows/s while moving, " +
          exact_count_text(ending.retries) + " retries\n";
  std::string waited;
  for (const auto& [reason, seconds] : ending.seconds_waited) {
    waited += (waited.empty() ? "waited: " : ", ") +
              duration_text(std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000))) + " for " + reason;
  }
  text += waited.empty() ? "" : waited + " (summed over the workers)\n";
  text += ending.calibration.empty() ? "" : "chosen: " + ending.calibration + "\n";
  if (!is_complete) {
    return text;
  }
  if (ending.summary->unguarded_writes) {
    text += "\nSOMEBODY WROTE to " + pg::display(plan.source.name) +
            " while it was moved without a guard: the target may lack these writes. Run verify before you use it.\n";
  }
  if (ending.comparison) {
    text += "verified: " + comparison_text(plan, *ending.comparison);
  }
  if (ending.failure) {
    return text;
  }
  return text + "\n" + after_run_text(plan, whereabouts);
}

nlohmann::ordered_json ending_document(const planner::Plan& plan, const Ending& ending,
                                       const std::string& whereabouts) {
  nlohmann::ordered_json document = {{"migration", plan.migration_id},
                                     {"source", pg::display(plan.source.name)},
                                     {"target", pg::display(plan.layout.root.name)},
                                     {"complete", ending.summary.has_value()}};
  document.update(to_document(ending.state));
  document["rows_this_run"] = ending.rows_this_run;
  document["seconds"] = static_cast<double>(ending.duration.count()) / 1000;
  document["seconds_moving"] = static_cast<double>(moving_time(ending).count()) / 1000;
  document["rows_per_second"] = per_second(ending.rows_this_run, moving_time(ending));
  document["retries"] = ending.retries;
  document["seconds_waited"] = nlohmann::ordered_json::object();
  for (const auto& [reason, seconds] : ending.seconds_waited) {
    document["seconds_waited"][reason] = seconds;
  }
  if (ending.summary) {
    document["batches"] = ending.summary->batches;
    document["unguarded_writes"] = ending.summary->unguarded_writes;
  }
  if (!ending.calibration.empty()) {
    document["calibration"] = ending.calibration_document;
  }
  if (ending.comparison) {
    document["verification"] = comparison_document(*ending.comparison);
  }
  if (ending.failure) {
    document["error"] = to_document(*ending.failure);
  }
  document["next"] = next_command(plan, ending.state, whereabouts);
  document["exit_code"] = ending.code();
  return document;
}

// A failure after which the same command goes on always says so.
Failure with_way_on(Failure failure, const Options& options) {
  if (failure.kind() == FailureKind::refused || failure.kind() == FailureKind::corrupt) {
    return failure;
  }
  if (failure.hint().find("same command") == std::string::npos) {
    const bool needs_mending = failure.kind() == FailureKind::server || failure.kind() == FailureKind::local ||
                               failure.kind() == FailureKind::mismatch;
    const std::string way_on = std::string(needs_mending ? "When the cause is mended, the" : "The") +
                               " same command goes on: pgsluice run" + options.whereabouts();
    failure.hint(failure.hint().empty() ? way_on : failure.hint() + "\n" + way_on);
  }
  if (failure.status().empty()) {
    failure.status("nothing is lost and nothing is moved twice");
  }
  return failure;
}

}  // namespace

int run_command(const Options& options) {
  Terminal terminal(STDERR_FILENO);
  Log log(terminal, log_options(options));
  const ProgressMode mode = progress_mode(options, terminal);
  Checkpoint checkpoint = Checkpoint::open(options.text("checkpoint", kDefaultCheckpoint));
  const planner::Plan& plan = checkpoint.plan();
  const mover::Sessions sessions(sessions_options(options, log, plan.migration_id));

  mover::ControlSettings settings(given_settings(options), checkpoint.setting(mover::kControlSetting));
  mover::MoveOptions wanted = move_options(options, reach_both(sessions, "run"), settings);
  const Verifying verifying = verifying_of(options);
  wanted.take_sums = verifying == Verifying::during;
  if (wanted.take_sums && !plan.guard) {
    throw Failure(FailureKind::refused, "--verify during needs the guard, and this plan says --guard off")
        .detail("A row that somebody changes after its batch would be compared as it was.")
        .hint("Use --verify after.")
        .status("nothing was changed");
  }
  if (checkpoint.phase() == planner::Phase::planned) {
    check_before_the_first_change(plan, sessions, options, terminal, log);
    ask(options, plan, terminal);
  }

  Ending ending;
  const auto begun = std::chrono::steady_clock::now();
  {
    mover::StopRequest stop;
    const StopSignals signals(stop);
    ProgressDisplay display(terminal, log, mode);
    mover::Pacing pacing(sessions, pacing_options(options, settings.state()), &settings, stop, display);
    wanted.gate = &pacing.keeper();
    const ProgressDisplay::Following following(display, pacing.keeper());
    RunControl control(checkpoint, settings, stop, display, wanted.gate);
    const auto server = listen_for_control(checkpoint, control, log);
    note_kept_settings(settings, display);
    try {
      ending.summary = mover::move_table(checkpoint, sessions, wanted, stop, display);
      if (verifying != Verifying::off) {
        ending.comparison =
            mover::verify(checkpoint, sessions, verify_options(wanted, needs_exact_verify(plan)), stop, display);
        if (!ending.comparison->is_equal()) {
          ending.failure = mismatch(*ending.comparison, "pgsluice verify --find" + options.whereabouts());
        }
      }
    } catch (const Failure& failure) {
      ending.failure = with_way_on(failure, options);
    }
    ending.rows_this_run = display.totals().rows_this_run;
    ending.retries = display.totals().retries;
    ending.seconds_waited = pacing.seconds_waited();
  }
  ending.duration = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begun);
  ending.state = state_of(checkpoint);
  ending.calibration = calibration_text(checkpoint);
  ending.calibration_document = calibration_document(checkpoint);
  if (ending.summary) {
    ending.rows_this_run = ending.summary->rows_this_run;
    ending.retries = ending.summary->retries;
  }

  if (options.is_on("json")) {
    print_result(ending_document(plan, ending, options.whereabouts()));
  } else if (!ending.failure || ending.failure->kind() != FailureKind::refused) {
    print_result(ending_text(plan, ending, options.whereabouts()));
  }
  return ending.failure ? tell(*ending.failure, false) : 0;
}

}  // namespace pgsluice::cli

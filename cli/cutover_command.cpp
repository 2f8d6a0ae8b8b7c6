// `pgsluice cutover`: puts the target into the source's place, after a look around and a question.
#include <unistd.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/command_sessions.hpp"
#include "cli/commands.hpp"
#include "cli/cutover_text.hpp"
#include "cli/hooks.hpp"
#include "cli/log.hpp"
#include "cli/migration_state.hpp"
#include "cli/pacing_options.hpp"
#include "cli/progress.hpp"
#include "cli/quantity.hpp"
#include "cli/question.hpp"
#include "cli/result.hpp"
#include "cli/run_control.hpp"
#include "cli/stop_signals.hpp"
#include "mover/live/cutover.hpp"
#include "mover/live/moment.hpp"
#include "pg/failure.hpp"
#include "planner/checkpoint.hpp"

namespace pgsluice::cli {

namespace {

using pg::Failure;
using pg::FailureKind;

// Adds to what a run answers that a cutover may begin.
class CutoverControl : public RunControl {
 public:
  using RunControl::RunControl;
  void wait() { is_waiting_ = true; }
  bool may_begin() const { return may_begin_; }
  bool cut_over() override {
    if (!is_waiting_) {
      return RunControl::cut_over();
    }
    return !may_begin_.exchange(true);
  }

 private:
  std::atomic<bool> is_waiting_ = false;
  std::atomic<bool> may_begin_ = false;
};

void ask(const Options& options, const planner::Plan& plan) {
  if (options.is_on("yes")) {
    return;
  }
  if (!can_ask()) {
    throw Failure(FailureKind::refused, "a cutover exchanges tables, and nobody is there to be asked")
        .hint("Add --yes.")
        .status("nothing was changed");
  }
  const std::string source = pg::display(plan.source.name);
  const std::string what =
      plan.parent ? std::to_string(leaves(plan.layout).size()) + " partitions take its place in " +
                        pg::display(plan.parent->name) + " in one short transaction; it stays beside it and\n"
                  : "becomes the partitioned table in one short transaction; the old one stays beside it and\n";
  print_error_text("Cutover of " + title(plan) + ":\n  " + source + (plan.parent ? ": " : " ") + what +
                   "  follows it, until `pgsluice finish`. `pgsluice rollback` puts it back and keeps every write.\n");
  if (!says_yes("Cut over?")) {
    throw Failure(FailureKind::refused, "not confirmed").status("nothing was changed");
  }
}

// Until the operator's moment. False when a stop was requested first.
bool wait_for_moment(const std::optional<mover::Moment>& moment, bool waits_for_word, CutoverControl& control,
                     const mover::Sessions& sessions, const mover::StopRequest& stop, mover::Observer& observer) {
  constexpr std::chrono::milliseconds kPeriod{100};
  if (moment) {
    pg::Connection connection = sessions.open_target("cutover, clock");
    const auto left = mover::read_time_until(connection, *moment);
    observer.noted("ready; the cutover begins in " + duration_text(left));
    if (!mover::pause(left, stop)) {
      return false;
    }
  }
  if (waits_for_word) {
    control.wait();
    observer.noted("ready; `pgsluice control cutover` begins it");
    while (!control.may_begin()) {
      if (!mover::pause(kPeriod, stop)) {
        return false;
      }
    }
  }
  return true;
}

int print_preflight(const Options& options, planner::Checkpoint& checkpoint, const mover::Sessions& sessions,
                    const mover::CutoverOptions& wanted, Terminal& terminal, Log& log) {
  const mover::StopRequest never;
  ProgressDisplay display(terminal, log, ProgressMode::none);
  const std::vector<mover::Finding> findings = mover::preflight(checkpoint, sessions, planner::SwapDirection::forward,
                                                                wanted, {retry_options(options), never, display});
  if (options.is_on("json")) {
    print_result(preflight_document(findings));
  } else {
    print_result(preflight_text(findings));
  }
  return is_blocked(findings) ? pg::exit_code(FailureKind::refused) : 0;
}

}  // namespace

mover::CutoverOptions cutover_options(const Options& options) {
  mover::CutoverOptions wanted;
  wanted.retry = retry_options(options);
  wanted.max_lock = options.duration("max-lock", wanted.max_lock);
  wanted.timeout =
      std::chrono::duration_cast<std::chrono::seconds>(options.duration("cutover-timeout", wanted.timeout));
  constexpr std::uint64_t kGapMax = 1'000'000'000;
  const std::uint64_t gap = options.count("sequence-gap", 0);
  if (gap > kGapMax) {
    throw Failure(FailureKind::refused, "--sequence-gap is at most " + std::to_string(kGapMax));
  }
  wanted.sequence_gap = static_cast<std::int64_t>(gap);
  for (const std::string& kind : options.list("accept")) {
    if (kind != "unverified" && kind != "partitions") {
      throw Failure(FailureKind::refused, "--accept knows no \"" + kind + "\" here")
          .hint("It knows unverified, with cutover, and partitions, with rollback.");
    }
    (kind == "unverified" ? wanted.accepts_unverified : wanted.accepts_partitions) = true;
  }
  return wanted;
}

int cutover_command(const Options& options) {
  Terminal terminal(STDERR_FILENO);
  Log log(terminal, log_options(options));
  const ProgressMode mode = progress_mode(options, terminal);
  const Hooks hooks(options.texts("hook"), {"before-cutover", "after-cutover"});
  const std::optional<mover::Moment> moment =
      options.has("at") ? std::optional(mover::parse_moment(options.text("at"))) : std::nullopt;
  mover::CutoverOptions wanted = cutover_options(options);
  planner::Checkpoint checkpoint = planner::Checkpoint::open(options.text("checkpoint", kDefaultCheckpoint));
  const planner::Plan& plan = checkpoint.plan();
  const mover::Sessions sessions(sessions_options(options, log, plan.migration_id));
  wanted.workers = worker_count(options, reach_both(sessions, "cutover"));
  if (options.is_on("check")) {
    return print_preflight(options, checkpoint, sessions, wanted, terminal, log);
  }
  ask(options, plan);

  mover::ControlSettings settings(given_settings(options), checkpoint.setting(mover::kControlSetting));
  mover::CutoverSummary summary;
  {
    mover::StopRequest stop;
    const StopSignals signals(stop);
    ProgressDisplay display(terminal, log, mode);
    mover::Pacing pacing(sessions, pacing_options(options, settings.state()), &settings, stop, display);
    wanted.gate = &pacing.keeper();
    const ProgressDisplay::Following following(display, pacing.keeper());
    CutoverControl control(checkpoint, settings, stop, display, wanted.gate);
    const auto server = listen_for_control(checkpoint, control, log);
    if (moment || options.is_on("wait")) {
      wanted.wait_for_moment = [&] {
        return wait_for_moment(moment, options.is_on("wait"), control, sessions, stop, display);
      };
    }
    wanted.hook = [&](std::string_view name) { hooks.run(name, checkpoint); };
    summary = mover::cut_over(checkpoint, sessions, planner::SwapDirection::forward, wanted, stop, display);
  }
  if (options.is_on("json")) {
    nlohmann::ordered_json document = {{"migration", plan.migration_id}};
    document.update(to_document(state_of(checkpoint)));
    document.update(cutover_document(summary));
    document["exit_code"] = 0;
    print_result(document);
  } else {
    print_result(cutover_text(plan, summary, options.whereabouts()));
  }
  return 0;
}

}  // namespace pgsluice::cli

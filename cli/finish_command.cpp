// `pgsluice finish`: drops the old table after a cutover, after asking once.
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "cli/command_sessions.hpp"
#include "cli/commands.hpp"
#include "cli/log.hpp"
#include "cli/migration_state.hpp"
#include "cli/progress.hpp"
#include "cli/question.hpp"
#include "cli/result.hpp"
#include "cli/stop_signals.hpp"
#include "mover/live/finish_migration.hpp"
#include "pg/failure.hpp"
#include "planner/checkpoint.hpp"
#include "planner/swap_sql.hpp"

namespace pgsluice::cli {

namespace {

using pg::Failure;
using pg::FailureKind;

void ask(const Options& options, const planner::Plan& plan) {
  if (options.is_on("yes")) {
    return;
  }
  if (!can_ask()) {
    throw Failure(FailureKind::refused, "finish drops a table, and nobody is there to be asked")
        .hint("Add --yes.")
        .status("nothing was changed");
  }
  print_error_text("Finish of " + title(plan) + ":\n  " + pg::display(planner::name_after_swap(plan)) +
                   " is dropped, and there is no way back\n");
  if (!says_yes("Drop it?")) {
    throw Failure(FailureKind::refused, "not confirmed").status("nothing was changed");
  }
}

}  // namespace

int finish_command(const Options& options) {
  Terminal terminal(STDERR_FILENO);
  Log log(terminal, log_options(options));
  const std::string path = options.text("checkpoint", kDefaultCheckpoint);
  planner::Checkpoint checkpoint = planner::Checkpoint::open(path);
  const planner::Plan& plan = checkpoint.plan();
  const mover::Sessions sessions(sessions_options(options, log, plan.migration_id));
  reach_both(sessions, "finish");
  ask(options, plan);
  mover::FinishSummary summary;
  {
    mover::StopRequest stop;
    const StopSignals signals(stop);
    ProgressDisplay display(terminal, log, progress_mode(options, terminal));
    summary = mover::finish_migration(checkpoint, sessions, retry_options(options), stop, display);
  }
  if (options.is_on("json")) {
    nlohmann::ordered_json document = {{"migration", plan.migration_id}};
    document.update(to_document(state_of(checkpoint)));
    document["was_finished_before"] = summary.was_done_before;
    document["exit_code"] = 0;
    print_result(document);
  } else {
    print_result(title(plan) +
                 (summary.was_done_before ? ": it was finished before\n"
                                          : ": finished; " + pg::display(plan.source.name) +
                                                " is partitioned, and nothing of ours is left\n") +
                 path + " may be removed now\n");
  }
  return 0;
}

}  // namespace pgsluice::cli

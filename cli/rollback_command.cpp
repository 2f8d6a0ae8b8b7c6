// `pgsluice rollback`: undoes a migration, after asking once.
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "cli/command_sessions.hpp"
#include "cli/commands.hpp"
#include "cli/cutover_text.hpp"
#include "cli/log.hpp"
#include "cli/migration_state.hpp"
#include "cli/progress.hpp"
#include "cli/quantity.hpp"
#include "cli/question.hpp"
#include "cli/result.hpp"
#include "cli/stop_signals.hpp"
#include "mover/ledger.hpp"
#include "mover/live/cutover.hpp"
#include "mover/rollback.hpp"
#include "pg/failure.hpp"
#include "planner/checkpoint.hpp"

namespace pgsluice::cli {

namespace {

using pg::Failure;
using pg::FailureKind;

// Of a table that was cut over: the two exchange their places again, and nothing else.
int swap_back(const Options& options, planner::Checkpoint& checkpoint, const mover::Sessions& sessions,
              unsigned workers, Terminal& terminal, Log& log) {
  const planner::Plan& plan = checkpoint.plan();
  mover::CutoverOptions wanted = cutover_options(options);
  wanted.workers = workers;
  mover::CutoverSummary summary;
  {
    mover::StopRequest stop;
    const StopSignals signals(stop);
    ProgressDisplay display(terminal, log, progress_mode(options, terminal));
    summary = mover::cut_over(checkpoint, sessions, planner::SwapDirection::back, wanted, stop, display);
  }
  if (options.is_on("json")) {
    nlohmann::ordered_json document = {{"migration", plan.migration_id}};
    document.update(to_document(state_of(checkpoint)));
    document.update(cutover_document(summary));
    document["exit_code"] = 0;
    print_result(document);
  } else {
    print_result(title(plan) + ": " + pg::display(plan.source.name) +
                 (plan.parent ? " is a partition of " + pg::display(plan.parent->name) + " again"
                              : " is the plain table again") +
                 ", with every write made since; " + lock_text(summary) +
                 "\nThe target follows it again.\n\nnext: try again\n    pgsluice cutover" + options.whereabouts() +
                 "\nor remove the target and everything of ours\n    pgsluice rollback" + options.whereabouts() + "\n");
  }
  return 0;
}

std::string what_it_will_do(const planner::Plan& plan, bool is_cut_over) {
  if (is_cut_over) {
    return "Rollback of the cutover of " + title(plan) + ":\n  " + pg::display(plan.source.name) +
           (plan.parent ? " becomes a partition of " + pg::display(plan.parent->name) + " again"
                        : " becomes the plain table again") +
           ", with every write made since, in one short transaction\n" +
           "  the target stays and follows it; a second rollback removes it\n";
  }
  const std::string target = pg::display(plan.layout.root.name);
  std::string text = "Rollback of " + title(plan) + ":\n";
  if (empties_source(plan.method)) {
    text += "  rows that left " + pg::display(plan.source.name) + " are moved back\n";
  }
  text += plan.layout.existing ? "  the rows that arrived in " + target + " are removed; the table stays\n"
                               : "  " + target + " and all its partitions are dropped\n";
  return text + "  the triggers of ours on " + pg::display(plan.source.name) + " and the ledger's rows are removed\n";
}

void ask(const Options& options, const planner::Plan& plan, bool is_cut_over) {
  if (options.is_on("yes")) {
    return;
  }
  if (!can_ask()) {
    throw Failure(FailureKind::refused, "rollback drops tables, and nobody is there to be asked")
        .hint("Add --yes.")
        .status("nothing was changed");
  }
  print_error_text(what_it_will_do(plan, is_cut_over));
  if (!says_yes("Undo it?")) {
    throw Failure(FailureKind::refused, "not confirmed").status("nothing was changed");
  }
}

std::string ending_text(const planner::Plan& plan, const mover::RollbackSummary& summary) {
  if (summary.nothing_to_do) {
    return title(plan) + ": it was undone before\n";
  }
  std::string text = title(plan) + ": undone; " + pg::display(plan.source.name) +
                     " is as it was, and nothing of this migration is left in the database\n";
  text += summary.rows_moved_back > 0 ? exact_count_text(summary.rows_moved_back) + " rows moved back\n" : "";
  text += summary.rows_dropped > 0 ? exact_count_text(summary.rows_dropped) + " copies dropped\n" : "";
  return text;
}

}  // namespace

int rollback_command(const Options& options) {
  Terminal terminal(STDERR_FILENO);
  Log log(terminal, log_options(options));
  const ProgressMode mode = progress_mode(options, terminal);
  const std::string path = options.text("checkpoint", kDefaultCheckpoint);
  planner::Checkpoint checkpoint = planner::Checkpoint::open(path);
  const planner::Plan& plan = checkpoint.plan();
  const mover::Sessions sessions(sessions_options(options, log, plan.migration_id));
  mover::RollbackOptions wanted;
  wanted.retry = retry_options(options);
  FirstSessions reached = reach_both(sessions, "rollback");
  wanted.workers = worker_count(options, reached);
  const bool is_cut_over = mover::read_phase(reached.target, plan.migration_id) == planner::Phase::cut_over;
  ask(options, plan, is_cut_over);
  if (is_cut_over) {
    return swap_back(options, checkpoint, sessions, wanted.workers, terminal, log);
  }
  mover::RollbackSummary summary;
  {
    mover::StopRequest stop;
    const StopSignals signals(stop);
    ProgressDisplay display(terminal, log, mode);
    summary = mover::roll_back(checkpoint, sessions, wanted, stop, display);
  }
  if (options.is_on("json")) {
    nlohmann::ordered_json document = {{"migration", plan.migration_id}};
    document.update(to_document(state_of(checkpoint)));
    document["was_rolled_back_before"] = summary.nothing_to_do;
    document["rows_moved_back"] = summary.rows_moved_back;
    document["rows_dropped"] = summary.rows_dropped;
    document["exit_code"] = 0;
    print_result(document);
  } else {
    print_result(ending_text(plan, summary) + path + " may be removed now\n");
  }
  return 0;
}

}  // namespace pgsluice::cli

// `pgsluice plan`: reads, decides, prints, and writes the checkpoint. The database's sessions are read-only.
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/command_sessions.hpp"
#include "cli/commands.hpp"
#include "cli/emit.hpp"
#include "cli/log.hpp"
#include "cli/migration_state.hpp"
#include "cli/plan_options.hpp"
#include "cli/plan_text.hpp"
#include "cli/result.hpp"
#include "pg/failure.hpp"
#include "planner/checkpoint.hpp"
#include "planner/planning.hpp"
#include "planner/target_sql.hpp"

namespace pgsluice::cli {

namespace {

using pg::Failure;
using pg::FailureKind;

void refuse_existing_checkpoint(const std::string& path, const Options& options) {
  if (!std::filesystem::exists(path)) {
    return;
  }
  throw Failure(FailureKind::refused, "the checkpoint " + path + " exists already, and may hold a migration's state")
      .hint(
          "See what it is: pgsluice status" + options.whereabouts() +
          "\nUse another file with --checkpoint, or remove this one if its migration was never run or is rolled back.")
      .status("nothing was changed");
}

}  // namespace

int plan_command(const Options& options) {
  Terminal terminal(STDERR_FILENO);
  Log log(terminal, log_options(options));
  const std::string path = options.text("checkpoint", kDefaultCheckpoint);
  const bool is_dry_run = options.is_on("dry-run");
  if (!is_dry_run) {
    refuse_existing_checkpoint(path, options);
  }
  const planner::PlanOptions wanted = plan_options(options);
  const std::optional<EmitOptions> emitted = emit_options(options);
  mover::SessionsOptions access = sessions_options(options, log, "");
  access.read_only = true;
  const mover::Sessions sessions(access);
  reach_both(sessions, "plan");
  planner::Plan plan;
  mover::EmitFacts facts;
  PlanTextOptions shown;
  read_with_retries(sessions, options, terminal, log, wanted.table,
                    [&](pg::Connection& source, pg::Connection& target) {
                      plan = planner::make_plan(source, target, wanted);
                      shown.privileges = planner::read_privileges(plan, source, target);
                      if (emitted) {
                        mover::refuse_unwritable(plan);
                        facts = mover::read_emit_facts(source, plan);
                      }
                    });
  if (emitted) {
    write_emission(plan, facts, *emitted);
    shown.written = emitted->folder;
  }
  shown.statements = planner::all_statements_sql(plan);
  shown.in_full = is_dry_run;
  if (!is_dry_run) {
    planner::Checkpoint::create(path, plan);
    shown.next = next_command(planner::Phase::planned, options.whereabouts());
  } else {
    shown.next = "the same command without --dry-run writes the checkpoint " + path;
  }
  if (options.is_on("json")) {
    print_result(plan_document(plan, shown));
  } else {
    print_result(plan_text(plan, shown));
  }
  return 0;
}

}  // namespace pgsluice::cli

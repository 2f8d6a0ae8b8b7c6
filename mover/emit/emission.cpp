#include "mover/emit/emission.hpp"

#include "mover/emit/stages.hpp"
#include "pg/failure.hpp"
#include "planner/script_sql.hpp"

namespace pgsluice::mover {

namespace {

using planner::Plan;

constexpr std::string_view kBriefly = "200ms";
constexpr std::string_view kPatiently = "10s";

Sessions::Settings session_settings(const Plan& plan, const EmitFacts& facts) {
  constexpr int kTransactionTimeoutSince = 17;
  Sessions::Settings settings = {{"client_encoding", "UTF8"}, {"client_min_messages", "warning"}};
  const Sessions::Settings& common = Sessions::common_settings();
  settings.insert(settings.end(), common.begin(), common.end());
  if (facts.server_major_version >= kTransactionTimeoutSince) {
    settings.emplace_back("transaction_timeout", "0");
  }
  settings.emplace_back("lock_timeout", kPatiently);
  settings.emplace_back("default_tablespace", "");
  settings.emplace_back("pgsluice.migration", plan.migration_id);
  return settings;
}

// Numbers the steps, and adds to each what makes it happen once.
void number_steps(const Plan& plan, const std::string& name, Script& script) {
  unsigned number = 0;
  for (ScriptStep& step : script.steps) {
    ++number;
    if (step.waits_briefly) {
      step.statements.insert(step.statements.begin(), planner::set_local_sql("lock_timeout", kBriefly));
    }
    if (step.until_next) {
      step.is_open_sql = planner::step_is_open_sql(plan, {name, number + 1});
    }
    if (step.is_recorded) {
      step.is_open_sql = planner::step_is_open_sql(plan, {name, number});
      step.statements.push_back(planner::record_step_sql(plan, {name, number}));
    }
  }
}

std::vector<Stage> stages_of(const Writing& writing) {
  if (writing.plan.strategy == planner::Strategy::capture) {
    return {target_stage(writing),    capture_stage(writing), copy_stage(writing),
            key_index_stage(writing), apply_stage(writing),   indexes_stage(writing),
            cutover_stage(writing),   settle_stage(writing),  finish_stage(writing)};
  }
  std::vector<Stage> stages = {target_stage(writing)};
  if (writing.plan.guard) {
    stages.push_back(guard_stage(writing));
  }
  for (Stage (*const stage)(const Writing&) :
       {copy_stage, indexes_stage, cutover_by_hand_stage, finish_by_hand_stage}) {
    stages.push_back(stage(writing));
  }
  return stages;
}

void refuse_blocked_cutover(const EmitFacts& facts) {
  std::string reasons;
  for (const planner::Obstacle& obstacle : facts.obstacles) {
    if (obstacle.blocks) {
      reasons += (reasons.empty() ? "" : "\n") + obstacle.what + ": " + obstacle.instead +
                 (obstacle.hint.empty() ? "" : ". " + obstacle.hint);
    }
  }
  if (!reasons.empty()) {
    throw pg::Failure(pg::FailureKind::refused, "the cutover cannot be written down as SQL")
        .detail(reasons)
        .status("nothing was written");
  }
}

pg::Failure unwritable(const std::string& why) {
  return pg::Failure(pg::FailureKind::refused, "this migration cannot be written down as SQL: " + why)
      .status("nothing was written");
}

}  // namespace

std::string up_of(std::string_view stage) {
  return std::string(stage) + ".up";
}

std::string down_of(std::string_view stage) {
  return std::string(stage) + ".down";
}

void refuse_unwritable(const Plan& plan) {
  if (!plan.one_database) {
    throw unwritable("source and target are in two databases")
        .detail("No statement of one reaches the rows of the other.")
        .hint("`pgsluice run` brings them over.");
  }
  if (plan.parent || plan.source.kind != "r") {
    throw unwritable(plan.parent ? "it splits a partition" : "its source is partitioned")
        .detail("What its cutover attaches is proved and looked at just before.")
        .hint("`pgsluice run` and `pgsluice cutover` do it.");
  }
  if (plan.layout.existing) {
    throw unwritable("the target is there already")
        .detail(pg::display(plan.layout.root.name) +
                " was not made by this migration, so its indexes, keys and triggers are not known to it.")
        .hint("Name a target that does not exist with --into.");
  }
  if (planner::empties_source(plan.method)) {
    throw unwritable("its method empties the source")
        .detail("What goes wrong between two batches is for a program to put right.")
        .hint("Plan with --method auto, or move the rows by `pgsluice run`.");
  }
}

Emission emit(const Plan& plan, const EmitFacts& facts) {
  refuse_unwritable(plan);
  refuse_blocked_cutover(facts);
  Emission emission;
  emission.settings = session_settings(plan, facts);
  emission.stages = stages_of({plan, facts});
  for (Stage& stage : emission.stages) {
    number_steps(plan, up_of(stage.name), stage.up);
    if (stage.down) {
      number_steps(plan, down_of(stage.name), *stage.down);
    }
  }
  for (const planner::Obstacle& obstacle : facts.obstacles) {
    emission.not_carried.push_back(obstacle.what + ": " + obstacle.instead +
                                   (obstacle.hint.empty() ? "" : ". " + obstacle.hint));
  }
  return emission;
}

}  // namespace pgsluice::mover

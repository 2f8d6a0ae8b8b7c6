#include "mover/emit/emission.hpp"

#include <algorithm>

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

// What could be done at any time, and would be done to the wrong tables once they are exchanged. The exchange is the
// last step of its script.
void leave_out_after_cutover(const Plan& plan, std::vector<Stage>& stages) {
  const auto is_cutover = [](const Stage& stage) { return stage.name == kCutover; };
  const auto cutover = std::find_if(stages.begin(), stages.end(), is_cutover);
  const auto number = static_cast<unsigned>(cutover->up.steps.size());
  for (Stage& stage : stages) {
    if (stage.name != kCopy && stage.name != kApply) {
      continue;
    }
    for (ScriptStep& step : stage.up.steps) {
      step.is_open_sql = planner::step_is_open_sql(plan, {up_of(kCutover), number});
    }
  }
}

std::size_t recorded_count(const Plan& plan, const Stage& stage) {
  if (stage.name == kCopy) {
    return plan.ranges.size();  // Its statements record themselves.
  }
  const std::vector<ScriptStep>& steps = stage.up.steps;
  return static_cast<std::size_t>(
      std::count_if(steps.begin(), steps.end(), [](const ScriptStep& step) { return step.is_recorded; }));
}

// E3. Last, so that the numbers under which steps are recorded stay.
void refuse_out_of_order(const Plan& plan, std::vector<Stage>& stages) {
  std::vector<planner::StepCount> before;
  for (Stage& stage : stages) {
    if (!before.empty()) {
      stage.up.steps.insert(
          stage.up.steps.begin(),
          {.what = "Whether all that comes before it is done",
           .frame = ScriptStep::Frame::alone,
           .is_recorded = false,
           .statements = planner::refuse_unless_done_sql(
               plan, before, "what comes before the stage `" + stage.name + "` is not done to its end")});
    }
    if (const std::size_t count = recorded_count(plan, stage); count > 0) {
      before.push_back({up_of(stage.name), count});
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
  leave_out_after_cutover(plan, emission.stages);
  refuse_out_of_order(plan, emission.stages);
  for (const planner::Obstacle& obstacle : facts.obstacles) {
    emission.not_carried.push_back(obstacle.what + ": " + obstacle.instead +
                                   (obstacle.hint.empty() ? "" : ". " + obstacle.hint));
  }
  return emission;
}

}  // namespace pgsluice::mover

// The stages in which the target is made and filled, and the source watched or guarded.
#include <algorithm>
#include <cstddef>

#include "mover/batch_method.hpp"
#include "mover/emit/stages.hpp"
#include "planner/capture_sql.hpp"
#include "planner/foreign_key_sql.hpp"
#include "planner/guard_sql.hpp"
#include "planner/refresh_sql.hpp"
#include "planner/script_sql.hpp"
#include "planner/target_table_sql.hpp"

namespace pgsluice::mover {

namespace {

using planner::Partition;
using planner::PartitionNode;
using planner::Statements;
using Frame = ScriptStep::Frame;

constexpr std::size_t kTablesPerTransaction = 100;
// Dropping a foreign key locks the referenced table of the application against everybody until the transaction ends.
constexpr std::size_t kTablesPerDropWithForeignKeys = 10;

std::string shown_target(const Writing& writing) {
  return pg::display(writing.plan.layout.root.name);
}

std::string shown_source(const Writing& writing) {
  return pg::display(writing.plan.source.name);
}

// As prepare_target() settles them.
void add_rights(Statements& statements, const Writing& writing, const PartitionNode& node) {
  for (const std::string& grantee : writing.facts.default_grantees) {
    statements.push_back(planner::revoke_default_sql(node, grantee));
  }
  if (writing.facts.gives_to_owner) {
    statements.push_back(planner::owner_sql(writing.plan, node));
  }
}

std::vector<ScriptStep> make_tables(const Writing& writing) {
  const planner::Plan& plan = writing.plan;
  std::vector<ScriptStep> steps = {
      {.what = "The list of steps that are done", .is_recorded = false, .statements = planner::create_steps_sql(plan)}};
  ScriptStep& root = steps.emplace_back(ScriptStep{.what = "The partitioned table"});
  root.statements = planner::create_root_sql(plan);
  add_rights(root.statements, writing, plan.layout.root);
  const std::vector<Partition> all = planner::partitions(plan.layout);
  for (std::size_t at = 0; at < all.size(); at += kTablesPerTransaction) {
    ScriptStep& step = steps.emplace_back(ScriptStep{.what = "Partitions"});
    for (std::size_t i = at; i < std::min(at + kTablesPerTransaction, all.size()); ++i) {
      planner::append(step.statements, planner::create_partition_sql(plan, *all[i].node, *all[i].parent));
      add_rights(step.statements, writing, *all[i].node);
    }
  }
  return steps;
}

// Children before their parents. The parents of what is dropped are locked first, as every query locks them first.
ScriptStep drop_tables(const std::vector<Partition>& chunk) {
  std::vector<const PartitionNode*> dropped;
  std::vector<const PartitionNode*> locked;
  for (const Partition& partition : chunk) {
    dropped.push_back(partition.node);
    if (partition.parent != nullptr && std::find(locked.begin(), locked.end(), partition.parent) == locked.end()) {
      locked.push_back(partition.parent);
    }
  }
  locked.insert(locked.end(), dropped.begin(), dropped.end());
  std::reverse(dropped.begin(), dropped.end());
  return {.what = "Tables of the target",
          .waits_briefly = true,
          .statements = {planner::lock_for_drop_sql(locked), planner::drop_tables_sql(dropped)}};
}

planner::Statement refuse_drop_before(std::string_view stage, const std::string& is_there) {
  return planner::refuse_sql(is_there, "the stage `" + std::string(stage) + "` still stands",
                             "Run the way back of the stage `" + std::string(stage) + "` first.");
}

// By their names, which the target has lost once it is in use. A target that lacks tables must not be filled again.
ScriptStep prepare_drop(const Writing& writing) {
  const planner::Plan& plan = writing.plan;
  ScriptStep step{.what = "Whether all that uses the target is gone", .is_recorded = false};
  step.statements.push_back(planner::refuse_sql("NOT " + planner::is_there_sql(plan.layout.root.name) + " AND " +
                                                    planner::script_is_begun_sql(plan, up_of(kCutover)),
                                                "the target is in use as " + shown_source(writing),
                                                plan.strategy == planner::Strategy::capture
                                                    ? "Run the way back of the stage `cutover` first."
                                                    : "There is no way back from the cutover."));
  if (plan.strategy == planner::Strategy::capture) {
    step.statements.push_back(refuse_drop_before(kCapture, planner::is_there_sql(planner::forward_feed(plan).log())));
  } else if (plan.guard) {
    step.statements.push_back(refuse_drop_before(kGuard, planner::guard_is_there_sql(plan)));
  }
  step.statements.push_back(planner::forget_scripts_sql(plan, {up_of(kTarget)}));
  return step;
}

std::vector<ScriptStep> drop_target(const Writing& writing) {
  const planner::Plan& plan = writing.plan;
  const std::size_t size_max =
      planner::kept_foreign_keys(plan.source).empty() ? kTablesPerTransaction : kTablesPerDropWithForeignKeys;
  std::vector<Partition> all = planner::partitions(plan.layout);
  std::vector<ScriptStep> steps = {prepare_drop(writing)};
  for (std::size_t end = all.size(); end > 0;) {
    const std::size_t begin = end > size_max ? end - size_max : 0;
    steps.push_back(drop_tables(
        {all.begin() + static_cast<std::ptrdiff_t>(begin), all.begin() + static_cast<std::ptrdiff_t>(end)}));
    end = begin;
  }
  steps.push_back(drop_tables({{&plan.layout.root, nullptr}}));
  steps.push_back({.what = "The list of steps, and the schema when it is empty then",
                   .is_recorded = false,
                   .statements = planner::drop_steps_sql(plan)});
  return steps;
}

// Whatever was copied stands for nothing any more.
Statements forget_rows(const Writing& writing) {
  return {{planner::empty_table_sql(writing.plan.layout.root.name), "ACCESS EXCLUSIVE",
           shown_target(writing) + " and each partition"},
          planner::forget_scripts_sql(writing.plan, {up_of(kCopy)})};
}

// And what was noted, neither: it is among the rows that are copied then.
Statements start_over(const Writing& writing) {
  Statements statements = forget_rows(writing);
  if (writing.plan.strategy == planner::Strategy::capture) {
    const planner::Feed feed = planner::forward_feed(writing.plan);
    statements.push_back({planner::empty_log_sql(feed), "ROW EXCLUSIVE", pg::display(feed.log())});
  }
  return statements;
}

}  // namespace

Stage target_stage(const Writing& writing) {
  return {.name = std::string(kTarget),
          .part = Part::preparation,
          .up = {"Makes " + shown_target(writing) + " and its partitions, empty and without indexes.",
                 make_tables(writing)},
          .down = Script{"Drops " + shown_target(writing) +
                             " with all that is on it, and the list of steps. What watches or guards " +
                             shown_source(writing) + " must be gone before.",
                         drop_target(writing)},
          .no_down = {}};
}

Stage capture_stage(const Writing& writing) {
  const planner::Feed feed = planner::forward_feed(writing.plan);
  ScriptStep install{.what = "Log, functions and triggers", .waits_briefly = true};
  install.statements = planner::create_capture_log_sql(feed);
  planner::append(install.statements, planner::create_capture_triggers_sql(feed));
  ScriptStep remove{.what = "Triggers, functions and log", .waits_briefly = true};
  remove.statements = planner::drop_capture_triggers_sql(feed);
  planner::append(remove.statements, planner::drop_capture_log_sql(feed));
  // Of a cutover that was begun and did not get its locks.
  planner::append(remove.statements, planner::drop_capture_log_sql(planner::reverse_feed(writing.plan)));
  planner::append(remove.statements, forget_rows(writing));
  remove.statements.push_back(planner::forget_scripts_sql(writing.plan, {up_of(kCapture), up_of(kCutover)}));
  remove.is_recorded = false;
  return {.name = std::string(kCapture),
          .part = Part::preparation,
          .up = {"From its COMMIT on the keys of rows of " + shown_source(writing) +
                     " that change are noted in a log. It must come before the first row is copied.",
                 {install}},
          .down = Script{"Changes are noted no more. The target is emptied, because it falls behind from now on.",
                         {remove}},
          .no_down = {}};
}

Stage guard_stage(const Writing& writing) {
  ScriptStep install{.what = "Function and triggers", .waits_briefly = true};
  install.statements = planner::create_guard_sql(writing.plan, writing.facts.guards_rows);
  ScriptStep remove{.what = "Triggers and function", .waits_briefly = true, .is_recorded = false};
  remove.statements = planner::drop_guard_sql(writing.plan);
  planner::append(remove.statements, forget_rows(writing));
  remove.statements.push_back(planner::forget_scripts_sql(writing.plan, {up_of(kGuard)}));
  return {.name = std::string(kGuard),
          .part = Part::preparation,
          .up = {"From its COMMIT on writes to " + shown_source(writing) +
                     " are rejected. It must come before the first row is copied.",
                 {install}},
          .down = Script{"Writes to " + shown_source(writing) +
                             " go through again. The target is emptied, because it falls behind from now on.",
                         {remove}},
          .no_down = {}};
}

Stage copy_stage(const Writing& writing) {
  const std::string head = insert_from_source_head_sql(writing.plan, target_table_sql(writing.plan));
  Script up{
      "Copies the rows, one statement for each range. Each records itself as done, so that it copies nothing "
      "when the file is run again.",
      {}};
  if (writing.plan.key.is_ctid()) {
    up.what +=
        " Ranges are parts of the heap: nobody may rewrite the table (VACUUM FULL, CLUSTER) between two of them.";
  }
  unsigned number = 0;
  for (const planner::Range& range : writing.plan.ranges) {
    planner::Statement statement = planner::copy_range_sql(writing.plan, head, range, {up_of(kCopy), ++number});
    statement.lock = "ROW EXCLUSIVE";
    statement.on = shown_target(writing) + " (ACCESS SHARE on " + shown_source(writing) + ")";
    up.steps.push_back({.what = "Range " + std::to_string(range.index) + ": " + planner::display_lower(range.lower) +
                                " to " + planner::display_upper(range.upper),
                        .frame = Frame::alone,
                        .is_recorded = false,
                        .statements = {statement}});
  }
  Script down{"Empties the target, so that the rows can be copied once more.",
              {{.what = "Rows", .is_recorded = false, .statements = start_over(writing)}}};
  return {.name = std::string(kCopy), .part = Part::preparation, .up = up, .down = down, .no_down = {}};
}

}  // namespace pgsluice::mover

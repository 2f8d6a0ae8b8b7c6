// The stages of the strategy `capture` from the first changes brought over to the end: what the applier, the cutover,
// its way back and the finish do, in their order.
#include <algorithm>

#include "mover/emit/stages.hpp"
#include "mover/live/trigger_log.hpp"
#include "planner/analyze_sql.hpp"
#include "planner/capture_sql.hpp"
#include "planner/finish_sql.hpp"
#include "planner/foreign_key_sql.hpp"
#include "planner/guard_sql.hpp"
#include "planner/mark.hpp"
#include "planner/materialized_view_sql.hpp"
#include "planner/refresh_sql.hpp"
#include "planner/script_sql.hpp"
#include "planner/swap_names_sql.hpp"
#include "planner/swap_sql.hpp"

namespace pgsluice::mover {

namespace {

using planner::Feed;
using planner::ForeignKey;
using planner::IncomingKey;
using planner::PartitionNode;
using planner::Plan;
using planner::QualifiedName;
using planner::Statement;
using planner::Statements;
using planner::SwapDirection;
using planner::TableFacts;
using Frame = ScriptStep::Frame;

constexpr std::string_view kMaxLock = "1s";

std::string shown(const std::string& name) {
  return pg::display(std::string_view(name));
}

PartitionNode node_named(const QualifiedName& name) {
  PartitionNode node;
  node.name = name;
  return node;
}

// ---- Bringing changes over

Statement refuse_truncate(const Feed& feed, std::string_view hint) {
  return planner::refuse_sql(planner::truncate_is_noted_sql(feed), pg::display(feed.from) + " was emptied by TRUNCATE",
                             hint);
}

Statement refuse_broken_capture(const Writing& writing, const Feed& feed) {
  return planner::refuse_sql(
      planner::capture_is_broken_sql(feed, writing.facts.server_major_version),
      "changes of " + pg::display(feed.from) + " are not captured any more",
      "Somebody dropped or disabled triggers of ours; what was written since then is not known.");
}

Statements settings_of_applier() {
  Statements settings;
  for (const auto& [name, value] : applier_settings()) {
    settings.push_back(planner::set_local_sql(name, value));
  }
  return settings;
}

Statements refresh(const Feed& feed) {
  const planner::RefreshSql sql = planner::exact_refresh_sql(feed, planner::whole_log_sql());
  const std::string lock = "ROW EXCLUSIVE";
  const std::string to = pg::display(feed.to);
  return {{sql.remove_stale, lock, to},
          {sql.bring_current, lock, to + " (ACCESS SHARE on " + pg::display(feed.from) + ")"},
          {sql.forget, lock, pg::display(feed.log())}};
}

// Nobody else may refresh meanwhile (F4), and the snapshot must come after the locks.
ScriptStep refresh_step(const Writing& writing, const Feed& feed, Statements first) {
  ScriptStep step{.what = "Rows whose keys are noted are replaced by those of " + pg::display(feed.from),
                  .frame = Frame::snapshot,
                  .is_recorded = false,
                  .before = {planner::hold_lanes_sql(writing.plan, writing.facts.server_major_version)},
                  .statements = std::move(first),
                  .after = {planner::release_lanes_sql(writing.plan, writing.facts.server_major_version)}};
  planner::append(step.statements, settings_of_applier());
  planner::append(step.statements, refresh(feed));
  return step;
}

constexpr std::string_view kCopyAgain = "Run the way back of `copy`, then `copy` and all that follows it once more.";

// ---- The exchange

Statements remake_log(const Feed& feed) {
  Statements statements = planner::drop_capture_log_sql(feed);
  planner::append(statements, planner::create_capture_log_sql(feed));
  return statements;
}

Statement refuse_other_partitions(const Plan& plan) {
  return planner::refuse_sql(
      planner::partitions_differ_sql(plan.source.name, planner::nodes(plan.layout).size()),
      "partitions were added or are gone since the cutover",
      "The old table has no rows of a partition that was attached, and still those of one that was dropped.");
}

Statements refuse_what_changed(const Writing& writing, SwapDirection direction) {
  const Plan& plan = writing.plan;
  const int version = writing.facts.server_major_version;
  const std::string table = pg::display(plan.source.name);
  Statements statements;
  if (direction == SwapDirection::forward) {
    statements.push_back(planner::refuse_sql(
        planner::surroundings_differ_sql(plan, writing.facts.surroundings_digest, version),
        "what stands around " + table + " is not what it was when this file was written",
        "A column, check, policy, privilege, comment, index, trigger, rule, foreign key, view or the like was made, "
        "dropped or altered since: write the files anew."));
    statements.push_back(
        planner::refuse_sql(planner::columns_differ_sql(plan.source.name, plan.layout.root.name, version),
                            "both tables differ in columns", "Make them equal again first, or write the files anew."));
    return statements;
  }
  statements.push_back(refuse_other_partitions(plan));
  statements.push_back(
      planner::refuse_sql(planner::columns_differ_sql(plan.source.name, planner::name_after_swap(plan), version),
                          "both tables differ in columns", "Make them equal again first."));
  return statements;
}

struct Exchange {
  SwapDirection direction;
  Feed feed;       // Of the table in use until then.
  Feed next_feed;  // Of the one that takes its place.
  const planner::Surroundings& around;
};

Exchange exchange_of(const Writing& writing, SwapDirection direction) {
  Feed forward = planner::forward_feed(writing.plan);
  Feed back = planner::reverse_feed(writing.plan);
  return direction == SwapDirection::forward ? Exchange{direction, forward, back, writing.facts.before_swap}
                                             : Exchange{direction, back, forward, writing.facts.after_swap};
}

// As an attempt of the cutover goes.
ScriptStep exchange_step(const Writing& writing, const Exchange& exchange, const std::vector<std::string>& undone) {
  const Plan& plan = writing.plan;
  const bool is_forward = exchange.direction == SwapDirection::forward;
  const QualifiedName old_table = planner::name_after_swap(plan);
  ScriptStep step{.what = "The exchange, wholly or not at all. It may be tried until it finds a gap",
                  .waits_briefly = true};
  Statements& all = step.statements;
  all = settings_of_applier();
  planner::append(all, planner::catalog_settings_sql(writing.facts.server_major_version));
  planner::append(all, planner::swap_locks_sql(plan, exchange.around, exchange.direction));
  all.push_back(planner::set_local_sql("statement_timeout", kMaxLock));
  planner::append(all, refuse_what_changed(writing, exchange.direction));
  all.push_back(refuse_broken_capture(writing, exchange.feed));
  all.push_back(refuse_truncate(exchange.feed,
                                is_forward ? kCopyAgain : "Run this file once more: it fills the old table anew."));
  planner::append(all, refresh(exchange.feed));
  planner::append(all, planner::drop_capture_triggers_sql(exchange.feed));
  if (!is_forward) {
    planner::append(all, planner::drop_old_table_guard_sql(plan, old_table, {}));
  }
  planner::append(all, planner::swap_sql(plan, exchange.around, exchange.direction));
  if (is_forward) {
    planner::append(all, planner::create_old_table_guard_sql(plan, old_table, {}));
  }
  planner::append(all, planner::create_capture_triggers_sql(exchange.next_feed));
  planner::append(all, planner::create_snapshot_guard_here_sql(exchange.next_feed));
  all.push_back(planner::forget_scripts_sql(plan, undone));
  return step;
}

Script go_forward(const Writing& writing) {
  const Plan& plan = writing.plan;
  const Exchange exchange = exchange_of(writing, SwapDirection::forward);
  Script script{"Puts the target into the place of " + pg::display(plan.source.name) + ", which is kept as " +
                    pg::display(planner::name_after_swap(plan)) +
                    " and follows from then on. Bring changes over right before, so that few are left for the time in "
                    "which the tables are locked. Where a lock is not to be had within 200 ms everything is as before: "
                    "run the file again.",
                {}};
  script.steps.push_back(
      {.what = "The log of changes that will have to be brought back", .statements = remake_log(exchange.next_feed)});
  script.steps.push_back(exchange_step(writing, exchange, {down_of(kCutover)}));
  return script;
}

// ---- After the exchange

void validate(std::vector<ScriptStep>& steps, const ForeignKey& key, const QualifiedName& table) {
  steps.push_back({.what = "Foreign key " + shown(key.name) + " of " + pg::display(table) + " is validated",
                   .statements = {planner::validate_foreign_key_sql(key, node_named(table))}});
}

// On its partitions it stands by now, validated; it takes them in, and no row is read.
void complete(std::vector<ScriptStep>& steps, const ForeignKey& key, const QualifiedName& table) {
  ScriptStep& step = steps.emplace_back(
      ScriptStep{.what = "Foreign key " + shown(key.name) + " of " + pg::display(table), .waits_briefly = true});
  step.statements = {planner::lock_leaf_sql(node_named(table))};
  planner::append(step.statements, planner::add_root_foreign_key_sql(key, node_named(table)));
}

// Partitions may be dropped as soon as the table is in use.
void where_it_is_there(ScriptStep& step, const PartitionNode& leaf) {
  step.statements = {planner::run_if_sql(planner::is_there_sql(leaf.name), step.statements)};
}

void settle_target_keys(std::vector<ScriptStep>& steps, const Plan& plan) {
  const bool are_missing = planner::makes_leaf_keys_later(plan, {});
  for (const ForeignKey* key : planner::kept_foreign_keys(plan.source)) {
    for (const PartitionNode* leaf : planner::leaves(plan.layout)) {
      if (are_missing) {
        ScriptStep& step = steps.emplace_back(ScriptStep{
            .what = "Foreign key " + shown(key->name) + " of " + pg::display(leaf->name), .waits_briefly = true});
        step.statements = {planner::lock_leaf_sql(*leaf), planner::add_leaf_foreign_key_sql(*key, *leaf)};
        where_it_is_there(step, *leaf);
      }
      if (key->is_valid) {
        validate(steps, *key, leaf->name);
        where_it_is_there(steps.back(), *leaf);
      }
    }
    if (key->is_valid) {
      complete(steps, *key, plan.source.name);
    }
  }
}

// Those that were validated before are validated again, and taken together where they stand on partitions.
void settle_incoming_key(std::vector<ScriptStep>& steps, const IncomingKey& incoming) {
  if (!incoming.key.is_valid || !incoming.key.is_enforced) {
    return;
  }
  for (const QualifiedName& holder : incoming.holders) {
    validate(steps, incoming.key, holder);
  }
  if (incoming.is_partitioned) {
    complete(steps, incoming.key, incoming.key.table);
  }
}

ScriptStep drop_log(const Feed& feed) {
  return {.what = "The log that was brought over to its last row", .statements = planner::drop_capture_log_sql(feed)};
}

// What read_table_facts() would say once the view has stepped aside.
TableFacts old_view(const TableFacts& view, const std::string& migration_id) {
  TableFacts old = view;
  old.name.name = planner::old_view_name(view.name.name);
  old.comment = planner::marked_comment(view.comment, migration_id);
  for (planner::Index& index : old.indexes) {
    index.name = planner::old_view_name(index.name);
  }
  return old;
}

ScriptStep in_short_transaction(const Writing& writing, const std::string& what, Statements statements) {
  ScriptStep step{.what = what, .waits_briefly = true};
  step.statements = planner::catalog_settings_sql(writing.facts.server_major_version);
  planner::append(step.statements, std::move(statements));
  return step;
}

void exchange_views(std::vector<ScriptStep>& steps, const Writing& writing) {
  for (const EmitMaterializedView& view : writing.facts.materialized_views) {
    const std::string what = "Materialized view " + pg::display(view.facts.name);
    const QualifiedName twin{view.facts.name.schema, planner::twin_name(view.facts.name.name)};
    if (Statements missing = planner::complete_twin_sql(view.facts, {}); !missing.empty()) {
      steps.push_back({.what = what + ": the new one is completed", .statements = std::move(missing)});
    }
    steps.push_back({.what = what + ": the new one is filled", .statements = {planner::fill_view_sql(twin)}});
    steps.push_back(in_short_transaction(writing, what + ": exchanged",
                                         planner::exchange_view_sql(view.facts, view.upon, writing.plan.migration_id)));
  }
}

void restore_views(std::vector<ScriptStep>& steps, const Writing& writing) {
  const std::string& id = writing.plan.migration_id;
  for (const EmitMaterializedView& view : writing.facts.materialized_views) {
    const std::string what = "Materialized view " + pg::display(view.facts.name);
    const TableFacts old = old_view(view.facts, id);
    steps.push_back({.what = what + ": the old one is filled", .statements = {planner::fill_view_sql(old.name)}});
    steps.push_back(
        in_short_transaction(writing, what + ": exchanged", planner::restore_view_sql(old, view.facts, view.upon, id)));
  }
}

// ---- The way back

// After a TRUNCATE of the table in use the old one is filled anew; it is small then, as a rule.
Statement fill_anew(const Feed& feed) {
  return planner::run_if_sql(planner::truncate_is_noted_sql(feed),
                             {{planner::empty_table_sql(feed.to), "ACCESS EXCLUSIVE", pg::display(feed.to)},
                              {planner::empty_log_sql(feed), "", ""},
                              {planner::refill_sql(feed), "", ""}});
}

Script go_back(const Writing& writing) {
  const Plan& plan = writing.plan;
  const Exchange exchange = exchange_of(writing, SwapDirection::back);
  Script script{
      "Puts the old table back into its place, with every write made since the cutover; the target follows it "
      "again then. `settle` must have been done. Where a lock is not to be had within 200 ms everything is "
      "as before: run the file again.",
      {}};
  std::vector<ScriptStep>& steps = script.steps;
  steps.push_back({.what = "The log of changes that will have to be brought over again",
                   .statements = remake_log(exchange.next_feed)});
  ScriptStep catch_up = refresh_step(
      writing, exchange.feed,
      {refuse_other_partitions(plan), refuse_broken_capture(writing, exchange.feed), fill_anew(exchange.feed)});
  catch_up.until_next = true;
  steps.push_back(std::move(catch_up));
  steps.push_back(exchange_step(writing, exchange, {up_of(kCutover), up_of(kSettle)}));
  steps.push_back(drop_log(exchange.feed));
  for (const ForeignKey& key : plan.source.foreign_keys) {
    if (key.is_valid && key.is_enforced) {
      validate(steps, key, plan.source.name);
    }
  }
  for (const auto* keys : {&exchange.around.incoming_keys, &exchange.around.lost_keys}) {
    for (const IncomingKey& incoming : *keys) {
      settle_incoming_key(steps, incoming);
    }
  }
  restore_views(steps, writing);
  return script;
}

// ---- The end

Statements drop_what_is_old(const Writing& writing) {
  const Plan& plan = writing.plan;
  Statements statements = planner::drop_capture_triggers_sql(planner::reverse_feed(plan));
  planner::append(statements, planner::drop_capture_log_sql(planner::reverse_feed(plan)));
  planner::append(statements, planner::drop_capture_log_sql(planner::forward_feed(plan)));
  planner::append(statements, planner::finish_sql(plan, writing.facts.after_swap));
  for (const EmitMaterializedView& view : writing.facts.materialized_views) {
    statements.push_back(planner::unmark_if_there_sql(
        {view.facts.name, "m", planner::marked_comment(view.facts.comment, plan.migration_id)}, plan.migration_id));
  }
  statements.push_back(planner::drop_guard_function_sql(plan));  // Its triggers went with the old table.
  return statements;
}

}  // namespace

Stage apply_stage(const Writing& writing) {
  const Feed feed = planner::forward_feed(writing.plan);
  Script up{
      "Brings over what changed since it was copied, from one snapshot. It may be run as often as you like; each "
      "time leaves less for the next.",
      {}};
  up.steps.push_back(
      refresh_step(writing, feed, {refuse_broken_capture(writing, feed), refuse_truncate(feed, kCopyAgain)}));
  up.steps.push_back({.what = "Its rows' space in the log is used again",
                      .frame = Frame::alone,
                      .is_recorded = false,
                      .statements = {planner::vacuum_log_sql(feed, false)}});
  return {.name = std::string(kApply),
          .part = Part::preparation,
          .up = up,
          .down = {},
          .no_down = "Nothing needs it: what is brought over is what the source has.",
          .is_for_cutover = true};
}

Stage cutover_stage(const Writing& writing) {
  return {.name = std::string(kCutover),
          .part = Part::cutover,
          .up = go_forward(writing),
          .down = go_back(writing),
          .no_down = {}};
}

Stage settle_stage(const Writing& writing) {
  Script up{
      "What is left to do after the exchange, while the application works: foreign keys are validated, and "
      "materialized views filled. A step whose lock is not to be had within 200 ms may be repeated.",
      {drop_log(planner::forward_feed(writing.plan))}};
  settle_target_keys(up.steps, writing.plan);
  for (const IncomingKey& incoming : writing.facts.before_swap.incoming_keys) {
    if (planner::can_be_re_aimed(writing.facts.before_swap, incoming)) {
      settle_incoming_key(up.steps, incoming);
    }
  }
  exchange_views(up.steps, writing);
  return {.name = std::string(kSettle),
          .part = Part::cutover,
          .up = up,
          .down = {},
          .no_down = "The way back of `cutover` takes it back as well."};
}

Stage finish_stage(const Writing& writing) {
  const Plan& plan = writing.plan;
  const std::string old_table = pg::display(planner::name_after_swap(plan));
  Script up{"Drops " + old_table + " and all else that was made for the migration. Whatever others have made upon " +
                old_table + " keeps it: then nothing happens.",
            {}};
  up.steps.push_back({.what = "The old table, what captures for it, and the marks of what stays",
                      .waits_briefly = true,
                      .statements = drop_what_is_old(writing)});
  up.steps.push_back({.what = "The list of steps, and the schema when it is empty then",
                      .is_recorded = false,
                      .statements = planner::drop_steps_sql(plan)});
  return {.name = std::string(kFinish),
          .part = Part::finish,
          .up = up,
          .down = {},
          .no_down = "The old table is gone, and with it the way back. Go back before, or not at all."};
}

}  // namespace pgsluice::mover

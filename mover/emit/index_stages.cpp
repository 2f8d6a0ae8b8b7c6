// The stages in which the target gets its indexes, keys, and whatever else a filled table is given.
#include <algorithm>
#include <cstddef>

#include "mover/emit/stages.hpp"
#include "planner/analyze_sql.hpp"
#include "planner/finishing_sql.hpp"
#include "planner/foreign_key_sql.hpp"
#include "planner/index_sql.hpp"
#include "planner/swap_names_sql.hpp"
#include "planner/target_table_sql.hpp"

namespace pgsluice::mover {

namespace {

using planner::PartitionNode;
using planner::Plan;
using planner::Statements;
using planner::TargetIndex;
using Frame = ScriptStep::Frame;

constexpr std::size_t kAttachedPerTransaction = 100;
constexpr std::size_t kTablesPerTransaction = 100;

std::string shown(const std::string& name) {
  return pg::display(std::string_view(name));
}

void add_to_leaves(std::vector<ScriptStep>& steps, const Plan& plan, const TargetIndex& index) {
  for (const PartitionNode* leaf : planner::leaves(plan.layout)) {
    ScriptStep& step =
        steps.emplace_back(ScriptStep{.what = "Index " + shown(index.source->name) + " on " + pg::display(leaf->name)});
    step.statements = planner::create_leaf_index_sql(plan, index, *leaf);
    if (index.is_constraint) {
      step.statements.push_back(planner::make_constraint_sql(plan, index, *leaf));
    }
  }
}

void add_to_parent(std::vector<ScriptStep>& steps, const Plan& plan, const TargetIndex& index,
                   const PartitionNode& node) {
  const std::string what = "Index " + shown(index.source->name) + " of " + pg::display(node.name);
  steps.push_back({.what = what, .statements = planner::create_parent_index_sql(plan, index, node)});
  for (std::size_t at = 0; at < node.children.size(); at += kAttachedPerTransaction) {
    ScriptStep& step = steps.emplace_back(ScriptStep{.what = what + " takes its partitions' in"});
    for (std::size_t i = at; i < std::min(at + kAttachedPerTransaction, node.children.size()); ++i) {
      step.statements.push_back(planner::attach_index_sql(plan, index, node.children[i], node));
    }
  }
}

// Leaves, then the partitioned tables from below, as build_indexes() does.
void add_indexes(std::vector<ScriptStep>& steps, const Plan& plan, const std::vector<TargetIndex>& indexes) {
  for (const TargetIndex& index : indexes) {
    add_to_leaves(steps, plan, index);
  }
  const std::vector<const PartitionNode*> all = planner::nodes(plan.layout);
  Statements comments;
  for (const TargetIndex& index : indexes) {
    for (auto node = all.rbegin(); node != all.rend(); ++node) {
      if (!(*node)->is_leaf()) {
        add_to_parent(steps, plan, index, **node);
      }
    }
    if (!index.source->comment.empty()) {
      comments.push_back(planner::comment_on_index_sql(plan, index));
    }
  }
  if (!comments.empty()) {
    steps.push_back({.what = "Comments of indexes", .statements = comments});
  }
}

std::vector<TargetIndex> indexes_that(const Plan& plan, bool order_the_ranges) {
  std::vector<TargetIndex> indexes = planner::target_indexes(plan);
  std::erase_if(indexes,
                [&](const TargetIndex& index) { return (index.source->name == plan.key.index) != order_the_ranges; });
  return indexes;
}

// As add_constraints(): one transaction a leaf, so that the referenced table is locked for a moment only.
void add_foreign_keys(std::vector<ScriptStep>& steps, const Plan& plan) {
  const PartitionNode& root = plan.layout.root;
  for (const planner::ForeignKey* key : planner::kept_foreign_keys(plan.source)) {
    for (const PartitionNode* leaf : planner::leaves(plan.layout)) {
      const std::string what = "Foreign key " + shown(key->name) + " of " + pg::display(leaf->name);
      steps.push_back(
          {.what = what, .waits_briefly = true, .statements = {planner::add_leaf_foreign_key_sql(*key, *leaf)}});
      if (key->is_valid) {
        steps.push_back(
            {.what = what + " is validated", .statements = {planner::validate_foreign_key_sql(*key, *leaf)}});
      }
    }
    if (key->is_valid) {
      steps.push_back({.what = "Foreign key " + shown(key->name) + " of " + pg::display(root.name),
                       .waits_briefly = true,
                       .statements = planner::add_root_foreign_key_sql(*key, root)});
    }
  }
}

void add_checks_and_triggers(std::vector<ScriptStep>& steps, const Plan& plan) {
  ScriptStep step{.what = "Checks and triggers"};
  for (const planner::CheckConstraint* check : planner::unvalidated_checks(plan.source)) {
    planner::append(step.statements, planner::add_unvalidated_check_sql(plan, *check));
  }
  for (const planner::Trigger* trigger : planner::triggers_before_swap(plan)) {
    planner::append(step.statements, planner::create_trigger_sql(plan, *trigger));
  }
  if (!step.statements.empty()) {
    steps.push_back(step);
  }
}

Statements on_node(const Writing& writing, const PartitionNode& node) {
  const Plan& plan = writing.plan;
  Statements statements;
  for (const planner::Statistics& object : plan.source.statistics) {
    planner::append(statements, planner::create_statistics_sql(plan, object, node));
    if (writing.facts.gives_to_owner) {
      statements.push_back(planner::statistics_owner_sql(plan, object, node));
    }
  }
  planner::append(statements, planner::replica_identity_sql(plan, node));
  if (node.is_leaf()) {
    planner::append(statements, planner::cluster_mark_sql(plan, node));
  }
  for (const planner::Policy& policy : plan.source.policies) {
    planner::append(statements, planner::create_policy_sql(policy, node));
  }
  planner::append(statements, planner::row_security_sql(plan, node));
  planner::append(statements, planner::grants_sql(plan, node, writing.facts.grantees));
  return statements;
}

void add_for_all_nodes(std::vector<ScriptStep>& steps, const Writing& writing) {
  const std::vector<const PartitionNode*> all = planner::nodes(writing.plan.layout);
  for (std::size_t at = 0; at < all.size(); at += kTablesPerTransaction) {
    ScriptStep step{.what = "Statistics objects, policies, replica identity, privileges"};
    for (std::size_t i = at; i < std::min(at + kTablesPerTransaction, all.size()); ++i) {
      planner::append(step.statements, on_node(writing, *all[i]));
    }
    if (!step.statements.empty()) {
      steps.push_back(step);
    }
  }
}

void add_sequences(std::vector<ScriptStep>& steps, const Writing& writing) {
  const Plan& plan = writing.plan;
  ScriptStep step{.what = "Sequences"};
  for (const planner::CarriedSequence& sequence : planner::carried_sequences(plan)) {
    step.statements.push_back(
        planner::continue_sequence_sql(sequence.target, sequence.source->name, *sequence.source, 0));
  }
  planner::append(step.statements, planner::sequence_grants_sql(plan, writing.facts.grantees));
  if (!step.statements.empty()) {
    steps.push_back(step);
  }
}

// A cutover of the strategy `capture` does this itself.
void add_publications(std::vector<ScriptStep>& steps, const Writing& writing) {
  for (const planner::Publication& publication : writing.plan.source.publications) {
    const auto through_root = writing.facts.publications_through_root.find(publication.name);
    if (publication.owned && through_root != writing.facts.publications_through_root.end()) {
      steps.push_back({.what = "Publication " + shown(publication.name),
                       .statements = planner::publish_sql(publication, writing.plan.layout, through_root->second)});
    }
  }
}

void add_analysis(std::vector<ScriptStep>& steps, const Writing& writing) {
  const Plan& plan = writing.plan;
  steps.push_back({.what = "Statistics for the planner",
                   .frame = Frame::alone,
                   .statements = planner::has_analyze_only(writing.facts.server_major_version)
                                     ? planner::analyze_target_sql(plan)
                                     : Statements{planner::analyze_sql(plan.layout.root)}});
  const std::vector<const PartitionNode*> all = planner::leaves(plan.layout);
  for (std::size_t at = 0; at < all.size(); at += kTablesPerTransaction) {
    ScriptStep step{.what = "Autovacuum may have the leaves"};
    for (std::size_t i = at; i < std::min(at + kTablesPerTransaction, all.size()); ++i) {
      planner::append(step.statements, planner::allow_autovacuum_sql(plan, *all[i]));
    }
    if (!step.statements.empty()) {
      steps.push_back(step);
    }
  }
}

constexpr const char* kGoesWithTarget = "What it makes goes with the target: see the first stage's way back.";

}  // namespace

Stage key_index_stage(const Writing& writing) {
  Script up{"Builds the index by which changed rows are found again.", {}};
  add_indexes(up.steps, writing.plan, indexes_that(writing.plan, true));
  return {.name = std::string(kKeyIndex), .part = Part::preparation, .up = up, .down = {}, .no_down = kGoesWithTarget};
}

Stage indexes_stage(const Writing& writing) {
  const Plan& plan = writing.plan;
  const bool is_live = plan.strategy == planner::Strategy::capture;
  Script up;
  if (is_live) {
    up.what =
        "Builds the other indexes and all that a filled table is given before the cutover. Run the stage before it at "
        "once before this one: between two applications of changes the target is a patchwork of moments, in which two "
        "rows may hold one unique value.";
  } else {
    up.what = "Builds indexes and keys, and gives the target all else that the source has.";
  }
  add_indexes(up.steps, plan, is_live ? indexes_that(plan, false) : planner::target_indexes(plan));
  if (!is_live) {
    add_foreign_keys(up.steps, plan);
  }
  add_checks_and_triggers(up.steps, plan);
  add_for_all_nodes(up.steps, writing);
  add_sequences(up.steps, writing);
  if (!is_live) {
    add_publications(up.steps, writing);
  }
  add_analysis(up.steps, writing);
  return {.name = std::string(kIndexes), .part = Part::preparation, .up = up, .down = {}, .no_down = kGoesWithTarget};
}

}  // namespace pgsluice::mover

#include "planner/target_sql.hpp"

#include "planner/analyze_sql.hpp"
#include "planner/capture_sql.hpp"
#include "planner/finishing_sql.hpp"
#include "planner/foreign_key_sql.hpp"
#include "planner/guard_sql.hpp"
#include "planner/index_sql.hpp"
#include "planner/target_table_sql.hpp"

namespace pgsluice::planner {

namespace {

void add_tables(Statements& statements, const Plan& plan) {
  append(statements, create_root_sql(plan));
  statements.push_back(owner_sql(plan, plan.layout.root));
  for (const Partition& partition : partitions(plan.layout)) {
    append(statements, create_partition_sql(plan, *partition.node, *partition.parent));
    statements.push_back(owner_sql(plan, *partition.node));
  }
}

void add_leaf_foreign_keys(Statements& statements, const Plan& plan) {
  for (const ForeignKey* key : kept_foreign_keys(plan.source)) {
    for (const PartitionNode* leaf : leaves(plan.layout)) {
      statements.push_back(add_leaf_foreign_key_sql(*key, *leaf));
    }
  }
}

void add_indexes(Statements& statements, const Plan& plan) {
  const std::vector<TargetIndex> indexes = target_indexes(plan);
  for (const TargetIndex& index : indexes) {
    for (const PartitionNode* leaf : leaves(plan.layout)) {
      append(statements, create_leaf_index_sql(plan, index, *leaf));
      if (index.is_constraint) {
        statements.push_back(make_constraint_sql(plan, index, *leaf));
      }
    }
  }
  const std::vector<const PartitionNode*> all = nodes(plan.layout);
  for (auto node = all.rbegin(); node != all.rend(); ++node) {
    for (const TargetIndex& index : indexes) {
      if ((*node)->is_leaf()) {
        continue;
      }
      append(statements, create_parent_index_sql(plan, index, **node));
      for (const PartitionNode& child : (*node)->children) {
        statements.push_back(attach_index_sql(plan, index, child, **node));
      }
    }
  }
  for (const TargetIndex& index : indexes) {
    if (!index.source->comment.empty()) {
      statements.push_back(comment_on_index_sql(plan, index));
    }
  }
}

// None where rows are brought over again until the cutover: a row of the target that is behind would, under a foreign
// key, make the application's DELETE of the row that it points to fail.
void add_foreign_keys(Statements& statements, const Plan& plan) {
  if (plan.strategy == Strategy::capture) {
    return;
  }
  if (!empties_source(plan.method)) {
    add_leaf_foreign_keys(statements, plan);
  }
  for (const ForeignKey* key : kept_foreign_keys(plan.source)) {
    if (!key->is_valid) {
      continue;
    }
    for (const PartitionNode* leaf : leaves(plan.layout)) {
      statements.push_back(validate_foreign_key_sql(*key, *leaf));
    }
    append(statements, add_root_foreign_key_sql(*key, plan.layout.root));
  }
}

void add_finish(Statements& statements, const Plan& plan) {
  for (const CheckConstraint* check : unvalidated_checks(plan.source)) {
    append(statements, add_unvalidated_check_sql(plan, *check));
  }
  for (const Trigger* trigger : triggers_before_swap(plan)) {
    append(statements, create_trigger_sql(plan, *trigger));
  }
  const std::vector<std::string> grantees = grantees_of(plan.source);
  for (const PartitionNode* node : nodes(plan.layout)) {
    for (const Statistics& object : plan.source.statistics) {
      append(statements, create_statistics_sql(plan, object, *node));
      statements.push_back(statistics_owner_sql(plan, object, *node));
    }
    append(statements, replica_identity_sql(plan, *node));
    if (node->is_leaf()) {
      append(statements, cluster_mark_sql(plan, *node));
    }
    for (const Policy& policy : plan.source.policies) {
      append(statements, create_policy_sql(policy, *node));
    }
    append(statements, row_security_sql(plan, *node));
    append(statements, grants_sql(plan, *node, grantees));
  }
  append(statements, sequence_grants_sql(plan, grantees));
  for (const Publication& publication : plan.source.publications) {
    if (publication.owned && plan.one_database && plan.strategy == Strategy::offline) {
      append(statements, publish_sql(publication, plan.layout, true));
    }
  }
}

}  // namespace

Statements statements_before_rows_sql(const Plan& plan) {
  Statements statements;
  if (!plan.layout.existing) {
    add_tables(statements, plan);
    if (empties_source(plan.method)) {
      add_leaf_foreign_keys(statements, plan);
    }
  }
  if (plan.strategy == Strategy::capture) {
    append(statements, create_guard_schema_sql());
    append(statements, create_capture_log_sql(forward_feed(plan)));
    append(statements, create_capture_triggers_sql(forward_feed(plan)));
  }
  if (plan.guard) {
    append(statements, create_guard_schema_sql());
    std::vector<QualifiedName> partitions;
    for (const SourcePartition& partition : plan.source.partitions) {
      partitions.push_back(partition.name);
    }
    append(statements, create_guard_sql(plan, plan.source.is_partition || plan.source.is_partitioned(), partitions));
  }
  return statements;
}

Statements statements_after_rows_sql(const Plan& plan) {
  Statements statements;
  if (!plan.layout.existing) {
    add_indexes(statements, plan);
    add_foreign_keys(statements, plan);
    add_finish(statements, plan);
  }
  append(statements, analyze_target_sql(plan));
  if (!plan.layout.existing) {
    for (const PartitionNode* leaf : leaves(plan.layout)) {
      append(statements, allow_autovacuum_sql(plan, *leaf));
    }
  }
  return statements;
}

Statements all_statements_sql(const Plan& plan) {
  Statements statements = statements_before_rows_sql(plan);
  append(statements, statements_after_rows_sql(plan));
  return statements;
}

}  // namespace pgsluice::planner

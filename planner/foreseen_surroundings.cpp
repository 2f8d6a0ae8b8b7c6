#include "planner/foreseen_surroundings.hpp"

#include <algorithm>
#include <utility>

#include "planner/finishing_sql.hpp"
#include "planner/foreign_key_sql.hpp"
#include "planner/index_sql.hpp"
#include "planner/mark.hpp"
#include "planner/materialized_view_sql.hpp"
#include "planner/swap_names_sql.hpp"
#include "planner/swap_sql.hpp"

namespace pgsluice::planner {

namespace {

using Kind = TablePart::Kind;

bool can_be_pointed_to(const Index& index) {
  return index.is_unique && !index.deferrable && index.is_valid && !index.is_partial && !index.has_expressions;
}

std::vector<std::vector<std::string>> unique_keys_of_target(const Plan& plan) {
  std::vector<std::vector<std::string>> keys;
  for (const TargetIndex& index : target_indexes(plan)) {
    if (can_be_pointed_to(*index.source)) {
      std::vector<std::string> columns = index.source->key_columns;
      columns.insert(columns.end(), index.added_columns.begin(), index.added_columns.end());
      keys.push_back(columns);
    }
  }
  return keys;
}

std::vector<std::vector<std::string>> unique_keys_of_source(const Plan& plan) {
  std::vector<std::vector<std::string>> keys;
  for (const Index& index : plan.source.indexes) {
    if (can_be_pointed_to(index)) {
      keys.push_back(index.key_columns);
    }
  }
  return keys;
}

// The text has the name in full wherever the table is meant. Where it has it for another reason the policy is given the
// same expression once more, which changes nothing.
bool mentions(const std::string& expression, const QualifiedName& table) {
  const std::string inner = pg::quoted(table.name);
  return expression.find(inner.substr(1, inner.size() - 2)) != std::string::npos;
}

// Every node of the target has the source's policies; those that look into the source do so by its identity. The root's
// own count as looking into it, too, when it is in use: the catalogue does not tell.
std::vector<DependentPolicy> policies_of_target(const Plan& plan, Standing standing) {
  std::vector<DependentPolicy> policies;
  std::uint32_t stand_in = 0;  // The root has 0, as the target itself; its partitions what is no table's.
  for (const PartitionNode* node : nodes(plan.layout)) {
    const bool is_in_use = stand_in == 0 && standing == Standing::after_swap;
    for (const Policy& policy : plan.source.policies) {
      if (is_in_use || mentions(policy.using_expression, plan.source.name) ||
          mentions(policy.check_expression, plan.source.name)) {
        policies.push_back({.name = policy.name,
                            .table = is_in_use ? plan.source.name : node->name,
                            .table_oid = stand_in,
                            .using_expression = policy.using_expression,
                            .check_expression = policy.check_expression,
                            .is_owned = true});
      }
    }
    ++stand_in;
  }
  return policies;
}

SwapTable source_after_swap(const Plan& plan, const SwapTable& before) {
  SwapTable after = before;
  after.name = name_after_swap(plan);
  after.comment = marked_comment(before.comment, plan.migration_id);
  for (TablePart& part : after.parts) {
    if (part.kind == Kind::trigger) {
      part.state = "D";
    }
    if (part.kind == Kind::rule && part.state == "O") {
      part.state = "D";
      part.comment = marked_comment(part.comment, plan.migration_id);
    }
  }
  return after;
}

SwapTable target_after_swap(const Plan& plan, const SwapTable& before) {
  SwapTable after = before;
  after.name = plan.source.name;
  for (const Trigger* trigger : kept_triggers(plan.source)) {
    after.parts.push_back({Kind::trigger, {"", trigger->name}, trigger->enabled, ""});
  }
  return after;
}

// A key that is valid stands on the root, which has taken the leaves' in; one that is not stands on each leaf.
std::vector<StandingKey> keys_of_target(const Plan& plan, const Surroundings& before) {
  std::vector<StandingKey> keys;
  for (const ForeignKey* key : kept_foreign_keys(plan.source)) {
    const auto of_source = std::find_if(before.keys.begin(), before.keys.end(),
                                        [&](const StandingKey& one) { return one.name == key->name; });
    if (of_source == before.keys.end()) {
      continue;
    }
    StandingKey standing = *of_source;
    standing.table_oid = 0;
    if (key->is_valid) {
      standing.table = plan.source.name;
      keys.push_back(standing);
      continue;
    }
    for (const PartitionNode* leaf : leaves(plan.layout)) {
      standing.table = leaf->name;
      keys.push_back(standing);
    }
  }
  return keys;
}

// On a partitioned table that points to ours likewise.
void add_standing_incoming(std::vector<IncomingKey>& keys, const IncomingKey& incoming) {
  if (!incoming.is_partitioned || incoming.key.is_valid) {
    keys.push_back(incoming);
    return;
  }
  for (const QualifiedName& holder : incoming.holders) {
    IncomingKey one = incoming;
    one.key.table = holder;
    one.is_partitioned = false;
    one.holders = {holder};
    keys.push_back(one);
  }
}

std::vector<DependentView> views_after_swap(const Plan& plan, const std::vector<DependentView>& before) {
  std::vector<DependentView> after;
  for (DependentView view : before) {
    if (gets_twin(view)) {
      view.comment = marked_comment(view.comment, plan.migration_id);
      after.push_back(view);
    } else if (view.can_be_replaced()) {
      after.push_back(view);
    }
  }
  return after;
}

void publish_after_swap(const Plan& plan, const Surroundings& before, Surroundings& after) {
  after.publications.clear();
  for (const StandingPublication& standing : before.publications) {
    const Publication& publication = standing.publication;
    if (!publication.owned) {
      continue;
    }
    const bool is_root = standing.through_root || (publication.columns.empty() && publication.row_filter.empty());
    if (is_root) {
      after.publications.push_back(standing);
      after.published_nodes.push_back({publication.name, plan.source.name, 0});
      continue;
    }
    for (const PartitionNode* leaf : leaves(plan.layout)) {
      after.published_nodes.push_back({publication.name, leaf->name, 0});
    }
  }
}

}  // namespace

Surroundings foresee_before_swap(const Plan& plan, const Surroundings& source_alone) {
  Surroundings before = source_alone;
  before.target.name = plan.layout.root.name;
  before.target.comment = marked_comment(plan.source.comment, plan.migration_id);
  before.target.is_owned = source_alone.source.is_owned;
  before.unique_keys = unique_keys_of_target(plan);
  for (DependentPolicy& policy : policies_of_target(plan, Standing::before_swap)) {
    before.policies.push_back(std::move(policy));
  }
  return before;
}

Surroundings foresee_after_swap(const Plan& plan, const Surroundings& before) {
  Surroundings after;
  after.standing = Standing::after_swap;
  after.source = source_after_swap(plan, before.source);
  after.target = target_after_swap(plan, before.target);
  after.views = views_after_swap(plan, before.views);
  for (const DependentRule& rule : before.rules) {
    if (rule.is_owned) {
      after.rules.push_back(rule);
    }
  }
  const std::size_t of_target = policies_of_target(plan, Standing::before_swap).size();
  for (std::size_t i = 0; i + of_target < before.policies.size(); ++i) {
    if (before.policies[i].is_owned) {
      after.policies.push_back(before.policies[i]);
    }
  }
  for (DependentPolicy& policy : policies_of_target(plan, Standing::after_swap)) {
    after.policies.push_back(std::move(policy));
  }
  for (const IncomingKey& incoming : before.incoming_keys) {
    if (can_be_re_aimed(before, incoming)) {
      add_standing_incoming(after.incoming_keys, incoming);
    } else {
      after.lost_keys.push_back(incoming);
    }
  }
  after.keys = keys_of_target(plan, before);
  publish_after_swap(plan, before, after);
  after.unique_keys = unique_keys_of_source(plan);
  return after;
}

}  // namespace pgsluice::planner

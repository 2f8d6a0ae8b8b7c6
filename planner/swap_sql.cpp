#include "planner/swap_sql.hpp"

#include <algorithm>
#include <map>
#include <tuple>

#include "planner/finishing_sql.hpp"
#include "planner/foreign_key_sql.hpp"
#include "planner/guard_sql.hpp"
#include "planner/mark.hpp"
#include "planner/materialized_view_sql.hpp"
#include "planner/reloptions_sql.hpp"
#include "planner/swap_names_sql.hpp"
#include "planner/target_table_sql.hpp"

namespace pgsluice::planner {

namespace {

constexpr const char* kAccessExclusive = "ACCESS EXCLUSIVE";
constexpr const char* kShareRowExclusive = "SHARE ROW EXCLUSIVE";
constexpr const char* kCommentLock = "SHARE UPDATE EXCLUSIVE";

using Kind = TablePart::Kind;

// One call of swap_sql, handed from subject to subject.
struct Swapping {
  const Plan& plan;
  const Surroundings& around;
  const SwapOptions& options;
  Statements statements = {};

  void add(std::string sql, std::string lock, const QualifiedName& on) {
    statements.push_back({std::move(sql), std::move(lock), pg::display(on)});
  }
  void add(Statement statement) { statements.push_back(std::move(statement)); }
  void add(Statements more) { append(statements, std::move(more)); }
};

const TablePart* part(const SwapTable& table, Kind kind, const std::string& name) {
  const auto found = std::find_if(table.parts.begin(), table.parts.end(),
                                  [&](const TablePart& one) { return one.kind == kind && one.name.name == name; });
  return found == table.parts.end() ? nullptr : &*found;
}

std::string comment_sql(const std::string& object, const std::string& comment) {
  return "COMMENT ON " + object + " IS " + (comment.empty() ? "NULL" : pg::literal(comment));
}

bool is_in_target(const Surroundings& around, const StandingKey& key) {
  return key.table_oid != around.source.oid &&
         std::none_of(around.source_partitions.begin(), around.source_partitions.end(),
                      [&](const StandingPartition& partition) { return partition.oid == key.table_oid; });
}

bool has_key(const Surroundings& around, const QualifiedName& table, const std::string& name) {
  return std::any_of(around.keys.begin(), around.keys.end(),
                     [&](const StandingKey& key) { return key.table == table && key.name == name; });
}

// ---- Foreign keys

void drop_key(Swapping& swapping, const QualifiedName& table, const std::string& name,
              const QualifiedName& referenced) {
  swapping.add({"ALTER TABLE " + pg::quoted(table) + " DROP CONSTRAINT " + pg::quoted(name), kAccessExclusive,
                pg::display(table) + " and " + pg::display(referenced)});
}

// Those of the table in use, and those that point to it.
void drop_keys(Swapping& swapping, bool of_target) {
  for (const StandingKey& key : swapping.around.keys) {
    if (is_in_target(swapping.around, key) == of_target) {
      drop_key(swapping, key.table, key.name, key.referenced);
    }
  }
  for (const IncomingKey& incoming : swapping.around.incoming_keys) {
    drop_key(swapping, incoming.key.table, incoming.key.name, swapping.around.in_use().name);
  }
}

// On a table that holds rows of its own; neither checked nor, if it is not enforced, ever to be.
void add_key(Swapping& swapping, const ForeignKey& key, const QualifiedName& holder) {
  swapping.add({"ALTER TABLE " + pg::quoted(holder) + " ADD CONSTRAINT " + pg::quoted(key.name) + " " + key.definition +
                    (key.is_enforced ? " NOT VALID" : " NOT ENFORCED"),
                kShareRowExclusive, pg::display(holder) + " and " + pg::display(key.referenced)});
}

void comment_on_key(Swapping& swapping, const ForeignKey& key) {
  if (!key.comment.empty()) {
    swapping.add(comment_sql("CONSTRAINT " + pg::quoted(key.name) + " ON " + pg::quoted(key.table), key.comment),
                 kCommentLock, key.table);
  }
}

bool can_point(const Surroundings& around, const ForeignKey& key) {
  return std::any_of(around.unique_keys.begin(), around.unique_keys.end(),
                     [&](const std::vector<std::string>& columns) {
                       return std::is_permutation(columns.begin(), columns.end(), key.referenced_columns.begin(),
                                                  key.referenced_columns.end());
                     });
}

void add_incoming_keys(Swapping& swapping, const std::vector<IncomingKey>& keys) {
  for (const IncomingKey& incoming : keys) {
    if (!can_point(swapping.around, incoming.key)) {
      continue;
    }
    for (const QualifiedName& holder : incoming.holders) {
      add_key(swapping, incoming.key, holder);
    }
    if (!incoming.is_partitioned) {
      comment_on_key(swapping, incoming.key);
    }
  }
}

void add_leaf_keys(Swapping& swapping) {
  const Plan& plan = swapping.plan;
  if (plan.layout.existing || makes_leaf_keys_later(plan, swapping.options)) {
    return;
  }
  for (const ForeignKey* key : kept_foreign_keys(plan.source)) {
    for (const PartitionNode* leaf : leaves(plan.layout)) {
      if (!has_key(swapping.around, leaf->name, key->name)) {
        swapping.add(add_leaf_foreign_key_sql(*key, *leaf));
      }
    }
  }
}

// A partitioned table takes no key that is NOT VALID; its leaves do, and it takes these in when they are validated.
void restore_leaf_keys(Swapping& swapping, const ForeignKey& key) {
  for (const StandingPartition& partition : swapping.around.source_partitions) {
    if (partition.is_leaf && !has_key(swapping.around, partition.name, key.name)) {
      add_key(swapping, key, partition.name);
    }
  }
}

void restore_source_keys(Swapping& swapping) {
  for (const ForeignKey& key : swapping.plan.source.foreign_keys) {
    if (swapping.plan.source.is_partitioned()) {
      restore_leaf_keys(swapping, key);
    } else if (!has_key(swapping.around, swapping.around.source.name, key.name)) {
      add_key(swapping, key, key.table);
      comment_on_key(swapping, key);
    }
  }
}

// ---- Triggers and rules

void disable_triggers(Swapping& swapping, const SwapTable& table, const QualifiedName& name) {
  std::string actions;
  for (const TablePart& one : table.parts) {
    if (one.kind == Kind::trigger && one.state != "D") {
      actions += (actions.empty() ? " DISABLE TRIGGER " : ", DISABLE TRIGGER ") + pg::quoted(one.name.name);
    }
  }
  if (!actions.empty()) {
    swapping.add("ALTER TABLE " + pg::quoted(name) + actions, kShareRowExclusive, name);
  }
}

void disable_partition_triggers(Swapping& swapping) {
  for (const StandingPartition& partition : swapping.around.source_partitions) {
    SwapTable table;
    table.parts = partition.triggers;
    disable_triggers(swapping, table, partition.name);
  }
}

// After those of the table, whose states its partitions take over.
void restore_partition_triggers(Swapping& swapping) {
  for (const SourcePartition& planned : swapping.plan.source.partitions) {
    const auto& now = swapping.around.source_partitions;
    const bool is_there = std::any_of(
        now.begin(), now.end(), [&](const StandingPartition& partition) { return partition.name == planned.name; });
    for (std::size_t i = 0; is_there && i < planned.trigger_names.size(); ++i) {
      swapping.add(set_trigger_sql(planned.name, planned.trigger_names[i], planned.trigger_states[i]));
    }
  }
}

void restore_source_triggers(Swapping& swapping) {
  for (const Trigger& trigger : swapping.plan.source.triggers) {
    const TablePart* now = part(swapping.around.source, Kind::trigger, trigger.name);
    if (now != nullptr && now->state != trigger.enabled) {
      swapping.add(set_trigger_sql(swapping.plan.source.name, trigger.name, trigger.enabled));
    }
  }
}

void make_target_triggers(Swapping& swapping) {
  const Plan& plan = swapping.plan;
  if (plan.layout.existing) {
    return;
  }
  for (const Trigger* trigger : kept_triggers(plan.source)) {
    const TablePart* now = part(swapping.around.target, Kind::trigger, trigger->name);
    if (now == nullptr) {
      swapping.add(create_trigger_sql(plan, *trigger));
    } else if (now->state != trigger->enabled) {
      swapping.add(set_trigger_sql(plan.layout.root.name, trigger->name, trigger->enabled));
    }
  }
}

// What we made goes; what somebody else has made since then is only switched off.
void remove_target_triggers(Swapping& swapping) {
  const Plan& plan = swapping.plan;
  if (plan.layout.existing) {
    return;
  }
  SwapTable others = swapping.around.target;
  for (const Trigger* trigger : kept_triggers(plan.source)) {
    if (part(others, Kind::trigger, trigger->name) != nullptr) {
      swapping.add(drop_trigger_sql(trigger->name, plan.layout.root.name));
      std::erase_if(others.parts,
                    [&](const TablePart& one) { return one.kind == Kind::trigger && one.name.name == trigger->name; });
    }
  }
  disable_triggers(swapping, others, plan.layout.root.name);
}

// Of the old table: a rule would turn our own writes into something else. A rule that we switched off carries the mark,
// so that the way back knows which.
void disable_rules(Swapping& swapping) {
  const QualifiedName& table = swapping.plan.source.name;
  for (const TablePart& rule : swapping.around.source.parts) {
    if (rule.kind == Kind::rule && rule.state == "O") {
      swapping.add("ALTER TABLE " + pg::quoted(table) + " DISABLE RULE " + pg::quoted(rule.name.name), kAccessExclusive,
                   table);
      swapping.add(comment_sql("RULE " + pg::quoted(rule.name.name) + " ON " + pg::quoted(table),
                               marked_comment(rule.comment, swapping.plan.migration_id)),
                   kCommentLock, table);
    }
  }
}

void restore_rules(Swapping& swapping) {
  const QualifiedName& table = swapping.plan.source.name;
  for (const TablePart& rule : swapping.around.source.parts) {
    if (rule.kind == Kind::rule && is_marked(rule.comment, swapping.plan.migration_id)) {
      swapping.add("ALTER TABLE " + pg::quoted(table) + " ENABLE RULE " + pg::quoted(rule.name.name), kAccessExclusive,
                   table);
      swapping.add(comment_sql("RULE " + pg::quoted(rule.name.name) + " ON " + pg::quoted(table),
                               unmarked_comment(rule.comment, swapping.plan.migration_id)),
                   kCommentLock, table);
    }
  }
}

// ---- What others made

void replace_views(Swapping& swapping) {
  for (const DependentView& view : swapping.around.views) {
    if (view.can_be_replaced()) {
      swapping.add(replace_view_sql(view));
    }
  }
  for (const DependentRule& rule : swapping.around.rules) {
    constexpr std::string_view kCreate = "CREATE RULE ";
    if (rule.is_owned && rule.definition.starts_with(kCreate)) {
      swapping.add("CREATE OR REPLACE RULE " + rule.definition.substr(kCreate.size()), kAccessExclusive, rule.table);
    }
  }
}

// Behind the exchange of names, so that the twins' queries mean the table that has the name by then.
void create_twins(Swapping& swapping) {
  for (const DependentView& view : swapping.around.views) {
    if (gets_twin(view)) {
      swapping.add(create_twin_sql(view, swapping.plan.migration_id));
    }
  }
}

// The name of a policy's table once the names are exchanged.
QualifiedName name_then(const Swapping& swapping, const DependentPolicy& policy, SwapDirection direction) {
  if (policy.table_oid != swapping.around.target.oid) {
    return policy.table;
  }
  return direction == SwapDirection::forward ? swapping.plan.source.name : swapping.plan.layout.root.name;
}

void re_aim_policies(Swapping& swapping, SwapDirection direction) {
  for (const DependentPolicy& policy : swapping.around.policies) {
    if (policy.is_owned) {
      const QualifiedName table = name_then(swapping, policy, direction);
      swapping.add("ALTER POLICY " + pg::quoted(policy.name) + " ON " + pg::quoted(table) +
                       (policy.using_expression.empty() ? "" : " USING (" + policy.using_expression + ")") +
                       (policy.check_expression.empty() ? "" : " WITH CHECK (" + policy.check_expression + ")"),
                   kAccessExclusive, table);
    }
  }
}

bool is_published(const Surroundings& around, const std::string& publication) {
  return std::any_of(around.published_nodes.begin(), around.published_nodes.end(),
                     [&](const PublishedNode& node) { return node.publication == publication; });
}

void leave_publication(Swapping& swapping, const std::string& publication, const QualifiedName& table) {
  swapping.add("ALTER PUBLICATION " + pg::quoted(publication) + " DROP TABLE " + pg::quoted(table), kCommentLock,
               table);
}

// While both tables have the names that they had when they were read.
void publish_target(Swapping& swapping) {
  for (const StandingPublication& standing : swapping.around.publications) {
    if (!standing.publication.owned) {
      continue;
    }
    if (!is_published(swapping.around, standing.publication.name)) {
      swapping.add(publish_sql(standing.publication, swapping.plan.layout, standing.through_root));
    }
    leave_publication(swapping, standing.publication.name, swapping.around.source.name);
  }
}

// What the target's tree is in: as its root is, or, where only leaves are, as the source was.
std::vector<Publication> publications_to_restore(const Swapping& swapping) {
  std::map<std::string, Publication> found;
  for (const Publication& publication : swapping.plan.source.publications) {
    if (is_published(swapping.around, publication.name)) {
      found[publication.name] = publication;
    }
  }
  for (const StandingPublication& standing : swapping.around.publications) {
    found[standing.publication.name] = standing.publication;
  }
  std::vector<Publication> publications;
  for (const auto& [name, publication] : found) {
    if (publication.owned) {
      publications.push_back(publication);
    }
  }
  return publications;
}

void publish_source(Swapping& swapping) {
  Layout source;
  source.root.name = swapping.around.source.name;
  for (const Publication& publication : publications_to_restore(swapping)) {
    for (const PublishedNode& node : swapping.around.published_nodes) {
      if (node.publication == publication.name) {
        leave_publication(swapping, publication.name, node.table);
      }
    }
    swapping.add(publish_sql(publication, source, true));
  }
}

// ---- Sequences

void continue_sequences(Swapping& swapping, SwapDirection direction) {
  if (swapping.plan.layout.existing) {
    return;
  }
  const bool forward = direction == SwapDirection::forward;
  for (const CarriedSequence& sequence : carried_sequences(swapping.plan)) {
    const QualifiedName& name = sequence.source->name;
    const QualifiedName other =
        forward ? sequence_after_swap(swapping.plan, *sequence.source) : QualifiedName{sequence.target};
    swapping.add(continue_sequence_sql(name, other, *sequence.source, swapping.options.sequence_gap));
  }
}

void give_shared_sequences(Swapping& swapping, const QualifiedName& table) {
  for (const Sequence* sequence : shared_sequences(swapping.plan)) {
    swapping.add(own_sequence_sql(*sequence, table));
  }
}

// ---- The two directions

void swap_forward(Swapping& swapping) {
  const QualifiedName& name = swapping.plan.source.name;
  drop_keys(swapping, false);
  disable_triggers(swapping, swapping.around.source, name);
  disable_partition_triggers(swapping);
  disable_rules(swapping);
  publish_target(swapping);
  make_target_triggers(swapping);
  swapping.add(names_forward_sql(swapping.plan));
  continue_sequences(swapping, SwapDirection::forward);
  give_shared_sequences(swapping, name);
  replace_views(swapping);
  create_twins(swapping);
  re_aim_policies(swapping, SwapDirection::forward);
  const QualifiedName old = name_after_swap(swapping.plan);
  swapping.add(comment_sql("TABLE " + pg::quoted(old),
                           marked_comment(swapping.around.source.comment, swapping.plan.migration_id)),
               kCommentLock, old);
  add_incoming_keys(swapping, swapping.around.incoming_keys);
  add_leaf_keys(swapping);
}

void swap_back(Swapping& swapping) {
  const QualifiedName& name = swapping.plan.source.name;
  drop_keys(swapping, true);
  publish_source(swapping);
  give_shared_sequences(swapping, name_after_swap(swapping.plan));
  swapping.add(names_back_sql(swapping.plan));
  continue_sequences(swapping, SwapDirection::back);
  remove_target_triggers(swapping);
  restore_source_triggers(swapping);
  restore_partition_triggers(swapping);
  restore_rules(swapping);
  replace_views(swapping);
  re_aim_policies(swapping, SwapDirection::back);
  swapping.add(comment_sql("TABLE " + pg::quoted(name),
                           unmarked_comment(swapping.around.source.comment, swapping.plan.migration_id)),
               kCommentLock, name);
  add_incoming_keys(swapping, swapping.around.incoming_keys);
  add_incoming_keys(swapping, swapping.around.lost_keys);
  restore_source_keys(swapping);
}

// ---- Locks

Statement lock_sql(const QualifiedName& table, std::string_view mode) {
  return {"LOCK TABLE ONLY " + pg::quoted(table) + " IN " + std::string(mode) + " MODE", std::string(mode),
          pg::display(table)};
}

// Who names a partition locks that one alone.
Statement lock_with_partitions_sql(const QualifiedName& table) {
  return {"LOCK TABLE " + pg::quoted(table) + " IN ACCESS EXCLUSIVE MODE", kAccessExclusive,
          pg::display(table) + " and its partitions"};
}

}  // namespace

Statement lock_against_vacuum_sql(const QualifiedName& table) {
  return lock_sql(table, "SHARE UPDATE EXCLUSIVE");
}

Statement lock_view_sql(const DependentView& view) {
  return {"ALTER VIEW " + pg::quoted(view.name) + " OWNER TO " + pg::quoted(view.owner), kAccessExclusive,
          pg::display(view.name)};
}

Statement replace_view_sql(const DependentView& view) {
  return {"CREATE OR REPLACE VIEW " + pg::quoted(view.name) +
              (view.options.empty() ? "" : " WITH (" + reloptions_sql(view.options) + ")") + " AS " + view.definition,
          kAccessExclusive, pg::display(view.name)};
}

Standing standing_before(SwapDirection direction) {
  return direction == SwapDirection::forward ? Standing::before_swap : Standing::after_swap;
}

bool makes_leaf_keys_later(const Plan& plan, const SwapOptions& options) {
  return kept_foreign_keys(plan.source).size() * leaves(plan.layout).size() > options.leaf_keys_inside_max;
}

bool can_be_re_aimed(const Surroundings& around, const IncomingKey& incoming) {
  return can_point(around, incoming.key);
}

Statements swap_locks_sql(const Plan& plan, const Surroundings& around, SwapDirection direction) {
  Statements locks;
  for (const DependentView& view : around.views) {
    if (view.can_be_replaced()) {
      locks.push_back(lock_view_sql(view));
    }
  }
  std::map<std::uint32_t, QualifiedName> pointing;
  for (const IncomingKey& incoming : around.incoming_keys) {
    pointing.emplace(incoming.table_oid, incoming.key.table);
  }
  for (const IncomingKey& lost : around.lost_keys) {
    pointing.emplace(lost.table_oid, lost.key.table);
  }
  for (const auto& [oid, table] : pointing) {
    locks.push_back(lock_sql(table, kAccessExclusive));
  }
  for (const SwapTable* table : {&around.in_use(), &around.waiting()}) {
    const bool has_partitions = plan.source.is_partitioned() && table == &around.source;
    locks.push_back(has_partitions ? lock_with_partitions_sql(table->name) : lock_sql(table->name, kAccessExclusive));
  }
  const char* leaf_mode = direction == SwapDirection::forward ? kShareRowExclusive : kAccessExclusive;
  const std::vector<const PartitionNode*> all = nodes(plan.layout);
  std::string tables;
  for (const PartitionNode* node : all) {
    if (node != &plan.layout.root) {
      tables += (tables.empty() ? "ONLY " : ", ONLY ") + pg::quoted(node->name);
    }
  }
  if (!tables.empty()) {
    locks.push_back({"LOCK TABLE " + tables + " IN " + leaf_mode + " MODE", leaf_mode,
                     std::to_string(all.size() - 1) + " partitions of " + pg::display(plan.layout.root.name)});
  }
  std::map<std::uint32_t, QualifiedName> pointed_to;
  for (const StandingKey& key : around.keys) {
    if (key.owns_referenced && key.referenced_oid != around.source.oid && key.referenced_oid != around.target.oid) {
      pointed_to.emplace(key.referenced_oid, key.referenced);
    }
  }
  for (const auto& [oid, table] : pointed_to) {
    locks.push_back(lock_sql(table, kAccessExclusive));
  }
  return locks;
}

Statements swap_sql(const Plan& plan, const Surroundings& around, SwapDirection direction, const SwapOptions& options) {
  Swapping swapping{plan, around, options};
  direction == SwapDirection::forward ? swap_forward(swapping) : swap_back(swapping);
  return std::move(swapping.statements);
}

Statements names_by_hand_sql(const Plan& plan) {
  const QualifiedName& source = plan.source.name;
  const QualifiedName& target = plan.layout.root.name;
  Statements statements = {rename_sql({Renaming::Kind::table, source, name_after_swap(plan).name})};
  if (target.schema != source.schema) {
    statements.push_back({"ALTER TABLE " + pg::quoted(target) + " SET SCHEMA " + pg::quoted(source.schema),
                          kAccessExclusive, pg::display(target)});
  }
  if (target.name != source.name) {
    statements.push_back(rename_sql({Renaming::Kind::table, {source.schema, target.name}, source.name}));
  }
  for (const Sequence* sequence : shared_sequences(plan)) {
    statements.push_back(own_sequence_sql(*sequence, source));
  }
  return statements;
}

Statements swap_by_hand_sql(const Plan& plan) {
  if (!plan.one_database) {
    return {};
  }
  Statements statements = {{"BEGIN", "", ""}, {"SET LOCAL lock_timeout = '200ms'", "", ""}};
  append(statements, names_by_hand_sql(plan));
  statements.push_back({"COMMIT", "", ""});
  return statements;
}

}  // namespace pgsluice::planner

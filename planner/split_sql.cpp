#include "planner/split_sql.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "planner/finishing_sql.hpp"
#include "planner/guard_sql.hpp"
#include "planner/mark.hpp"
#include "planner/partition_bound_text.hpp"
#include "planner/swap_names_sql.hpp"

namespace pgsluice::planner {

namespace {

constexpr const char* kAccessExclusive = "ACCESS EXCLUSIVE";
constexpr const char* kShareRowExclusive = "SHARE ROW EXCLUSIVE";
constexpr const char* kShareUpdateExclusive = "SHARE UPDATE EXCLUSIVE";
constexpr std::size_t kTagBytes = 8;

// One call, handed from step to step.
struct Exchanging {
  const Plan& plan;
  const SplitStanding& standing;
  Statements statements = {};

  const QualifiedName& source() const { return plan.source.name; }
  const QualifiedName& parent() const { return plan.parent->name; }
  void add(std::string sql, std::string lock, const QualifiedName& on) {
    statements.push_back({std::move(sql), std::move(lock), pg::display(on)});
  }
};

std::string both(const QualifiedName& one, const QualifiedName& other) {
  return pg::display(one) + " and " + pg::display(other);
}

// The bound's meaning as it is below the parent: that of a HASH partition names the table that it is a partition of.
std::string constraint_below_parent(const Plan& plan, const SplitStanding& standing, const SplitLeaf& leaf) {
  std::string text = leaf.constraint;
  const std::string here = "satisfies_hash_partition('" + std::to_string(standing.staging_oid) + "'::oid";
  if (const std::size_t at = text.find(here);
      plan.layout.root.method == PartitionMethod::hash && at != std::string::npos) {
    text.replace(at, here.size(), "satisfies_hash_partition('" + std::to_string(plan.parent->oid) + "'::oid");
  }
  return text;
}

void conjoin(std::string& expression, const std::string& more) {
  if (!more.empty()) {
    expression += (expression.empty() ? "(" : " AND (") + more + ")";
  }
}

using Value = BoundText::Value;

// The bounds of leaves that follow each other without a gap, as one.
std::vector<std::pair<Value, Value>> stretches_of(const SplitStanding& standing) {
  std::vector<std::pair<Value, Value>> stretches;
  for (const SplitLeaf& leaf : standing.leaves) {
    const std::optional<BoundText> bound = parse_bound_text(leaf.node->bound);
    if (!bound || bound->kind != BoundText::Kind::range) {
      continue;
    }
    if (!stretches.empty() && stretches.back().second == bound->lower.front()) {
      stretches.back().second = bound->upper.front();
    } else {
      stretches.emplace_back(bound->lower.front(), bound->upper.front());
    }
  }
  return stretches;
}

// As the server puts it.
std::string between_text(const std::string& column, const Value& lower, const Value& upper) {
  const std::string name = pg::quoted(column);
  std::string text = name + " IS NOT NULL";
  text += lower.kind == Value::Kind::literal ? " AND " + name + " >= " + lower.sql : "";
  return text + (upper.kind == Value::Kind::literal ? " AND " + name + " < " + upper.sql : "");
}

// Of a partition that holds none of the leaves' rows. Leaves of RANGE that follow each other are one stretch: what lies
// outside of it lies outside of each, which the server finds out leaf by leaf, and so in a time that grows with their
// number only (measured: 350 leaves, one by one, took 3 s).
std::string outside_of_leaves(const Plan& plan, const SplitStanding& standing) {
  std::string expression;
  if (plan.layout.root.method == PartitionMethod::range) {
    for (const auto& [lower, upper] : stretches_of(standing)) {
      conjoin(expression, "NOT (" + between_text(plan.layout.root.key_columns.front(), lower, upper) + ")");
    }
    return expression;
  }
  for (const SplitLeaf& leaf : standing.leaves) {
    if (!leaf.is_default()) {
      conjoin(expression, "NOT (" + constraint_below_parent(plan, standing, leaf) + ")");
    }
  }
  return expression;
}

void add_check(std::vector<BoundCheck>& checks, const QualifiedName& table, const std::string& expression) {
  if (!expression.empty()) {
    checks.push_back({table, expression});
  }
}

std::vector<BoundCheck> checks_before_forward(const Plan& plan, const SplitStanding& standing) {
  std::vector<BoundCheck> checks;
  const std::string outside = outside_of_leaves(plan, standing);
  for (const SplitLeaf& leaf : standing.leaves) {
    std::string expression = constraint_below_parent(plan, standing, leaf);
    if (leaf.is_default()) {
      expression.clear();
      conjoin(expression, plan.parent->constraint);
      expression += expression.empty() || outside.empty() ? outside : " AND " + outside;
    }
    add_check(checks, leaf.node->name, expression);
  }
  if (standing.default_partition) {
    add_check(checks, *standing.default_partition, outside);
  }
  if (!plan.parent->source_is_default()) {
    add_check(checks, plan.source.name, plan.parent->constraint);
  }
  return checks;
}

std::vector<BoundCheck> checks_before_back(const Plan& plan, const SplitStanding& standing) {
  std::vector<BoundCheck> checks;
  add_check(checks, plan.source.name, plan.parent->constraint);
  if (standing.default_partition) {
    add_check(checks, *standing.default_partition, "NOT (" + plan.parent->constraint + ")");
  }
  return checks;
}

// ---- Statements

void detach(Exchanging& exchanging, const QualifiedName& parent, const QualifiedName& partition) {
  exchanging.statements.push_back({"ALTER TABLE " + pg::quoted(parent) + " DETACH PARTITION " + pg::quoted(partition),
                                   kAccessExclusive, both(parent, partition)});
}

Statement attach_statement(const QualifiedName& parent, const QualifiedName& partition, const std::string& bound) {
  return {"ALTER TABLE " + pg::quoted(parent) + " ATTACH PARTITION " + pg::quoted(partition) + " " + bound,
          kAccessExclusive, both(partition, parent)};
}

void attach(Exchanging& exchanging, const QualifiedName& partition, const std::string& bound) {
  exchanging.statements.push_back(attach_statement(exchanging.parent(), partition, bound));
}

// What the partition had from the parent stays on it as its own when it is detached.
void drop_keys(Exchanging& exchanging, std::uint32_t table_oid) {
  for (const StandingKey& key : exchanging.standing.keys) {
    if (key.table_oid == table_oid) {
      exchanging.statements.push_back(
          {"ALTER TABLE " + pg::quoted(key.table) + " DROP CONSTRAINT " + pg::quoted(key.name), kAccessExclusive,
           both(key.table, key.referenced)});
    }
  }
}

std::vector<const Trigger*> own_triggers(const Plan& plan) {
  const std::vector<std::string>& inherited = plan.parent->inherited_triggers;
  std::vector<const Trigger*> own;
  for (const Trigger& trigger : plan.source.triggers) {
    if (std::find(inherited.begin(), inherited.end(), trigger.name) == inherited.end()) {
      own.push_back(&trigger);
    }
  }
  return own;
}

const TablePart* trigger_on_source(const SplitStanding& standing, const std::string& name) {
  const auto found = std::find_if(
      standing.source_parts.begin(), standing.source_parts.end(),
      [&](const TablePart& part) { return part.kind == TablePart::Kind::trigger && part.name.name == name; });
  return found == standing.source_parts.end() ? nullptr : &*found;
}

// Aside it is written by us alone.
void switch_source_triggers(Exchanging& exchanging, bool on) {
  for (const Trigger* trigger : own_triggers(exchanging.plan)) {
    const std::string wanted = on ? trigger->enabled : "D";
    const TablePart* now = trigger_on_source(exchanging.standing, trigger->name);
    if (now != nullptr && now->state != wanted) {
      exchanging.statements.push_back(set_trigger_sql(exchanging.source(), trigger->name, wanted));
    }
  }
}

void make_leaf_triggers(Exchanging& exchanging, const SplitLeaf& leaf) {
  const QualifiedName& table = leaf.node->name;
  for (const Trigger* trigger : own_triggers(exchanging.plan)) {
    exchanging.add(trigger->before_table + " ON " + pg::quoted(table) + " " + trigger->after_table, kShareRowExclusive,
                   table);
    if (trigger->enabled != "O") {
      exchanging.statements.push_back(set_trigger_sql(table, trigger->name, trigger->enabled));
    }
    if (!trigger->comment.empty()) {
      exchanging.add("COMMENT ON TRIGGER " + pg::quoted(trigger->name) + " ON " + pg::quoted(table) + " IS " +
                         pg::literal(trigger->comment),
                     kShareUpdateExclusive, table);
    }
  }
}

void drop_leaf_triggers(Exchanging& exchanging, const SplitLeaf& leaf) {
  for (const Trigger* trigger : own_triggers(exchanging.plan)) {
    exchanging.add("DROP TRIGGER IF EXISTS " + pg::quoted(trigger->name) + " ON " + pg::quoted(leaf.node->name),
                   kAccessExclusive, leaf.node->name);
  }
}

void drop_check(Exchanging& exchanging, const QualifiedName& table) {
  exchanging.statements.push_back(drop_bound_check_sql(exchanging.plan, table));
}

void give_sequences(Exchanging& exchanging, const QualifiedName& table) {
  for (const Sequence& sequence : exchanging.plan.source.sequences) {
    exchanging.statements.push_back(own_sequence_sql(sequence, table));
  }
}

void comment_on_source(Exchanging& exchanging, const std::string& comment) {
  exchanging.add("COMMENT ON TABLE " + pg::quoted(exchanging.source()) + " IS " +
                     (comment.empty() ? "NULL" : pg::literal(comment)),
                 kShareUpdateExclusive, exchanging.source());
}

// DEFAULT first: what it must hold is what the old one held, while no other leaf is there; it is known to hold none of
// each that comes behind it.
std::vector<const SplitLeaf*> in_order_of_attaching(const SplitStanding& standing) {
  std::vector<const SplitLeaf*> order;
  for (const SplitLeaf& leaf : standing.leaves) {
    order.insert(leaf.is_default() ? order.begin() : order.end(), &leaf);
  }
  return order;
}

void exchange_forward(Exchanging& exchanging) {
  const SplitStanding& standing = exchanging.standing;
  give_sequences(exchanging, exchanging.parent());
  detach(exchanging, exchanging.parent(), exchanging.source());
  drop_keys(exchanging, exchanging.plan.source.oid);
  switch_source_triggers(exchanging, false);
  for (const SplitLeaf& leaf : standing.leaves) {
    detach(exchanging, exchanging.plan.layout.root.name, leaf.node->name);
  }
  for (const SplitLeaf* leaf : in_order_of_attaching(standing)) {
    attach(exchanging, leaf->node->name, leaf->node->bound);
    make_leaf_triggers(exchanging, *leaf);
  }
  for (const SplitLeaf& leaf : standing.leaves) {
    if (leaf.is_default()) {
      drop_check(exchanging, leaf.node->name);
    }
  }
  if (standing.default_partition) {
    drop_check(exchanging, *standing.default_partition);
  }
  comment_on_source(exchanging, marked_comment(standing.source_comment, exchanging.plan.migration_id));
}

void exchange_back(Exchanging& exchanging) {
  const SplitStanding& standing = exchanging.standing;
  for (const SplitLeaf& leaf : standing.leaves) {
    detach(exchanging, exchanging.parent(), leaf.node->name);
    drop_keys(exchanging, leaf.oid);
    drop_leaf_triggers(exchanging, leaf);
  }
  attach(exchanging, exchanging.source(), exchanging.plan.parent->bound);
  if (standing.default_partition) {
    drop_check(exchanging, *standing.default_partition);
  }
  if (exchanging.plan.parent->source_is_default()) {
    drop_check(exchanging, exchanging.source());
  }
  switch_source_triggers(exchanging, true);
  give_sequences(exchanging, exchanging.source());
  comment_on_source(exchanging, unmarked_comment(standing.source_comment, exchanging.plan.migration_id));
}

Statement lock_sql(const QualifiedName& table) {
  return {"LOCK TABLE ONLY " + pg::quoted(table) + " IN ACCESS EXCLUSIVE MODE", kAccessExclusive, pg::display(table)};
}

Statement lock_leaves_sql(const Plan& plan, const SplitStanding& standing) {
  std::string tables;
  for (const SplitLeaf& leaf : standing.leaves) {
    tables += (tables.empty() ? "ONLY " : ", ONLY ") + pg::quoted(leaf.node->name);
  }
  return {
      "LOCK TABLE " + tables + " IN ACCESS EXCLUSIVE MODE", kAccessExclusive,
      std::to_string(standing.leaves.size()) + " partitions that " + pg::display(plan.source.name) + " is split into"};
}

// ---- Obstacles

struct Looking {
  const Plan& plan;
  const SplitStanding& standing;
  std::vector<Obstacle> found = {};

  std::string source() const { return pg::display(plan.source.name); }
  std::string parent() const { return pg::display(plan.parent->name); }
  void say(std::string what, std::string instead, std::string hint = "") {
    found.push_back({std::move(what), std::move(instead), std::move(hint), false});
  }
  void block(std::string what, std::string instead, std::string hint) {
    found.push_back({std::move(what), std::move(instead), std::move(hint), true});
  }
};

void look_at_leaves(Looking& looking, std::uint32_t expected_parent) {
  const std::vector<const PartitionNode*> planned = leaves(looking.plan.layout);
  for (const PartitionNode* leaf : planned) {
    const auto& there = looking.standing.leaves;
    const auto found = std::find_if(there.begin(), there.end(), [&](const SplitLeaf& one) { return one.node == leaf; });
    if (found == there.end() || found->parent_oid != expected_parent) {
      looking.block("partition " + pg::display(leaf->name), "it is not where this migration left it any more",
                    "Put it back; or, after the cutover, `pgsluice finish` is the way on.");
    } else if (!found->is_owned) {
      looking.block("partition " + pg::display(leaf->name), "only its owner can exchange it",
                    "Connect as the owner, or as a member of the owner's role.");
    }
  }
  if (!looking.standing.source_is_owned) {
    looking.block("partition " + looking.source(), "only its owner can exchange it",
                  "Connect as the owner, or as a member of the owner's role.");
  }
}

void look_at_parent(Looking& looking, SwapDirection direction) {
  const Plan& plan = looking.plan;
  const bool is_changed = direction == SwapDirection::forward
                              ? looking.standing.parent != plan.parent
                              : (plan.parent->source_is_default() && looking.standing.others != plan.parent->others) ||
                                    looking.standing.default_partition != plan.parent->default_partition;
  if (!is_changed) {
    return;
  }
  if (direction == SwapDirection::forward) {
    looking.block("table " + looking.parent(),
                  "its partitions, or what " + looking.source() + " has from it, are not those of the plan",
                  "Undo with `pgsluice rollback`, then plan again.");
  } else {
    looking.block(
        "table " + looking.parent(),
        "partitions were attached to it or taken off since, which changes what belongs into " + looking.source(),
        "Undo that; or `pgsluice finish` is the way on.");
  }
}

void look_at_keys(Looking& looking) {
  const std::uint32_t in_use = looking.standing.standing == Standing::before_swap || looking.standing.leaves.empty()
                                   ? looking.plan.source.oid
                                   : looking.standing.leaves.front().oid;
  for (const StandingKey& key : looking.standing.keys) {
    if (key.table_oid == in_use) {
      looking.say("foreign key " + pg::display(std::string_view(key.name)) + " to " + pg::display(key.referenced),
                  "the server checks every row that changes its place against it, for which the application waits",
                  "Allow for it with --max-lock.");
    }
    if (key.table_oid == in_use && !key.owns_referenced) {
      looking.block("foreign key " + pg::display(std::string_view(key.name)) + " to " + pg::display(key.referenced),
                    "this role may not change the table that it points to", "Connect as a role that owns both.");
    }
  }
}

// Each takes some milliseconds, and more the more there are (measured: 20 take 30 ms, 350 take 1.2 s).
void look_at_long_work(Looking& looking) {
  constexpr std::size_t kUnnoticed = 128;
  if (looking.standing.leaves.size() > kUnnoticed) {
    looking.say(std::to_string(looking.standing.leaves.size()) + " partitions",
                "they are attached one by one while the application waits, which may take seconds",
                "Allow for it with --max-lock.");
  }
}

void look_at_views(Looking& looking) {
  for (const DependentView& view : looking.standing.views) {
    const std::string what = (view.is_materialized ? "materialized view " : "view ") + pg::display(view.name);
    if (view.is_updatable && !view.is_materialized) {
      looking.block(what, "what is written through it would end in the old partition, which takes no writes then",
                    "Make it anew upon " + looking.parent() + ", or drop it.");
    } else {
      looking.say(what, "it goes on reading the old partition, which is kept up to date until `finish`",
                  "Make it anew before `finish`.");
    }
  }
}

}  // namespace

std::vector<BoundCheck> bound_checks(const Plan& plan, const SplitStanding& standing, SwapDirection direction) {
  return direction == SwapDirection::forward ? checks_before_forward(plan, standing)
                                             : checks_before_back(plan, standing);
}

std::vector<BoundCheck> bound_checks_behind(const Plan& plan) {
  std::vector<BoundCheck> checks;
  add_check(checks, plan.source.name, plan.parent->constraint);
  return checks;
}

std::string bound_check_name(const Plan& plan) {
  return "pgsluice_bound_" + plan.migration_id.substr(0, kTagBytes);
}

Statements add_bound_check_sql(const Plan& plan, const BoundCheck& check) {
  const std::string table = pg::quoted(check.table);
  const std::string name = pg::quoted(bound_check_name(plan));
  return {{"ALTER TABLE " + table + " ADD CONSTRAINT " + name + " CHECK (" + check.expression + ") NOT VALID",
           kAccessExclusive, pg::display(check.table)},
          {"COMMENT ON CONSTRAINT " + name + " ON " + table + " IS " + pg::literal(mark(plan.migration_id)),
           kShareUpdateExclusive, pg::display(check.table)}};
}

Statement validate_bound_check_sql(const Plan& plan, const QualifiedName& table) {
  return {"ALTER TABLE " + pg::quoted(table) + " VALIDATE CONSTRAINT " + pg::quoted(bound_check_name(plan)),
          kShareUpdateExclusive, pg::display(table)};
}

Statement drop_bound_check_sql(const Plan& plan, const QualifiedName& table) {
  return {"ALTER TABLE " + pg::quoted(table) + " DROP CONSTRAINT IF EXISTS " + pg::quoted(bound_check_name(plan)),
          kAccessExclusive, pg::display(table)};
}

Statements split_locks_sql(const Plan& plan, const SplitStanding& standing, SwapDirection direction) {
  Statements locks = {lock_sql(plan.parent->name)};
  const bool forward = direction == SwapDirection::forward;
  locks.push_back(forward ? lock_sql(plan.source.name) : lock_leaves_sql(plan, standing));
  if (standing.default_partition) {
    locks.push_back(lock_sql(*standing.default_partition));
  }
  if (forward) {
    locks.push_back(lock_sql(plan.layout.root.name));
    locks.push_back(lock_leaves_sql(plan, standing));
  } else {
    locks.push_back(lock_sql(plan.source.name));
  }
  std::map<std::uint32_t, QualifiedName> pointed_to;
  for (const StandingKey& key : standing.keys) {
    if (key.owns_referenced && key.referenced_oid != plan.parent->oid) {
      pointed_to.emplace(key.referenced_oid, key.referenced);
    }
  }
  for (const auto& [oid, table] : pointed_to) {
    locks.push_back(lock_sql(table));
  }
  return locks;
}

Statements split_exchange_sql(const Plan& plan, const SplitStanding& standing, SwapDirection direction) {
  Exchanging exchanging{plan, standing};
  direction == SwapDirection::forward ? exchange_forward(exchanging) : exchange_back(exchanging);
  return std::move(exchanging.statements);
}

Statement gather_leaf_sql(const Plan& plan, const PartitionNode& leaf) {
  return attach_statement(plan.layout.root.name, leaf.name, leaf.bound);
}

std::vector<Obstacle> split_obstacles(const Plan& plan, const SplitStanding& standing, SwapDirection direction) {
  Looking looking{plan, standing};
  look_at_leaves(looking, direction == SwapDirection::forward ? standing.staging_oid : plan.parent->oid);
  look_at_parent(looking, direction);
  look_at_keys(looking);
  look_at_long_work(looking);
  if (direction == SwapDirection::forward) {
    look_at_views(looking);
  }
  return std::move(looking.found);
}

}  // namespace pgsluice::planner

#include "mover/constraints.hpp"

#include <atomic>
#include <cstddef>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "mover/parallel_units.hpp"
#include "mover/target_objects.hpp"
#include "mover/target_session.hpp"
#include "pg/failure.hpp"
#include "planner/foreign_key_sql.hpp"

namespace pgsluice::mover {

namespace {

using planner::ForeignKey;
using planner::PartitionNode;
using planner::Plan;
using Kind = TargetObjects::Kind;

constexpr std::string_view kForeignKeyViolation = "23503";

// Who else may wait for a lock of ours on the target.
enum class Use { ours_alone, the_applications };

void lock_table(pg::Connection& target, const Sessions& sessions, const PartitionNode& node, Use use) {
  if (use == Use::the_applications) {
    wait_briefly(target, sessions);
  }
  target.query(planner::lock_leaf_sql(node).sql);
  wait_briefly(target, sessions);
}

// One foreign key on one leaf.
struct LeafKey {
  const ForeignKey* key = nullptr;
  const PartitionNode* leaf = nullptr;
};

// Those whose referenced table is there: in another database it may not be.
std::vector<const ForeignKey*> possible_foreign_keys(const Plan& plan, Session& session, const RetryContext& context) {
  std::vector<const ForeignKey*> possible;
  for (const ForeignKey* key : planner::kept_foreign_keys(plan.source)) {
    bool is_there = false;
    repeat_until_done(session, context, "looking for " + pg::display(key->referenced), [&](pg::Connection& target) {
      is_there = fixed_query(target, "relation_is_there", {pg::quoted(key->referenced)}).boolean(0, 0);
    });
    if (is_there) {
      possible.push_back(key);
    } else {
      context.observer.noted("foreign key " + pg::display(std::string_view(key->name)) +
                             " is left out: the target's database has no " + pg::display(key->referenced));
    }
  }
  return possible;
}

std::vector<LeafKey> on_every_leaf(const Plan& plan, const std::vector<const ForeignKey*>& keys) {
  std::vector<LeafKey> all;
  for (const ForeignKey* key : keys) {
    for (const PartitionNode* leaf : planner::leaves(plan.layout)) {
      all.push_back({key, leaf});
    }
  }
  return all;
}

// One transaction a leaf, so that the referenced table is locked for a moment only.
void add_to_leaf(const LeafKey& wanted, Use use, const Sessions& sessions, Session& session,
                 const RetryContext& context) {
  const std::string what =
      "adding foreign key " + pg::display(std::string_view(wanted.key->name)) + " to " + pg::display(wanted.leaf->name);
  repeat_naming_holders(session, context, what, wanted.key->referenced, [&](pg::Connection& target) {
    if (TargetObjects::read(target, {wanted.leaf}).has(*wanted.leaf, Kind::constraint, wanted.key->name)) {
      return;
    }
    in_transaction(target, [&] {
      lock_table(target, sessions, *wanted.leaf, use);
      target.query(planner::add_leaf_foreign_key_sql(*wanted.key, *wanted.leaf).sql);
    });
  });
}

void add_to_leaves(const Plan& plan, const std::vector<const ForeignKey*>& keys, Use use, const Sessions& sessions,
                   Session& session, const RetryContext& context) {
  for (const LeafKey& wanted : on_every_leaf(plan, keys)) {
    leave_if_stopped(context, "adding foreign keys");
    add_to_leaf(wanted, use, sessions, session, context);
  }
}

pg::Failure explained(const pg::Failure& failure, const LeafKey& wanted) {
  pg::Failure better(failure.kind(), "foreign key " + pg::display(std::string_view(wanted.key->name)) +
                                         " does not hold on " + pg::display(wanted.leaf->name) + ": " + failure.what());
  better.detail(failure.detail())
      .sqlstate(failure.sqlstate())
      .hint("The source holds such rows too, if its constraint was ever bypassed. Mend the rows of the target or of " +
            pg::display(wanted.key->referenced) + ", then run the same command again.")
      .status("every row is moved; what was built stays");
  return better;
}

void validate_on_leaf(const LeafKey& wanted, Session& session, const RetryContext& context) {
  const std::string what = "validating foreign key " + pg::display(std::string_view(wanted.key->name)) + " on " +
                           pg::display(wanted.leaf->name);
  try {
    repeat_until_done(session, context, what, [&](pg::Connection& target) {
      if (!TargetObjects::read(target, {wanted.leaf}).has_valid(*wanted.leaf, Kind::constraint, wanted.key->name)) {
        target.query(planner::validate_foreign_key_sql(*wanted.key, *wanted.leaf).sql);
      }
    });
  } catch (const pg::Failure& failure) {
    if (failure.sqlstate() == kForeignKeyViolation) {
      throw explained(failure, wanted);
    }
    throw;
  }
}

void validate_on_leaves(const Plan& plan, const std::vector<const ForeignKey*>& keys, const Sessions& sessions,
                        const RetryContext& context, unsigned jobs) {
  const std::vector<LeafKey> all = on_every_leaf(plan, keys);
  ParallelUnits units(jobs, context.stop);
  std::deque<Session> open;
  for (unsigned worker = 0; worker < units.workers(); ++worker) {
    open.emplace_back(units.cancellable([&sessions] { return open_patient_target(sessions, "validating"); }));
  }
  Progress progress;
  progress.units_total = all.size();
  progress.workers = units.workers();
  std::mutex mutex;
  context.observer.phase_began("validating foreign keys", "leaves");
  const bool finished = units.run(all.size(), [&](unsigned worker, std::size_t unit) {
    validate_on_leaf(all[unit], open[worker], context);
    const std::lock_guard lock(mutex);
    progress.fraction = static_cast<double>(++progress.units_done) / static_cast<double>(progress.units_total);
    context.observer.progressed(progress);
  });
  if (!finished) {
    leave_if_stopped(context, "validating foreign keys");
  }
}

void add_to_root(const ForeignKey& key, const PartitionNode& root, Use use, const Sessions& sessions, Session& session,
                 const RetryContext& context) {
  const std::string what =
      "adding foreign key " + pg::display(std::string_view(key.name)) + " to " + pg::display(root.name);
  repeat_naming_holders(session, context, what, key.referenced, [&](pg::Connection& target) {
    if (TargetObjects::read(target, {&root}).has(root, Kind::constraint, key.name)) {
      return;
    }
    in_transaction(target, [&] {
      lock_table(target, sessions, root, use);
      target.run_script(planner::script_of(planner::add_root_foreign_key_sql(key, root)));
    });
  });
}

void add_everywhere(const Plan& plan, const PartitionNode& root, Use use, const Sessions& sessions,
                    const RetryContext& context, unsigned jobs) {
  if (plan.layout.existing || planner::kept_foreign_keys(plan.source).empty()) {
    return;
  }
  Session session([&sessions] { return open_patient_target(sessions, "adding foreign keys"); });
  const std::vector<const ForeignKey*> keys = possible_foreign_keys(plan, session, context);
  add_to_leaves(plan, keys, use, sessions, session, context);
  std::vector<const ForeignKey*> valid;
  for (const ForeignKey* key : keys) {
    if (key->is_valid) {
      valid.push_back(key);
    }
  }
  validate_on_leaves(plan, valid, sessions, context, jobs);
  for (const ForeignKey* key : valid) {
    leave_if_stopped(context, "adding foreign keys");
    add_to_root(*key, root, use, sessions, session, context);
  }
}

}  // namespace

void add_leaf_foreign_keys(const Plan& plan, const Sessions& sessions, const RetryContext& context) {
  if (plan.layout.existing || planner::kept_foreign_keys(plan.source).empty()) {
    return;
  }
  Session session([&sessions] { return open_patient_target(sessions, "adding foreign keys"); });
  add_to_leaves(plan, possible_foreign_keys(plan, session, context), Use::ours_alone, sessions, session, context);
}

void add_constraints(const Plan& plan, const Sessions& sessions, const RetryContext& context, unsigned jobs) {
  add_everywhere(plan, plan.layout.root, Use::ours_alone, sessions, context, jobs);
}

void add_constraints_in_use(const Plan& plan, const pg::QualifiedName& root, const Sessions& sessions,
                            const RetryContext& context, unsigned jobs) {
  PartitionNode node = plan.layout.root;
  node.name = root;
  add_everywhere(plan, node, Use::the_applications, sessions, context, jobs);
}

}  // namespace pgsluice::mover

#include "mover/prepare.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "mover/constraints.hpp"
#include "mover/guard.hpp"
#include "mover/ledger.hpp"
#include "mover/target_objects.hpp"
#include "mover/target_session.hpp"
#include "pg/failure.hpp"
#include "planner/catalog.hpp"
#include "planner/foreign_key_sql.hpp"
#include "planner/mark.hpp"
#include "planner/target_table_sql.hpp"

namespace pgsluice::mover {

namespace {

using planner::Partition;
using planner::PartitionNode;
using planner::Plan;

constexpr std::size_t kTablesPerTransaction = 100;
// Dropping a foreign key locks the referenced table of the application against everybody until the transaction ends.
constexpr std::size_t kTablesPerDropWithForeignKeys = 10;

// What one call of prepare_target or remove_target hands from step to step.
struct Work {
  const Plan& plan;
  const Sessions& sessions;
  const RetryContext& context;
  Session target;
  bool gives_to_owner = false;
  Progress progress = {};
};

void tell_progress(Work& work, std::size_t count) {
  work.progress.units_done += count;
  work.progress.fraction = static_cast<double>(work.progress.units_done) /
                           static_cast<double>(std::max<std::uint64_t>(1, work.progress.units_total));
  work.context.observer.progressed(work.progress);
}

void check_existing_target(Work& work) {
  const planner::QualifiedName& name = work.plan.layout.root.name;
  repeat_until_done(work.target, work.context, "looking at the target", [&](pg::Connection& target) {
    if (planner::read_relation_kind(target, name) != "p") {
      throw pg::Failure(pg::FailureKind::refused, pg::display(name) + " is not a partitioned table any more")
          .hint("The plan was made for it as it was: plan again.");
    }
    if (read_ledger(target, work.plan.migration_id).empty() && planner::read_has_rows(target, name)) {
      throw pg::Failure(pg::FailureKind::refused, "the target " + pg::display(name) + " is not empty")
          .detail("Nothing of this migration was moved yet, so the rows are somebody else's.")
          .hint("Empty it, then run the same command again; or plan with another --into.")
          .status("no row was moved");
    }
  });
}

// Whether tables must be, and can be, given to the source's owner.
bool decide_owner(Work& work) {
  bool gives = false;
  repeat_until_done(work.target, work.context, "looking at the owner", [&](pg::Connection& target) {
    const pg::Result row =
        fixed_query(target, "owner_is_assignable", {work.plan.source.owner, work.plan.layout.root.name.schema});
    const bool is_self = row.boolean(0, 0);
    const bool can_be_given = row.boolean(0, 2);
    gives = !is_self && can_be_given;
    if (!is_self && !can_be_given) {
      work.context.observer.noted("the target stays this role's own: the owner " + pg::display(work.plan.source.owner) +
                                  (row.boolean(0, 1) ? " may not be given tables in that schema by this role"
                                                     : " does not exist on the target's server"));
    }
  });
  return gives;
}

// In the transaction that makes the nodes: nothing but the owner's privileges, and the right owner.
void settle_rights(Work& work, pg::Connection& target, const std::vector<const PartitionNode*>& made) {
  const TargetObjects objects = TargetObjects::read(target, made);
  for (const PartitionNode* node : made) {
    for (const std::string& grantee : objects.names(*node, TargetObjects::Kind::grantee)) {
      target.query(planner::revoke_default_sql(*node, grantee).sql);
    }
    if (work.gives_to_owner) {
      target.query(planner::owner_sql(work.plan, *node).sql);
    }
  }
}

void make_root(Work& work) {
  const PartitionNode& root = work.plan.layout.root;
  repeat_until_done(work.target, work.context, "making " + pg::display(root.name), [&](pg::Connection& target) {
    if (TargetObjects::read(target, {&root}).is_made(root, work.plan.migration_id)) {
      return;
    }
    in_transaction(target, [&] {
      target.run_script(planner::script_of(planner::create_root_sql(work.plan)));
      settle_rights(work, target, {&root});
    });
  });
  tell_progress(work, 1);
}

void make_partitions_of(Work& work, const std::vector<Partition>& chunk) {
  repeat_until_done(work.target, work.context, "making partitions", [&](pg::Connection& target) {
    std::vector<const PartitionNode*> wanted;
    for (const Partition& partition : chunk) {
      wanted.push_back(partition.node);
    }
    const TargetObjects objects = TargetObjects::read(target, wanted);
    in_transaction(target, [&] {
      std::vector<const PartitionNode*> made;
      for (const Partition& partition : chunk) {
        if (!objects.is_made(*partition.node, work.plan.migration_id)) {
          target.run_script(
              planner::script_of(planner::create_partition_sql(work.plan, *partition.node, *partition.parent)));
          made.push_back(partition.node);
        }
      }
      settle_rights(work, target, made);
    });
  });
  tell_progress(work, chunk.size());
}

template <class T>
std::vector<std::vector<T>> chunks_of(const std::vector<T>& all, std::size_t size_max) {
  std::vector<std::vector<T>> chunks;
  for (std::size_t at = 0; at < all.size(); at += size_max) {
    const auto end = all.begin() + static_cast<std::ptrdiff_t>(std::min(at + size_max, all.size()));
    chunks.emplace_back(all.begin() + static_cast<std::ptrdiff_t>(at), end);
  }
  return chunks;
}

void make_tables(Work& work) {
  const std::vector<Partition> all = planner::partitions(work.plan.layout);
  work.progress.units_total = all.size() + 1;
  work.context.observer.phase_began("preparing the target", "tables");
  work.gives_to_owner = decide_owner(work);
  make_root(work);
  for (const std::vector<Partition>& chunk : chunks_of(all, kTablesPerTransaction)) {
    leave_if_stopped(work.context, "preparing the target");
    make_partitions_of(work, chunk);
  }
}

void refuse_foreign_partitions(Work& work, pg::Connection& target) {
  const PartitionNode& root = work.plan.layout.root;
  const pg::Result rows =
      fixed_query(target, "unmarked_partitions", {pg::quoted(root.name), planner::mark(work.plan.migration_id)});
  if (rows.row_count() == 0) {
    return;
  }
  std::string names;
  for (int i = 0; i < rows.row_count(); ++i) {
    names += (names.empty() ? "" : ", ") + pg::display({std::string(rows.text(i, 0)), std::string(rows.text(i, 1))});
  }
  throw pg::Failure(pg::FailureKind::refused,
                    pg::display(root.name) + " has partitions that this migration did not make")
      .detail(names)
      .hint("Detach or drop them, then run the same command again.")
      .status("the target is as it was");
}

// Children before their parents. The parents of what is dropped are locked first, as every query locks them first.
void drop_tables(Work& work, const std::vector<Partition>& chunk) {
  repeat_until_done(work.target, work.context, "dropping partitions", [&](pg::Connection& target) {
    std::vector<const PartitionNode*> wanted;
    for (const Partition& partition : chunk) {
      wanted.push_back(partition.node);
    }
    const TargetObjects objects = TargetObjects::read(target, wanted);
    std::vector<const PartitionNode*> ours;
    std::vector<const PartitionNode*> locked;
    for (const Partition& partition : chunk) {
      const auto found = objects.relation(*partition.node);
      if (!found || !planner::is_marked(found->comment, work.plan.migration_id)) {
        continue;
      }
      ours.push_back(partition.node);
      if (partition.parent != nullptr && std::find(locked.begin(), locked.end(), partition.parent) == locked.end()) {
        locked.push_back(partition.parent);
      }
    }
    if (ours.empty()) {
      return;
    }
    std::reverse(ours.begin(), ours.end());
    locked.insert(locked.end(), ours.rbegin(), ours.rend());
    in_transaction(target, [&] {
      target.query(planner::lock_for_drop_sql(locked).sql);
      wait_briefly(target, work.sessions);
      target.query(planner::drop_tables_sql(ours).sql);
    });
  });
  tell_progress(work, chunk.size());
}

}  // namespace

void prepare_target(const Plan& plan, const Sessions& sessions, const RetryContext& context) {
  Work work{plan, sessions, context, Session([&] { return open_patient_target(sessions, "preparing"); })};
  if (plan.layout.existing) {
    check_existing_target(work);
  } else {
    make_tables(work);
    if (planner::empties_source(plan.method)) {
      add_leaf_foreign_keys(plan, sessions, context);
    }
  }
  if (plan.guard) {
    install_guard(plan, sessions, context);
  }
}

void remove_target(const Plan& plan, const Sessions& sessions, const RetryContext& context) {
  if (plan.layout.existing) {
    return;
  }
  Work work{plan, sessions, context, Session([&] { return open_patient_target(sessions, "removing the target"); })};
  const PartitionNode& root = plan.layout.root;
  bool is_there = false;
  repeat_until_done(work.target, context, "looking at the target", [&](pg::Connection& target) {
    const auto found = TargetObjects::read(target, {&root}).relation(root);
    is_there = found && planner::is_marked(found->comment, plan.migration_id);
    if (is_there) {
      refuse_foreign_partitions(work, target);
    }
  });
  if (!is_there) {
    return;
  }
  std::vector<Partition> all = planner::partitions(plan.layout);
  std::reverse(all.begin(), all.end());
  work.progress.units_total = all.size() + 1;
  context.observer.phase_began("removing the target", "tables");
  const bool has_foreign_keys = !planner::kept_foreign_keys(plan.source).empty();
  for (std::vector<Partition> chunk :
       chunks_of(all, has_foreign_keys ? kTablesPerDropWithForeignKeys : kTablesPerTransaction)) {
    leave_if_stopped(context, "removing the target");
    std::reverse(chunk.begin(), chunk.end());
    drop_tables(work, chunk);
  }
  drop_tables(work, {{&root, nullptr}});
}

}  // namespace pgsluice::mover

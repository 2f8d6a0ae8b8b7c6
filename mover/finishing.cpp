#include "mover/finishing.hpp"

#include <algorithm>
#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "mover/target_objects.hpp"
#include "mover/target_session.hpp"
#include "pg/failure.hpp"
#include "planner/finishing_sql.hpp"
#include "planner/target_table_sql.hpp"

namespace pgsluice::mover {

namespace {

using planner::PartitionNode;
using planner::Plan;
using planner::Statements;
using Kind = TargetObjects::Kind;

constexpr std::size_t kTablesPerTransaction = 100;

// What one call hands from step to step.
struct Work {
  const Plan& plan;
  const Sessions& sessions;
  const RetryContext& context;
  Session& target;
  bool gives_to_owner = false;
  const PartitionNode& root() const { return plan.layout.root; }
};

void run_in_transaction(pg::Connection& target, const Statements& statements) {
  if (!statements.empty()) {
    in_transaction(target, [&] { target.run_script(planner::script_of(statements)); });
  }
}

// One transaction for everything of one kind that the root lacks.
void add_checks_and_triggers(const Work& work) {
  repeat_until_done(work.target, work.context, "adding checks and triggers", [&](pg::Connection& target) {
    const TargetObjects objects = TargetObjects::read(target, {&work.root()});
    Statements missing;
    for (const planner::CheckConstraint* check : planner::unvalidated_checks(work.plan.source)) {
      if (!objects.has(work.root(), Kind::constraint, check->name)) {
        planner::append(missing, planner::add_unvalidated_check_sql(work.plan, *check));
      }
    }
    for (const planner::Trigger* trigger : planner::triggers_before_swap(work.plan)) {
      if (!objects.has(work.root(), Kind::trigger, trigger->name)) {
        planner::append(missing, planner::create_trigger_sql(work.plan, *trigger));
      }
    }
    run_in_transaction(target, missing);
  });
}

Statements missing_on(const Work& work, const PartitionNode& node, const TargetObjects& objects) {
  const Plan& plan = work.plan;
  Statements missing;
  for (const planner::Statistics& object : plan.source.statistics) {
    if (!objects.has(node, Kind::statistics, planner::statistics_name(plan.names, plan.source, node, object).name)) {
      planner::append(missing, planner::create_statistics_sql(plan, object, node));
      if (work.gives_to_owner) {
        missing.push_back(planner::statistics_owner_sql(plan, object, node));
      }
    }
  }
  planner::append(missing, planner::replica_identity_sql(plan, node));
  if (node.is_leaf()) {
    planner::append(missing, planner::cluster_mark_sql(plan, node));
  }
  for (const planner::Policy& policy : plan.source.policies) {
    if (!objects.has(node, Kind::policy, policy.name)) {
      planner::append(missing, planner::create_policy_sql(policy, node));
    }
  }
  planner::append(missing, planner::row_security_sql(plan, node));
  return missing;
}

// Whether the source's owner was given the target: as prepare_target() decided.
bool read_gift_to_owner(const Work& work) {
  bool gives = false;
  repeat_until_done(work.target, work.context, "looking at the owner", [&](pg::Connection& target) {
    const pg::Result row =
        fixed_query(target, "owner_is_assignable", {work.plan.source.owner, work.root().name.schema});
    gives = !row.boolean(0, row.column("is_self")) && row.boolean(0, row.column("can_be_given"));
  });
  return gives;
}

// Calls `statements` for every node, some of them in one transaction.
template <class Compose>
void for_all_nodes(const Work& work, const std::string& what, Compose statements) {
  const std::vector<const PartitionNode*> all = planner::nodes(work.plan.layout);
  for (std::size_t at = 0; at < all.size(); at += kTablesPerTransaction) {
    leave_if_stopped(work.context, what);
    const std::size_t end = std::min(at + kTablesPerTransaction, all.size());
    const std::vector<const PartitionNode*> chunk(all.begin() + static_cast<std::ptrdiff_t>(at),
                                                  all.begin() + static_cast<std::ptrdiff_t>(end));
    repeat_until_done(work.target, work.context, what, [&](pg::Connection& target) {
      const TargetObjects objects = TargetObjects::read(target, chunk);
      Statements missing;
      for (const PartitionNode* node : chunk) {
        planner::append(missing, statements(*node, objects));
      }
      run_in_transaction(target, missing);
    });
  }
}

// Those of the source's grantees that the target's server knows.
std::vector<std::string> read_grantees(const Work& work) {
  std::vector<std::string> known;
  repeat_until_done(work.target, work.context, "looking at roles", [&](pg::Connection& target) {
    const pg::Result rows = fixed_query(target, "grantees");
    std::set<std::string> present;
    for (int i = 0; i < rows.row_count(); ++i) {
      present.emplace(rows.text(i, 0));
    }
    known.clear();
    for (const std::string& grantee : planner::grantees_of(work.plan.source)) {
      if (present.contains(grantee)) {
        known.push_back(grantee);
      } else {
        work.context.observer.noted("privileges of " + grantee +
                                    " are left out: there is no such role on the target's server");
      }
    }
  });
  return known;
}

// Nobody but the owner can reach the target before this.
void grant(const Work& work) {
  if (work.plan.source.grants.empty()) {
    return;
  }
  const std::vector<std::string> grantees = read_grantees(work);
  for_all_nodes(work, "granting privileges", [&](const PartitionNode& node, const TargetObjects&) {
    return planner::grants_sql(work.plan, node, grantees);
  });
  repeat_until_done(work.target, work.context, "granting privileges on sequences", [&](pg::Connection& target) {
    run_in_transaction(target, planner::sequence_grants_sql(work.plan, grantees));
  });
}

void carry_sequence_values(const Work& work) {
  Session source([&] { return work.sessions.open_source("reading sequences"); });
  for (const planner::CarriedSequence& sequence : planner::carried_sequences(work.plan)) {
    std::string last_value;
    bool is_called = false;
    repeat_until_done(source, work.context, "reading " + pg::display(sequence.source->name),
                      [&](pg::Connection& connection) {
                        const pg::Result row = connection.query(planner::read_sequence_sql(sequence.source->name));
                        last_value = row.text(0, 0);
                        is_called = row.boolean(0, 1);
                      });
    repeat_until_done(work.target, work.context, "setting " + pg::display(sequence.target),
                      [&](pg::Connection& target) {
                        target.query(planner::set_sequence_sql(sequence.target, last_value, is_called).sql);
                      });
  }
}

bool is_published(const Plan& plan, const TargetObjects& objects, const std::string& publication) {
  const std::vector<const PartitionNode*> all = planner::nodes(plan.layout);
  return std::any_of(all.begin(), all.end(),
                     [&](const PartitionNode* node) { return objects.has(*node, Kind::publication, publication); });
}

// A publication belongs to one database, and only its owner can change it.
void publish(const Work& work) {
  if (!work.plan.one_database || work.plan.strategy == planner::Strategy::capture) {
    return;
  }
  for (const planner::Publication& publication : work.plan.source.publications) {
    if (!publication.owned) {
      continue;
    }
    repeat_until_done(work.target, work.context, "adding the target to a publication", [&](pg::Connection& target) {
      const pg::Result through_root = fixed_query(target, "publication_goes_through_root", {publication.name});
      if (through_root.row_count() == 0) {
        work.context.observer.noted("publication " + pg::display(std::string_view(publication.name)) + " is gone");
        return;
      }
      const TargetObjects objects = TargetObjects::read(target, planner::nodes(work.plan.layout));
      if (!is_published(work.plan, objects, publication.name)) {
        run_in_transaction(target, planner::publish_sql(publication, work.plan.layout, through_root.boolean(0, 0)));
      }
    });
  }
}

}  // namespace

void finish_target(const Plan& plan, const Sessions& sessions, const RetryContext& context,
                   const AnalyzeOptions& options) {
  Session target([&sessions] { return open_patient_target(sessions, "finishing"); });
  Work work{plan, sessions, context, target};
  if (!plan.layout.existing) {
    context.observer.phase_began("finishing", "steps");
    add_checks_and_triggers(work);
    work.gives_to_owner = read_gift_to_owner(work);
    for_all_nodes(
        work, "adding statistics, policies and replica identity",
        [&](const PartitionNode& node, const TargetObjects& objects) { return missing_on(work, node, objects); });
    carry_sequence_values(work);
    grant(work);
    publish(work);
  }
  analyze_target(plan, sessions, context, options);
  if (!plan.layout.existing) {
    for_all_nodes(work, "allowing autovacuum", [&](const PartitionNode& node, const TargetObjects&) {
      return node.is_leaf() ? planner::allow_autovacuum_sql(plan, node) : Statements{};
    });
  }
}

}  // namespace pgsluice::mover

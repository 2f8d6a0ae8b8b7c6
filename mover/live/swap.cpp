#include "mover/live/swap.hpp"

#include <algorithm>
#include <cstddef>
#include <set>
#include <string>

#include "mover/constraints.hpp"
#include "mover/live/materialized_views.hpp"
#include "mover/live/search_path.hpp"
#include "mover/live/target_partitions.hpp"
#include "mover/target_session.hpp"
#include "pg/failure.hpp"
#include "pg/statements.hpp"
#include "planner/catalog.hpp"
#include "planner/foreign_key_sql.hpp"

namespace pgsluice::mover {

namespace {

using planner::ForeignKey;
using planner::IncomingKey;
using planner::PartitionNode;
using planner::Plan;
using planner::QualifiedName;
using planner::Surroundings;
using planner::SwapDirection;

constexpr std::string_view kForeignKeyViolation = "23503";
constexpr std::string_view kUndefinedTable = "42P01";
constexpr std::string_view kUndefinedObject = "42704";
constexpr const char* kSerializationFailure = "40001";

pg::Failure not_standing(const Plan& plan, bool before) {
  return pg::Failure(pg::FailureKind::refused,
                     before ? "the tables have been exchanged already" : "the tables have not been exchanged")
      .detail("The table that was planned is called " +
              pg::display(before ? planner::name_after_swap(plan) : plan.source.name) + ".")
      .status("nothing was changed");
}

pg::Failure changed_meanwhile(const std::string& why) {
  return pg::Failure(pg::FailureKind::server, "what stands around the tables has changed meanwhile")
      .sqlstate(kSerializationFailure)
      .detail(why)
      .status("nothing was changed");
}

// Taken and given back at once: whoever vacuums or analyzes the table is made to leave it, or has left. A lock that no
// reader or writer waits for.
void take_autovacuum_off(const Plan& plan, const Surroundings& around, const Sessions& sessions,
                         const RetryContext& context) {
  Session session([&sessions] { return open_patient_target(sessions, "making room"); });
  std::vector<QualifiedName> tables = {around.in_use().name};
  for (const PartitionNode* leaf : planner::leaves(plan.layout)) {
    tables.push_back(leaf->name);
  }
  for (const planner::StandingPartition& partition : around.source_partitions) {
    if (partition.is_leaf) {
      tables.push_back(partition.name);
    }
  }
  for (const QualifiedName& table : tables) {
    leave_if_stopped(context, "making room");
    repeat_until_done(session, context, "taking autovacuum off " + pg::display(table), [&](pg::Connection& target) {
      in_transaction(target, [&] { target.query(planner::lock_against_vacuum_sql(table).sql); });
    });
  }
}

std::vector<planner::Obstacle> read_obstacles(pg::Connection& connection, const Plan& plan, const Surroundings& around,
                                              SwapDirection direction) {
  const std::string& schema = plan.source.name.schema;
  planner::TakenInSchema taken{
      planner::read_relation_names(connection, schema), planner::read_statistics_names(connection, schema), {}};
  for (const QualifiedName& name : planner::names_for_views(around, direction)) {
    if (fixed_query(connection, "relation_is_there", {pg::quoted(name)}).boolean(0, 0)) {
      taken.for_views.insert(name);
    }
  }
  return planner::swap_obstacles(plan, around, direction, std::move(taken),
                                 planner::read_row_type_users(connection, around));
}

pg::Failure explained(const pg::Failure& failure, const ForeignKey& key, const QualifiedName& table) {
  pg::Failure better(failure.kind(), "foreign key " + pg::display(std::string_view(key.name)) + " does not hold on " +
                                         pg::display(table) + ": " + failure.what());
  better.detail(failure.detail())
      .sqlstate(failure.sqlstate())
      .hint("Mend the rows, then run the same command again. The key holds for every row that is written from now on.")
      .status("the tables are exchanged; everything else that was done stays");
  return better;
}

PartitionNode node_named(const QualifiedName& name) {
  PartitionNode node;
  node.name = name;
  return node;
}

void validate(Session& session, const RetryContext& context, const ForeignKey& key, const QualifiedName& table) {
  const PartitionNode node = node_named(table);
  const std::string what =
      "validating foreign key " + pg::display(std::string_view(key.name)) + " of " + pg::display(table);
  leave_if_stopped(context, what);
  try {
    repeat_naming_holders(session, context, what, table, [&](pg::Connection& target) {
      target.query(planner::validate_foreign_key_sql(key, node).sql);
    });
  } catch (const pg::Failure& failure) {
    if (failure.sqlstate() == kForeignKeyViolation) {
      throw explained(failure, key, table);
    }
    throw;
  }
}

// The plan's key of that table and name; null where there is none.
const ForeignKey* planned(const std::vector<ForeignKey>& keys, const ForeignKey& key) {
  const auto found = std::find_if(
      keys.begin(), keys.end(), [&](const ForeignKey& one) { return one.name == key.name && one.table == key.table; });
  return found == keys.end() ? nullptr : &*found;
}

// One of the settling steps, with what all of them need.
struct Settling {
  const Plan& plan;
  const Sessions& sessions;
  const RetryContext& context;
  Session& patient;
  Surroundings around;
};

// A key that was never validated stays so, as far as the plan knows it.
void validate_incoming_keys(const Settling& settling) {
  for (const IncomingKey& incoming : settling.around.incoming_keys) {
    const ForeignKey& key = incoming.key;
    const ForeignKey* before = planned(settling.plan.source.incoming_foreign_keys, key);
    if (!key.is_valid && key.is_enforced && (before == nullptr || before->is_valid)) {
      validate(settling.patient, settling.context, key, key.table);
    }
  }
}

bool stands_on(const Surroundings& around, const std::string& name, const QualifiedName& table, bool must_be_valid) {
  return std::any_of(around.incoming_keys.begin(), around.incoming_keys.end(), [&](const IncomingKey& one) {
    return one.key.name == name && one.key.table == table && (one.key.is_valid || !must_be_valid);
  });
}

// Whether the key stands, validated, on every leaf of its table.
bool is_on_every_leaf(const Settling& settling, const ForeignKey& key) {
  bool is_complete = false;
  repeat_until_done(settling.patient, settling.context, "looking at " + pg::display(key.table),
                    [&](pg::Connection& target) {
                      const pg::Result leaves = fixed_query(target, "leaf_tables", {pg::quoted(key.table)});
                      is_complete = leaves.row_count() > 0;
                      for (int i = 0; i < leaves.row_count() && is_complete; ++i) {
                        const QualifiedName leaf{std::string(leaves.text(i, 0)), std::string(leaves.text(i, 1))};
                        is_complete = stands_on(settling.around, key.name, leaf, true);
                      }
                    });
  return is_complete;
}

// A partitioned table that points to ours has its key on every leaf now; it takes them in, and no row is read.
void complete_partitioned_key(const Settling& settling, const ForeignKey& key) {
  if (stands_on(settling.around, key.name, key.table, false) || !is_on_every_leaf(settling, key)) {
    return;
  }
  const PartitionNode root = node_named(key.table);
  repeat_naming_holders(settling.patient, settling.context, "adding foreign key to " + pg::display(key.table),
                        key.table, [&](pg::Connection& target) {
                          in_transaction(target, [&] {
                            wait_briefly(target, settling.sessions);
                            target.run_script(planner::script_of(planner::add_root_foreign_key_sql(key, root)));
                          });
                        });
}

// Of a partitioned source: on each leaf, and then on the table, which takes them in.
void complete_source_key(const Settling& settling, const ForeignKey& key) {
  const QualifiedName& table = settling.plan.source.name;
  const auto& keys = settling.around.keys;
  if (std::any_of(keys.begin(), keys.end(), [&](const planner::StandingKey& standing) {
        return standing.table_oid == settling.around.source.oid && standing.name == key.name;
      })) {
    return;
  }
  for (const planner::StandingPartition& partition : settling.around.source_partitions) {
    if (partition.is_leaf) {
      validate(settling.patient, settling.context, key, partition.name);
    }
  }
  const PartitionNode root = node_named(table);
  repeat_naming_holders(settling.patient, settling.context, "adding foreign key to " + pg::display(table), table,
                        [&](pg::Connection& target) {
                          in_transaction(target, [&] {
                            wait_briefly(target, settling.sessions);
                            target.run_script(planner::script_of(planner::add_root_foreign_key_sql(key, root)));
                          });
                        });
}

void validate_source_keys(const Settling& settling) {
  for (const ForeignKey& key : settling.plan.source.foreign_keys) {
    if (!key.is_valid || !key.is_enforced) {
      continue;
    }
    if (settling.plan.source.is_partitioned()) {
      complete_source_key(settling, key);
      continue;
    }
    validate(settling.patient, settling.context, key, settling.plan.source.name);
  }
}

// Leaf by leaf as planned, so that it cannot be done where the operator has dropped or detached some since.
void complete_foreign_keys(const Settling& settling, unsigned jobs) {
  PartitionChanges changes;
  repeat_until_done(settling.patient, settling.context, "looking at the partitions", [&](pg::Connection& connection) {
    changes = read_partition_changes(connection, settling.plan, settling.plan.source.name);
  });
  if (changes.missing.empty()) {
    add_constraints_in_use(settling.plan, settling.plan.source.name, settling.sessions, settling.context, jobs);
  } else {
    settling.context.observer.noted("partitions are gone, so foreign keys that were not validated yet stay so");
  }
}

}  // namespace

bool Swap::is_done(pg::Connection& connection) const {
  const std::optional<planner::Standing> standing = planner::read_standing(connection, plan_);
  if (!standing) {
    throw planner::tables_stand_elsewhere(plan_);
  }
  return *standing != planner::standing_before(direction_);
}

Surroundings Swap::read(pg::Connection& connection) const {
  Surroundings around = planner::read_surroundings(connection, plan_);
  if (around.standing != planner::standing_before(direction_)) {
    throw not_standing(plan_, direction_ == SwapDirection::forward);
  }
  return around;
}

void Swap::prepare(Session& target, const Sessions& sessions, const RetryContext& context) {
  repeat_until_done(target, context, "looking at what stands around the tables", [&](pg::Connection& connection) {
    in_transaction(connection, [&] {
      surroundings_ = read(connection);
      obstacles_ = read_obstacles(connection, plan_, surroundings_, direction_);
    });
  });
  take_autovacuum_off(plan_, surroundings_, sessions, context);
}

void Swap::look(pg::Connection& connection) const {
  SearchPath search_path(connection);
  if (read(connection) != surroundings_) {
    throw changed_meanwhile("Something was made, changed or dropped that has to do with them.");
  }
  search_path.restore();
}

void Swap::lock(pg::Connection& connection) const {
  try {
    connection.run_script(planner::script_of(planner::swap_locks_sql(plan_, surroundings_, direction_)));
  } catch (const pg::Failure& failure) {
    if (failure.sqlstate() == kUndefinedTable || failure.sqlstate() == kUndefinedObject) {
      throw changed_meanwhile(failure.what());
    }
    throw;
  }
  look(connection);
}

void Swap::swap(pg::Connection& connection) const {
  SearchPath search_path(connection);
  connection.run_script(pg::statement("catalog_settings", connection.server_major_version()));
  connection.run_script(planner::script_of(planner::swap_sql(plan_, surroundings_, direction_, options_)));
  search_path.restore();
}

void Swap::settle(Session& target, const Sessions& sessions, const RetryContext& context, unsigned jobs) {
  Session patient([&sessions] { return open_patient_target(sessions, "settling"); });
  Settling settling{plan_, sessions, context, patient, {}};
  const auto look = [&] {
    repeat_until_done(target, context, "looking at what stands around the tables", [&](pg::Connection& connection) {
      in_transaction(connection, [&] { settling.around = planner::read_surroundings(connection, plan_); });
    });
  };
  look();
  if (settling.around.standing == planner::standing_before(direction_)) {
    throw not_standing(plan_, direction_ != SwapDirection::forward);
  }
  if (direction_ == SwapDirection::forward) {
    complete_foreign_keys(settling, jobs);
  } else {
    validate_source_keys(settling);
  }
  validate_incoming_keys(settling);
  look();
  for (const ForeignKey& key : plan_.source.incoming_foreign_keys) {
    complete_partitioned_key(settling, key);
  }
  for (const IncomingKey& incoming : surroundings_.incoming_keys) {  // Made after the plan; known to prepare() alone.
    if (planned(plan_.source.incoming_foreign_keys, incoming.key) == nullptr) {
      complete_partitioned_key(settling, incoming.key);
    }
  }
  if (direction_ == SwapDirection::forward) {
    exchange_materialized_views(plan_, sessions, context);
  } else {
    restore_materialized_views(plan_, sessions, context);
  }
}

}  // namespace pgsluice::mover

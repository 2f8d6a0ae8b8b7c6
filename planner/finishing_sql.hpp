// The SQL of what the target gets last, when its rows and indexes are there: checks that the source never validated,
// triggers, row security, statistics objects, replica identity, privileges, publications.
#pragma once

#include <string>
#include <vector>

#include "planner/plan.hpp"
#include "planner/statement.hpp"

namespace pgsluice::planner {

// On the root, for it and its partitions; with its comment, if it has one.
Statements add_unvalidated_check_sql(const Plan& plan, const CheckConstraint& check);
// Those that it is for: neither valid nor unenforced. Pointers into the facts.
std::vector<const CheckConstraint*> unvalidated_checks(const TableFacts& facts);

// Those that a partitioned table can have: row-level triggers with transition tables are not among them. Pointers into
// the facts.
std::vector<const Trigger*> kept_triggers(const TableFacts& facts);

// Those that `run` makes: none where rows are still brought over until the cutover, because they would fire for them.
std::vector<const Trigger*> triggers_before_swap(const Plan& plan);

// On the root, enabled as the source's is.
Statements create_trigger_sql(const Plan& plan, const Trigger& trigger);

// `enabled` as in the catalogue: "O", "D", "R", "A".
Statement set_trigger_sql(const QualifiedName& table, const std::string& trigger, const std::string& enabled);

// On any node: somebody who asks a leaf directly must see no more than through the root.
Statements create_policy_sql(const Policy& policy, const PartitionNode& node);
Statements row_security_sql(const Plan& plan, const PartitionNode& node);

Statements create_statistics_sql(const Plan& plan, const Statistics& statistics, const PartitionNode& node);
// A statistics object does not follow its table's owner.
Statement statistics_owner_sql(const Plan& plan, const Statistics& statistics, const PartitionNode& node);

// What `replica_identity` of the source means for this node; empty for the default, and where the index has become
// unfit for it.
Statements replica_identity_sql(const Plan& plan, const PartitionNode& node);
// True when the source's index is unfit for that after it was widened: then every row's old values are published.
bool falls_back_to_full_identity(const TableFacts& facts, const Layout& layout,
                                 const std::vector<std::string>& columns_with_nulls);

// The CLUSTER mark of one leaf; empty where no index of the source has it.
Statements cluster_mark_sql(const Plan& plan, const PartitionNode& leaf);

// Table and column privileges. `grantees` are those that exist on the target's server, as quoted SQL text.
Statements grants_sql(const Plan& plan, const PartitionNode& node, const std::vector<std::string>& grantees);
// Who may insert into the target must be able to use its own sequences.
Statements sequence_grants_sql(const Plan& plan, const std::vector<std::string>& grantees);

// `through_root`: the publication publishes partitions as their root. If not, a column list or row filter can only
// stand on leaves.
Statements publish_sql(const Publication& publication, const Layout& layout, bool through_root);

// For plans: every grantee that the source names.
std::vector<std::string> grantees_of(const TableFacts& facts);

}  // namespace pgsluice::planner

#include "planner/finishing_sql.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "planner/index_sql.hpp"
#include "planner/target_table_sql.hpp"

namespace pgsluice::planner {

namespace {

constexpr const char* kCommentLock = "SHARE UPDATE EXCLUSIVE";

std::string comment_sql(const std::string& object, const std::string& comment) {
  return "COMMENT ON " + object + " IS " + pg::literal(comment);
}

std::string joined(const std::vector<std::string>& texts) {
  std::string list;
  for (const std::string& text : texts) {
    list += (list.empty() ? "" : ", ") + text;
  }
  return list;
}

std::string enabled_sql(const std::string& enabled) {
  return enabled == "D" ? "DISABLE" : enabled == "R" ? "ENABLE REPLICA" : enabled == "A" ? "ENABLE ALWAYS" : "";
}

const TargetIndex* index_that(const std::vector<TargetIndex>& indexes, bool Index::*property) {
  const auto found =
      std::find_if(indexes.begin(), indexes.end(), [&](const TargetIndex& index) { return index.source->*property; });
  return found == indexes.end() ? nullptr : &*found;
}

// A replica identity needs every column NOT NULL, and the columns that widen the index may not be.
bool can_identify(const TableFacts& facts, const std::vector<TargetIndex>& indexes, const TargetIndex& index) {
  const std::vector<std::string> primary_key = primary_key_columns(indexes);
  return std::all_of(index.added_columns.begin(), index.added_columns.end(), [&](const std::string& name) {
    const Column* column = facts.column(name);
    return (column != nullptr && column->not_null) ||
           std::find(primary_key.begin(), primary_key.end(), name) != primary_key.end();
  });
}

// Privileges that one GRANT can give together: those of one grantee with the same right to pass them on.
using GrantKey = std::pair<std::string, bool>;

std::string privilege_sql(const Grant& grant) {
  return grant.column.empty() ? grant.privilege : grant.privilege + " (" + pg::quoted(grant.column) + ")";
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Statement publish_table_sql(const Publication& publication, const PartitionNode& node) {
  return {"ALTER PUBLICATION " + pg::quoted(publication.name) + " ADD TABLE " + pg::quoted(node.name) +
              (publication.columns.empty() ? "" : " " + publication.columns) +
              (publication.row_filter.empty() ? "" : " WHERE (" + publication.row_filter + ")"),
          "SHARE UPDATE EXCLUSIVE", pg::display(node.name)};
}

}  // namespace

std::vector<const CheckConstraint*> unvalidated_checks(const TableFacts& facts) {
  std::vector<const CheckConstraint*> checks;
  for (const CheckConstraint& check : facts.checks) {
    if (!check.is_valid && check.is_enforced) {
      checks.push_back(&check);
    }
  }
  return checks;
}

Statements add_unvalidated_check_sql(const Plan& plan, const CheckConstraint& check) {
  const PartitionNode& root = plan.layout.root;
  Statements statements = {{"ALTER TABLE " + pg::quoted(root.name) + " ADD CONSTRAINT " + pg::quoted(check.name) +
                                " CHECK (" + check.expression + ") NOT VALID",
                            "ACCESS EXCLUSIVE", pg::display(root.name) + " and its partitions"}};
  if (!check.comment.empty()) {
    statements.push_back(
        {comment_sql("CONSTRAINT " + pg::quoted(check.name) + " ON " + pg::quoted(root.name), check.comment),
         kCommentLock, pg::display(root.name)});
  }
  return statements;
}

std::vector<const Trigger*> kept_triggers(const TableFacts& facts) {
  std::vector<const Trigger*> kept;
  for (const Trigger& trigger : facts.triggers) {
    if (!trigger.per_row || !trigger.has_transition_table) {
      kept.push_back(&trigger);
    }
  }
  return kept;
}

std::vector<const Trigger*> triggers_before_swap(const Plan& plan) {
  return plan.strategy == Strategy::capture ? std::vector<const Trigger*>{} : kept_triggers(plan.source);
}

Statements create_trigger_sql(const Plan& plan, const Trigger& trigger) {
  const PartitionNode& root = plan.layout.root;
  const std::string shown = pg::display(root.name);
  Statements statements = {{trigger.before_table + " ON " + pg::quoted(root.name) + " " + trigger.after_table,
                            "SHARE ROW EXCLUSIVE", shown + (trigger.per_row ? " and its partitions" : "")}};
  if (const std::string enabled = enabled_sql(trigger.enabled); !enabled.empty()) {
    statements.push_back(
        {"ALTER TABLE " + pg::quoted(root.name) + " " + enabled + " TRIGGER " + pg::quoted(trigger.name),
         "SHARE ROW EXCLUSIVE", shown});
  }
  if (!trigger.comment.empty()) {
    statements.push_back(
        {comment_sql("TRIGGER " + pg::quoted(trigger.name) + " ON " + pg::quoted(root.name), trigger.comment),
         kCommentLock, shown});
  }
  return statements;
}

Statement set_trigger_sql(const QualifiedName& table, const std::string& trigger, const std::string& enabled) {
  const std::string action = enabled_sql(enabled);
  return {"ALTER TABLE " + pg::quoted(table) + " " + (action.empty() ? "ENABLE" : action) + " TRIGGER " +
              pg::quoted(trigger),
          "SHARE ROW EXCLUSIVE", pg::display(table)};
}

Statements create_policy_sql(const Policy& policy, const PartitionNode& node) {
  const std::string shown = pg::display(node.name);
  Statements statements = {
      {"CREATE POLICY " + pg::quoted(policy.name) + " ON " + pg::quoted(node.name) + " AS " +
           (policy.permissive ? "PERMISSIVE" : "RESTRICTIVE") + " FOR " + policy.command + " TO " +
           joined(policy.roles) + (policy.using_expression.empty() ? "" : " USING (" + policy.using_expression + ")") +
           (policy.check_expression.empty() ? "" : " WITH CHECK (" + policy.check_expression + ")"),
       "ACCESS EXCLUSIVE", shown}};
  if (!policy.comment.empty()) {
    statements.push_back(
        {comment_sql("POLICY " + pg::quoted(policy.name) + " ON " + pg::quoted(node.name), policy.comment),
         kCommentLock, shown});
  }
  return statements;
}

Statements row_security_sql(const Plan& plan, const PartitionNode& node) {
  std::string actions;
  if (plan.source.row_security) {
    actions = " ENABLE ROW LEVEL SECURITY";
  }
  if (plan.source.force_row_security) {
    actions += actions.empty() ? " FORCE ROW LEVEL SECURITY" : ", FORCE ROW LEVEL SECURITY";
  }
  if (actions.empty()) {
    return {};
  }
  return {{"ALTER TABLE " + pg::quoted(node.name) + actions, "ACCESS EXCLUSIVE", pg::display(node.name)}};
}

Statements create_statistics_sql(const Plan& plan, const Statistics& statistics, const PartitionNode& node) {
  const std::string name = pg::quoted(statistics_name(plan.names, plan.source, node, statistics));
  const std::string shown = pg::display(node.name);
  Statements statements = {{"CREATE STATISTICS " + name + " " + statistics.body + " FROM " + pg::quoted(node.name),
                            "SHARE UPDATE EXCLUSIVE", shown}};
  if (statistics.target) {
    statements.push_back(
        {"ALTER STATISTICS " + name + " SET STATISTICS " + std::to_string(*statistics.target), "", shown});
  }
  if (!statistics.comment.empty()) {
    statements.push_back({comment_sql("STATISTICS " + name, statistics.comment), "", shown});
  }
  return statements;
}

Statement statistics_owner_sql(const Plan& plan, const Statistics& statistics, const PartitionNode& node) {
  return {"ALTER STATISTICS " + pg::quoted(statistics_name(plan.names, plan.source, node, statistics)) + " OWNER TO " +
              pg::quoted(plan.source.owner),
          "", pg::display(node.name)};
}

bool falls_back_to_full_identity(const TableFacts& facts, const Layout& layout,
                                 const std::vector<std::string>& columns_with_nulls) {
  const std::vector<TargetIndex> indexes = target_indexes(facts, layout, columns_with_nulls);
  const TargetIndex* index = index_that(indexes, &Index::is_replica_identity);
  return facts.replica_identity == "i" && index != nullptr && !can_identify(facts, indexes, *index);
}

Statements replica_identity_sql(const Plan& plan, const PartitionNode& node) {
  const std::vector<TargetIndex> indexes = target_indexes(plan);
  const TargetIndex* index = index_that(indexes, &Index::is_replica_identity);
  std::string identity;
  if (plan.source.replica_identity == "n") {
    identity = "NOTHING";
  } else if (plan.source.replica_identity == "f" ||
             falls_back_to_full_identity(plan.source, plan.layout, plan.key_columns_with_nulls)) {
    identity = "FULL";
  } else if (plan.source.replica_identity == "i" && index != nullptr) {
    identity = "USING INDEX " + pg::quoted(name_on(plan, *index, node).name);
  } else {
    return {};
  }
  return {{"ALTER TABLE " + pg::quoted(node.name) + " REPLICA IDENTITY " + identity, "ACCESS EXCLUSIVE",
           pg::display(node.name)}};
}

Statements cluster_mark_sql(const Plan& plan, const PartitionNode& leaf) {
  const std::vector<TargetIndex> indexes = target_indexes(plan);
  const TargetIndex* index = index_that(indexes, &Index::is_clustered);
  if (index == nullptr) {
    return {};
  }
  return {{"ALTER TABLE " + pg::quoted(leaf.name) + " CLUSTER ON " + pg::quoted(name_on(plan, *index, leaf).name),
           "SHARE UPDATE EXCLUSIVE", pg::display(leaf.name)}};
}

std::vector<std::string> grantees_of(const TableFacts& facts) {
  std::set<std::string> grantees;
  for (const Grant& grant : facts.grants) {
    grantees.insert(grant.grantee);
  }
  return {grantees.begin(), grantees.end()};
}

Statements grants_sql(const Plan& plan, const PartitionNode& node, const std::vector<std::string>& grantees) {
  const bool is_root = &node == &plan.layout.root;
  if (!is_root && !plan.carry_grants_to_leaves) {
    return {};
  }
  std::map<GrantKey, std::vector<std::string>> privileges;
  for (const Grant& grant : plan.source.grants) {
    if (contains(grantees, grant.grantee)) {
      privileges[{grant.grantee, grant.grantable}].push_back(privilege_sql(grant));
    }
  }
  Statements statements;
  for (const auto& [key, list] : privileges) {
    statements.push_back({"GRANT " + joined(list) + " ON TABLE " + pg::quoted(node.name) + " TO " + key.first +
                              (key.second ? " WITH GRANT OPTION" : ""),
                          "", pg::display(node.name)});
  }
  return statements;
}

Statements sequence_grants_sql(const Plan& plan, const std::vector<std::string>& grantees) {
  std::set<std::string> inserters;
  for (const Grant& grant : plan.source.grants) {
    if (grant.privilege == "INSERT" && contains(grantees, grant.grantee)) {
      inserters.insert(grant.grantee);
    }
  }
  Statements statements;
  for (const Column& column : plan.source.columns) {
    if (inserters.empty() || numbering_of(plan, column) != Numbering::own_sequence) {
      continue;
    }
    const QualifiedName name = sequence_name(plan.names, plan.layout, column.name);
    statements.push_back(
        {"GRANT USAGE, SELECT ON SEQUENCE " + pg::quoted(name) + " TO " + joined({inserters.begin(), inserters.end()}),
         "", pg::display(name)});
  }
  return statements;
}

Statements publish_sql(const Publication& publication, const Layout& layout, bool through_root) {
  if (through_root || (publication.columns.empty() && publication.row_filter.empty())) {
    return {publish_table_sql(publication, layout.root)};
  }
  Statements statements;
  for (const PartitionNode* leaf : leaves(layout)) {
    statements.push_back(publish_table_sql(publication, *leaf));
  }
  return statements;
}

}  // namespace pgsluice::planner

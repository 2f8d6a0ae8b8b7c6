#include "planner/index_sql.hpp"

#include "planner/reloptions_sql.hpp"
#include "planner/target_table_sql.hpp"

namespace pgsluice::planner {

namespace {

std::string create_index_sql(const Plan& plan, const TargetIndex& index, const PartitionNode& node) {
  return std::string(index.source->is_unique ? "CREATE UNIQUE INDEX " : "CREATE INDEX ") +
         pg::quoted(name_on(plan, index, node).name) + " ON " + (node.is_leaf() ? "" : "ONLY ") +
         pg::quoted(node.name) + " USING " + index.body;
}

std::string deferrable_sql(const Index& index) {
  return !index.deferrable ? "" : index.initially_deferred ? " DEFERRABLE INITIALLY DEFERRED" : " DEFERRABLE";
}

// The definition's own text has no tablespace; a partitioned index keeps its for partitions that come later.
Statement tablespace_sql(const Plan& plan, const Index& index) {
  return {"SET LOCAL default_tablespace = " + pg::literal(plan.one_database ? index.tablespace : ""), "", ""};
}

std::string kind_sql(const TargetIndex& index) {
  return index.is_primary ? "PRIMARY KEY" : "UNIQUE";
}

}  // namespace

QualifiedName name_on(const Plan& plan, const TargetIndex& index, const PartitionNode& node) {
  return {node.name.schema, index_name(plan.names, plan.source, node, *index.source)};
}

std::vector<TargetIndex> target_indexes(const Plan& plan) {
  return target_indexes(plan.source, plan.layout, plan.key_columns_with_nulls);
}

Statements create_leaf_index_sql(const Plan& plan, const TargetIndex& index, const PartitionNode& leaf) {
  return {tablespace_sql(plan, *index.source), {create_index_sql(plan, index, leaf), "SHARE", pg::display(leaf.name)}};
}

Statement make_constraint_sql(const Plan& plan, const TargetIndex& index, const PartitionNode& leaf) {
  const std::string name = pg::quoted(name_on(plan, index, leaf).name);
  return {"ALTER TABLE " + pg::quoted(leaf.name) + " ADD CONSTRAINT " + name + " " + kind_sql(index) + " USING INDEX " +
              name + deferrable_sql(*index.source),
          "ACCESS EXCLUSIVE", pg::display(leaf.name)};
}

Statements create_parent_index_sql(const Plan& plan, const TargetIndex& index, const PartitionNode& node) {
  Statements statements = {tablespace_sql(plan, *index.source)};
  if (!index.is_constraint) {
    statements.push_back({create_index_sql(plan, index, node), "SHARE", pg::display(node.name)});
    return statements;
  }
  const Index& source = *index.source;
  statements.push_back(
      {"ALTER TABLE ONLY " + pg::quoted(node.name) + " ADD CONSTRAINT " + pg::quoted(name_on(plan, index, node).name) +
           " " + kind_sql(index) + (source.nulls_not_distinct && !index.is_primary ? " NULLS NOT DISTINCT" : "") +
           " (" + pg::quoted_list(index.key_columns) + ")" +
           (index.included_columns.empty() ? "" : " INCLUDE (" + pg::quoted_list(index.included_columns) + ")") +
           (source.reloptions.empty() ? "" : " WITH (" + reloptions_sql(source.reloptions) + ")") +
           deferrable_sql(source),
       "ACCESS EXCLUSIVE", pg::display(node.name)});
  return statements;
}

Statement attach_index_sql(const Plan& plan, const TargetIndex& index, const PartitionNode& node,
                           const PartitionNode& parent) {
  return {"ALTER INDEX " + pg::quoted(name_on(plan, index, parent)) + " ATTACH PARTITION " +
              pg::quoted(name_on(plan, index, node)),
          "ACCESS EXCLUSIVE", pg::display(name_on(plan, index, node))};
}

Statement comment_on_index_sql(const Plan& plan, const TargetIndex& index) {
  const PartitionNode& root = plan.layout.root;
  const QualifiedName name = name_on(plan, index, root);
  const std::string object = index.is_constraint
                                 ? "CONSTRAINT " + pg::quoted(name.name) + " ON " + pg::quoted(root.name)
                                 : "INDEX " + pg::quoted(name);
  return {"COMMENT ON " + object + " IS " + pg::literal(index.source->comment), "SHARE UPDATE EXCLUSIVE",
          pg::display(root.name)};
}

Statement drop_index_sql(const QualifiedName& index, const PartitionNode& node) {
  return {"DROP INDEX " + pg::quoted(index), "ACCESS EXCLUSIVE", pg::display(node.name)};
}

}  // namespace pgsluice::planner

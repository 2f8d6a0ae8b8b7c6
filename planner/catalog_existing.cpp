// Reads what exists already: names that are taken, relations, and the tree of a partitioned table.
#include <map>

#include "pg/failure.hpp"
#include "planner/catalog.hpp"
#include "planner/catalog_snapshot.hpp"
#include "planner/result_row.hpp"

namespace pgsluice::planner {

namespace {

// Takes ACCESS SHARE.
std::string has_rows_sql(const QualifiedName& name) {
  return "SELECT EXISTS (SELECT FROM " + pg::quoted(name) + ")";
}

std::set<std::string> names_in(const pg::Result& result) {
  std::set<std::string> names;
  for (int i = 0; i < result.row_count(); ++i) {
    names.emplace(result.text(i, 0));
  }
  return names;
}

// A row of the tree with its children's, by their positions in the result.
struct TreeRow {
  PartitionNode node;
  std::string kind;
  std::vector<std::size_t> children;
};

PartitionMethod method_of(const std::string& strategy) {
  return strategy == "h" ? PartitionMethod::hash : strategy == "r" ? PartitionMethod::range : PartitionMethod::list;
}

TreeRow make_tree_row(const ResultRow& row) {
  TreeRow made;
  made.node.name = {row.text("schema"), row.text("name")};
  made.node.bound = row.text("bound");
  made.kind = row.text("kind");
  if (made.kind == "p") {
    made.node.method = method_of(row.text("strategy"));
    made.node.key_columns = row.texts("key_columns");
    made.node.key_definition = row.text("key_definition");
  }
  return made;
}

PartitionNode with_children(const std::vector<TreeRow>& rows, std::size_t position) {
  PartitionNode node = rows[position].node;
  for (const std::size_t child : rows[position].children) {
    node.children.push_back(with_children(rows, child));
  }
  return node;
}

// Rows come parents first, so every parent is known when its child is met.
std::vector<TreeRow> tree_rows(const pg::Result& result) {
  std::vector<TreeRow> rows;
  std::map<std::int64_t, std::size_t> position_by_oid;
  for (int i = 0; i < result.row_count(); ++i) {
    const ResultRow row(result, i);
    const std::size_t position = rows.size();
    position_by_oid[row.integer("oid")] = position;
    rows.push_back(make_tree_row(row));
    if (const auto parent = position_by_oid.find(row.integer("parent")); parent != position_by_oid.end()) {
      rows[parent->second].children.push_back(position);
    }
  }
  return rows;
}

}  // namespace

std::optional<std::string> read_relation_kind(pg::Connection& connection, const QualifiedName& name) {
  const std::optional<Relation> relation = read_relation(connection, name);
  return relation ? std::optional(relation->kind) : std::nullopt;
}

std::set<std::string> read_relation_names(pg::Connection& connection, const std::string& schema) {
  return names_in(read_statement(connection, "relation_names", {schema}));
}

std::set<std::string> read_statistics_names(pg::Connection& connection, const std::string& schema) {
  return names_in(read_statement(connection, "statistics_names", {schema}));
}

bool read_has_rows(pg::Connection& connection, const QualifiedName& name) {
  return connection.query(has_rows_sql(name)).boolean(0, 0);
}

Layout read_existing_layout(pg::Connection& connection, const QualifiedName& name) {
  CatalogSnapshot snapshot(connection);
  const Relation relation = snapshot.find(name);
  if (relation.kind != "p") {
    throw pg::Failure(pg::FailureKind::refused, pg::display(relation.name) + " exists and is not a partitioned table")
        .hint("Choose another name for the target with --into, or drop that relation.");
  }
  snapshot.hold_definition(relation);
  snapshot.write_definitions_in_full();
  const std::vector<TreeRow> rows = tree_rows(snapshot.read("partition_tree", {std::to_string(relation.oid)}));

  bool has_leaf = false;
  for (const TreeRow& row : rows) {
    if (row.kind == "f") {
      throw pg::Failure(pg::FailureKind::refused,
                        "partition " + pg::display(row.node.name) + " of the target is a foreign table")
          .hint("Detach it, or choose another target with --into.");
    }
    has_leaf = has_leaf || row.node.is_leaf();
  }
  if (!has_leaf) {
    throw pg::Failure(pg::FailureKind::refused,
                      "the target " + pg::display(relation.name) + " has no partition that could take rows")
        .hint("Create its partitions first, or choose another name with --into and let them be created.");
  }
  Layout layout;
  layout.root = with_children(rows, 0);
  layout.existing = true;
  return layout;
}

}  // namespace pgsluice::planner

#include "planner/split_standing.hpp"

#include "pg/failure.hpp"
#include "pg/statements.hpp"
#include "planner/catalog_parent.hpp"
#include "planner/catalog_snapshot.hpp"
#include "planner/key.hpp"
#include "planner/mark.hpp"
#include "planner/result_row.hpp"

namespace pgsluice::planner {

namespace {

struct SourceRow {
  QualifiedName name;
  std::uint32_t parent_oid = 0;
  std::string comment;
  bool is_owned = false;
};

std::uint32_t oid_in(const ResultRow& row, std::string_view column) {
  return static_cast<std::uint32_t>(row.integer(column));
}

pg::Result read_by_name(pg::Connection& connection, const std::vector<QualifiedName>& names) {
  Key schemas;
  Key tables;
  for (const QualifiedName& name : names) {
    schemas.push_back(name.schema);
    tables.push_back(name.name);
  }
  return read_statement(connection, "split_leaves", {to_array_text(schemas), to_array_text(tables)});
}

// By its name, which it keeps; another table of that name is none of ours.
std::optional<SourceRow> read_source(pg::Connection& connection, const Plan& plan) {
  const pg::Result rows = read_by_name(connection, {plan.source.name});
  if (rows.row_count() == 0) {
    return std::nullopt;
  }
  const ResultRow row(rows, 0);
  if (oid_in(row, "oid") != plan.source.oid) {
    return std::nullopt;
  }
  return SourceRow{plan.source.name, oid_in(row, "parent_oid"), row.text("comment"), row.boolean("is_owned")};
}

std::optional<Standing> place_of(const Plan& plan, const std::optional<SourceRow>& source) {
  if (source && source->parent_oid == plan.parent->oid) {
    return Standing::before_swap;
  }
  if (source && source->parent_oid == 0 && is_marked(source->comment, plan.migration_id)) {
    return Standing::after_swap;
  }
  return std::nullopt;
}

pg::Failure stands_elsewhere(const Plan& plan) {
  return pg::Failure(pg::FailureKind::refused, "the partitions are not where this migration left them")
      .detail(pg::display(plan.source.name) + " (OID " + std::to_string(plan.source.oid) +
              ") is neither a partition of " + pg::display(plan.parent->name) +
              ", nor the table that a cutover put beside it.")
      .hint("Somebody renamed, detached, attached or dropped it: put it back, then run the same command again.")
      .status("nothing was changed");
}

void read_leaves(pg::Connection& connection, const Plan& plan, SplitStanding& standing) {
  const std::vector<const PartitionNode*> all = leaves(plan.layout);
  std::vector<QualifiedName> names;
  for (const PartitionNode* leaf : all) {
    names.push_back(leaf->name);
  }
  const pg::Result rows = read_by_name(connection, names);
  for (int i = 0; i < rows.row_count(); ++i) {
    const ResultRow row(rows, i);
    if (is_marked(row.text("comment"), plan.migration_id)) {
      standing.leaves.push_back({.node = all[static_cast<std::size_t>(row.integer("position") - 1)],
                                 .oid = oid_in(row, "oid"),
                                 .parent_oid = oid_in(row, "parent_oid"),
                                 .constraint = row.text("constraint_text"),
                                 .is_owned = row.boolean("is_owned")});
    }
  }
  const pg::Result root = read_by_name(connection, {plan.layout.root.name});
  if (root.row_count() > 0 && is_marked(ResultRow(root, 0).text("comment"), plan.migration_id)) {
    standing.staging_oid = oid_in(ResultRow(root, 0), "oid");
  }
}

std::string oids_text(const Plan& plan, const SplitStanding& standing) {
  Key oids = {std::to_string(plan.source.oid)};
  for (const SplitLeaf& leaf : standing.leaves) {
    oids.push_back(std::to_string(leaf.oid));
  }
  return to_array_text(oids);
}

void read_others(pg::Connection& connection, const Plan& plan, SplitStanding& standing) {
  const pg::Result rows =
      read_statement(connection, "other_partitions", {std::to_string(plan.parent->oid), oids_text(plan, standing)});
  for (int i = 0; i < rows.row_count(); ++i) {
    const ResultRow row(rows, i);
    standing.others.push_back(oid_in(row, "oid"));
    if (row.boolean("is_default")) {
      standing.default_partition = {row.text("schema"), row.text("name")};
    }
  }
}

void read_keys(pg::Connection& connection, const Plan& plan, SplitStanding& standing) {
  const pg::Result rows = read_statement(connection, "split_keys", {oids_text(plan, standing)});
  for (int i = 0; i < rows.row_count(); ++i) {
    const ResultRow row(rows, i);
    standing.keys.push_back({.name = row.text("name"),
                             .table = {row.text("table_schema"), row.text("table_name")},
                             .table_oid = oid_in(row, "table_oid"),
                             .referenced = {row.text("referenced_schema"), row.text("referenced_name")},
                             .referenced_oid = oid_in(row, "referenced_oid"),
                             .owns_referenced = row.boolean("is_owned")});
  }
}

}  // namespace

std::optional<Standing> read_split_place(pg::Connection& connection, const Plan& plan) {
  return place_of(plan, read_source(connection, plan));
}

SplitStanding read_split_standing(pg::Connection& connection, const Plan& plan) {
  connection.run_script(pg::statement("catalog_settings", connection.server_major_version()));
  const std::optional<SourceRow> source = read_source(connection, plan);
  const std::optional<Standing> place = place_of(plan, source);
  if (!place) {
    throw stands_elsewhere(plan);
  }
  SplitStanding standing;
  standing.standing = *place;
  standing.source_comment = source->comment;
  standing.source_is_owned = source->is_owned;
  if (const std::optional<ParentFacts> parent = read_parent(connection, plan.source.oid)) {
    standing.parent = parent->parent;
  }
  read_leaves(connection, plan, standing);
  read_others(connection, plan, standing);
  read_keys(connection, plan, standing);
  standing.source_parts = read_table_parts(connection, plan.source.oid);
  standing.views = read_views_upon(connection, plan.source.oid);
  return standing;
}

}  // namespace pgsluice::planner

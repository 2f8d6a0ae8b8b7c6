#include "planner/surroundings.hpp"

#include <map>

#include "pg/statements.hpp"
#include "planner/catalog_snapshot.hpp"
#include "planner/fact_rows.hpp"
#include "planner/mark.hpp"
#include "planner/result_row.hpp"
#include "planner/swap_names_sql.hpp"

namespace pgsluice::planner {

namespace {

struct Place {
  SwapTable table;
  std::string kind;
};

// The two tables and how they stand.
struct Tables {
  Standing standing = Standing::before_swap;
  SwapTable source;
  SwapTable target;
};

std::uint32_t oid_in(const ResultRow& row, std::string_view column) {
  return static_cast<std::uint32_t>(row.integer(column));
}

bool is_our_target(const Plan& plan, const Place& place) {
  return place.kind == "p" && (plan.layout.existing || is_marked(place.table.comment, plan.migration_id));
}

// Whatever has one of the names, and the source wherever it is.
struct Places {
  std::optional<Place> source;
  std::map<QualifiedName, Place> others;
};

Places read_places(pg::Connection& connection, const Plan& plan) {
  const QualifiedName& root = plan.layout.root.name;
  const QualifiedName& name = plan.source.name;
  const pg::Result rows = read_statement(
      connection, "swap_tables", {std::to_string(plan.source.oid), name.schema, name.name, root.schema, root.name});
  Places places;
  for (int i = 0; i < rows.row_count(); ++i) {
    const ResultRow row(rows, i);
    Place place{{.oid = oid_in(row, "oid"),
                 .name = {row.text("schema"), row.text("name")},
                 .comment = row.text("comment"),
                 .is_owned = row.boolean("is_owned"),
                 .parts = {}},
                row.text("kind")};
    if (place.table.oid == plan.source.oid) {
      places.source = place;
    } else {
      places.others.emplace(place.table.name, place);
    }
  }
  return places;
}

std::optional<Tables> read_tables(pg::Connection& connection, const Plan& plan) {
  const auto [source, others] = read_places(connection, plan);
  if (!source) {
    return std::nullopt;
  }
  const QualifiedName& root = plan.layout.root.name;
  const QualifiedName& name = plan.source.name;
  const bool is_before = source->table.name == name;
  const auto target = others.find(is_before ? root : name);
  if (target == others.end() || !is_our_target(plan, target->second) ||
      (!is_before && source->table.name != name_after_swap(plan))) {
    return std::nullopt;
  }
  return Tables{is_before ? Standing::before_swap : Standing::after_swap, source->table, target->second.table};
}

TablePart::Kind part_kind(const std::string& text) {
  return text == "index"        ? TablePart::Kind::index
         : text == "trigger"    ? TablePart::Kind::trigger
         : text == "rule"       ? TablePart::Kind::rule
         : text == "statistics" ? TablePart::Kind::statistics
                                : TablePart::Kind::sequence;
}

void read_partitions(pg::Connection& connection, const Plan& plan, Surroundings& around) {
  if (!plan.source.is_partitioned()) {
    return;
  }
  const pg::Result rows = read_statement(connection, "swap_partitions", {std::to_string(around.source.oid)});
  for (int i = 0; i < rows.row_count(); ++i) {
    const ResultRow row(rows, i);
    StandingPartition& partition = around.source_partitions.emplace_back();
    partition.oid = oid_in(row, "oid");
    partition.name = {row.text("schema"), row.text("name")};
    partition.is_leaf = row.boolean("is_leaf");
    const std::vector<std::string> names = row.texts("trigger_names");
    const std::vector<std::string> states = row.texts("trigger_states");
    for (std::size_t trigger = 0; trigger < names.size(); ++trigger) {
      partition.triggers.push_back({TablePart::Kind::trigger, {"", names[trigger]}, states[trigger], ""});
    }
  }
}

void read_rules(pg::Connection& connection, Surroundings& around) {
  const pg::Result rows = read_statement(connection, "dependent_rules", {std::to_string(around.in_use().oid)});
  for (int i = 0; i < rows.row_count(); ++i) {
    const ResultRow row(rows, i);
    if (oid_in(row, "table_oid") != around.waiting().oid) {
      around.rules.push_back({.name = row.text("name"),
                              .table = {row.text("schema"), row.text("table_name")},
                              .definition = row.text("definition"),
                              .is_owned = row.boolean("is_owned")});
    }
  }
}

void read_policies(pg::Connection& connection, Surroundings& around) {
  const pg::Result rows = read_statement(connection, "dependent_policies", {std::to_string(around.in_use().oid)});
  for (int i = 0; i < rows.row_count(); ++i) {
    const ResultRow row(rows, i);
    around.policies.push_back({.name = row.text("name"),
                               .table = {row.text("schema"), row.text("table_name")},
                               .table_oid = oid_in(row, "table_oid"),
                               .using_expression = row.text("using_expression"),
                               .check_expression = row.text("check_expression"),
                               .is_owned = row.boolean("is_owned")});
  }
}

// The table itself, or the leaves of a partitioned one.
std::vector<QualifiedName> holders_at(const ResultRow& row, const QualifiedName& table) {
  if (!row.boolean("is_partitioned")) {
    return {table};
  }
  const std::vector<std::string> schemas = row.texts("leaf_schemas");
  const std::vector<std::string> names = row.texts("leaf_names");
  std::vector<QualifiedName> holders;
  for (std::size_t leaf = 0; leaf < names.size(); ++leaf) {
    holders.push_back({schemas[leaf], names[leaf]});
  }
  return holders;
}

std::map<QualifiedName, IncomingKey> read_referencing_tables(pg::Connection& connection, std::uint32_t oid) {
  const pg::Result rows = read_statement(connection, "referencing_tables", {std::to_string(oid)});
  std::map<QualifiedName, IncomingKey> tables;
  for (int i = 0; i < rows.row_count(); ++i) {
    const ResultRow row(rows, i);
    const QualifiedName name{row.text("schema"), row.text("name")};
    IncomingKey& table = tables[name];
    table.is_partitioned = row.boolean("is_partitioned");
    table.table_oid = oid_in(row, "oid");
    table.is_owned = row.boolean("is_owned");
    table.holders = holders_at(row, name);
  }
  return tables;
}

// Those of partitions of the waiting table are its own, and go with it.
void read_incoming_keys(pg::Connection& connection, Surroundings& around) {
  const std::map<QualifiedName, IncomingKey> tables = read_referencing_tables(connection, around.in_use().oid);
  const pg::Result rows = read_statement(connection, "table_foreign_keys", {std::to_string(around.in_use().oid)});
  for (int i = 0; i < rows.row_count(); ++i) {
    const ResultRow row(rows, i);
    const ForeignKey key = make_foreign_key(row);
    const auto table = tables.find(key.table);
    if (row.boolean("is_incoming") && table != tables.end() && table->second.table_oid != around.waiting().oid) {
      IncomingKey& incoming = around.incoming_keys.emplace_back(table->second);
      incoming.key = key;
    }
  }
}

void read_lost_keys(pg::Connection& connection, const Plan& plan, Surroundings& around) {
  if (around.standing == Standing::before_swap) {
    return;
  }
  for (const ForeignKey& key : plan.source.incoming_foreign_keys) {
    const pg::Result rows = read_statement(connection, "table_without_constraint", {pg::quoted(key.table), key.name});
    if (!key.is_self() && rows.row_count() > 0) {
      const ResultRow row(rows, 0);
      around.lost_keys.push_back({.key = key,
                                  .is_partitioned = row.boolean("is_partitioned"),
                                  .holders = holders_at(row, key.table),
                                  .table_oid = oid_in(row, "oid"),
                                  .is_owned = row.boolean("is_owned")});
    }
  }
}

void read_standing_keys(pg::Connection& connection, Surroundings& around) {
  const pg::Result rows = read_statement(connection, "swap_foreign_keys",
                                         {std::to_string(around.source.oid), std::to_string(around.target.oid)});
  for (int i = 0; i < rows.row_count(); ++i) {
    const ResultRow row(rows, i);
    around.keys.push_back({.name = row.text("name"),
                           .table = {row.text("schema"), row.text("table_name")},
                           .table_oid = oid_in(row, "table_oid"),
                           .referenced = {row.text("referenced_schema"), row.text("referenced_name")},
                           .referenced_oid = oid_in(row, "referenced_oid"),
                           .owns_referenced = row.boolean("is_owned")});
  }
}

void read_publications(pg::Connection& connection, Surroundings& around) {
  const pg::Result rows = read_statement(connection, "table_publications", {std::to_string(around.in_use().oid)});
  for (int i = 0; i < rows.row_count(); ++i) {
    StandingPublication found{make_publication(ResultRow(rows, i)), false};
    const pg::Result through = read_statement(connection, "publication_goes_through_root", {found.publication.name});
    found.through_root = through.row_count() > 0 && through.boolean(0, 0);
    around.publications.push_back(found);
  }
  const pg::Result nodes = read_statement(connection, "tree_publications", {std::to_string(around.target.oid)});
  for (int i = 0; i < nodes.row_count(); ++i) {
    const ResultRow row(nodes, i);
    around.published_nodes.push_back(
        {row.text("publication"), {row.text("schema"), row.text("name")}, oid_in(row, "oid")});
  }
}

void read_unique_keys(pg::Connection& connection, Surroundings& around) {
  const pg::Result rows = read_statement(connection, "unique_columns", {std::to_string(around.waiting().oid)});
  for (int i = 0; i < rows.row_count(); ++i) {
    around.unique_keys.push_back(rows.text_array(i, 0));
  }
}

// All that is around the two tables.
void read_around(pg::Connection& connection, const Plan& plan, Surroundings& around) {
  around.source.parts = read_table_parts(connection, around.source.oid);
  around.target.parts = read_table_parts(connection, around.target.oid);
  read_partitions(connection, plan, around);
  around.views = read_views_upon(connection, around.in_use().oid);
  read_rules(connection, around);
  read_policies(connection, around);
  read_incoming_keys(connection, around);
  read_lost_keys(connection, plan, around);
  read_standing_keys(connection, around);
  read_publications(connection, around);
  read_unique_keys(connection, around);
}

}  // namespace

pg::Failure tables_stand_elsewhere(const Plan& plan) {
  return pg::Failure(pg::FailureKind::refused, "the tables are not where this migration left them")
      .detail("Either " + pg::display(plan.source.name) + " is the table that was planned (OID " +
              std::to_string(plan.source.oid) + ") and " + pg::display(plan.layout.root.name) +
              " the target; or the target has the source's name, and that table is called " +
              pg::display(name_after_swap(plan)) + ". Neither is so.")
      .hint("Somebody renamed, dropped or exchanged one of them: put the names back, then run the same command again.")
      .status("nothing was changed");
}

std::optional<Standing> read_standing(pg::Connection& connection, const Plan& plan) {
  const std::optional<Tables> tables = read_tables(connection, plan);
  return tables ? std::optional(tables->standing) : std::nullopt;
}

Surroundings read_surroundings(pg::Connection& connection, const Plan& plan) {
  connection.run_script(pg::statement("catalog_settings", connection.server_major_version()));
  const std::optional<Tables> tables = read_tables(connection, plan);
  if (!tables) {
    throw tables_stand_elsewhere(plan);
  }
  Surroundings around;
  around.standing = tables->standing;
  around.source = tables->source;
  around.target = tables->target;
  read_around(connection, plan, around);
  return around;
}

// No relation has the OID 0, so nothing is found of the target.
Surroundings read_source_surroundings(pg::Connection& connection, const Plan& plan) {
  connection.run_script(pg::statement("catalog_settings", connection.server_major_version()));
  const std::optional<Place> source = read_places(connection, plan).source;
  if (!source || source->table.name != plan.source.name) {
    throw tables_stand_elsewhere(plan);
  }
  Surroundings around;
  around.source = source->table;
  around.target.name = plan.layout.root.name;
  read_around(connection, plan, around);
  return around;
}

std::vector<TablePart> read_table_parts(pg::Connection& connection, std::uint32_t oid) {
  const pg::Result rows = read_statement(connection, "swap_parts", {std::to_string(oid)});
  std::vector<TablePart> parts;
  for (int i = 0; i < rows.row_count(); ++i) {
    const ResultRow row(rows, i);
    parts.push_back(
        {part_kind(row.text("kind")), {row.text("schema"), row.text("name")}, row.text("state"), row.text("comment")});
  }
  return parts;
}

std::vector<DependentView> read_views_upon(pg::Connection& connection, std::uint32_t oid) {
  const pg::Result rows = read_statement(connection, "dependent_views", {std::to_string(oid)});
  std::vector<DependentView> views;
  for (int i = 0; i < rows.row_count(); ++i) {
    const ResultRow row(rows, i);
    views.push_back({.oid = oid_in(row, "oid"),
                     .name = {row.text("schema"), row.text("name")},
                     .is_materialized = row.text("kind") == "m",
                     .definition = row.text("definition"),
                     .options = row.texts("options"),
                     .owner = row.text("owner"),
                     .access_method = row.text("access_method"),
                     .tablespace = row.text("tablespace"),
                     .is_populated = row.boolean("is_populated"),
                     .comment = row.text("comment"),
                     .is_owned = row.boolean("is_owned"),
                     .is_updatable = row.boolean("is_updatable"),
                     .shows_row_type = row.boolean("shows_row_type")});
  }
  return views;
}

std::vector<Dependent> read_row_type_users(pg::Connection& connection, const Surroundings& surroundings) {
  const pg::Result rows = read_statement(connection, "table_dependents", {std::to_string(surroundings.in_use().oid)});
  std::vector<Dependent> users;
  for (int i = 0; i < rows.row_count(); ++i) {
    const ResultRow row(rows, i);
    const std::string kind = row.text("kind");
    if (kind == "function" || kind == "column" || kind == "type") {
      users.push_back({kind, row.text("name"), ""});
    }
  }
  return users;
}

}  // namespace pgsluice::planner

// Reads the facts of one table: one statement of sql/table_*.sql a subject, all in one snapshot.
#include "planner/catalog.hpp"

#include <algorithm>

#include "pg/failure.hpp"
#include "planner/catalog_snapshot.hpp"
#include "planner/fact_rows.hpp"
#include "planner/result_row.hpp"
#include "planner/source_rows_sql.hpp"

namespace pgsluice::planner {

namespace {

constexpr std::int64_t kPagesCountedMax = 20'000;  // Tables up to this size are counted when they were never analyzed.
constexpr std::int64_t kPagesTrustedMin = 1'000;   // Smaller ones are counted always: it costs nothing.
constexpr double kPagesSampled = 5'000;

// Takes ACCESS SHARE.
std::string count_rows_sql(const TableFacts& facts) {
  return "SELECT pg_catalog.count(*) FROM " + source_rows_sql(facts);
}

// Takes ACCESS SHARE.
std::string count_sampled_rows_sql(const TableFacts& facts, double percent) {
  return "SELECT pg_catalog.count(*) FROM " + source_rows_sql(facts) + " TABLESAMPLE SYSTEM (" +
         std::to_string(percent) + ") REPEATABLE (1)";
}

// The rows of `statement_name` about the table, each made into a T.
template <class T, class Make>
std::vector<T> read_all(CatalogSnapshot& snapshot, std::string_view statement_name, std::uint32_t oid, Make make) {
  const pg::Result result = snapshot.read(statement_name, {std::to_string(oid)});
  std::vector<T> all;
  all.reserve(static_cast<std::size_t>(result.row_count()));
  for (int i = 0; i < result.row_count(); ++i) {
    all.push_back(make(ResultRow(result, i)));
  }
  return all;
}

// A definition that sql/ has cut out of a larger one. Fails: refused, when the larger one was not there, or was not as
// expected.
std::string cut_definition(const ResultRow& row, std::string_view column, const std::string& what) {
  std::optional<std::string> text = row.optional_text(column);
  if (!text) {
    throw pg::Failure(pg::FailureKind::refused, "the definition of " + what + " cannot be taken apart")
        .hint("If somebody changes the table just now, run the command again.");
  }
  return *std::move(text);
}

std::optional<int> optional_int(const ResultRow& row, std::string_view column) {
  const std::optional<std::int64_t> value = row.optional_integer(column);
  return value ? std::optional(static_cast<int>(*value)) : std::nullopt;
}

TableFacts make_table(const ResultRow& row) {
  TableFacts facts;
  facts.name = {row.text("schema"), row.text("name")};
  facts.oid = static_cast<std::uint32_t>(row.integer("oid"));
  facts.file_node = static_cast<std::uint32_t>(row.integer("file_node"));
  facts.kind = row.text("kind");
  facts.persistence = row.text("persistence");
  facts.is_partition = row.boolean("is_partition");
  facts.has_children = row.boolean("has_children");
  facts.has_parents = row.boolean("has_parents");
  facts.row_security = row.boolean("row_security");
  facts.force_row_security = row.boolean("force_row_security");
  facts.row_security_active = row.boolean("row_security_active");
  facts.owner = row.text("owner");
  facts.access_method = row.text("access_method");
  facts.tablespace = row.text("tablespace");
  facts.of_type = row.text("of_type");
  facts.reloptions = row.texts("reloptions");
  facts.replica_identity = row.text("replica_identity");
  facts.comment = row.text("comment");
  return facts;
}

Column make_column(const ResultRow& row) {
  Column column;
  column.attribute_number = static_cast<int>(row.integer("attribute_number"));
  column.name = row.text("name");
  column.type = row.text("type");
  column.type_oid = static_cast<std::uint32_t>(row.integer("type_oid"));
  column.has_binary_form = row.boolean("has_binary_form");
  column.binary_form_is_portable = row.boolean("binary_form_is_portable");
  column.collation = row.text("collation");
  column.not_null = row.boolean("not_null");
  column.not_null_is_valid = row.boolean("not_null_is_valid");
  column.default_expression = row.text("default_expression");
  column.generated = row.text("generated");
  column.identity = row.text("identity");
  if (const auto sequence = row.optional_text("sequence_name")) {
    column.owned_sequence = {row.text("sequence_schema"), *sequence};
  }
  column.storage = row.text("storage");
  column.compression = row.text("compression");
  column.statistics_target = optional_int(row, "statistics_target");
  column.options = row.texts("options");
  column.comment = row.text("comment");
  return column;
}

Sequence make_sequence(const ResultRow& row) {
  return {.name = {row.text("schema"), row.text("name")},
          .column = row.text("column"),
          .type = row.text("type"),
          .start = row.text("start"),
          .increment = row.text("increment"),
          .minimum = row.text("minimum"),
          .maximum = row.text("maximum"),
          .cache = row.text("cache"),
          .cycle = row.boolean("cycle")};
}

Index make_index(const ResultRow& row) {
  Index index;
  index.name = row.text("name");
  index.is_primary = row.boolean("is_primary");
  index.is_unique = row.boolean("is_unique");
  index.is_constraint = row.boolean("is_constraint");
  index.is_valid = row.boolean("is_valid");
  index.is_exclusion = row.boolean("is_exclusion");
  index.is_partial = row.boolean("is_partial");
  index.has_expressions = row.boolean("has_expressions");
  index.nulls_not_distinct = row.boolean("nulls_not_distinct");
  index.deferrable = row.boolean("deferrable");
  index.initially_deferred = row.boolean("initially_deferred");
  index.is_replica_identity = row.boolean("is_replica_identity");
  index.is_clustered = row.boolean("is_clustered");
  index.default_order = row.boolean("default_order");
  index.key_columns = row.texts("key_columns");
  index.included_columns = row.texts("included_columns");
  index.access_method = row.text("access_method");
  index.body = cut_definition(row, "body", "index " + pg::display(index.name));
  index.reloptions = row.texts("reloptions");
  index.tablespace = row.text("tablespace");
  index.comment = row.text("comment");
  index.bytes = row.integer("bytes");
  return index;
}

CheckConstraint make_check(const ResultRow& row) {
  return {.name = row.text("name"),
          .expression = row.text("expression"),
          .is_valid = row.boolean("is_valid"),
          .is_enforced = row.boolean("is_enforced"),
          .no_inherit = row.boolean("no_inherit"),
          .comment = row.text("comment")};
}

}  // namespace

ForeignKey make_foreign_key(const ResultRow& row) {
  ForeignKey key;
  key.name = row.text("name");
  key.table = {row.text("table_schema"), row.text("table_name")};
  key.referenced = {row.text("referenced_schema"), row.text("referenced_name")};
  key.columns = row.texts("columns");
  key.referenced_columns = row.texts("referenced_columns");
  key.definition = cut_definition(row, "definition", "foreign key " + pg::display(key.name));
  key.on_delete = row.text("on_delete");
  key.is_valid = row.boolean("is_valid");
  key.is_enforced = row.boolean("is_enforced");
  key.comment = row.text("comment");
  return key;
}

namespace {

Trigger make_trigger(const ResultRow& row) {
  Trigger trigger;
  trigger.name = row.text("name");
  trigger.before_table = row.text("before_table");
  trigger.after_table = cut_definition(row, "after_table", "trigger " + pg::display(trigger.name));
  trigger.enabled = row.text("enabled");
  trigger.on_insert = row.boolean("on_insert");
  trigger.on_update = row.boolean("on_update");
  trigger.on_delete = row.boolean("on_delete");
  trigger.on_truncate = row.boolean("on_truncate");
  trigger.per_row = row.boolean("per_row");
  trigger.has_transition_table = row.boolean("has_transition_table");
  trigger.comment = row.text("comment");
  return trigger;
}

Policy make_policy(const ResultRow& row) {
  return {.name = row.text("name"),
          .permissive = row.boolean("permissive"),
          .command = row.text("command"),
          .roles = row.texts("roles"),
          .using_expression = row.text("using_expression"),
          .check_expression = row.text("check_expression"),
          .comment = row.text("comment")};
}

Grant make_grant(const ResultRow& row) {
  return {.grantee = row.text("grantee"),
          .privilege = row.text("privilege"),
          .column = row.text("column"),
          .grantable = row.boolean("grantable")};
}

Statistics make_statistics(const ResultRow& row) {
  Statistics statistics;
  statistics.name = {row.text("schema"), row.text("name")};
  statistics.body = cut_definition(row, "body", "statistics object " + pg::display(statistics.name));
  statistics.target = optional_int(row, "target");
  statistics.comment = row.text("comment");
  return statistics;
}

}  // namespace

Publication make_publication(const ResultRow& row) {
  return {.name = row.text("name"),
          .columns = row.text("columns"),
          .row_filter = row.text("row_filter"),
          .owned = row.boolean("owned")};
}

namespace {

Dependent make_rule(const ResultRow& row) {
  return {.kind = row.text("kind"), .name = row.text("name"), .definition = row.text("definition")};
}

Dependent make_dependent(const ResultRow& row) {
  return {.kind = row.text("kind"), .name = row.text("name"), .definition = {}};
}

SourcePartition make_partition(const ResultRow& row) {
  return {.name = {row.text("schema"), row.text("name")},
          .kind = row.text("kind"),
          .persistence = row.text("persistence"),
          .owner = row.text("owner"),
          .is_default = row.boolean("is_default"),
          .own = row.texts("own"),
          .keys = row.texts("keys"),
          .users = row.texts("users"),
          .trigger_names = row.texts("trigger_names"),
          .trigger_states = row.texts("trigger_states")};
}

void read_foreign_keys(CatalogSnapshot& snapshot, TableFacts& facts) {
  const pg::Result result = snapshot.read("table_foreign_keys", {std::to_string(facts.oid)});
  for (int i = 0; i < result.row_count(); ++i) {
    const ResultRow row(result, i);
    const ForeignKey key = make_foreign_key(row);
    if (row.boolean("is_outgoing")) {
      facts.foreign_keys.push_back(key);
    }
    if (row.boolean("is_incoming")) {
      facts.incoming_foreign_keys.push_back(key);
    }
  }
}

double read_rows_estimate(CatalogSnapshot& snapshot, const TableFacts& facts, bool may_count, const TableSize& size,
                          const ResultRow& statistics) {
  const auto pages = static_cast<double>(size.page_count);
  const bool is_analyzed = statistics.boolean("is_analyzed");
  if (is_analyzed && size.page_count >= kPagesTrustedMin) {
    return statistics.number("reltuples") / statistics.number("relpages") * pages;
  }
  if (size.page_count == 0) {
    return 0;
  }
  if (!may_count) {  // The migration will be refused for that; nothing better can be known here.
    return std::max(0.0, statistics.number("reltuples"));
  }
  if (size.page_count <= kPagesCountedMax) {
    return snapshot.connection().query(count_rows_sql(facts)).number(0, 0);
  }
  const double percent = 100 * kPagesSampled / pages;
  return snapshot.connection().query(count_sampled_rows_sql(facts, percent)).number(0, 0) * 100 / percent;
}

TableSize read_size(CatalogSnapshot& snapshot, const TableFacts& facts, bool may_count) {
  TableSize size;
  const pg::Result result =
      snapshot.read(facts.is_partitioned() ? "partitions_size" : "table_size", {std::to_string(facts.oid)});
  if (result.row_count() == 0) {  // A foreign table, a view: without pages of its own.
    return size;
  }
  const ResultRow row(result, 0);
  size.heap_bytes = row.integer("heap_bytes");
  size.toast_bytes = row.integer("toast_bytes");
  size.index_bytes = row.integer("index_bytes");
  size.page_count = row.integer("page_count");
  size.dead_rows = row.integer("dead_rows");
  size.rows_estimate = read_rows_estimate(snapshot, facts, may_count, size, row);
  return size;
}

}  // namespace

TableFacts read_table_facts(pg::Connection& connection, const QualifiedName& name) {
  CatalogSnapshot snapshot(connection);
  const Relation relation = snapshot.find(name);
  snapshot.hold_definition(relation);
  snapshot.write_definitions_in_full();

  const pg::Result table = snapshot.read("table_facts", {std::to_string(relation.oid)});
  TableFacts facts = make_table(ResultRow(table, 0));
  facts.columns = read_all<Column>(snapshot, "table_columns", facts.oid, make_column);
  facts.sequences = read_all<Sequence>(snapshot, "table_sequences", facts.oid, make_sequence);
  facts.indexes = read_all<Index>(snapshot, "table_indexes", facts.oid, make_index);
  facts.checks = read_all<CheckConstraint>(snapshot, "table_checks", facts.oid, make_check);
  read_foreign_keys(snapshot, facts);
  facts.triggers = read_all<Trigger>(snapshot, "table_triggers", facts.oid, make_trigger);
  facts.rules = read_all<Dependent>(snapshot, "table_rules", facts.oid, make_rule);
  facts.policies = read_all<Policy>(snapshot, "table_policies", facts.oid, make_policy);
  facts.grants = read_all<Grant>(snapshot, "table_grants", facts.oid, make_grant);
  facts.statistics = read_all<Statistics>(snapshot, "table_statistics", facts.oid, make_statistics);
  facts.publications = read_all<Publication>(snapshot, "table_publications", facts.oid, make_publication);
  facts.published_with_all_tables =
      snapshot.read("table_is_published_with_all", {std::to_string(facts.oid)}).boolean(0, 0);
  facts.dependents = read_all<Dependent>(snapshot, "table_dependents", facts.oid, make_dependent);
  if (facts.is_partitioned()) {
    facts.partitions = read_all<SourcePartition>(snapshot, "table_partitions", facts.oid, make_partition);
  }
  const bool is_here = std::none_of(facts.partitions.begin(), facts.partitions.end(),
                                    [](const SourcePartition& partition) { return partition.kind == "f"; });
  facts.size = read_size(snapshot, facts, relation.can_select && !facts.row_security_active && is_here);
  return facts;
}

}  // namespace pgsluice::planner

#include "mover/comparison.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "pg/failure.hpp"
#include "pg/identifier.hpp"
#include "pg/statements.hpp"
#include "planner/source_rows_sql.hpp"

namespace pgsluice::mover {

namespace {

// A range of the target is asked of every leaf at once; beyond this many, locks and planning cost more than a pass over
// the leaves.
constexpr std::size_t kLeavesByRangeMax = 512;

struct ColumnOrder {
  std::string type;
  std::int64_t collation = 0;  // 0: the type has none.
  bool not_null = false;
};

std::map<std::string, ColumnOrder> read_column_order(pg::Connection& connection, const pg::QualifiedName& table) {
  connection.begin("READ ONLY");
  connection.run_script(pg::statement("catalog_settings", connection.server_major_version()));
  const pg::Result rows =
      connection.query(pg::statement("column_order", connection.server_major_version()), {pg::quoted(table)});
  std::map<std::string, ColumnOrder> columns;
  for (int i = 0; i < rows.row_count(); ++i) {
    columns[std::string(rows.text(i, 0))] = {std::string(rows.text(i, 1)), rows.integer(i, 2), rows.boolean(i, 3)};
  }
  connection.commit();
  return columns;
}

bool is_integer(const std::string& type) {
  constexpr std::array<std::string_view, 3> kIntegers = {"smallint", "integer", "bigint"};
  return std::find(kIntegers.begin(), kIntegers.end(), type) != kIntegers.end();
}

// Collations "C" and "POSIX": the only ones that sort alike on every server, whatever its operating system.
bool is_byte_order(std::int64_t collation) {
  constexpr std::int64_t kC = 950;
  constexpr std::int64_t kPosix = 951;
  return collation == kC || collation == kPosix;
}

// True when both columns put equal values into the same order.
bool sort_alike(const ColumnOrder& source, const ColumnOrder& target, bool one_database) {
  if (source.type != target.type && !(is_integer(source.type) && is_integer(target.type))) {
    return false;
  }
  if (source.collation == 0 || target.collation == 0) {
    return source.collation == target.collation;
  }
  return one_database ? source.collation == target.collation
                      : is_byte_order(source.collation) && is_byte_order(target.collation);
}

std::string array_of_names(const planner::RangeKey& key) {
  planner::Key names;
  for (const planner::KeyColumn& column : key.columns) {
    names.push_back(column.name);
  }
  return planner::to_array_text(names);
}

std::string read_encoding(pg::Connection& connection) {
  return std::string(
      connection.query(pg::statement("database_encoding", connection.server_major_version())).text(0, 0));
}

}  // namespace

RowHashForm read_hash_form(const planner::Plan& plan, pg::Connection& source, pg::Connection& target, bool exact) {
  RowHashForm form;
  form.exact = exact;
  form.one_encoding = plan.one_database || read_encoding(source) == read_encoding(target);
  return form;
}

Comparison read_comparison(const planner::Plan& plan, pg::Connection& source, pg::Connection& target, bool exact) {
  Comparison comparison;
  comparison.plan = &plan;
  comparison.form = read_hash_form(plan, source, target, exact);
  comparison.source = {pg::display(plan.source.name), planner::source_rows_sql(plan.source), {}};
  comparison.target = {pg::display(plan.layout.root.name), pg::quoted(plan.layout.root.name), {}};
  const std::map<std::string, ColumnOrder> source_columns = read_column_order(source, plan.source.name);
  const std::map<std::string, ColumnOrder> target_columns = read_column_order(target, plan.layout.root.name);
  for (const planner::Column& column : plan.source.columns) {
    const auto here = source_columns.find(column.name);
    const auto there = target_columns.find(column.name);
    if (here == source_columns.end() || there == target_columns.end()) {
      const Side& side = here == source_columns.end() ? comparison.source : comparison.target;
      throw pg::Failure(pg::FailureKind::refused, side.name + " has no column " + pg::display(column.name))
          .hint("The tables can only be compared with the columns that were planned.");
    }
    if (here->second.type != there->second.type) {
      comparison.target.cast.insert(column.name);
    }
  }
  if (plan.key.is_ctid() || planner::leaves(plan.layout).size() > kLeavesByRangeMax) {
    return comparison;
  }
  comparison.by_range = true;
  for (const planner::KeyColumn& column : plan.key.columns) {
    const ColumnOrder& there = target_columns.at(column.name);
    comparison.by_range = comparison.by_range && sort_alike(source_columns.at(column.name), there, plan.one_database);
    if (!there.not_null) {
      comparison.nullable_key_columns.push_back(column.name);
    }
  }
  comparison.by_range = comparison.by_range && target
                                                   .query(pg::statement("leading_index", target.server_major_version()),
                                                          {pg::quoted(plan.layout.root.name), array_of_names(plan.key)})
                                                   .boolean(0, 0);
  return comparison;
}

planner::Condition range_tally_sql(const Comparison& comparison, const Side& side,
                                   const std::optional<planner::Key>& lower, const std::optional<planner::Key>& upper) {
  planner::Condition tally = planner::between_sql(comparison.plan->key, lower, upper);
  tally.sql = "SELECT " + count_and_sum_sql(comparison.plan->source, "compared", side.cast, comparison.form) +
              " FROM " + side.from_sql + " AS compared WHERE " + tally.sql;
  return tally;
}

std::string rows_without_key_sql(const Comparison& comparison) {
  std::string condition;
  for (const std::string& column : comparison.nullable_key_columns) {
    condition += (condition.empty() ? "" : " OR ") + pg::quoted(column) + " IS NULL";
  }
  return "SELECT pg_catalog.count(*) AS rows FROM " + comparison.target.from_sql + " WHERE " + condition;
}

}  // namespace pgsluice::mover

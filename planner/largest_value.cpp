#include "planner/largest_value.hpp"

#include <algorithm>
#include <vector>

#include "planner/source_rows_sql.hpp"

namespace pgsluice::planner {

namespace {

std::vector<const Column*> stored_columns(const TableFacts& facts) {
  std::vector<const Column*> columns;
  for (const Column& column : facts.columns) {
    if (column.generated != "v") {
      columns.push_back(&column);
    }
  }
  return columns;
}

}  // namespace

std::string largest_values_sql(const TableFacts& facts, double percent) {
  std::string values;
  for (const Column* column : stored_columns(facts)) {
    values += (values.empty() ? "" : ", ") + ("pg_catalog.max(pg_catalog.pg_column_size(" + pg::quoted(column->name)) +
              "))::pg_catalog.int8";
  }
  const std::string sample = percent >= 100 ? "" : " TABLESAMPLE SYSTEM (" + std::to_string(percent) + ")";
  return "SELECT " + values + " FROM " + source_rows_sql(facts) + sample;
}

LargestValue read_largest_value(pg::Connection& source, const TableFacts& facts) {
  LargestValue largest;
  const std::vector<const Column*> columns = stored_columns(facts);
  if (facts.size.toast_bytes == 0 || facts.size.page_count == 0 || columns.empty()) {
    return largest;
  }
  constexpr double kBlocks = 1'000;
  constexpr double kWhole = 100;
  const double percent = std::min(kWhole, kBlocks / static_cast<double>(facts.size.page_count) * kWhole);
  const pg::Result result = source.query(largest_values_sql(facts, percent));
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const int position = static_cast<int>(i);
    if (!result.is_null(0, position) && result.integer(0, position) > largest.bytes) {
      largest = {columns[i]->name, result.integer(0, position)};
    }
  }
  return largest;
}

}  // namespace pgsluice::planner

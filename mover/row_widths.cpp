#include "mover/row_widths.hpp"

#include <algorithm>
#include <cmath>

#include "mover/batch_method.hpp"
#include "pg/identifier.hpp"

namespace pgsluice::mover {

namespace {

constexpr const char* kTail = " LIMIT 50) AS seen";
constexpr double kRowOverhead = 28;  // Tuple header and line pointer.

}  // namespace

std::string row_widths_head_sql(const planner::Plan& plan) {
  std::string sizes;
  for (const planner::Column& column : plan.source.columns) {
    if (column.generated != "v") {
      sizes +=
          (sizes.empty() ? "" : " + ") + ("coalesce(pg_catalog.pg_column_size(" + pg::quoted(column.name) + "), 0)");
    }
  }
  return "SELECT pg_catalog.count(*), coalesce(pg_catalog.sum(bytes), 0)::pg_catalog.float8 FROM (SELECT (" +
         (sizes.empty() ? "0" : sizes) + ")::pg_catalog.int8 AS bytes FROM " + source_rows_sql(plan) + " WHERE ";
}

std::vector<double> read_row_widths(pg::Connection& source, const planner::Plan& plan, std::size_t looks_max) {
  const std::size_t count = plan.ranges.size();
  const std::size_t looks = std::min(count, std::max<std::size_t>(1, looks_max));
  const std::string head = row_widths_head_sql(plan);
  std::vector<double> widths(count, average_row_bytes(plan.source));
  for (std::size_t look = 0; look < looks; ++look) {
    const std::size_t begin = count * look / looks;
    const std::size_t end = count * (look + 1) / looks;
    const planner::Range& range = plan.ranges[begin + (end - begin) / 2];
    const planner::Condition condition = planner::between_sql(plan.key, range.lower, range.upper);
    const pg::Result seen = source.query(head + condition.sql + kTail, condition.parameters);
    if (seen.number(0, 0) > 0) {
      std::fill(widths.begin() + static_cast<std::ptrdiff_t>(begin), widths.begin() + static_cast<std::ptrdiff_t>(end),
                seen.number(0, 1) / seen.number(0, 0) + kRowOverhead);
    }
  }
  return widths;
}

}  // namespace pgsluice::mover

#include "mover/batch_method.hpp"

#include <algorithm>

#include "pg/identifier.hpp"
#include "planner/source_rows_sql.hpp"

namespace pgsluice::mover {

std::unique_ptr<BatchMethod> make_batch_method(planner::Method method, const planner::Plan& plan, Session& source,
                                               const SumForm* sums) {
  switch (method) {
    case planner::Method::insert:
      return make_insert_method(plan, sums);
    case planner::Method::move:
      return make_move_method(plan);
    case planner::Method::stream:
      return make_stream_method(plan, source);
    case planner::Method::stream_move:
      return make_stream_move_method(plan);
  }
  return nullptr;
}

std::string travelling_columns_sql(const planner::TableFacts& source, std::string_view prefix) {
  std::string list;
  for (const std::string& name : source.insertable_columns()) {
    list += (list.empty() ? "" : ", ") + std::string(prefix) + pg::quoted(name);
  }
  return list;
}

std::string insert_from_source_head_sql(const planner::Plan& plan, const std::string& into) {
  const std::string columns = travelling_columns_sql(plan.source);
  return "INSERT INTO " + into + " (" + columns + ") OVERRIDING SYSTEM VALUE SELECT " + columns + " FROM " +
         source_rows_sql(plan) + " WHERE ";
}

std::string source_table_sql(const planner::Plan& plan) {
  return pg::quoted(plan.source.name);
}

std::string source_rows_sql(const planner::Plan& plan) {
  return planner::source_rows_sql(plan.source);
}

std::string target_table_sql(const planner::Plan& plan) {
  return pg::quoted(plan.layout.root.name);
}

pg::CopyFormat copy_format(const planner::Plan& plan) {
  const bool needs_text =
      std::any_of(plan.source.columns.begin(), plan.source.columns.end(), [&](const planner::Column& column) {
        return !column.has_binary_form || (!plan.one_database && !column.binary_form_is_portable);
      });
  return needs_text ? pg::CopyFormat::text : pg::CopyFormat::binary;
}

std::string copy_in_sql(const planner::Plan& plan) {
  return "COPY " + target_table_sql(plan) + " (" + travelling_columns_sql(plan.source) + ") FROM STDIN" +
         (copy_format(plan) == pg::CopyFormat::binary ? " (FORMAT binary)" : "");
}

double average_row_bytes(const planner::TableFacts& source) {
  return std::max(1.0, static_cast<double>(source.bytes_total()) / std::max(1.0, source.size.rows_estimate));
}

}  // namespace pgsluice::mover

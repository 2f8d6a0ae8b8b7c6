#include "planner/row_order.hpp"

#include <algorithm>
#include <cmath>

#include "pg/statements.hpp"

namespace pgsluice::planner {

namespace {

// With less, most batches would straddle leaves.
constexpr double kCloseCorrelation = 0.95;

bool lies_in_order_of(pg::Connection& source, const Plan& plan, const std::string& column) {
  const pg::Result row = source.query(pg::statement("column_correlation", source.server_major_version()),
                                      {plan.source.name.schema, plan.source.name.name, column});
  return row.row_count() == 1 && std::abs(row.number(0, 0)) >= kCloseCorrelation;
}

}  // namespace

bool read_rows_come_leaf_by_leaf(pg::Connection& source, const Plan& plan) {
  const PartitionNode& root = plan.layout.root;
  const bool has_one_level = !root.is_leaf() && std::all_of(root.children.begin(), root.children.end(),
                                                            [](const PartitionNode& child) { return child.is_leaf(); });
  if (!has_one_level || *root.method == PartitionMethod::hash || root.key_columns.size() != 1 ||
      root.key_columns.front().empty()) {
    return false;
  }
  return lies_in_order_of(source, plan, root.key_columns.front()) &&
         (plan.key.is_ctid() || lies_in_order_of(source, plan, plan.key.columns.front().name));
}

}  // namespace pgsluice::planner

#include "mover/source_insert.hpp"

#include <algorithm>
#include <array>

#include "mover/routing_check.hpp"
#include "pg/failure.hpp"
#include "pg/identifier.hpp"
#include "pg/statements.hpp"

namespace pgsluice::mover {

namespace {

using planner::Key;

constexpr std::string_view kCheckViolation = "23514";
constexpr unsigned kWrongMax = 3;  // So many batches may be moved twice; then the statistics were not worth it.

// The key columns of the routes, of the slice's first and last row: of the heap's blocks at its ends, or by the key.
std::string both_ends_sql(const planner::Plan& plan, const LeafRoutes& routes, const Slice& slice) {
  constexpr const char* kEnd = ") TO STDOUT (FORMAT binary)";
  std::string columns;
  for (const RoutedColumn& column : routes.columns) {
    columns += (columns.empty() ? "" : ", ") + pg::quoted(column.name);
  }
  const std::string from = " FROM ONLY " + source_table_sql(plan) + " WHERE " +
                           planner::between_literals_sql(plan.key, slice.lower, slice.upper);
  if (!plan.key.is_ctid()) {
    std::string backwards;
    for (const planner::KeyColumn& column : plan.key.columns) {
      backwards += (backwards.empty() ? "" : ", ") + pg::quoted(column.name) + " DESC";
    }
    const std::string forwards = planner::columns_sql(plan.key);
    return "COPY ((SELECT " + columns + from + " ORDER BY " + forwards + " LIMIT 1) UNION ALL (SELECT " + columns +
           from + " ORDER BY " + backwards + " LIMIT 1)" + kEnd;
  }
  // A heap has no way back from its end, so the last block of the slice stands for the last row.
  const std::string last_block = slice.upper ? std::to_string(std::stoull(slice.upper->front()) - 1) : "";
  const std::string last = slice.upper ? " AND ctid >= '(" + last_block + ",0)'::pg_catalog.tid" : "";
  return "COPY ((SELECT " + columns + from + " LIMIT 1) UNION ALL (SELECT " + columns + from + last + " LIMIT 1)" +
         kEnd;
}

pg::Failure to_be_repeated(const std::string& message, const std::string& detail) {
  return pg::Failure(pg::FailureKind::server, message).detail(detail).sqlstate("40001");
}

}  // namespace

void SourceInsert::read_routes(pg::Connection& target) {
  has_asked_for_routes_ = true;
  if (!plan_.rows_come_leaf_by_leaf) {
    return;
  }
  routes_ = read_checked_routes(target, target, plan_).routes;
}

std::optional<std::size_t> SourceInsert::guess(pg::Connection& target, const Slice& slice) {
  landing_ = {};
  const bool ends_are_known =
      slice.upper && (!plan_.key.is_ctid() || slice.upper->front().find(',') == std::string::npos);
  if (!has_asked_for_routes_) {
    read_routes(target);
  }
  if (!routes_ || was_wrong_ || !ends_are_known) {
    return std::nullopt;
  }
  std::vector<std::uint16_t> positions(routes_->columns.size());
  for (std::size_t i = 0; i < positions.size(); ++i) {
    positions[i] = static_cast<std::uint16_t>(i);
  }
  std::array<std::int32_t, 2> leaves = {planner::Router::kNoLeaf, planner::Router::kNoLeaf};
  std::size_t count = 0;
  pg::CopyOut out = target.copy_out(both_ends_sql(plan_, *routes_, slice));
  pg::BinaryRows rows;
  while (const auto message = out.next()) {
    const std::span<const char> row = rows.row_of(*message);
    std::vector<pg::CopyField> fields(planner::Router::kKeyColumnsMax);
    if (!row.empty() && count < leaves.size() && pg::find_fields(row, positions, fields.data())) {
      leaves[count++] = routes_->router.leaf_of(fields.data());
    }
  }
  if (count < leaves.size()) {
    return std::nullopt;
  }
  const bool agree = leaves[0] == leaves[1] && leaves[0] != planner::Router::kNoLeaf;
  landing_ = {true, agree ? routes_->leaves[static_cast<std::size_t>(leaves[0])] : ""};
  return agree ? std::optional(static_cast<std::size_t>(leaves[0])) : std::nullopt;
}

std::uint64_t SourceInsert::insert_into_leaf(pg::Connection& target, const Slice& slice, const std::string& leaf) {
  // Not prepared: with a thousand leaves, the session would keep a thousand plans.
  const planner::Condition condition = planner::between_sql(plan_.key, slice.lower, slice.upper);
  std::uint64_t rows = 0;
  try {
    rows = target.query(insert_from_source_head_sql(plan_, leaf) + condition.sql, condition.parameters).affected_rows();
  } catch (const pg::Failure& failure) {
    if (failure.sqlstate() != kCheckViolation) {
      throw;
    }
    was_wrong_ = true;
    if (++wrong_count_ >= kWrongMax) {
      routes_.reset();
    }
    throw to_be_repeated("a batch that seemed to belong to " + leaf + " holds rows of other leaves: " + failure.what(),
                         "It is rolled back and comes again through the target.");
  }
  // The INSERT holds a lock on the leaf, so what is true now stays true until the end of the transaction.
  const pg::Result below = target.query_prepared(pg::statement("leaves_are_still_below", target.server_major_version()),
                                                 {target_table_sql(plan_), text_array({leaf})});
  if (!below.boolean(0, 0)) {
    routes_.reset();
    throw to_be_repeated(leaf + " is no longer a partition of the target",
                         "The batch is rolled back and comes again through the target.");
  }
  return rows;
}

std::string SourceInsert::description() const {
  return routes_ ? "straight into the leaf where a batch belongs to one" : "";
}

std::uint64_t SourceInsert::insert(pg::Connection& target, const Slice& slice) {
  if (const std::optional<std::size_t> leaf = guess(target, slice)) {
    return insert_into_leaf(target, slice, routes_->leaves[*leaf]);
  }
  was_wrong_ = false;
  const planner::Condition condition = planner::between_sql(plan_.key, slice.lower, slice.upper);
  return target.query_prepared(through_target_sql_ + condition.sql, condition.parameters).affected_rows();
}

}  // namespace pgsluice::mover

#include "mover/source_insert.hpp"

#include <algorithm>
#include <iterator>

#include "mover/routing_check.hpp"
#include "mover/touched.hpp"
#include "pg/failure.hpp"
#include "pg/identifier.hpp"
#include "pg/statements.hpp"

namespace pgsluice::mover {

namespace {

using planner::Key;

constexpr std::string_view kCheckViolation = "23514";
constexpr unsigned kWrongMax = 3;  // So many batches may be moved twice; then the statistics were not worth it.

// The key columns of the routes, of the slice's first and last row: of the heap's blocks at its ends, or by the key.
pg::Step both_ends_sql(const planner::Plan& plan, const LeafRoutes& routes, const Slice& slice) {
  std::string columns;
  for (const RoutedColumn& column : routes.columns) {
    columns += (columns.empty() ? "" : ", ") + pg::quoted(column.name);
  }
  planner::Condition condition = planner::between_sql(plan.key, slice.lower, slice.upper);
  const std::string from = " FROM " + source_rows_sql(plan) + " WHERE " + condition.sql;
  std::string ends;
  if (!plan.key.is_ctid()) {
    std::string backwards;
    for (const planner::KeyColumn& column : plan.key.columns) {
      backwards += (backwards.empty() ? "" : ", ") + pg::quoted(column.name) + " DESC";
    }
    const std::string forwards = planner::columns_sql(plan.key);
    ends = "(SELECT " + columns + from + " ORDER BY " + forwards + " LIMIT 1) UNION ALL (SELECT " + columns + from +
           " ORDER BY " + backwards + " LIMIT 1)";
  } else {
    // A heap has no way back from its end, so the last block of the slice stands for the last row.
    const std::string last_block = slice.upper ? std::to_string(std::stoull(slice.upper->front()) - 1) : "";
    const std::string last = slice.upper ? " AND ctid >= '(" + last_block + ",0)'::pg_catalog.tid" : "";
    ends = "(SELECT " + columns + from + " LIMIT 1) UNION ALL (SELECT " + columns + from + last + " LIMIT 1)";
  }
  return {std::move(ends), std::move(condition.parameters), false, true};
}

// The leaf of a row of that answer.
std::int32_t leaf_at(const pg::Result& ends, int row, const LeafRoutes& routes) {
  std::vector<pg::CopyField> fields(planner::Router::kKeyColumnsMax);
  for (int i = 0; i < ends.column_count(); ++i) {
    const std::string_view bytes = ends.text(row, i);
    fields[static_cast<std::size_t>(i)] = {bytes.data(),
                                           ends.is_null(row, i) ? -1 : static_cast<std::int32_t>(bytes.size())};
  }
  return routes.router.leaf_of(fields.data());
}

// Takes the last `count` of the answers away.
std::vector<pg::Result> take_last(std::vector<pg::Result>& answers, std::size_t count) {
  const auto first = answers.end() - static_cast<std::ptrdiff_t>(count);
  std::vector<pg::Result> last(std::make_move_iterator(first), std::make_move_iterator(answers.end()));
  answers.erase(first, answers.end());
  return last;
}

// An INSERT, or the same under measurement.
pg::Step insert_step(const std::string& sql, pg::Parameters parameters, bool is_prepared, bool is_measured) {
  if (is_measured) {
    return {measured_sql(sql), std::move(parameters), false, false};
  }
  return {sql, std::move(parameters), is_prepared, false};
}

SourceInsert::Answers answers_of(const pg::Result& inserted, bool is_measured, std::vector<pg::Result> behind) {
  if (!is_measured) {
    return {inserted.affected_rows(), {}, std::move(behind)};
  }
  const TouchedRows found = parse_explained(inserted.text(0, 0));
  return {found.rows, found.touched, std::move(behind)};
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
  target.begin();  // The check wants one.
  routes_ = read_checked_routes(target, target, plan_).routes;
  target.commit();
}

std::optional<pg::Step> SourceInsert::question(const Slice& slice) const {
  const bool ends_are_known =
      slice.upper && (!plan_.key.is_ctid() || slice.upper->front().find(',') == std::string::npos);
  if (!routes_ || was_wrong_ || !ends_are_known) {
    return std::nullopt;
  }
  return both_ends_sql(plan_, *routes_, slice);
}

std::optional<std::size_t> SourceInsert::guess(pg::Connection& target, const Slice& slice, const pg::Result* answer) {
  landing_ = {};
  if (!has_asked_for_routes_) {
    read_routes(target);
  }
  const std::optional<pg::Step> asked = question(slice);
  if (!asked) {
    return std::nullopt;
  }
  std::vector<pg::Result> own;
  if (answer == nullptr) {
    own = target.run_together({&*asked, 1});
    answer = &own.front();
  }
  constexpr int kBothEnds = 2;
  if (answer->row_count() < kBothEnds) {
    return std::nullopt;
  }
  const std::int32_t leaf = leaf_at(*answer, 0, *routes_);
  const bool agree = leaf == leaf_at(*answer, 1, *routes_) && leaf != planner::Router::kNoLeaf;
  landing_ = {true, agree ? routes_->leaves[static_cast<std::size_t>(leaf)] : ""};
  return agree ? std::optional(static_cast<std::size_t>(leaf)) : std::nullopt;
}

SourceInsert::Answers SourceInsert::insert_into_leaf(pg::Connection& target, std::string_view mode, const Batch& batch,
                                                     std::string leaf, const std::vector<pg::Step>& behind) {
  constexpr std::size_t kInsert = 1;
  constexpr std::size_t kBelow = 2;
  planner::Condition condition = planner::between_sql(plan_.key, batch.slice.lower, batch.slice.upper);
  std::vector<pg::Step> steps = {
      pg::begin_step(mode),
      // Not prepared: with a thousand leaves, the session would keep a thousand plans.
      insert_step(insert_from_source_head_sql(plan_, leaf) + condition.sql, std::move(condition.parameters), false,
                  batch.is_measured),
      // The INSERT holds a lock on the leaf, so what is true now stays true until the end of the transaction.
      pg::prepared_step(pg::statement("leaves_are_still_below", target.server_major_version()),
                        {target_table_sql(plan_), text_array({leaf})})};
  steps.insert(steps.end(), behind.begin(), behind.end());
  std::vector<pg::Result> answers;
  try {
    answers = target.run_together(steps);
  } catch (const pg::Failure& failure) {
    if (failure.step() != kInsert || failure.sqlstate() != kCheckViolation) {
      throw;
    }
    was_wrong_ = true;
    if (++wrong_count_ >= kWrongMax) {
      routes_.reset();
    }
    throw to_be_repeated("a batch that seemed to belong to " + leaf + " holds rows of other leaves: " + failure.what(),
                         "It is rolled back and comes again through the target.");
  }
  if (!answers[kBelow].boolean(0, 0)) {
    routes_.reset();
    throw to_be_repeated(leaf + " is no longer a partition of the target",
                         "The batch is rolled back and comes again through the target.");
  }
  std::vector<pg::Result> last = take_last(answers, behind.size());
  return answers_of(answers[kInsert], batch.is_measured, std::move(last));
}

std::string SourceInsert::description() const {
  return routes_ ? "straight into the leaf where a batch belongs to one" : "";
}

SourceInsert::Answers SourceInsert::insert(pg::Connection& target, std::string_view mode, const Batch& batch,
                                           const std::vector<pg::Step>& behind) {
  if (const std::optional<std::size_t> leaf = guess(target, batch.slice, batch.answer)) {
    return insert_into_leaf(target, mode, batch, routes_->leaves[*leaf], behind);
  }
  was_wrong_ = false;
  planner::Condition condition = planner::between_sql(plan_.key, batch.slice.lower, batch.slice.upper);
  std::vector<pg::Step> steps = {
      pg::begin_step(mode),
      insert_step(through_target_sql_ + condition.sql, std::move(condition.parameters), true, batch.is_measured)};
  steps.insert(steps.end(), behind.begin(), behind.end());
  std::vector<pg::Result> answers = target.run_together(steps);
  std::vector<pg::Result> last = take_last(answers, behind.size());
  return answers_of(answers[1], batch.is_measured, std::move(last));
}

}  // namespace pgsluice::mover

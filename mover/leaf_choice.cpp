#include "mover/leaf_choice.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include "mover/batch_method.hpp"
#include "mover/routing_check.hpp"
#include "pg/statements.hpp"

namespace pgsluice::mover {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kCheckViolation = "23514";

// A wrong leaf, and a leaf that is not there any more or not ours to fill.
constexpr std::array<std::string_view, 4> kRoutesFault = {kCheckViolation, "42P01", "42501", "3F000"};

std::string savepoint_sql() {
  return "SAVEPOINT pgsluice_routing";
}

std::string release_savepoint_sql() {
  return "RELEASE SAVEPOINT pgsluice_routing";
}

// The least of some: on a busy machine the others measure everything else.
std::chrono::nanoseconds measured_round_trip(pg::Connection& connection) {
  constexpr int kTimes = 8;
  auto least = std::chrono::nanoseconds::max();
  for (int i = 0; i < kTimes; ++i) {
    for (const std::string& sql : {savepoint_sql(), release_savepoint_sql()}) {
      const auto begun = Clock::now();
      connection.query(sql);
      least = std::min<std::chrono::nanoseconds>(least, Clock::now() - begun);
    }
  }
  return least;
}

pg::Failure repeated(const std::string& message, const std::string& detail) {
  return pg::Failure(pg::FailureKind::server, message).detail(detail).sqlstate("40001");
}

}  // namespace

const LeafRoutes* LeafChoice::routes(pg::Connection& target, pg::Connection& source) {
  if (!is_decided_) {
    decide(target, source);
    is_decided_ = true;
  }
  batch_began_ = Clock::now();
  return routes_ && doubt_.empty() && trial_.is_direct() ? &*routes_ : nullptr;
}

void LeafChoice::decide(pg::Connection& target, pg::Connection& source) {
  LeafRoutesAnswer answer = read_checked_routes(target, source, plan_);
  why_not_ = std::move(answer.why_not);
  if (answer.routes) {
    rows_worth_it_ = rows_worth_own_copy(measured_round_trip(target));
    buffers_.emplace(answer.routes->leaves.size());
    routes_ = std::move(answer.routes);
  }
}

LeafCopy LeafChoice::begin_copy(pg::Connection& target) {
  return LeafCopy(plan_, *routes_, *buffers_, rows_worth_it_, target);
}

std::uint64_t LeafChoice::finish_copy(LeafCopy& copy, pg::Connection& target) {
  const std::uint64_t rows = copy.finish();
  std::vector<std::string> names;
  std::vector<std::size_t> used = copy.leaves_used();
  std::sort(used.begin(), used.end());
  used.erase(std::unique(used.begin(), used.end()), used.end());
  for (const std::size_t leaf : used) {
    names.push_back(routes_->leaves[leaf]);
  }
  // The COPYs hold locks on these leaves, so what is true now stays true until the end of the transaction.
  const pg::Result below = target.query_prepared(pg::statement("leaves_are_still_below", target.server_major_version()),
                                                 {target_table_sql(plan_), text_array(names)});
  if (!below.boolean(0, 0)) {
    is_decided_ = false;
    routes_.reset();
    trial_ = WayTrial();
    throw repeated("the partitions of the target changed while rows went into them",
                   "The batch is rolled back and repeated with the partitions as they are now.");
  }
  trial_.moved(rows, Clock::now() - batch_began_);
  return rows;
}

void LeafChoice::blame(const pg::Failure& failure) {
  if (std::find(kRoutesFault.begin(), kRoutesFault.end(), failure.sqlstate()) == kRoutesFault.end()) {
    return;
  }
  doubt_ = failure.what();
  throw repeated("a leaf of the target refused a row that was sent straight to it: " + doubt_,
                 failure.detail() + "\nThe batch is rolled back and repeated through the parent.");
}

// The rows are at fault, not the route.
void LeafChoice::parent_failed(const pg::Failure& failure) {
  if (failure.sqlstate() == kCheckViolation) {
    doubt_.clear();
  }
}

void LeafChoice::parent_succeeded(std::uint64_t rows) {
  if (routes_ && doubt_.empty()) {
    trial_.moved(rows, Clock::now() - batch_began_);
  }
  if (!doubt_.empty()) {
    why_not_ = "a leaf refused what its parent took: " + doubt_;
    routes_.reset();
    buffers_.reset();
    doubt_.clear();
  }
}

std::string LeafChoice::description() const {
  if (!is_decided_) {
    return {};
  }
  if (routes_ && !trial_.is_direct()) {
    return "through the parent, because that is being tried or is faster than " +
           std::to_string(routes_->leaves.size()) + " leaves";
  }
  return routes_ ? "direct to " + std::to_string(routes_->leaves.size()) +
                       (routes_->leaves.size() == 1 ? " leaf" : " leaves")
                 : "through the parent, because " + why_not_;
}

}  // namespace pgsluice::mover

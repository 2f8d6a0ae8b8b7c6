#include "mover/early_indexes.hpp"

#include <algorithm>
#include <chrono>

#include "mover/leaf_index.hpp"
#include "mover/target_session.hpp"
#include "pg/failure.hpp"
#include "pg/identifier.hpp"
#include "planner/index_sql.hpp"

namespace pgsluice::mover {

EarlyIndexes::EarlyIndexes(const planner::Checkpoint& checkpoint, EarlyIndexesOptions options, Observer& observer)
    : plan_(checkpoint.plan()),
      options_(std::move(options)),
      observer_(observer),
      indexes_(leaf_indexes(plan_)),
      completion_(plan_.ranges.size()) {
  for (const planner::PartitionNode* leaf : planner::leaves(plan_.layout)) {
    leaves_.emplace(pg::quoted(leaf->name), leaf);
  }
  for (const planner::Range& range : plan_.ranges) {
    if (checkpoint.state(range.index).status == planner::RangeStatus::done) {
      range_done(range.index, {});
    }
  }
}

bool EarlyIndexes::is_worthwhile(const planner::Plan& plan) {
  return plan.rows_come_leaf_by_leaf && !plan.layout.existing && !planner::target_indexes(plan).empty();
}

void EarlyIndexes::range_done(std::uint32_t range, const Landing& landing) {
  const std::lock_guard lock(mutex_);
  for (const std::string& name : completion_.range_done(range, landing)) {
    const auto leaf = leaves_.find(name);
    for (const planner::TargetIndex& index : indexes_) {
      if (leaf != leaves_.end()) {
        waiting_.push_back({leaf->second, &index});
      }
    }
  }
}

std::optional<EarlyIndexes::Unit> EarlyIndexes::take() {
  const std::lock_guard lock(mutex_);
  if (waiting_.empty() || running_ >= options_.jobs) {
    return std::nullopt;
  }
  ++running_;
  const Unit unit = waiting_.front();
  waiting_.pop_front();
  return unit;
}

gate::Touched EarlyIndexes::build(pg::Connection& target, const Unit& unit) const {
  gate::Touched touched;
  in_transaction(target, [&] {
    be_patient(target);
    set_for_transaction(target, "max_parallel_maintenance_workers", "0");  // The workers are the parallelism.
    set_for_transaction(target, "default_tablespace", "");
    if (!options_.maintenance_work_mem.empty()) {
      set_for_transaction(target, "maintenance_work_mem", options_.maintenance_work_mem);
    }
    // Where another mover is at it there is nothing to do.
    touched = build_leaf_index(target, plan_, *unit.index, *unit.leaf).value_or(gate::Touched{});
  });
  return touched;
}

bool EarlyIndexes::build_one(RangeMover& worker) {
  const std::optional<Unit> unit = take();
  if (!unit) {
    return false;
  }
  if (options_.gate != nullptr && !options_.gate->enter_unpaced()) {
    const std::lock_guard lock(mutex_);
    --running_;
    return false;  // A stop was requested; the index is made by a later run.
  }
  const auto begun = std::chrono::steady_clock::now();
  std::optional<pg::Failure> failure;
  try {
    worker.lend_target([&](pg::Connection& target) {
      const gate::Touched touched = build(target, *unit);
      if (options_.gate != nullptr) {
        options_.gate->leave_unpaced(touched);
      }
    });
  } catch (const pg::Failure& caught) {
    failure = caught;
  }
  const bool is_link_lost = failure && failure->kind() == pg::FailureKind::connection;
  if (failure && !is_link_lost && failure->kind() != pg::FailureKind::interrupted) {
    observer_.noted("left until all rows are moved: " + std::string(failure->what()));
  }
  const std::lock_guard lock(mutex_);
  --running_;
  if (is_link_lost) {  // Moving rows opens a new one, and says so if it cannot.
    waiting_.push_front(*unit);
    return false;
  }
  built_count_ += failure ? 0 : 1;
  busy_seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  return true;
}

bool EarlyIndexes::is_building() const {
  const std::lock_guard lock(mutex_);
  return running_ > 0;
}

std::size_t EarlyIndexes::built_count() const {
  const std::lock_guard lock(mutex_);
  return built_count_;
}

double EarlyIndexes::busy_seconds() const {
  const std::lock_guard lock(mutex_);
  return busy_seconds_;
}

}  // namespace pgsluice::mover

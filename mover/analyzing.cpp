#include "mover/analyzing.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mover/leaf_sizes.hpp"
#include "mover/parallel_units.hpp"
#include "mover/progress_poll.hpp"
#include "mover/target_session.hpp"
#include "mover/unit_progress.hpp"
#include "pg/failure.hpp"
#include "planner/analyze_sql.hpp"
#include "planner/catalog.hpp"
#include "planner/key.hpp"

namespace pgsluice::mover {

namespace {

using planner::PartitionNode;
using planner::Plan;

// Weights of the work, in bytes read. A sample of any table reads no more than this at the server's default of 100 for
// default_statistics_target.
constexpr double kSampleMax = 30'000.0 * 8192;
constexpr double kSmallestWork = 8192;

class Analyzer {
 public:
  Analyzer(const Plan& plan, const Sessions& sessions, const RetryContext& context, const AnalyzeOptions& options)
      : plan_(plan),
        sessions_(sessions),
        context_(context),
        options_(options),
        analyzes_leaves_(!plan.layout.existing),
        units_(options.jobs, context.stop) {
    for (unsigned worker = 0; worker < units_.workers(); ++worker) {
      open_.emplace_back(units_.cancellable([&sessions] { return open_patient_target(sessions, "analyzing"); }));
    }
  }

  void analyze_all();

 private:
  void read_leaves();
  // Leaves come first; those partitioned tables that are analyzed alone, or the root with all below it, come last.
  std::vector<double> work_of_units() const;
  void do_unit(Session& session, std::size_t unit);
  void do_leaf(pg::Connection& target, const PartitionNode& leaf);
  void analyze_tree(pg::Connection& target);
  std::optional<pg::Connection> hold_leaves();
  std::vector<const PartitionNode*> read_unfrozen();
  void freeze_the_rest();
  void run(std::size_t unit_count, const std::function<void(Session&, std::size_t)>& work);

  const Plan& plan_;
  const Sessions& sessions_;
  const RetryContext& context_;
  const AnalyzeOptions& options_;
  const bool analyzes_leaves_;
  ParallelUnits units_;
  std::deque<Session> open_;
  std::vector<LeafSize> leaves_;               // To visit one by one; the largest first.
  std::vector<const PartitionNode*> parents_;  // To analyze alone.
  std::string began_at_;                       // A transaction id later than that of any row.
  std::optional<UnitProgress> progress_;
};

void Analyzer::run(std::size_t unit_count, const std::function<void(Session&, std::size_t)>& work) {
  if (!units_.run(unit_count, [&](unsigned worker, std::size_t unit) { work(open_[worker], unit); })) {
    leave_if_stopped(context_, "analyzing");
  }
}

void Analyzer::read_leaves() {
  if (!analyzes_leaves_ && !options_.freezes) {
    return;
  }
  bool has_analyze_only = false;
  repeat_until_done(open_[0], context_, "looking at the leaves' sizes", [&](pg::Connection& target) {
    leaves_ = read_leaf_sizes(target, plan_.layout);
    began_at_ = fixed_query(target, "next_transaction").text(0, 0);
    has_analyze_only = planner::has_analyze_only(target.server_major_version());
  });
  std::stable_sort(leaves_.begin(), leaves_.end(),
                   [](const LeafSize& a, const LeafSize& b) { return a.table_bytes > b.table_bytes; });
  if (analyzes_leaves_ && has_analyze_only) {
    for (const PartitionNode* node : planner::nodes(plan_.layout)) {
      if (!node->is_leaf()) {
        parents_.push_back(node);
      }
    }
  }
}

std::vector<double> Analyzer::work_of_units() const {
  std::vector<double> work;
  double all_heaps = 0;
  for (const LeafSize& size : leaves_) {
    const auto heap = static_cast<double>(size.heap_bytes);
    all_heaps += heap;
    work.push_back(kSmallestWork + (analyzes_leaves_ ? std::min(heap, kSampleMax) : 0) +
                   (options_.freezes ? static_cast<double>(size.table_bytes) : 0));
  }
  work.resize(work.size() + std::max<std::size_t>(1, parents_.size()), kSmallestWork + std::min(all_heaps, kSampleMax));
  return work;
}

void Analyzer::do_unit(Session& session, std::size_t unit) {
  const bool is_leaf = unit < leaves_.size();
  const PartitionNode& node = is_leaf            ? *leaves_[unit].leaf
                              : parents_.empty() ? plan_.layout.root
                                                 : *parents_[unit - leaves_.size()];
  const std::string what =
      (is_leaf && options_.freezes ? "freezing the rows of " : "analyzing ") + pg::display(node.name);
  repeat_until_done(session, context_, what, [&](pg::Connection& target) {
    progress_->began(unit, target.backend_pid());
    if (is_leaf) {
      do_leaf(target, node);
    } else if (parents_.empty()) {
      analyze_tree(target);
    } else {
      target.query(planner::analyze_only_sql(node).sql);
    }
  });
  progress_->done(unit);
}

void Analyzer::do_leaf(pg::Connection& target, const PartitionNode& leaf) {
  target.query((options_.freezes ? planner::freeze_leaf_sql(leaf, analyzes_leaves_) : planner::analyze_sql(leaf)).sql);
}

void Analyzer::analyze_tree(pg::Connection& target) {
  const PartitionNode& root = plan_.layout.root;
  const std::optional<pg::Connection> holder = analyzes_leaves_ ? hold_leaves() : std::nullopt;
  target.query((holder ? planner::analyze_unheld_sql(root) : planner::analyze_sql(root)).sql);
}

// A session that keeps others from analyzing the leaves, and only that, until it ends. Absent when they cannot be held:
// there are too many for the server's lock table, or the role has lost a privilege on them.
std::optional<pg::Connection> Analyzer::hold_leaves() {
  constexpr std::size_t kPerStatement = 100;
  pg::Connection holder = units_.cancellable([this] { return open_patient_target(sessions_, "holding leaves"); })();
  constexpr std::int64_t kShareOfLockTable = 4;
  if (static_cast<std::int64_t>(leaves_.size()) >
      planner::read_server_facts(holder).lock_count_max / kShareOfLockTable) {
    return std::nullopt;
  }
  const std::vector<const PartitionNode*> all = planner::leaves(plan_.layout);
  try {
    holder.begin();
    for (std::size_t at = 0; at < all.size(); at += kPerStatement) {
      const std::size_t count = std::min(kPerStatement, all.size() - at);
      holder.query(planner::hold_leaves_sql(std::span(all).subspan(at, count)).sql);
    }
  } catch (const pg::Failure& failure) {
    if (failure.kind() != pg::FailureKind::server) {
      throw;
    }
    context_.observer.noted("leaves are analyzed a second time, with their parents: " + std::string(failure.what()));
    return std::nullopt;
  }
  return holder;
}

std::vector<const PartitionNode*> Analyzer::read_unfrozen() {
  std::vector<std::string> schemas;
  std::vector<std::string> names;
  for (const LeafSize& size : leaves_) {
    schemas.push_back(size.leaf->name.schema);
    names.push_back(size.leaf->name.name);
  }
  std::vector<const PartitionNode*> unfrozen;
  repeat_until_done(open_[0], context_, "looking at what is frozen", [&](pg::Connection& target) {
    unfrozen.clear();
    const pg::Result rows = fixed_query(target, "tables_not_frozen",
                                        {planner::to_array_text(schemas), planner::to_array_text(names), began_at_});
    for (int i = 0; i < rows.row_count(); ++i) {
      unfrozen.push_back(leaves_[static_cast<std::size_t>(rows.integer(i, 0) - 1)].leaf);
    }
  });
  return unfrozen;
}

// A short transaction of somebody's, or our own sampling of another leaf beside one, can have held a leaf back. Pages
// that are frozen are passed over.
void Analyzer::freeze_the_rest() {
  const std::vector<const PartitionNode*> held_back = read_unfrozen();
  run(held_back.size(), [&](Session& session, std::size_t i) {
    repeat_until_done(
        session, context_, "freezing the rows of " + pg::display(held_back[i]->name),
        [&](pg::Connection& target) { target.query(planner::freeze_leaf_sql(*held_back[i], false).sql); });
  });
  const std::size_t count = held_back.empty() ? 0 : read_unfrozen().size();
  if (count > 0) {
    context_.observer.noted(std::to_string(count) + " of " + std::to_string(leaves_.size()) +
                            " leaves could not be frozen wholly: an open transaction may still not see their rows, or "
                            "this role does not own them; VACUUM (FREEZE) them later");
  }
}

void Analyzer::analyze_all() {
  read_leaves();
  const std::vector<double> work = work_of_units();
  progress_.emplace(context_.observer, units_.workers(), work);
  context_.observer.phase_began(options_.freezes ? "analyzing and freezing" : "analyzing", "tables");
  progress_->tell();

  const ProgressPoll poll(sessions_, "vacuums_in_progress", *progress_);
  const auto work_on = [this](Session& session, std::size_t unit) { do_unit(session, unit); };
  // The root with all below it must wait for the leaves' own turn; partitioned tables alone need not.
  run(parents_.empty() ? leaves_.size() : work.size(), work_on);
  if (parents_.empty()) {
    run(1, [this](Session& session, std::size_t) { do_unit(session, leaves_.size()); });
  }
  if (options_.freezes) {
    freeze_the_rest();
  }
}

}  // namespace

void analyze_target(const Plan& plan, const Sessions& sessions, const RetryContext& context,
                    const AnalyzeOptions& options) {
  Analyzer(plan, sessions, context, options).analyze_all();
}

}  // namespace pgsluice::mover

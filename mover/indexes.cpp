#include "mover/indexes.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "mover/leaf_index.hpp"
#include "mover/leaf_sizes.hpp"
#include "mover/parallel_units.hpp"
#include "mover/progress_poll.hpp"
#include "mover/target_objects.hpp"
#include "mover/target_session.hpp"
#include "mover/unit_progress.hpp"
#include "pg/failure.hpp"
#include "planner/index_sql.hpp"

namespace pgsluice::mover {

namespace {

using planner::PartitionNode;
using planner::Plan;
using planner::TargetIndex;
using Kind = TargetObjects::Kind;

constexpr std::size_t kAttachedPerTransaction = 100;
constexpr double kSmallestWork = 8192;  // In bytes: an index on an empty leaf is work, too.

// One index to build on one leaf.
struct LeafIndex {
  const TargetIndex* index = nullptr;
  const PartitionNode* leaf = nullptr;
  std::int64_t leaf_bytes = 0;
  std::size_t unit = 0;
  double work() const { return static_cast<double>(leaf_bytes) + kSmallestWork; }
};

// Sessions for ParallelUnits, and what the observer is told.
class Builder {
 public:
  Builder(const Plan& plan, const Sessions& sessions, const RetryContext& context, const IndexOptions& options)
      : plan_(plan),
        sessions_(sessions),
        context_(context),
        indexes_(leaf_indexes(plan)),
        gate_(options.gate),
        units_(options.jobs, context.stop) {
    if (!options.only.empty()) {
      std::erase_if(indexes_, [&](const TargetIndex& index) { return index.source->name != options.only; });
    }
    // The sessions are as many as were asked for; workers of the server beside each would be more.
    Sessions::Settings settings = {{"max_parallel_maintenance_workers", "0"}};
    if (!options.maintenance_work_mem.empty()) {
      settings.emplace_back("maintenance_work_mem", options.maintenance_work_mem);
    }
    for (unsigned worker = 0; worker < units_.workers(); ++worker) {
      open_.emplace_back(units_.cancellable(
          [&sessions, settings] { return open_patient_target(sessions, "building indexes", settings); }));
    }
  }

  void build_all();

 private:
  std::vector<LeafIndex> read_leaf_indexes();
  void build_on_leaf(Session& session, const LeafIndex& wanted);
  // True where one session would still be at this one when the others have done all the rest.
  bool is_more_than_a_fair_share(const LeafIndex& wanted) const;
  void make_constraints(Session& session, const PartitionNode& leaf);
  void build_on_parent(Session& session, const PartitionNode& node, const TargetIndex& index);
  void comment_on_root(Session& session);
  // Calls `work` for each unit; leaves when a stop was requested before all were done.
  void run(std::size_t unit_count, const std::function<void(Session&, std::size_t)>& work);

  const Plan& plan_;
  const Sessions& sessions_;
  const RetryContext& context_;
  std::vector<TargetIndex> indexes_;
  GateKeeper* gate_;
  ParallelUnits units_;
  std::deque<Session> open_;
  std::optional<UnitProgress> progress_;
};

std::string display_index(const pg::QualifiedName& name) {
  return pg::display(std::string_view(name.name));
}

void Builder::run(std::size_t unit_count, const std::function<void(Session&, std::size_t)>& work) {
  if (!units_.run(unit_count, [&](unsigned worker, std::size_t unit) { work(open_[worker], unit); })) {
    leave_if_stopped(context_, "building indexes");
  }
}

std::vector<LeafIndex> Builder::read_leaf_indexes() {
  std::vector<LeafSize> sizes;
  repeat_until_done(open_[0], context_, "looking at the leaves' sizes",
                    [&](pg::Connection& target) { sizes = read_leaf_sizes(target, plan_.layout); });
  std::stable_sort(sizes.begin(), sizes.end(),
                   [](const LeafSize& a, const LeafSize& b) { return a.heap_bytes > b.heap_bytes; });
  std::vector<LeafIndex> wanted;
  for (const LeafSize& size : sizes) {
    for (const TargetIndex& index : indexes_) {
      wanted.push_back({&index, size.leaf, size.heap_bytes, wanted.size()});
    }
  }
  return wanted;
}

bool Builder::is_more_than_a_fair_share(const LeafIndex& wanted) const {
  return wanted.work() * units_.workers() > progress_->total_weight();
}

void Builder::build_on_leaf(Session& session, const LeafIndex& wanted) {
  const std::string what = "building index " + display_index(planner::name_on(plan_, *wanted.index, *wanted.leaf));
  while (true) {
    if (gate_ != nullptr && !gate_->enter_unpaced()) {
      leave_if_stopped(context_, "building indexes");
    }
    std::optional<gate::Touched> touched;
    repeat_until_done(session, context_, what, [&](pg::Connection& target) {
      progress_->began(wanted.unit, target.backend_pid());
      in_transaction(target, [&] {
        if (is_more_than_a_fair_share(wanted)) {
          fixed_query(target, "server_parallel_maintenance");
        }
        touched = build_leaf_index(target, plan_, *wanted.index, *wanted.leaf);
      });
    });
    if (touched && gate_ != nullptr) {
      gate_->leave_unpaced(*touched);
    }
    if (touched) {
      return;
    }
    constexpr std::chrono::milliseconds kOtherMoverPause{500};
    pause(kOtherMoverPause, context_.stop);
    leave_if_stopped(context_, "building indexes");
  }
}

void Builder::make_constraints(Session& session, const PartitionNode& leaf) {
  repeat_until_done(session, context_, "making constraints of " + pg::display(leaf.name), [&](pg::Connection& target) {
    const TargetObjects objects = TargetObjects::read(target, {&leaf});
    in_transaction(target, [&] {
      for (const TargetIndex& index : indexes_) {
        if (index.is_constraint && !objects.has(leaf, Kind::constraint, planner::name_on(plan_, index, leaf).name)) {
          target.query(planner::make_constraint_sql(plan_, index, leaf).sql);
        }
      }
    });
  });
}

// The index of a partitioned table counts as made when it is there, and as valid when all its partitions' are attached:
// so a crash between two of these transactions leaves nothing to drop.
void Builder::build_on_parent(Session& session, const PartitionNode& node, const TargetIndex& index) {
  const pg::QualifiedName name = planner::name_on(plan_, index, node);
  const std::string what = "building index " + display_index(name);
  repeat_until_done(session, context_, what, [&](pg::Connection& target) {
    if (!TargetObjects::read(target, {&node}).has(node, Kind::index, name.name)) {
      in_transaction(
          target, [&] { target.run_script(planner::script_of(planner::create_parent_index_sql(plan_, index, node))); });
    }
  });
  for (std::size_t at = 0; at < node.children.size(); at += kAttachedPerTransaction) {
    leave_if_stopped(context_, "building indexes");
    repeat_until_done(session, context_, "attaching indexes to " + display_index(name), [&](pg::Connection& target) {
      std::vector<const PartitionNode*> chunk;
      for (std::size_t i = at; i < std::min(at + kAttachedPerTransaction, node.children.size()); ++i) {
        chunk.push_back(&node.children[i]);
      }
      const TargetObjects objects = TargetObjects::read(target, chunk);
      in_transaction(target, [&] {
        for (const PartitionNode* child : chunk) {
          const auto present = objects.find(*child, Kind::index, planner::name_on(plan_, index, *child).name);
          if (!present || !present->is_attached) {
            target.query(planner::attach_index_sql(plan_, index, *child, node).sql);
          }
        }
      });
    });
  }
}

void Builder::comment_on_root(Session& session) {
  repeat_until_done(session, context_, "commenting on indexes", [&](pg::Connection& target) {
    for (const TargetIndex& index : indexes_) {
      if (!index.source->comment.empty()) {
        target.query(planner::comment_on_index_sql(plan_, index).sql);
      }
    }
  });
}

void Builder::build_all() {
  if (indexes_.empty()) {
    return;
  }
  const std::vector<LeafIndex> wanted = read_leaf_indexes();
  std::vector<const PartitionNode*> parents;
  for (const PartitionNode* node : planner::nodes(plan_.layout)) {
    if (!node->is_leaf()) {
      parents.push_back(node);
    }
  }
  std::vector<double> work;
  for (const LeafIndex& one : wanted) {
    work.push_back(one.work());
  }
  work.resize(work.size() + parents.size() * indexes_.size(), kSmallestWork);
  progress_.emplace(context_.observer, units_.workers(), work);
  context_.observer.phase_began("building indexes", "indexes");
  progress_->tell();

  {
    const ProgressPoll poll(sessions_, "index_builds_in_progress", *progress_);
    run(wanted.size(), [&](Session& session, std::size_t unit) {
      build_on_leaf(session, wanted[unit]);
      progress_->done(unit);
    });
  }
  const std::vector<const PartitionNode*> all_leaves = planner::leaves(plan_.layout);
  if (std::any_of(indexes_.begin(), indexes_.end(), [](const TargetIndex& index) { return index.is_constraint; })) {
    run(all_leaves.size(), [&](Session& session, std::size_t unit) { make_constraints(session, *all_leaves[unit]); });
  }
  // A partitioned table's index takes in its partitions', so these come first.
  std::reverse(parents.begin(), parents.end());
  run(1, [&](Session& session, std::size_t) {
    std::size_t unit = wanted.size();
    for (const PartitionNode* node : parents) {
      for (const TargetIndex& index : indexes_) {
        build_on_parent(session, *node, index);
        progress_->done(unit++);
      }
    }
    comment_on_root(session);
  });
}

}  // namespace

void build_indexes(const Plan& plan, const Sessions& sessions, const RetryContext& context,
                   const IndexOptions& options) {
  if (!plan.layout.existing) {
    Builder(plan, sessions, context, options).build_all();
  }
}

}  // namespace pgsluice::mover

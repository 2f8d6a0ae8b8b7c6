// Builds the indexes of a leaf as soon as it seems to have all its rows, by the workers that move the rest: one pool
// for both. The leaf's pages are still in memory then, so that a table larger than memory is not read a second time.
//
// Only what can be done later as well: what fails or is not reached here is left to the phase that builds indexes
// (indexes.hpp). A row that comes to such a leaf after all finds the index and is entered into it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "mover/gate_keeper.hpp"
#include "mover/leaf_completion.hpp"
#include "mover/observer.hpp"
#include "mover/range_mover.hpp"
#include "planner/checkpoint.hpp"
#include "planner/target_index.hpp"

namespace pgsluice::mover {

struct EarlyIndexesOptions {
  unsigned jobs = 1;                 // At most so many at once.
  std::string maintenance_work_mem;  // "1GB"; empty leaves the server's.
  GateKeeper* gate = nullptr;        // Each index waits for it.
};

// Thread: any.
class EarlyIndexes {
 public:
  // `checkpoint` and `observer` must outlive it. Ranges that are done already count as such.
  EarlyIndexes(const planner::Checkpoint& checkpoint, EarlyIndexesOptions options, Observer& observer);

  // False where no leaf will ever be seen as complete, or there is nothing to build on one.
  static bool is_worthwhile(const planner::Plan& plan);

  void range_done(std::uint32_t range, const Landing& landing);

  // Builds one index that waits, in the worker's session. Returns false when there was none to build.
  bool build_one(RangeMover& worker);

  // A leaf may be locked for that now.
  bool is_building() const;

  // Of all that were built: how many, and the time that took, summed over the workers.
  std::size_t built_count() const;
  double busy_seconds() const;

 private:
  struct Unit {
    const planner::PartitionNode* leaf = nullptr;
    const planner::TargetIndex* index = nullptr;
  };
  std::optional<Unit> take();
  gate::Touched build(pg::Connection& target, const Unit& unit) const;

  const planner::Plan& plan_;
  const EarlyIndexesOptions options_;
  Observer& observer_;
  const std::vector<planner::TargetIndex> indexes_;
  std::map<std::string, const planner::PartitionNode*> leaves_;  // By quoted name.
  mutable std::mutex mutex_;
  LeafCompletion completion_;
  std::deque<Unit> waiting_;
  unsigned running_ = 0;
  std::size_t built_count_ = 0;
  double busy_seconds_ = 0;
};

}  // namespace pgsluice::mover

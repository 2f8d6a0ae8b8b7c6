// The workers of one run, and who of them is free.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "mover/range_mover.hpp"
#include "mover/stop.hpp"

namespace pgsluice::mover {

// Thread: any, also at once; but a worker that was taken belongs to who took it.
class Crew {
 public:
  // Everything referred to must outlive it. A worker opens its sessions with its first range.
  Crew(const planner::Plan& plan, const Sessions& sessions, const BatchSizerOptions& sizes, const RetryContext& context,
       Tally& tally, const SumForm* sums, GateKeeper* gate, unsigned count);

  // The first `count` workers are free, the others rest.
  void muster(unsigned count);

  // A free worker. There must be one: whoever takes makes sure that no more than were mustered are taken at once.
  unsigned take();
  void give_back(unsigned worker);

  // How many sessions the first `count` workers lack for a method.
  std::uint64_t sessions_missing(unsigned count, planner::Method method);

  // Closes the sessions of all but the first `count` workers. Only while nobody is taken.
  void close_beyond(unsigned count);

  std::size_t size() const { return all_.size(); }
  RangeMover& operator[](unsigned worker) { return *all_[worker]; }

  // The server processes that work for the crew. Only while nobody is taken.
  std::vector<int> backend_pids();

  // As RangeMover::fix_batch_rows(), for all. Thread: any.
  void fix_batch_rows(std::uint64_t rows);

  // Cancels what all of them are doing.
  void cancel_all() const;

 private:
  std::vector<std::unique_ptr<RangeMover>> all_;
  std::mutex mutex_;
  std::vector<unsigned> free_;
};

// Cancels the crew's statements when a stop becomes urgent, so that nobody waits for a long one.
std::jthread watch_for_urgency(const StopRequest& stop, const Crew& crew);

}  // namespace pgsluice::mover

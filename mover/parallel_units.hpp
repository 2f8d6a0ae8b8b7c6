// Does many independent units of work with a few threads, where order does not matter and nothing is recorded in
// between by itself: comparing ranges, emptying leaves. The moving of rows has its own pipeline.
#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <vector>

#include "mover/stop.hpp"
#include "pg/connection.hpp"

namespace pgsluice::mover {

class ParallelUnits {
 public:
  // `workers` is at least 1; `stop` must outlive this.
  ParallelUnits(unsigned workers, const StopRequest& stop) : workers_(workers == 0 ? 1 : workers), stop_(stop) {}

  unsigned workers() const { return workers_; }

  // Wraps what opens a session, so that an urgent stop cancels the statement that the session is running.
  std::function<pg::Connection()> cancellable(std::function<pg::Connection()> open);

  // Calls work(worker, unit) once for each unit in [0, unit_count); `worker` is in [0, workers()) and used by one
  // thread at a time. Returns true when every unit is done, false when a stop was requested before that: the units in
  // hand were finished first, or cancelled if the stop was urgent. Fails: the first failure of a unit, after the other
  // workers finished theirs.
  bool run(std::size_t unit_count, const std::function<void(unsigned worker, std::size_t unit)>& work);

 private:
  void cancel_all();

  unsigned workers_;
  const StopRequest& stop_;
  std::mutex mutex_;
  std::vector<pg::Canceller> cancellers_;
};

}  // namespace pgsluice::mover

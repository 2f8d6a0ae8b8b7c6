// The gate (gate/gate.hpp) as all workers of a run share it: with a clock, a lock, and waits that end when a stop is
// requested. A change of what is allowed is heard of within a second. Whoever waits here holds no transaction, lock or
// snapshot.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>

#include "gate/gate.hpp"
#include "mover/stop.hpp"

namespace pgsluice::mover {

// Thread: any.
class GateKeeper {
 public:
  // `stop` must outlive it. Fails: refused, as gate::Gate does.
  GateKeeper(const gate::Options& options, const StopRequest& stop);

  // Waits until the next batch may begin, of at most `rows_wanted` rows. Before the first wait of more than a moment
  // `before_long_wait` is called once, to let go of what must not be held meanwhile. Returns nothing when a stop was
  // requested instead.
  std::optional<gate::Permit> enter(std::uint64_t rows_wanted, const std::function<void()>& before_long_wait = {});
  // The batch ended, however it ended.
  void leave(const gate::Permit& permit, const gate::Work& work);

  // Waits until work of another kind may begin, like the building of an index, which cannot be paced once it runs; what
  // it cost is told afterwards, and whoever comes next waits for it. Returns false when a stop was requested instead.
  bool enter_unpaced(const std::function<void()>& before_long_wait = {});
  void leave_unpaced(const gate::Touched& touched);

  // So many workers share the gate from now on.
  void workers_are(unsigned count);

  // Calls `change` with the gate and the moment.
  void with(const std::function<void(gate::Gate& gate, double now)>& change);
  gate::Status status();

  // True where work has to be measured, because some budget limits it.
  bool is_limited() const;

  double now() const;

 private:
  const StopRequest& stop_;
  const std::chrono::steady_clock::time_point epoch_;
  mutable std::mutex mutex_;
  gate::Gate gate_;
  unsigned workers_ = 1;
};

}  // namespace pgsluice::mover

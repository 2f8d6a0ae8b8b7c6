// The operator's wish to stop. First request: finish the batch in flight, record, leave. Second: cancel what runs. Set
// from a signal handler, so it is nothing but an atomic.
#pragma once

#include <atomic>

namespace pgsluice::mover {

class StopRequest {
 public:
  // Async-signal-safe.
  void request() { level_.fetch_add(1, std::memory_order_relaxed); }
  bool is_requested() const { return level_.load(std::memory_order_relaxed) > 0; }
  bool is_urgent() const { return level_.load(std::memory_order_relaxed) > 1; }

 private:
  std::atomic<int> level_{0};
  static_assert(std::atomic<int>::is_always_lock_free);
};

}  // namespace pgsluice::mover

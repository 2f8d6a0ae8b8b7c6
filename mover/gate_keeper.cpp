#include "mover/gate_keeper.hpp"

#include <algorithm>
#include <cmath>

namespace pgsluice::mover {

namespace {

constexpr double kLongWaitSeconds = 0.2;
constexpr double kStopIsLookedForSeconds = 0.05;

}  // namespace

GateKeeper::GateKeeper(const gate::Options& options, const StopRequest& stop)
    : stop_(stop), epoch_(std::chrono::steady_clock::now()), gate_(options, 0) {}

double GateKeeper::now() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - epoch_).count();
}

std::optional<gate::Permit> GateKeeper::wait_for_permit(std::uint64_t rows_wanted,
                                                        const std::function<void()>& before_long_wait) {
  bool has_let_go = false;
  double waited_since = now();
  std::unique_lock lock(mutex_);
  while (!stop_.is_requested()) {
    const gate::Decision decision = gate_.next(now(), workers_, rows_wanted);
    if (decision.permit) {
      return decision.permit;
    }
    if (!has_let_go && before_long_wait && std::max(decision.wait_seconds, now() - waited_since) > kLongWaitSeconds) {
      has_let_go = true;
      lock.unlock();
      before_long_wait();
      lock.lock();
      continue;
    }
    // The gate is asked again only when it said so: it accounts each answer as time waited.
    const double until = now() + decision.wait_seconds;
    bool has_changed = false;
    while (!has_changed && !stop_.is_requested() && now() < until) {
      const std::chrono::duration<double> slice(std::min(kStopIsLookedForSeconds, until - now()));
      has_changed = changed_.wait_for(lock, slice) == std::cv_status::no_timeout;
    }
  }
  return std::nullopt;
}

std::optional<gate::Permit> GateKeeper::enter(std::uint64_t rows_wanted,
                                              const std::function<void()>& before_long_wait) {
  return wait_for_permit(rows_wanted, before_long_wait);
}

void GateKeeper::leave(const gate::Permit& permit, const gate::Work& work) {
  const std::lock_guard lock(mutex_);
  gate_.charge(now(), permit, work);
}

bool GateKeeper::enter_unpaced(const std::function<void()>& before_long_wait) {
  const std::optional<gate::Permit> permit = wait_for_permit(1, before_long_wait);
  if (permit) {
    leave(*permit, {0, gate::Touched{}});  // The turn is what counts; the cost comes afterwards.
  }
  return permit.has_value();
}

void GateKeeper::leave_unpaced(const gate::Touched& touched) {
  const std::lock_guard lock(mutex_);
  gate_.charge(now(), {}, {0, touched});
}

void GateKeeper::workers_are(unsigned count) {
  const std::lock_guard lock(mutex_);
  workers_ = std::max(1U, count);
}

void GateKeeper::with(const std::function<void(gate::Gate& gate, double now)>& change) {
  {
    const std::lock_guard lock(mutex_);
    change(gate_, now());
  }
  changed_.notify_all();
}

gate::Status GateKeeper::status() {
  const std::lock_guard lock(mutex_);
  return gate_.status(now());
}

bool GateKeeper::is_limited() const {
  const std::lock_guard lock(mutex_);
  return gate_.is_limited();
}

}  // namespace pgsluice::mover

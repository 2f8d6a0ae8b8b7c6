#include "mover/gate_keeper.hpp"

#include <algorithm>

#include "mover/retry.hpp"

namespace pgsluice::mover {

namespace {

constexpr double kLongWaitSeconds = 0.2;

}  // namespace

GateKeeper::GateKeeper(const gate::Options& options, const StopRequest& stop)
    : stop_(stop), epoch_(std::chrono::steady_clock::now()), gate_(options, 0) {}

double GateKeeper::now() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - epoch_).count();
}

std::optional<gate::Permit> GateKeeper::enter(std::uint64_t rows_wanted,
                                              const std::function<void()>& before_long_wait) {
  bool has_let_go = false;
  const double waited_since = now();
  while (!stop_.is_requested()) {
    gate::Decision decision;
    {
      const std::lock_guard lock(mutex_);
      decision = gate_.next(now(), workers_, rows_wanted);
    }
    if (decision.permit) {
      return decision.permit;
    }
    if (!has_let_go && before_long_wait && std::max(decision.wait_seconds, now() - waited_since) > kLongWaitSeconds) {
      has_let_go = true;
      before_long_wait();
    }
    // Not asked again before it said so: it accounts each answer as time waited.
    pause(std::chrono::ceil<std::chrono::milliseconds>(std::chrono::duration<double>(decision.wait_seconds)), stop_);
  }
  return std::nullopt;
}

void GateKeeper::leave(const gate::Permit& permit, const gate::Work& work) {
  const std::lock_guard lock(mutex_);
  gate_.charge(now(), permit, work);
}

bool GateKeeper::enter_unpaced(const std::function<void()>& before_long_wait) {
  const std::optional<gate::Permit> permit = enter(1, before_long_wait);
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
  const std::lock_guard lock(mutex_);
  change(gate_, now());
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

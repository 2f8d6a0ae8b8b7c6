#include "mover/crew.hpp"

#include <chrono>
#include <condition_variable>

namespace pgsluice::mover {

Crew::Crew(const planner::Plan& plan, const Sessions& sessions, const BatchSizerOptions& sizes,
           const RetryContext& context, Tally& tally, const SumForm* sums, GateKeeper* gate, unsigned count) {
  for (unsigned i = 0; i < count; ++i) {
    all_.push_back(std::make_unique<RangeMover>(plan, sessions, sizes, context, tally, sums, gate));
  }
}

void Crew::muster(unsigned count) {
  const std::lock_guard lock(mutex_);
  free_.clear();
  for (unsigned i = count; i > 0; --i) {
    free_.push_back(i - 1);
  }
}

unsigned Crew::take() {
  const std::lock_guard lock(mutex_);
  const unsigned worker = free_.back();
  free_.pop_back();
  return worker;
}

void Crew::give_back(unsigned worker) {
  const std::lock_guard lock(mutex_);
  free_.push_back(worker);
}

std::uint64_t Crew::sessions_missing(unsigned count, planner::Method method) {
  std::uint64_t missing = 0;
  for (unsigned worker = 0; worker < count; ++worker) {
    missing += all_[worker]->sessions_missing(method);
  }
  return missing;
}

void Crew::close_beyond(unsigned count) {
  for (std::size_t worker = count; worker < all_.size(); ++worker) {
    all_[worker]->close();
  }
}

std::vector<int> Crew::backend_pids() {
  std::vector<int> pids;
  for (const auto& worker : all_) {
    const std::vector<int> own = worker->backend_pids();
    pids.insert(pids.end(), own.begin(), own.end());
  }
  return pids;
}

void Crew::fix_batch_rows(std::uint64_t rows) {
  for (const auto& worker : all_) {
    worker->fix_batch_rows(rows);
  }
}

void Crew::cancel_all() const {
  for (const auto& worker : all_) {
    worker->cancel();
  }
}

std::jthread watch_for_urgency(const StopRequest& stop, const Crew& crew) {
  return std::jthread([&stop, &crew](const std::stop_token& end) {
    constexpr std::chrono::milliseconds kPeriod{50};
    std::mutex mutex;
    std::condition_variable_any ended;
    std::unique_lock lock(mutex);
    while (!end.stop_requested()) {
      if (stop.is_urgent()) {
        crew.cancel_all();
      }
      ended.wait_for(lock, end, kPeriod, [] { return false; });
    }
  });
}

}  // namespace pgsluice::mover

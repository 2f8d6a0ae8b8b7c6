#include "mover/parallel_units.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <thread>

#include "pg/failure.hpp"

namespace pgsluice::mover {

std::function<pg::Connection()> ParallelUnits::cancellable(std::function<pg::Connection()> open) {
  return [this, open = std::move(open)] {
    pg::Connection connection = open();
    const std::lock_guard lock(mutex_);
    cancellers_.push_back(connection.canceller());
    return connection;
  };
}

void ParallelUnits::cancel_all() {
  const std::lock_guard lock(mutex_);
  for (const pg::Canceller& canceller : cancellers_) {
    canceller.cancel();
  }
}

bool ParallelUnits::run(std::size_t unit_count, const std::function<void(unsigned worker, std::size_t unit)>& work) {
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> failed = false;
  std::atomic<std::size_t> done = 0;
  std::exception_ptr first_failure;
  std::mutex mutex;
  std::condition_variable ended;
  const unsigned thread_count = static_cast<unsigned>(std::min<std::size_t>(workers_, unit_count));
  unsigned running = thread_count;

  const auto keep_working = [&](unsigned worker) {
    while (!failed && !stop_.is_requested()) {
      const std::size_t unit = next++;
      if (unit >= unit_count) {
        break;
      }
      try {
        work(worker, unit);
        ++done;
      } catch (...) {
        // What fails after a stop was asked for fails because of it: a cancelled statement, a retry that was cut short.
        if (stop_.is_requested()) {
          break;
        }
        const std::lock_guard lock(mutex);
        if (!failed.exchange(true)) {
          first_failure = std::current_exception();
        }
      }
    }
    const std::lock_guard lock(mutex);
    --running;
    ended.notify_one();
  };

  std::vector<std::thread> threads;
  threads.reserve(thread_count);
  for (unsigned worker = 0; worker < thread_count; ++worker) {
    threads.emplace_back(keep_working, worker);
  }
  {
    constexpr std::chrono::milliseconds kLook{50};
    std::unique_lock lock(mutex);
    while (!ended.wait_for(lock, kLook, [&] { return running == 0; })) {
      if (stop_.is_urgent()) {
        lock.unlock();
        cancel_all();
        lock.lock();
      }
    }
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  if (first_failure) {
    std::rethrow_exception(first_failure);
  }
  return done == unit_count;
}

}  // namespace pgsluice::mover

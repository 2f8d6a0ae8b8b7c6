#include "mover/trial_observer.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <stop_token>

namespace pgsluice::mover {

namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

void TrialObserver::phase_began(std::string_view phase, std::string_view unit) {
  is_moving_ = unit == "ranges";
  phase_begun_ = Clock::now();
  observer_.phase_began(phase, unit);
}

void TrialObserver::progressed(const Progress& progress) {
  Progress shown = progress;
  if (is_moving_ && time_max_) {
    shown.fraction = std::max(shown.fraction, std::chrono::duration<double>(Clock::now() - phase_begun_) /
                                                  std::chrono::duration<double>(*time_max_));
  }
  if (is_moving_ && ranges_max_) {
    shown.fraction = std::max(shown.fraction, static_cast<double>(shown.units_done) /
                                                  static_cast<double>(std::max<std::uint64_t>(1, *ranges_max_)));
  }
  shown.fraction = std::min(shown.fraction, 1.0);
  observer_.progressed(shown);
}

std::jthread watch_time(const StopRequest& operators, StopRequest& trial,
                        std::optional<std::chrono::milliseconds> time_max) {
  return std::jthread([&operators, &trial, time_max](const std::stop_token& end) {
    constexpr std::chrono::milliseconds kPeriod{50};
    const auto begun = Clock::now();
    std::mutex mutex;
    std::condition_variable_any ended;
    std::unique_lock lock(mutex);
    while (!end.stop_requested()) {
      const bool is_time_up = time_max && Clock::now() - begun >= *time_max;
      if ((is_time_up || operators.is_requested()) && !trial.is_requested()) {
        trial.request();
      }
      if (operators.is_urgent() && !trial.is_urgent()) {
        trial.request();
      }
      ended.wait_for(lock, end, kPeriod, [] { return false; });
    }
  });
}

}  // namespace pgsluice::mover

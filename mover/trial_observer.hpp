// What a trial adds to moving: its end by time, and progress measured by that time instead of by ranges.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <thread>

#include "mover/observer.hpp"
#include "mover/stop.hpp"

namespace pgsluice::mover {

// Forwards everything; the fraction that is done follows the time or the number of ranges, whichever is further.
// Thread: as Observer; phase_began() from one thread.
class TrialObserver : public Observer {
 public:
  TrialObserver(Observer& observer, std::optional<std::chrono::milliseconds> time_max,
                std::optional<std::uint64_t> ranges_max)
      : observer_(observer), time_max_(time_max), ranges_max_(ranges_max) {}

  void phase_began(std::string_view phase, std::string_view unit) override;
  void progressed(const Progress& progress) override;
  void noted(std::string_view text) override { observer_.noted(text); }
  void retrying(std::string_view what, std::string_view why, std::chrono::milliseconds pause) override {
    observer_.retrying(what, why, pause);
  }
  void range_failed(std::uint32_t range, std::string_view text) override { observer_.range_failed(range, text); }

 private:
  Observer& observer_;
  const std::optional<std::chrono::milliseconds> time_max_;
  const std::optional<std::uint64_t> ranges_max_;
  bool is_moving_ = false;
  std::chrono::steady_clock::time_point phase_begun_ = std::chrono::steady_clock::now();
};

// Passes the operator's requests on to `trial`, and requests its end itself when the time is up. Both must outlive it.
std::jthread watch_time(const StopRequest& operators, StopRequest& trial,
                        std::optional<std::chrono::milliseconds> time_max);

}  // namespace pgsluice::mover

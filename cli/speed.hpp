// How fast a running job is, smoothed: what happened lately counts most and batches do not make it jump. Time is passed
// in.
#pragma once

#include <chrono>
#include <optional>

namespace pgsluice::cli {

// Thread: one at a time.
class Speed {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // What was `span` ago weighs a third of what is now.
  explicit Speed(std::chrono::duration<double> span) : span_(span) {}

  // The total that a counter has reached. The first call is the start.
  void reached(Time now, double total);

  // Per second; nothing before two different moments are known.
  std::optional<double> per_second() const;

 private:
  std::chrono::duration<double> span_;
  std::optional<Time> last_time_;
  double last_total_ = 0;
  double weighted_amount_ = 0;
  double weighted_seconds_ = 0;
};

}  // namespace pgsluice::cli

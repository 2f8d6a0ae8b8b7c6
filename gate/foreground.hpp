// What the application does, and how much of the server's budget it is therefore left. Its load is believed quickly
// when it grows: as soon as more operations have come than late statistics can explain. It is believed slowly when it
// shrinks, and not at all while reads or commits are slow: then it may do less only because we do so much, and what it
// does when we are quiet counts.
#pragma once

#include <deque>
#include <optional>
#include <string>

namespace pgsluice::gate {

// What the meter shows. Operations of the application may be negative for a while: own work that shows late.
struct ForegroundSeen {
  double seconds = 0;       // Since the last sample,
  double operations = 0;    // in which the application did so much.
  double rate = 0;          // Operations a second, over kSmoothedSeconds or four delays of the meter.
  double rate_of_late = 0;  // The same over two delays, 2 s at least: the shortest time that tells how much.
  double own_rate = 0;      // Ours.
};

class Foreground {
 public:
  static constexpr double kSmoothedSeconds = 8;

  // `delay_seconds`: how late the meter is.
  explicit Foreground(double delay_seconds) : delay_seconds_(delay_seconds) {}

  // `scale`: the budget, to tell much from little. `pressure`: latency by its usual value; absent: unknown.
  void observe(double now, const ForegroundSeen& seen, double scale, std::optional<double> pressure);

  // Operations a second, to be left to the application. Absent: nothing was measured yet.
  std::optional<double> believed() const;
  std::optional<double> live() const;
  // What it does when we are quiet, high (95th percentile) or middling; absent until it was watched for a while.
  std::optional<double> baseline() const { return baseline_; }
  std::optional<double> baseline_median() const { return baseline_median_; }
  // Whether latency vouches for the live value.
  bool is_unhindered() const { return is_unhindered_; }

  // "the application does 420 operations/s", or what is believed instead and why.
  std::string text() const;

 private:
  // More than was believed, and not yet explained.
  struct Excess {
    double operations = 0;
    double seconds = 0;
    double largest = 0;  // Of one sample: the late news of one long query are no load.
  };
  bool has_grown(const ForegroundSeen& seen, double scale);
  void note_quiet(double rate);
  double delay_seconds_;
  Excess excess_;
  std::deque<double> quiet_;
  std::optional<double> baseline_;
  std::optional<double> baseline_median_;
  std::optional<double> live_;
  std::optional<double> grown_at_;
  std::optional<double> calm_since_;
  bool is_unhindered_ = false;
};

}  // namespace pgsluice::gate

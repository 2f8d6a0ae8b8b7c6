// What the application does, and how much of the server's budget it is therefore left. Its load is believed quickly
// when it grows and slowly when it shrinks. And it is not believed to have shrunk while reads or commits are slow: then
// it may do less only because we do so much, and what it does when we are quiet counts.
#pragma once

#include <deque>
#include <optional>
#include <string>

namespace pgsluice::gate {

// The application's operations a second by the meter, over short times one after the other and over a longer one.
struct ForegroundRates {
  double recent = 0;
  double before = 0;
  double smoothed = 0;
};

class Foreground {
 public:
  // `own_rate`: operations a second. `scale`: the budget, to tell much from little. `pressure`: latency by its usual
  // value; absent: unknown.
  void observe(double now, const ForegroundRates& rates, double own_rate, double scale, std::optional<double> pressure);

  // Operations a second, to be left to the application. Absent: nothing was measured yet.
  std::optional<double> believed() const;
  std::optional<double> live() const { return live_; }
  // What it does when we are quiet, high (95th percentile) or middling; absent until it was watched for a while.
  std::optional<double> baseline() const { return baseline_; }
  std::optional<double> baseline_median() const { return baseline_median_; }
  // Whether latency vouches for the live value.
  bool is_unhindered() const { return is_unhindered_; }

  // "the application does 420 operations/s", or what is believed instead and why.
  std::string text() const;

 private:
  void note_quiet(double rate);
  std::deque<double> quiet_;
  std::optional<double> baseline_;
  std::optional<double> baseline_median_;
  std::optional<double> live_;
  std::optional<double> observed_at_;
  std::optional<double> calm_since_;
  bool is_unhindered_ = false;
};

}  // namespace pgsluice::gate

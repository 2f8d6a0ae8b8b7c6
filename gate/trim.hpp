// The slow correction of an allowance: integral only, in small steps, far slower than the meter is late. The main path
// is feed-forward; this takes care of what the cost model gets wrong and of time that is lost between batches.
//
// Invariants:
//   I1  It stays within [0.5, 1.5] and moves by at most 10 % in a step, one step every max(12 s, twice the delay).
//   I2  It does not move while frozen, nor by a window in which less than 90 % of the allowance was used, or more than
//       110 %: what is not asked for is not saved up, and work that could not be paced is no error of the rate.
#pragma once

#include <optional>

namespace pgsluice::gate {

class Trim {
 public:
  // `delay_seconds`: how late the meter is.
  explicit Trim(double delay_seconds);

  // At the moment `now`, since any fixed moment: `charged`, what was charged for own work, and `measured`, what it was
  // worth by all that is known now; a second, until now: `target`, what it should be worth, and `allowance`, what was
  // allowed.
  void observe(double now, double charged, double measured, double target, double allowance);

  // The window that was begun is worth nothing: a brake or the guard is on, the meter is blind, a new epoch.
  void freeze();

  // The cost model charges `times` as much as before: gives back what was only its substitute, and no more.
  void cost_changed(double times);

  double factor() const { return factor_; }

 private:
  struct Window {
    double begun;
    double seen;
    double charged;
    double measured;
    double target_sum = 0;
    double allowance_sum = 0;
  };
  double period_seconds_;
  double factor_ = 1;
  double error_ = 0;  // Smoothed, relative.
  std::optional<Window> window_;
};

}  // namespace pgsluice::gate

// A token bucket with debt, in any unit: filled at a rate, emptied by work. Work may start while the balance is not
// negative and is paid for when its cost is known; an estimate is set aside at its start, so that several workers that
// start at once do not overshoot together.
//
// Invariants:
//   T1  No wait is negative, NaN or longer than the longest debt (300 s of the rate).
//   T2  Idle time gives no more than `depth_seconds` of the rate.
//   T3  A clock that stands still or goes back gives nothing and takes nothing.
#pragma once

namespace pgsluice::gate {

class TokenBucket {
 public:
  // `rate`: units a second, more than 0; infinite: nobody waits. Begins empty, at the moment `now`.
  TokenBucket(double rate, double depth_seconds, double now);

  // What is owed or saved is kept, in units; savings within the new depth.
  void set_rate(double now, double rate);
  double rate() const { return rate_; }

  // Seconds until work may start; 0: now.
  double wait_seconds(double now);

  // Work begins that will cost about `estimate`.
  void reserve(double now, double estimate);
  // It ended and cost `actual`; not a number or negative: the estimate stands.
  void settle(double now, double estimate, double actual);

  // Units; negative: owed.
  double balance(double now);

 private:
  void refill(double now);
  void limit();
  double rate_;
  double depth_seconds_;
  double filled_at_;
  double balance_ = 0;
};

}  // namespace pgsluice::gate

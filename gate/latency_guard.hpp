// Slows down when the server answers slower than it can: burst credits are spent, a neighbour woke up. Looks at the
// least latency of some seconds, so that a single slow answer means nothing: when even the fastest is slow, a queue
// stands. Halves the rate, and gives it back in small steps.
#pragma once

#include <deque>
#include <optional>
#include <string>

namespace pgsluice::gate {

// One latency: its least value of the last 4 s against the least it ever had. The floor follows a lasting change within
// a quarter of an hour.
class LatencySignal {
 public:
  // Seconds. Not a number or not positive: ignored.
  void add(double now, double latency);

  // Times its floor; absent without three values within 4 s, spread over 2 s at least.
  std::optional<double> ratio(double now) const;
  std::optional<double> floor() const { return floor_; }

 private:
  struct Entry {
    double seconds;
    double latency;
  };
  std::optional<double> least(double now) const;
  std::deque<Entry> entries_;
  std::optional<double> floor_;
  double floor_at_ = 0;
};

class LatencyGuard {
 public:
  void add_commit(double now, double latency) { commit_.add(now, latency); }
  void add_read(double now, double latency) { read_.add(now, latency); }

  // Brings factor() up to date.
  void observe(double now);

  // Of the rate; within [0.05, 1].
  double factor() const { return factor_; }
  bool is_active() const { return factor_ < 1; }
  // The worse of both signals; absent: neither is known.
  std::optional<double> pressure(double now) const;
  // Why the rate is lowered: "a commit takes 3.2 times as long as usual".
  const std::string& text() const { return text_; }

 private:
  LatencySignal commit_;
  LatencySignal read_;
  double factor_ = 1;
  std::optional<double> changed_at_;
  std::string text_;
};

}  // namespace pgsluice::gate

// What a server does with constant work over time: as fast as its limits allow, while credits last and after. From one
// event (a bucket runs empty or full, the work ends) to the next every rate is constant, so each phase is computed at
// once, exactly.
//
// Invariants:
//   S1  The units of all phases together are the units that were worked on.
//   S2  Within one call of work() the rate never rises: a bucket that fills lifts no limit that binds.
//   S3  A phase's operations and bytes a second are within every limit.
#pragma once

#include <limits>
#include <optional>
#include <vector>

#include "capacity/server.hpp"

namespace pgsluice::capacity {

inline constexpr double kForever = std::numeric_limits<double>::infinity();

// What others use meanwhile, a second. It goes first; what it leaves is for the work.
struct Load {
  double ops = 0;
  double bytes = 0;
};

// At most so many units a second, for a reason that no server limit knows.
struct RateCap {
  Limit limit = Limit::demand;
  double units_per_second = kForever;
};

// What one unit of work costs; a unit is whatever the caller counts (a row, an operation). It goes as fast as it can
// unless capped.
struct Demand {
  double ops_per_unit = 0;
  double bytes_per_unit = 0;
  std::vector<RateCap> caps;
};

// A time of constant rate.
struct Phase {
  double begin_seconds = 0;
  double seconds = 0;  // Infinite when the work never ends: others leave nothing.
  double units = 0;    // Done in it.
  double units_per_second = 0;
  double ops_per_second = 0;  // Others' included.
  double bytes_per_second = 0;
  Limit limit = Limit::nothing;  // What binds.
  std::optional<Limit> emptied;  // Whose credits end at its end; one of them when several do.
  std::optional<Limit> filled;

  double end_seconds() const { return begin_seconds + seconds; }
};

struct SimulationOptions {
  double unknown_credits = 0;  // The share that is taken where nobody knows: 0 is the safe side.
  Load foreground = {};
  std::optional<double> target_ops = std::nullopt;  // The most operations a second, others' included.
};

class Simulation {
 public:
  Simulation(const Server& server, const SimulationOptions& options);

  // Works on `units` more, for `seconds_max` at most; credits go on from where they were. Not both may be infinite
  // where nothing limits the rate. Returns the units done.
  double work(const Demand& demand, double units, double seconds_max = kForever);

  // Lets time pass without work; the foreground goes on. `seconds` may be infinite.
  void rest(double seconds);

  double seconds() const { return seconds_; }
  const std::vector<Phase>& phases() const { return phases_; }

  // Operations or bytes that may be used above the baseline; 0 for a limit without burst.
  double credits(Limit limit) const;

 private:
  struct Bucket {
    LimitBucket is;
    double credits = 0;
    double allowed() const { return credits > 0 ? is.burst : is.base; }
  };
  struct Rate {
    double units_per_second = kForever;
    Limit limit = Limit::nothing;
  };
  // How much of the server's operations (or bytes) a second is to be had.
  double allowed(bool ops) const;
  Rate rate_of(const Demand& demand) const;
  // One phase, which ends at `end_seconds` at the latest. Returns the units done.
  double advance(const Demand& demand, Rate rate, double units, double end_seconds);

  std::vector<Bucket> buckets_;
  double operation_bytes_max_;
  Load foreground_;
  double seconds_ = 0;
  std::vector<Phase> phases_;
};

// How many times longer work takes than a trial of so many seconds on the same server, begun with the same credits,
// lets expect from its mean rate. `units` infinite: for a job that is long beside every burst.
double trial_error(const Server& server, const SimulationOptions& options, const Demand& demand, double trial_seconds,
                   double units = kForever);

}  // namespace pgsluice::capacity

// Decides when a worker may move its next batch, and how large it may be, so that the volume sees no more I/O than the
// operator allows. Feed-forward: what a batch will cost is known from those before it, and a token bucket, one for all
// workers, spaces them. Everything else moves the bucket's rate:
//
//   rate = min(own budget, server's budget - what the application does) x trim x guard
//
// Pure: time is an argument, in seconds since any fixed moment; samples of the server's counters come in through
// observe(). It reads nothing, sleeps nowhere and is not safe for threads by itself.
//
// Invariants:
//   A1  Without a meter's figures it is slow (a quarter of the budget), never free.
//   A2  Nothing but a brake stops the rows: the rate never falls below operations_floor() and bytes_floor().
//   A3  Every wait has a reason that a person can read, and is accounted to it.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gate/batch_limit.hpp"
#include "gate/brake.hpp"
#include "gate/budget.hpp"
#include "gate/cost_model.hpp"
#include "gate/foreground.hpp"
#include "gate/latency_guard.hpp"
#include "gate/meter_health.hpp"
#include "gate/own_work.hpp"
#include "gate/server_history.hpp"
#include "gate/token_bucket.hpp"
#include "gate/trim.hpp"
#include "gate/wait_account.hpp"

namespace pgsluice::gate {

struct Options {
  Budget budget;
  bool has_meter = true;           // observe() will be called every second or so.
  double meter_delay_seconds = 1;  // How late its figures are.
  double blind_seconds = 15;       // Without news for so long, it is blind; no less than thrice the delay.
  Cost assumed_per_row = {2.0, 2.0 * kPageBytes};  // Until something is known; from a trial, say.
};

// A batch may begin. Give it back to charge() when the batch ended, however it ended.
struct Permit {
  std::uint64_t rows_max = 0;
  Cost reserved;
};

struct Decision {
  std::optional<Permit> permit;
  double wait_seconds = 0;  // Without a permit: ask again then, a second later at most.
  std::string reason;       // Without a permit: why.
};

// For a progress display. Rates are a second; infinite where nothing limits.
struct Status {
  Cost allowance;
  Cost own_rate;  // Of the last 10 s.
  Cost per_row;   // What a row is expected to cost.
  Trust trust = Trust::assumed;
  double written_per_dirtied = 1;
  double operations_per_page = 1;
  double trim_operations = 1;
  double trim_bytes = 1;
  double guard = 1;
  std::optional<double> pressure;             // Latency by its usual value.
  std::optional<double> foreground_live;      // Operations a second.
  std::optional<double> foreground_believed;  // What is left to the application of --server-iops.
  std::string foreground_text;
  bool is_blind = false;
  double meter_age_seconds = 0;
  unsigned meter_epochs = 0;
  std::string waiting_for;  // Why the last one who asked within a second had to wait; empty: nobody had to.
  std::map<std::string, double> seconds_waited;  // Per reason's name: "operations", "bytes", "server", "guard", "blind"
                                                 // and the brakes' names.
};

class Gate {
 public:
  // Fails: refused, as check(Budget); or if the server's total is limited and there is no meter.
  Gate(Options options, double now);

  // A worker wants to move a batch of at most `rows_wanted` rows; `workers`: how many share this gate, with this one.
  Decision next(double now, unsigned workers, std::uint64_t rows_wanted = std::numeric_limits<std::uint64_t>::max());
  // That batch ended and did `work`. One that was rolled back did work, too; one that never began did none.
  void charge(double now, const Permit& permit, const Work& work);

  // What the meter read.
  void observe(double now, const MeterSample& sample);
  // How long one of our own small commits took.
  void observe_commit(double now, double seconds);

  // Other limits, from now on.
  // Fails: as the constructor; then the old ones hold.
  void set(double now, const Budget& budget);

  // Fails: refused, if there is one of this name.
  void add(Brake brake);
  // By name; aborts the program if there is none.
  void measure(const std::string& brake, double value);
  void turn(const std::string& brake, bool is_on);
  void describe(const std::string& brake, std::string text);

  Status status(double now);

  // Whether any budget limits it; brakes may stop it all the same.
  bool is_limited() const;

 private:
  static constexpr double kAskAgainSeconds = 1;

  enum class Binding { operations, bytes, server, guard, blind };

  void check(const Budget& budget) const;
  void adjust(double now);
  void learn(double now);
  void watch_application(double now);
  void trim(double now);
  template <typename Change>
  void change_model(Change change);
  Brake& brake(const std::string& name);
  bool is_braked() const;
  double limit_operations() const;  // The smaller of both limits on operations; infinite: none.
  Binding binding(bool waits_for_bytes) const;
  std::string text(Binding binding, double now) const;

  Options options_;
  CostModel model_;
  BatchLimit batch_limit_;
  TokenBucket operations_;
  TokenBucket bytes_;
  Trim trim_operations_;
  Trim trim_bytes_;
  LatencyGuard guard_;
  Foreground foreground_;
  MeterHealth meter_;
  ServerHistory history_;
  OwnWork own_;
  WaitAccount waits_;
  std::vector<Brake> brakes_;
  std::optional<double> learned_at_;
  std::string waiting_for_;  // Of the last one who had to wait, at the moment
  double waited_at_ = 0;

  // What adjust() found.
  Cost target_;  // Before trim and guard.
  bool is_blind_ = false;
  bool is_server_binding_ = false;
  bool is_at_floor_ = false;
};

}  // namespace pgsluice::gate

// Which method, and with how many sessions, moves this very table best: found by measuring. The first ranges are real
// work, moved by each eligible method in turn; the best for the resource that binds goes on. Pure: what was measured
// comes in, what to do next goes out. mover/pipeline.cpp does it.
//
// The order of trials: every method once to warm up (sessions, prepared statements, caches), then in turn and measured,
// again while the best two are close and the budget lasts; then the best method with other session counts.
//
// Invariants:
//   B1  Trials take at most about `share_max` of the ranges; a table of too few ranges goes on with the first method.
//   B2  Only a measured difference moves the choice away from the first method and the given session count.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "planner/plan.hpp"

namespace pgsluice::mover {

// What a choice is best for: rows a second, bytes of WAL a row, or I/O (WAL and blocks read) a row.
enum class Optimize { time, wal, io };
std::string_view name_of(Optimize optimize);
// Fails: refused, listing the names that exist.
Optimize optimize_named(std::string_view name);

// How rows travel.
struct Choice {
  planner::Method method = planner::Method::insert;
  unsigned workers = 1;
  bool operator==(const Choice&) const = default;
};
std::string display(const Choice& choice);  // "insert with 4 workers"

// What one trial found. Figures that could not be seen are absent.
struct Trial {
  Choice choice;
  std::uint64_t rows = 0;
  double rows_per_second = 0;  // Of all workers together, while all of them work.
  std::optional<double> wal_bytes_per_row;
  std::optional<double> blocks_read_per_row;
  std::optional<double> server_cpu_us_per_row;
  bool is_warm_up = false;
};

struct CalibrationOptions {
  std::vector<planner::Method> methods;  // Eligible, the one to fall back on first. At least one.
  unsigned workers = 1;                  // To begin with.
  unsigned workers_max = 1;              // More than `workers`: other counts are tried, too.
  Optimize optimize = Optimize::time;
  std::size_t ranges = 0;   // Left to move.
  double share_max = 0.05;  // Of them, for all trials.
};

class Calibration {
 public:
  explicit Calibration(CalibrationOptions options);

  struct Request {
    Choice choice;
    std::size_t ranges = 0;  // To move in this trial.
    bool is_warm_up = false;
  };
  // The next trial; absent when the choice is made.
  std::optional<Request> next() const;

  // What the trial of the last request found.
  void add(const Trial& trial);

  // A method proved unfit: it is not tried again. Not for the first one.
  void drop(planner::Method method);

  // The server does not let us have more sessions than this; no less than to begin with.
  void limit_workers(unsigned workers_max);

  // The best so far.
  Choice chosen() const;
  double rows_per_second() const;  // Of the choice; 0 when it was never measured.
  const std::vector<Trial>& trials() const { return trials_; }

  // One sentence for a person: "insert with 2 workers: 712 k rows/s (stream 270 k), by 5 trials over 12 ranges".
  std::string summary() const;

 private:
  std::size_t ranges_per_trial(unsigned workers) const;
  bool is_within_budget(std::size_t ranges) const;
  bool can_pay(unsigned workers) const;  // For one more trial.
  std::optional<Request> next_method() const;
  std::optional<Request> next_workers() const;
  std::size_t measured_count(const Choice& choice) const;
  std::optional<double> score(const Choice& choice) const;
  planner::Method best_method() const;

  CalibrationOptions options_;
  bool compares_methods_ = false;
  std::vector<Trial> trials_;
  std::size_t ranges_used_ = 0;
};

// The checkpoint's setting that keeps the last decision.
inline constexpr const char* kCalibrationSetting = "calibration";

// What is kept there, and shown by status and the summary of a run.
nlohmann::ordered_json to_document(const Calibration& calibration, Optimize optimize, const std::string& at,
                                   const std::string& reason);
// What such a document says; absent when it is none.
struct RememberedChoice {
  Choice choice;
  double rows_per_second = 0;
};
std::optional<RememberedChoice> choice_in(const std::string& document);

// Tells when the rate has fallen by a third for long, so that the choice is worth a new look.
class RateWatch {
 public:
  // `rows_per_second`: what is to be expected. `window_seconds`: how long is long.
  RateWatch(double rows_per_second, double window_seconds)
      : expected_(rows_per_second), window_seconds_(window_seconds) {}

  // `rows` more were moved until the moment `seconds`, counted from any fixed moment.
  void moved(double seconds, std::uint64_t rows);
  // Forgets the window that has begun.
  void begin_anew();
  // True once a whole window was slower than two thirds of what is expected.
  bool has_fallen() const { return has_fallen_; }

 private:
  double expected_;
  double window_seconds_;
  std::optional<double> window_begun_;
  std::uint64_t rows_in_window_ = 0;
  bool has_fallen_ = false;
};

}  // namespace pgsluice::mover

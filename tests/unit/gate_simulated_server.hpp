// A server for the gate's tests: a volume whose limit may change, an application beside us, checkpoints that write
// dirtied pages later and in storms, statistics that arrive late and in jumps, a meter that may fail, and workers that
// move batches through a gate. Time is simulated; the same seed gives the same run.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <vector>

#include "gate/gate.hpp"

namespace pgsluice::gate {

struct SimulatedServer {
  // All of time in seconds; operations a second.
  std::function<double(double)> capacity = [](double) { return 20'000.0; };
  std::function<double(double)> application = [](double) { return 0.0; };  // What it would do if it could.
  double application_wal_bytes = 0;                                        // Per operation.
  double application_dirtied = 0;                                          // Pages per operation.

  double checkpoint_seconds = 60;
  double storm_seconds = 10;  // So fast a checkpoint writes.
  double written_per_dirtied = 1;
  double operations_per_page = 1;
  double operations_per_written = 1;  // Of a page that is written, times the same.
  double shown_per_written = 1;       // The counter of pages written counts so many for each.
  bool reads_hold_growth = false;     // The counter of pages read counts those by which files grow.
  bool has_device_meter = false;

  double statistics_seconds_min = 0.2;  // From one publication of the counters to the next.
  double statistics_seconds_max = 1;
  std::function<bool(double)> meter_works = [](double) { return true; };
  std::vector<double> resets;  // Of the counters, at these moments.

  Touched per_row = {0.6, 0.3, 400};
  double noise = 0.25;           // Of a batch's cost, relative.
  double spike_share = 0;        // Of the batches, that cost three times as much.
  bool batches_can_tell = true;  // What they touched.
  std::function<double(double)> rows_per_second = [](double) { return 1e9; };  // That there are to move.
};

struct SimulatedRun {
  // Per second.
  std::vector<double> own;          // Operations that own work caused, its writes at the moment of dirtying.
  std::vector<double> own_device;   // The same, its writes at the moment of writing.
  std::vector<double> application;  // What it did.
  std::vector<double> device;       // Everything the volume did.
  std::vector<double> own_bytes;
  std::vector<double> rows;
  std::vector<double> allowance;
  std::vector<double> latency;  // Of the volume, the worst.
  std::vector<Status> status;

  // Of the seconds within [from, to).
  static double mean(const std::vector<double>& values, std::size_t from, std::size_t to);
  static double deviation(const std::vector<double>& values, std::size_t from, std::size_t to);
  static double most(const std::vector<double>& values, std::size_t from, std::size_t to);
};

class Simulation {
 public:
  Simulation(SimulatedServer server, Options options, unsigned workers, std::uint64_t seed)
      : server_(std::move(server)), gate_(std::move(options), 0), random_(seed), workers_(workers) {}

  Gate& gate() { return gate_; }
  // Called once at each of these moments, before workers ask.
  void at(double seconds, std::function<void(Gate&)> act) { acts_.push_back({seconds, std::move(act)}); }

  SimulatedRun run(double seconds);

 private:
  static constexpr double kTick = 0.02;
  static constexpr double kLatency = 0.001;  // Of one operation on an idle volume.

  struct Worker {
    double asks_at = 0;
    std::optional<Permit> permit;
    Work work;
    double left = 0;  // Share of the batch.
    double operations = 0;
  };
  struct Act {
    double seconds;
    std::function<void(Gate&)> act;
    bool is_done = false;
  };
  struct Counters {
    double read = 0;
    double written = 0;
    double wal = 0;
    double device = 0;
    double read_seconds = 0;
    std::uint64_t checkpoints = 0;
  };

  void ask(Worker& worker, double now);
  void serve(double now, SimulatedRun& run);
  void write_pages(double now);
  void publish(double now);
  void sample(double now);
  double uniform(double from, double to) { return std::uniform_real_distribution<double>(from, to)(random_); }

  SimulatedServer server_;
  Gate gate_;
  std::mt19937_64 random_;
  std::vector<Worker> workers_;
  std::vector<Act> acts_;
  Counters counters_;  // True.
  Counters visible_;   // As published.
  double published_at_ = 0;
  double own_dirty_ = 0;  // Pages that the next checkpoint will write.
  double other_dirty_ = 0;
  double own_storm_ = 0;  // Pages that this checkpoint has yet to write.
  double other_storm_ = 0;
  double own_storm_rate_ = 0;
  double other_storm_rate_ = 0;
  double checkpoint_at_ = 0;
  bool is_checkpointing_ = false;
  double latency_ = kLatency;
  double rows_waiting_ = 0;
  double sampled_at_ = 0;
  double committed_at_ = 0;
  std::int64_t resets_ = 0;
};

// Every window of a minute within [from, to) is within 10 % of what is expected.
void expect_each_minute(const std::vector<double>& rates, double expected, std::size_t from, std::size_t to);

// Its application begins at second 300 and ends at second 600.
SimulatedServer server_with_a_visitor(double operations);

// Options with one limit.
Options own_budget(double operations);
Options server_budget(double operations);

}  // namespace pgsluice::gate

// A server for the gate's tests: a volume whose limit may change, an application beside us, checkpoints that write
// dirtied pages later and in storms, statistics that arrive late and in jumps, a meter that may fail, and workers that
// move batches through a gate. Time is simulated; the same seed gives the same run.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <numeric>
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

  static double mean(const std::vector<double>& values, std::size_t from, std::size_t to) {
    return std::accumulate(values.begin() + static_cast<std::ptrdiff_t>(from),
                           values.begin() + static_cast<std::ptrdiff_t>(to), 0.0) /
           static_cast<double>(to - from);
  }
  static double deviation(const std::vector<double>& values, std::size_t from, std::size_t to) {
    const double middle = mean(values, from, to);
    double sum = 0;
    for (std::size_t i = from; i < to; ++i) {
      sum += (values[i] - middle) * (values[i] - middle);
    }
    return std::sqrt(sum / static_cast<double>(to - from));
  }
  static double most(const std::vector<double>& values, std::size_t from, std::size_t to) {
    return *std::max_element(values.begin() + static_cast<std::ptrdiff_t>(from),
                             values.begin() + static_cast<std::ptrdiff_t>(to));
  }
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

inline void Simulation::ask(Worker& worker, double now) {
  if (worker.permit || worker.asks_at > now || rows_waiting_ < 1) {
    return;
  }
  const Decision decision =
      gate_.next(now, static_cast<unsigned>(workers_.size()), static_cast<std::uint64_t>(rows_waiting_));
  if (!decision.permit) {
    worker.asks_at = now + decision.wait_seconds;
    return;
  }
  worker.permit = decision.permit;
  const auto rows = static_cast<double>(decision.permit->rows_max);
  rows_waiting_ -= rows;
  double times = std::max(0.2, std::normal_distribution<double>(1, server_.noise)(random_));
  if (uniform(0, 1) < server_.spike_share) {
    times *= 3;
  }
  worker.work = {rows, server_.per_row * (rows * times)};
  worker.operations = worker.work.touched->pages_read * server_.operations_per_page +
                      worker.work.touched->wal_bytes / kWalBytesPerOperation;
  worker.left = 1;
}

inline void Simulation::serve(double now, SimulatedRun& run) {
  const double wanted_by_application = server_.application(now) * kTick;
  const double own_pages = std::min(own_storm_, own_storm_rate_ * kTick);
  const double other_pages = std::min(other_storm_, other_storm_rate_ * kTick);
  double demand = wanted_by_application + (own_pages + other_pages) * server_.operations_per_page;
  for (const Worker& worker : workers_) {
    demand += worker.permit ? std::min(worker.left * worker.operations, kTick / kLatency) : 0;
  }
  const double share = std::min(1.0, server_.capacity(now) * kTick / std::max(1e-9, demand));
  latency_ = kLatency * (1 + (share < 1 ? 8 * (1 / share - 1) : 0));
  const double application = wanted_by_application * share;
  const double k = server_.operations_per_page;
  counters_.read += application / k;
  counters_.read_seconds += application / k * latency_;
  counters_.wal += application * server_.application_wal_bytes;
  other_dirty_ += application * server_.application_dirtied;

  const auto second = static_cast<std::size_t>(now);
  run.application[second] += application;
  run.device[second] += application + application * server_.application_wal_bytes / kWalBytesPerOperation;
  run.latency[second] = std::max(run.latency[second], latency_);
  for (Worker& worker : workers_) {
    if (!worker.permit) {
      continue;
    }
    // One operation at a time; a tick at least.
    const double part = std::min(worker.left, kTick / kLatency * share / std::max(1.0, worker.operations));
    worker.left -= part;
    const Touched touched = *worker.work.touched;
    const double writes = touched.pages_dirtied * part * server_.written_per_dirtied;
    own_dirty_ += writes;
    run.own[second] += worker.operations * part + writes * k;
    run.own_bytes[second] += (touched.pages_read * part + writes) * kPageBytes + touched.wal_bytes * part;
    run.own_device[second] += worker.operations * part;
    run.device[second] += worker.operations * part;
    run.rows[second] += worker.work.rows * part;
    if (worker.left > 1e-9) {
      continue;
    }
    counters_.read += touched.pages_read;  // Statistics are told when a statement ends.
    counters_.read_seconds += touched.pages_read * latency_;
    counters_.wal += touched.wal_bytes;
    Work work = worker.work;
    if (!server_.batches_can_tell) {
      work.touched.reset();
    }
    gate_.charge(now, *worker.permit, work);
    worker.permit.reset();
    worker.asks_at = now;
  }
  const double own_written = own_pages * share;
  const double other_written = other_pages * share;
  own_storm_ -= own_written;
  other_storm_ -= other_written;
  counters_.written += own_written + other_written;
  run.own_device[second] += own_written * k;
  run.device[second] += (own_written + other_written) * k;
}

inline void Simulation::write_pages(double now) {
  if (is_checkpointing_ && own_storm_ + other_storm_ < 1) {
    is_checkpointing_ = false;
    ++counters_.checkpoints;
  }
  if (now - checkpoint_at_ < server_.checkpoint_seconds || is_checkpointing_) {
    return;
  }
  checkpoint_at_ = now;
  is_checkpointing_ = true;
  own_storm_ += own_dirty_;
  other_storm_ += other_dirty_;
  own_dirty_ = 0;
  other_dirty_ = 0;
  own_storm_rate_ = own_storm_ / server_.storm_seconds;
  other_storm_rate_ = other_storm_ / server_.storm_seconds;
}

inline void Simulation::publish(double now) {
  if (now >= published_at_) {
    visible_ = counters_;
    published_at_ = now + uniform(server_.statistics_seconds_min, server_.statistics_seconds_max);
  }
}

inline void Simulation::sample(double now) {
  constexpr double kCommitSeconds = 0.5;
  if (now - committed_at_ >= kCommitSeconds) {
    committed_at_ = now;
    gate_.observe_commit(now, 2 * latency_ * uniform(1, 1.3));
  }
  if (now - sampled_at_ < 1) {
    return;
  }
  sampled_at_ = now;
  if (!server_.meter_works(now)) {
    return;
  }
  MeterSample sample;
  sample.seconds = now;
  sample.stats_reset = resets_;
  sample.pages_read = static_cast<std::uint64_t>(visible_.read);
  sample.pages_written = static_cast<std::uint64_t>(visible_.written);
  sample.wal_bytes = static_cast<std::uint64_t>(visible_.wal);
  sample.checkpoints_done = visible_.checkpoints;
  sample.read_seconds = visible_.read_seconds;
  if (server_.has_device_meter) {
    sample.device_operations = static_cast<std::uint64_t>(visible_.device);
  }
  gate_.observe(now, sample);
}

inline SimulatedRun Simulation::run(double seconds) {
  const auto count = static_cast<std::size_t>(seconds);
  SimulatedRun run;
  for (std::vector<double>* values : {&run.own, &run.own_device, &run.application, &run.device, &run.own_bytes,
                                      &run.rows, &run.allowance, &run.latency}) {
    values->assign(count, 0);
  }
  const auto ticks = static_cast<std::size_t>(std::llround(seconds / kTick));
  for (std::size_t tick = 0; tick < ticks; ++tick) {
    const double now = (static_cast<double>(tick) + 0.5) * kTick;
    for (Act& act : acts_) {
      if (!act.is_done && now >= act.seconds) {
        act.is_done = true;
        act.act(gate_);
      }
    }
    if (!server_.resets.empty() && now >= server_.resets.front()) {
      server_.resets.erase(server_.resets.begin());
      const std::uint64_t checkpoints = counters_.checkpoints;
      counters_ = {};
      counters_.checkpoints = checkpoints;
      visible_ = counters_;
      ++resets_;
    }
    rows_waiting_ = std::min(server_.rows_per_second(now), rows_waiting_ + server_.rows_per_second(now) * kTick);
    for (Worker& worker : workers_) {
      ask(worker, now);
    }
    const auto second = static_cast<std::size_t>(now);
    const double device_before = run.device[second];
    serve(now, run);
    counters_.device += run.device[second] - device_before;
    write_pages(now);
    publish(now);
    sample(now);
    if (second == run.status.size()) {
      run.status.push_back(gate_.status(now));
      run.allowance[second] = run.status.back().allowance.operations;
    }
  }
  return run;
}

}  // namespace pgsluice::gate

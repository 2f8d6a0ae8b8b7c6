#include "tests/unit/gate_simulated_server.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace pgsluice::gate {

namespace {

std::vector<double> part_of(const std::vector<double>& values, std::size_t from, std::size_t to) {
  return {values.begin() + static_cast<std::ptrdiff_t>(from), values.begin() + static_cast<std::ptrdiff_t>(to)};
}

}  // namespace

double SimulatedRun::mean(const std::vector<double>& values, std::size_t from, std::size_t to) {
  const std::vector<double> part = part_of(values, from, to);
  return std::accumulate(part.begin(), part.end(), 0.0) / static_cast<double>(part.size());
}

double SimulatedRun::deviation(const std::vector<double>& values, std::size_t from, std::size_t to) {
  const double middle = mean(values, from, to);
  double sum = 0;
  for (const double value : part_of(values, from, to)) {
    sum += (value - middle) * (value - middle);
  }
  return std::sqrt(sum / static_cast<double>(to - from));
}

double SimulatedRun::most(const std::vector<double>& values, std::size_t from, std::size_t to) {
  const std::vector<double> part = part_of(values, from, to);
  return *std::max_element(part.begin(), part.end());
}

void Simulation::ask(Worker& worker, double now) {
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

void Simulation::serve(double now, SimulatedRun& run) {
  const double wanted_by_application = server_.application(now) * kTick;
  const double own_pages = std::min(own_storm_, own_storm_rate_ * kTick);
  const double other_pages = std::min(other_storm_, other_storm_rate_ * kTick);
  double demand =
      wanted_by_application + (own_pages + other_pages) * server_.operations_per_page * server_.operations_per_written;
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
    run.own[second] += worker.operations * part + writes * k * server_.operations_per_written;
    run.own_bytes[second] += (touched.pages_read * part + writes) * kPageBytes + touched.wal_bytes * part;
    run.own_device[second] += worker.operations * part;
    run.device[second] += worker.operations * part;
    run.rows[second] += worker.work.rows * part;
    if (worker.left > 1e-9) {
      continue;
    }
    counters_.read +=
        touched.pages_read +
        (server_.reads_hold_growth ? touched.pages_grown : 0);  // Statistics are told when a statement ends.
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
  counters_.written += (own_written + other_written) * server_.shown_per_written;
  run.own_device[second] += own_written * k * server_.operations_per_written;
  run.device[second] += (own_written + other_written) * k * server_.operations_per_written;
}

void Simulation::write_pages(double now) {
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

void Simulation::publish(double now) {
  if (now >= published_at_) {
    visible_ = counters_;
    published_at_ = now + uniform(server_.statistics_seconds_min, server_.statistics_seconds_max);
  }
}

void Simulation::sample(double now) {
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
  sample.reads_hold_growth = server_.reads_hold_growth;
  if (server_.has_device_meter) {
    sample.device_operations = static_cast<std::uint64_t>(visible_.device);
  }
  gate_.observe(now, sample);
}

SimulatedRun Simulation::run(double seconds) {
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

SimulatedServer server_with_a_visitor(double operations) {
  SimulatedServer server;
  server.application = [operations](double now) { return now >= 300 && now < 600 ? operations : 0; };
  server.application_wal_bytes = 200;
  server.application_dirtied = 0.02;
  return server;
}

Options own_budget(double operations) {
  Options options;
  options.budget.operations_per_second = operations;
  return options;
}

Options server_budget(double operations) {
  Options options;
  options.budget.server_operations_per_second = operations;
  return options;
}

void expect_each_minute(const std::vector<double>& rates, double expected, std::size_t from, std::size_t to) {
  constexpr std::size_t kMinute = 60;
  for (std::size_t second = from; second + kMinute <= to; ++second) {
    const double mean = SimulatedRun::mean(rates, second, second + kMinute);
    ASSERT_NEAR(mean, expected, 0.1 * expected) << "in the minute from second " << second;
  }
}

}  // namespace pgsluice::gate

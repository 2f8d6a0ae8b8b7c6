#include "mover/pipeline.hpp"

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_pipeline.h>
#include <oneapi/tbb/task_arena.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>

#include "mover/clock_text.hpp"
#include "mover/range_mover.hpp"

namespace pgsluice::mover {

namespace {

// The workers and who is free. There are as many as tokens in the pipeline, so one is always free for a token.
class Crew {
 public:
  Crew(const planner::Plan& plan, const Sessions& sessions, const BatchSizerOptions& sizes, const RetryContext& context,
       Tally& tally, unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      all_.push_back(std::make_unique<RangeMover>(plan, sessions, sizes, context, tally));
      free_.push_back(all_.back().get());
    }
  }

  RangeMover& take() {
    const std::lock_guard lock(mutex_);
    RangeMover* worker = free_.back();
    free_.pop_back();
    return *worker;
  }

  void give_back(RangeMover& worker) {
    const std::lock_guard lock(mutex_);
    free_.push_back(&worker);
  }

  void cancel_all() const {
    for (const auto& worker : all_) {
      worker->cancel();
    }
  }

 private:
  std::vector<std::unique_ptr<RangeMover>> all_;
  std::mutex mutex_;
  std::vector<RangeMover*> free_;
};

// The first failure that ends the run; later ones are its echoes.
class FirstFailure {
 public:
  void set(std::exception_ptr failure) {
    const std::lock_guard lock(mutex_);
    if (!failure_) {
      failure_ = std::move(failure);
      is_set_ = true;
    }
  }
  bool is_set() const { return is_set_; }
  void rethrow() const {
    if (failure_) {
      std::rethrow_exception(failure_);
    }
  }

 private:
  std::mutex mutex_;
  std::exception_ptr failure_;
  std::atomic<bool> is_set_{false};
};

// Watches for the second request to stop and cancels what runs, so that nobody waits for a long statement.
std::jthread watch_for_urgency(const StopRequest& stop, const Crew& crew) {
  return std::jthread([&stop, &crew](const std::stop_token& end) {
    constexpr std::chrono::milliseconds kPeriod{50};
    while (!end.stop_requested()) {
      if (stop.is_urgent()) {
        crew.cancel_all();
      }
      std::this_thread::sleep_for(kPeriod);
    }
  });
}

struct Job {
  std::uint32_t range;
  std::optional<RangeOutcome> outcome;  // Absent when the worker failed for good.
};

// One pass over the given ranges. Returns those that another mover holds.
std::vector<std::uint32_t> pass(planner::Checkpoint& checkpoint, const std::vector<std::uint32_t>& todo, Crew& crew,
                                unsigned workers, const StopRequest& stop, Tally& tally, FirstFailure& failure,
                                PipelineResult& result) {
  const planner::Plan& plan = checkpoint.plan();
  std::vector<std::uint32_t> elsewhere;
  std::size_t next = 0;

  const auto next_range = [&](oneapi::tbb::flow_control& flow) -> Job {
    if (next == todo.size() || stop.is_requested() || failure.is_set()) {
      flow.stop();
      return {};
    }
    return {todo[next++], std::nullopt};
  };

  const auto move_range = [&](Job job) -> Job {
    RangeMover& worker = crew.take();
    tally.worker_began();
    try {
      job.outcome = worker.move(plan.ranges[job.range]);
    } catch (...) {
      failure.set(std::current_exception());
    }
    tally.worker_ended();
    crew.give_back(worker);
    return job;
  };

  const auto record = [&](const Job& job) {
    if (!job.outcome) {
      return;
    }
    const RangeOutcome& outcome = *job.outcome;
    try {
      switch (outcome.kind) {
        case RangeOutcome::Kind::done:
          ++result.ranges_done;
          checkpoint.record_range(outcome.range, outcome.state);
          break;
        case RangeOutcome::Kind::stopped:
          result.stopped = true;
          checkpoint.record_range(outcome.range, outcome.state);
          break;
        case RangeOutcome::Kind::claimed_elsewhere:
          elsewhere.push_back(outcome.range);
          break;
        case RangeOutcome::Kind::failed: {
          ++result.ranges_failed;
          const std::string text = pg::to_text(*outcome.failure);
          tally.range_failed(outcome.range, text);
          checkpoint.record_range(outcome.range, outcome.state);
          checkpoint.record_error({outcome.range, utc_now_text(), text});
          break;
        }
      }
    } catch (...) {
      failure.set(std::current_exception());  // The checkpoint cannot be written.
    }
  };

  using oneapi::tbb::filter_mode;
  oneapi::tbb::parallel_pipeline(workers,
                                 oneapi::tbb::make_filter<void, Job>(filter_mode::serial_in_order, next_range) &
                                     oneapi::tbb::make_filter<Job, Job>(filter_mode::parallel, move_range) &
                                     oneapi::tbb::make_filter<Job, void>(filter_mode::serial_out_of_order, record));
  result.stopped = result.stopped || next < todo.size();
  return elsewhere;
}

}  // namespace

PipelineResult move_ranges(planner::Checkpoint& checkpoint, const Sessions& sessions, const PipelineOptions& options,
                           const StopRequest& stop, Tally& tally) {
  const planner::Plan& plan = checkpoint.plan();
  std::vector<std::uint32_t> todo;
  for (const planner::Range& range : plan.ranges) {
    if (checkpoint.state(range.index).status != planner::RangeStatus::done) {
      todo.push_back(range.index);
    }
  }
  const unsigned workers =
      static_cast<unsigned>(std::clamp<std::size_t>(todo.size(), 1, std::max(1U, options.workers)));
  BatchSizerOptions sizes;
  sizes.rows_fixed = options.batch_rows;
  sizes.duration_target = options.batch_duration_target;
  sizes.row_bytes = average_row_bytes(plan.source);
  if (plan.method == planner::Method::stream_move) {
    constexpr std::uint64_t kComfortableBufferBytes = 8ULL * 1024 * 1024;
    sizes.bytes_max = kComfortableBufferBytes;
  }
  Crew crew(plan, sessions, sizes, {options.retry, stop, tally}, tally, workers);
  const std::jthread watcher = watch_for_urgency(stop, crew);
  const oneapi::tbb::global_control threads(oneapi::tbb::global_control::max_allowed_parallelism, workers + 1);
  oneapi::tbb::task_arena arena(static_cast<int>(workers));

  PipelineResult result;
  FirstFailure failure;
  while (!todo.empty()) {
    arena.execute([&] { todo = pass(checkpoint, todo, crew, workers, stop, tally, failure, result); });
    failure.rethrow();
    if (result.stopped || todo.empty()) {
      break;
    }
    constexpr std::chrono::milliseconds kOtherMoverPause{500};
    tally.noted(std::to_string(todo.size()) + " ranges are being moved by another mover; waiting for it");
    if (!pause(kOtherMoverPause, stop)) {
      result.stopped = true;
      break;
    }
  }
  return result;
}

}  // namespace pgsluice::mover

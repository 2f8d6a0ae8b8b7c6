#include "mover/pipeline.hpp"

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_pipeline.h>
#include <oneapi/tbb/task_arena.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>

#include "mover/calibration.hpp"
#include "mover/clock_text.hpp"
#include "mover/crew.hpp"
#include "mover/range_queue.hpp"
#include "mover/server_work.hpp"

namespace pgsluice::mover {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kLockNotAvailable = "55P03";
// Of a remembered choice: it was measured while the gate was slow, which a later run need not be.
constexpr const char* kPaced = "paced";

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

// What one pass over ranges is to do.
struct Pass {
  Choice choice;
  std::size_t ranges_max = 0;  // So many, if there are as many.
  RateWatch* rate = nullptr;   // Ends the pass when the rate has fallen; absent in a trial.
  bool may_be_unfit = false;   // A failure may be the method's own: it ends the pass, and the ranges are left.
  bool is_trial = false;       // It measures, so nothing else happens in between.
  EarlyIndexes* early_indexes = nullptr;  // To build in between; absent in a trial.
};

// What a pass found.
struct PassResult {
  std::uint64_t rows = 0;
  double busy_seconds = 0;               // Summed over the workers.
  std::vector<std::uint32_t> elsewhere;  // Ranges that another mover holds.
  std::vector<std::uint32_t> left;       // Ranges on which the method proved unfit.
  std::optional<pg::Failure> unfit;
};

struct Job {
  std::uint32_t range = 0;
  double seconds = 0;
  std::optional<RangeOutcome> outcome;  // Absent when the worker failed for good.
};

// The state of one call of move_ranges, handed from step to step.
struct Moving {
  planner::Checkpoint& checkpoint;
  const PipelineOptions& options;
  const StopRequest& stop;
  Tally& tally;
  Crew& crew;
  std::unique_ptr<RangeQueue> queue;
  Session lead;  // For looking at the server's counters.
  FirstFailure failure;
  PipelineResult result;
  bool is_held_elsewhere = false;            // Some range of this round.
  const std::atomic<unsigned>& workers_set;  // By the operator while the run goes on; 0: not.
  const planner::Plan& plan() const { return checkpoint.plan(); }
};

double seconds_since(Clock::time_point begun) {
  return std::chrono::duration<double>(Clock::now() - begun).count();
}

// True for a failure that another method might not meet: the server refused a statement or a row.
bool may_be_the_methods_own(const pg::Failure& failure) {
  return failure.kind() == pg::FailureKind::server;
}

// At the gate, by all workers.
double seconds_waited(const Moving& moving) {
  double seconds = 0;
  if (moving.options.gate != nullptr) {
    for (const auto& [reason, waited] : moving.options.gate->status().seconds_waited) {
      seconds += waited;
    }
  }
  return seconds;
}

void record_outcome(Moving& moving, const Pass& wanted, PassResult& found, const RangeOutcome& outcome) {
  found.rows += outcome.rows_moved;
  switch (outcome.kind) {
    case RangeOutcome::Kind::done:
      ++moving.result.ranges_done;
      if (moving.options.early_indexes != nullptr) {
        moving.options.early_indexes->range_done(outcome.range, outcome.landing);
      }
      moving.checkpoint.record_range(outcome.range, outcome.state);
      break;
    case RangeOutcome::Kind::stopped:
      moving.result.stopped = true;
      if (outcome.is_state_known) {
        moving.checkpoint.record_range(outcome.range, outcome.state);
      }
      break;
    case RangeOutcome::Kind::claimed_elsewhere:
      found.elsewhere.push_back(outcome.range);
      moving.is_held_elsewhere = true;
      break;
    case RangeOutcome::Kind::failed: {
      if (wanted.may_be_unfit) {
        found.left.push_back(outcome.range);
        found.unfit = outcome.failure;
        break;
      }
      ++moving.result.ranges_failed;
      const std::string text = pg::to_text(*outcome.failure);
      moving.tally.range_failed(outcome.range, text);
      moving.checkpoint.record_range(outcome.range, outcome.state);
      moving.checkpoint.record_error({outcome.range, utc_now_text(), text});
      break;
    }
  }
}

// Moves ranges of the queue until there is none, or enough were moved, or something ends the pass.
PassResult run_pass(Moving& moving, const Pass& wanted) {
  PassResult found;
  moving.crew.muster(wanted.choice.workers);
  if (moving.options.gate != nullptr) {
    moving.options.gate->workers_are(wanted.choice.workers);
  }
  const std::size_t count = std::min(wanted.ranges_max, moving.queue->left());
  std::size_t taken = 0;
  std::atomic<bool> is_over = false;
  std::mutex unfit_mutex;
  const auto begun = Clock::now();
  const auto seconds_indexing = [&] {
    return wanted.early_indexes != nullptr ? wanted.early_indexes->busy_seconds() : 0;
  };
  const double seconds_indexing_before = seconds_indexing();
  double seconds_waited_before = seconds_waited(moving);

  const auto next_range = [&](oneapi::tbb::flow_control& flow) -> Job {
    const unsigned workers_set = moving.workers_set;
    is_over = is_over || (!wanted.is_trial && workers_set != 0 && workers_set != wanted.choice.workers);
    if (taken == count || is_over || moving.stop.is_requested() || moving.failure.is_set()) {
      flow.stop();
      return {};
    }
    ++taken;  // Which range it is depends on the worker.
    return {};
  };

  const auto move_range = [&](Job job) -> Job {
    const unsigned worker = moving.crew.take();
    while (wanted.early_indexes != nullptr && !moving.stop.is_requested() &&
           wanted.early_indexes->build_one(moving.crew[worker])) {
    }
    job.range = moving.queue->take(worker).value();
    moving.tally.worker_began();
    const auto range_begun = Clock::now();
    try {
      job.outcome = moving.crew[worker].move(moving.plan().ranges[job.range], wanted.choice.method);
    } catch (const pg::Failure& failure) {
      if (failure.sqlstate() == kLockNotAvailable && wanted.early_indexes != nullptr &&
          wanted.early_indexes->is_building()) {
        // A row came late to a leaf whose index is being built, and that may take longer than anybody waits for a lock.
        const std::lock_guard lock(unfit_mutex);
        found.left.push_back(job.range);
      } else if (wanted.may_be_unfit && may_be_the_methods_own(failure)) {
        const std::lock_guard lock(unfit_mutex);
        found.unfit = failure;
        found.left.push_back(job.range);
        is_over = true;
      } else {
        moving.failure.set(std::current_exception());
      }
    } catch (...) {
      moving.failure.set(std::current_exception());
    }
    job.seconds = seconds_since(range_begun);
    moving.tally.worker_ended();
    moving.crew.give_back(worker);
    return job;
  };

  const auto record = [&](const Job& job) {
    if (!job.outcome) {
      return;
    }
    found.busy_seconds += job.seconds;
    try {
      const std::lock_guard lock(unfit_mutex);
      record_outcome(moving, wanted, found, *job.outcome);
      is_over = is_over || found.unfit.has_value();
    } catch (...) {
      moving.failure.set(std::current_exception());  // The checkpoint cannot be written.
    }
    if (wanted.rate != nullptr) {
      const double waited = seconds_waited(moving);
      if (waited > std::exchange(seconds_waited_before, waited)) {
        wanted.rate->begin_anew();  // The gate was slow, not the way in which rows travel.
      }
      const double elsewhere = (seconds_indexing() - seconds_indexing_before) / wanted.choice.workers;
      wanted.rate->moved(seconds_since(begun) - elsewhere, job.outcome->rows_moved);
      is_over = is_over || wanted.rate->has_fallen();
    }
  };

  using oneapi::tbb::filter_mode;
  oneapi::tbb::parallel_pipeline(wanted.choice.workers,
                                 oneapi::tbb::make_filter<void, Job>(filter_mode::serial_in_order, next_range) &
                                     oneapi::tbb::make_filter<Job, Job>(filter_mode::parallel, move_range) &
                                     oneapi::tbb::make_filter<Job, void>(filter_mode::serial_out_of_order, record));
  moving.failure.rethrow();
  return found;
}

// Opens the sessions of a trial. Returns why we cannot have them, if we cannot; the trial is not worth a wait.
std::optional<pg::Failure> open_sessions(Moving& moving, const Choice& choice) {
  try {
    const std::uint64_t wanted = moving.crew.sessions_missing(choice.workers, choice.method);
    const std::uint64_t free = read_free_sessions(moving.lead.connection());
    if (2 * wanted > free) {  // The application's sessions come first.
      return pg::Failure(pg::FailureKind::server, "it needs " + std::to_string(wanted) + " more sessions, and " +
                                                      std::to_string(free) + " are free");
    }
    for (unsigned worker = 0; worker < choice.workers; ++worker) {
      moving.crew[worker].open(choice.method);
    }
  } catch (const pg::Failure& failure) {
    if (failure.kind() != pg::FailureKind::interrupted) {
      return failure;
    }
    throw;
  }
  return std::nullopt;
}

// The trial's choice proved unfit: it is not tried again.
void leave_out(Moving& moving, Calibration& calibration, const Choice& choice, const pg::Failure& why) {
  const bool is_for_sessions = choice.workers > moving.options.workers;
  moving.tally.noted(display(choice) + " does not suit and is left out: " + why.what());
  moving.crew.close_beyond(moving.options.workers);
  is_for_sessions ? calibration.limit_workers(choice.workers / 2) : calibration.drop(choice.method);
}

// Moves ranges as one trial and tells the calibration what it found. Returns ranges that are to be moved again.
PassResult run_trial(Moving& moving, Calibration& calibration, const Calibration::Request& request) {
  const auto look = [&] {
    ServerWork work;
    repeat_until_done(moving.lead, {moving.options.retry, moving.stop, moving.tally}, "reading the server's counters",
                      [&](pg::Connection& target) { work = read_server_work(target, moving.crew.backend_pids()); });
    return work;
  };
  const bool is_fallback = request.choice == Choice{moving.plan().method, moving.options.workers};
  if (!is_fallback) {
    if (const std::optional<pg::Failure> too_many = open_sessions(moving, request.choice)) {
      leave_out(moving, calibration, request.choice, *too_many);
      return {};
    }
  }
  const auto begun = Clock::now();
  const ServerWork before = look();
  PassResult found = run_pass(moving, {request.choice, request.ranges, nullptr, !is_fallback, true, nullptr});
  if (found.unfit) {
    leave_out(moving, calibration, request.choice, *found.unfit);
    return found;
  }
  const ServerWork work = difference(look(), before);
  Trial trial{request.choice, found.rows, 0, {}, {}, {}, request.is_warm_up};
  const auto per_row = [&](const std::optional<double>& amount) {
    return amount && found.rows > 0 ? std::optional(*amount / static_cast<double>(found.rows)) : std::nullopt;
  };
  if (found.busy_seconds > 0) {
    trial.rows_per_second = request.choice.workers * static_cast<double>(found.rows) / found.busy_seconds;
  }
  constexpr double kBlocksAreCurrentAfterSeconds = 2;
  constexpr double kMicro = 1e6;
  trial.wal_bytes_per_row = per_row(work.wal_bytes);
  if (seconds_since(begun) > kBlocksAreCurrentAfterSeconds) {
    trial.blocks_read_per_row = per_row(work.blocks_read);
  }
  if (const auto cpu_seconds = per_row(work.cpu_seconds); cpu_seconds && !request.is_warm_up) {
    trial.server_cpu_us_per_row = *cpu_seconds * kMicro;
  }
  calibration.add(trial);
  return found;
}

CalibrationOptions calibration_options(const Moving& moving) {
  CalibrationOptions options;
  options.methods = moving.plan().methods;
  options.workers = moving.options.workers;
  options.workers_max = std::max(moving.options.workers, moving.options.workers_max);
  options.optimize = moving.options.optimize;
  options.ranges = moving.queue->left();
  return options;
}

bool is_eligible(const Moving& moving, const Choice& choice) {
  const std::vector<planner::Method>& methods = moving.plan().methods;
  return std::find(methods.begin(), methods.end(), choice.method) != methods.end();
}

// The choice that an earlier run made, unless the operator overrides it.
std::optional<RememberedChoice> remembered_choice(const Moving& moving) {
  const std::optional<std::string> setting = moving.checkpoint.setting(kCalibrationSetting);
  if (!setting) {
    return std::nullopt;
  }
  if (const auto document = nlohmann::json::parse(*setting, nullptr, false);
      document.is_object() && document.value(kPaced, false)) {
    return std::nullopt;
  }
  std::optional<RememberedChoice> found = choice_in(*setting);
  if (!found || !is_eligible(moving, found->choice)) {
    return std::nullopt;
  }
  const unsigned workers = moving.options.workers_max > moving.options.workers
                               ? std::min(found->choice.workers, moving.options.workers_max)
                               : moving.options.workers;
  if (workers != found->choice.workers) {
    found->choice.workers = workers;
    found->rows_per_second = 0;  // Measured with another number.
  }
  return found;
}

bool has_alternatives(const Moving& moving) {
  return moving.plan().methods.size() > 1 || moving.options.workers_max > moving.options.workers;
}

void append(std::vector<std::uint32_t>& list, const std::vector<std::uint32_t>& more) {
  list.insert(list.end(), more.begin(), more.end());
}

// Moves the queue's ranges, by trials first. Returns those that are to be taken up again: held by another mover, or
// left by a method that proved unfit.
std::vector<std::uint32_t> move_queue(Moving& moving) {
  std::vector<std::uint32_t> again;
  const auto is_over = [&] { return moving.stop.is_requested() || moving.queue->left() == 0; };
  const std::optional<RememberedChoice> remembered = remembered_choice(moving);
  Choice choice = remembered ? remembered->choice : Choice{moving.plan().method, moving.options.workers};
  double rows_per_second = remembered ? remembered->rows_per_second : 0;
  bool must_measure = has_alternatives(moving) && !remembered;
  std::string reason = "the run began";
  while (!is_over()) {
    if (const unsigned workers_set = moving.workers_set; workers_set != 0 && workers_set != choice.workers) {
      choice.workers = workers_set;
      rows_per_second = 0;  // Measured with another number.
      must_measure = false;
      moving.tally.workers_are(choice.workers);
      moving.crew.close_beyond(choice.workers);
    }
    if (must_measure) {
      Calibration calibration(calibration_options(moving));
      const double waited_before = seconds_waited(moving);
      for (auto request = calibration.next(); request && !is_over(); request = calibration.next()) {
        const PassResult found = run_trial(moving, calibration, *request);
        append(again, found.elsewhere);
        append(again, found.left);
      }
      if (moving.stop.is_requested()) {
        break;  // A choice from half of the trials must not be remembered.
      }
      choice = calibration.chosen();
      rows_per_second = calibration.rows_per_second();
      moving.tally.noted("chose " + calibration.summary());
      nlohmann::ordered_json document = to_document(calibration, moving.options.optimize, utc_now_text(), reason);
      document[kPaced] = seconds_waited(moving) > waited_before;
      moving.checkpoint.record_setting(kCalibrationSetting, document.dump());
      moving.tally.workers_are(choice.workers);
      moving.crew.close_beyond(choice.workers);
    }
    RateWatch rate(rows_per_second, static_cast<double>(moving.options.rate_window.count()));
    const PassResult found = run_pass(moving, {choice, moving.queue->left(), rows_per_second > 0 ? &rate : nullptr,
                                               false, false, moving.options.early_indexes});
    append(again, found.elsewhere);
    must_measure = rate.has_fallen();
    if (must_measure) {
      reason = "the rate fell by a third";
      moving.tally.noted(reason + "; measuring again what is best");
    }
  }
  return again;
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
  const auto at_most_one_a_range = [range_count = todo.size()](unsigned count) {
    return static_cast<unsigned>(std::clamp<std::size_t>(range_count, 1, std::max(1U, count)));
  };
  PipelineOptions wanted = options;
  wanted.workers = at_most_one_a_range(options.workers);
  wanted.workers_max = at_most_one_a_range(std::max(options.workers, options.workers_max));
  BatchSizerOptions sizes;
  sizes.rows_fixed = options.batch_rows;
  sizes.duration_target = options.batch_duration_target;
  sizes.row_bytes = average_row_bytes(plan.source);
  if (std::find(plan.methods.begin(), plan.methods.end(), planner::Method::stream_move) != plan.methods.end()) {
    constexpr std::uint64_t kComfortableBufferBytes = 8ULL * 1024 * 1024;
    sizes.bytes_max = kComfortableBufferBytes;
  }
  const unsigned crew_size = options.control != nullptr ? at_most_one_a_range(kControlWorkersMax) : 0;
  Crew crew(plan, sessions, sizes, {options.retry, stop, tally}, tally, options.sums, options.gate,
            std::max(crew_size, wanted.workers_max));
  const std::jthread watcher = watch_for_urgency(stop, crew);
  const oneapi::tbb::global_control threads(oneapi::tbb::global_control::max_allowed_parallelism, crew.size() + 1);
  oneapi::tbb::task_arena arena(static_cast<int>(crew.size()));

  std::atomic<unsigned> workers_set = 0;
  std::optional<ControlSettings::Listening> listening;
  if (options.control != nullptr) {
    listening.emplace(options.control->listen([&](const ControlState& state) {
      workers_set = state.workers ? at_most_one_a_range(static_cast<unsigned>(*state.workers)) : 0;
      crew.fix_batch_rows(state.batch_rows.value_or(0));
    }));
  }

  Moving moving{checkpoint,
                wanted,
                stop,
                tally,
                crew,
                nullptr,
                Session([&sessions] { return sessions.open_target("lead, watching"); }),
                {},
                {},
                false,
                workers_set};
  while (!todo.empty()) {
    moving.queue = std::make_unique<RangeQueue>(todo, wanted.workers);
    moving.is_held_elsewhere = false;
    arena.execute([&] { todo = move_queue(moving); });
    std::sort(todo.begin(), todo.end());
    moving.result.stopped = moving.result.stopped || moving.queue->left() > 0;
    if (moving.result.stopped || todo.empty()) {
      break;
    }
    constexpr std::chrono::milliseconds kOtherMoverPause{500};
    if (!moving.is_held_elsewhere) {
      continue;
    }
    tally.noted(std::to_string(todo.size()) + " ranges are being moved by another mover; waiting for it");
    if (!pause(kOtherMoverPause, stop)) {
      moving.result.stopped = true;
      break;
    }
  }
  return moving.result;
}

}  // namespace pgsluice::mover

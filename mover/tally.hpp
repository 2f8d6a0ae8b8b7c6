// Counts what the workers do and passes it on to the observer: the one place where progress is added up.
#pragma once

#include <cstdint>
#include <mutex>
#include <set>
#include <string>

#include "mover/observer.hpp"

namespace pgsluice::mover {

// An observer in front of another one: forwards everything, counts retries, and turns batches into Progress.
class Tally : public Observer {
 public:
  // `start` is what earlier runs did; its *_this_run counters begin at 0.
  Tally(Observer& observer, const Progress& start) : observer_(observer), progress_(start) {}

  // So many workers are to work from now on.
  void workers_are(unsigned count);
  // As noted(), unless the same was said before: for what every worker finds out by itself.
  void noted_once(const std::string& text);
  void worker_began();
  void worker_ended();
  // A batch of a range was committed. `part` is the share of the range that is done now, 0 to 1; `part_before` what it
  // was.
  void batch_moved(std::uint64_t rows, std::uint64_t bytes, double part_before, double part);
  void range_done(double part_before);
  Progress progress() const;
  std::uint64_t batch_count() const;

  void phase_began(std::string_view phase, std::string_view unit) override { observer_.phase_began(phase, unit); }
  void progressed(const Progress& progress) override { observer_.progressed(progress); }
  void noted(std::string_view text) override { observer_.noted(text); }
  void retrying(std::string_view what, std::string_view why, std::chrono::milliseconds pause) override;
  void range_failed(std::uint32_t range, std::string_view text) override { observer_.range_failed(range, text); }

 private:
  void add_fraction(double units);
  Observer& observer_;
  mutable std::mutex mutex_;
  Progress progress_;
  std::uint64_t batch_count_ = 0;
  std::set<std::string> told_;
};

}  // namespace pgsluice::mover

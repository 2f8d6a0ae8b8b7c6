#include "mover/tally.hpp"

#include <algorithm>

namespace pgsluice::mover {

void Tally::add_fraction(double units) {
  progress_.fraction = std::clamp(
      progress_.fraction + units / static_cast<double>(std::max<std::uint64_t>(1, progress_.units_total)), 0.0, 1.0);
}

void Tally::noted_once(const std::string& text) {
  {
    const std::lock_guard lock(mutex_);
    if (!told_.insert(text).second) {
      return;
    }
  }
  observer_.noted(text);
}

void Tally::workers_are(unsigned count) {
  const std::lock_guard lock(mutex_);
  progress_.workers = count;
}

void Tally::worker_began() {
  const std::lock_guard lock(mutex_);
  ++progress_.workers_busy;
}

void Tally::worker_ended() {
  const std::lock_guard lock(mutex_);
  --progress_.workers_busy;
}

void Tally::batch_moved(std::uint64_t rows, std::uint64_t bytes, double part_before, double part) {
  Progress now;
  {
    const std::lock_guard lock(mutex_);
    progress_.rows_done += rows;
    progress_.rows_this_run += rows;
    progress_.bytes_done += bytes;
    progress_.bytes_this_run += bytes;
    ++batch_count_;
    add_fraction(part - part_before);
    now = progress_;
  }
  observer_.progressed(now);
}

void Tally::range_done(double part_before) {
  Progress now;
  {
    const std::lock_guard lock(mutex_);
    ++progress_.units_done;
    add_fraction(1.0 - part_before);
    now = progress_;
  }
  observer_.progressed(now);
}

Progress Tally::progress() const {
  const std::lock_guard lock(mutex_);
  return progress_;
}

std::uint64_t Tally::batch_count() const {
  const std::lock_guard lock(mutex_);
  return batch_count_;
}

void Tally::retrying(std::string_view what, std::string_view why, std::chrono::milliseconds pause) {
  {
    const std::lock_guard lock(mutex_);
    ++progress_.retries;
  }
  observer_.retrying(what, why, pause);
}

}  // namespace pgsluice::mover

// An observer that remembers what the mover said and lets a test act at its progress: ask it to stop, take its sessions
// away.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "mover/observer.hpp"

namespace pgsluice::tests {

// Thread: as mover::Observer. The texts are read when the mover has returned.
class NotingObserver : public mover::Observer {
 public:
  std::function<void(const mover::Progress&)> at_progress;

  void phase_began(std::string_view phase, std::string_view unit) override {
    const std::lock_guard lock(mutex_);
    phases_.push_back(std::string(phase) + ", " + std::string(unit));
  }
  void progressed(const mover::Progress& progress) override {
    if (at_progress) {
      at_progress(progress);
    }
  }
  void noted(std::string_view text) override {
    const std::lock_guard lock(mutex_);
    notes_ += std::string(text) + "\n";
  }
  void retrying(std::string_view what, std::string_view why, std::chrono::milliseconds) override {
    const std::lock_guard lock(mutex_);
    retries_.push_back(std::string(what) + ": " + std::string(why));
  }
  void range_failed(std::uint32_t, std::string_view text) override { noted(text); }

  const std::vector<std::string>& phases() const { return phases_; }
  std::string notes() const {
    const std::lock_guard lock(mutex_);
    return notes_;
  }
  const std::vector<std::string>& retries() const { return retries_; }
  std::size_t retry_count() const {
    const std::lock_guard lock(mutex_);
    return retries_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> phases_;
  std::string notes_;
  std::vector<std::string> retries_;
};

}  // namespace pgsluice::tests

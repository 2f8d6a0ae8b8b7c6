// A mover to steer, without rows: it notes what it was asked to do.
#pragma once

#include <atomic>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "mover/control_settings.hpp"
#include "mover/control_target.hpp"
#include "pg/failure.hpp"

namespace pgsluice::tests {

// Thread: as mover::ControlTarget; calls() from any.
class NotingTarget : public mover::ControlTarget {
 public:
  std::string fails_by;  // Not empty: nothing can be recorded, for this reason.
  std::function<void()> at_status;

  nlohmann::ordered_json status() override {
    ++calls_;
    if (at_status) {
      at_status();
    }
    return {{"phase", "moving rows"}};
  }
  bool pause(bool is_paused) override {
    ++calls_;
    return settings_.pause(is_paused);
  }
  bool stop() override {
    ++calls_;
    return stops_++ > 0;
  }
  bool cut_over() override {
    ++calls_;
    return cutovers_++ == 0;
  }
  std::vector<mover::ControlChange> set(const std::vector<std::string>& assignments) override {
    ++calls_;
    return settings_.set(assignments, [&](const std::string&) {
      if (!fails_by.empty()) {
        throw pg::Failure(pg::FailureKind::local, fails_by);
      }
    });
  }
  std::vector<mover::ControlValue> get(const std::vector<std::string>& names) override {
    ++calls_;
    return settings_.values(names);
  }

  int calls() const { return calls_; }

 private:
  mover::ControlSettings settings_;
  std::atomic<int> calls_ = 0;
  int stops_ = 0;
  int cutovers_ = 0;
};

}  // namespace pgsluice::tests

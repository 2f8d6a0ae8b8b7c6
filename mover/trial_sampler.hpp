// Looks once a second at what a trial has done and at the server's counters, in a session and a thread of its own. It
// is for the course of the trial alone; totals are read by the trial itself. Whatever fails here ends the looking,
// never the trial.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <thread>
#include <vector>

#include "mover/meter.hpp"
#include "mover/rehearsal_findings.hpp"
#include "mover/sessions.hpp"
#include "mover/tally.hpp"

namespace pgsluice::mover {

class TrialSampler {
 public:
  // Begins at once; both must outlive it. Rows are counted by `tally`.
  TrialSampler(const Sessions& sessions, const Tally& tally, MeterOptions meter);
  TrialSampler(const TrialSampler&) = delete;
  TrialSampler& operator=(const TrialSampler&) = delete;
  ~TrialSampler();

  // What is moved from now on.
  void stratum_is(std::size_t stratum) { stratum_ = stratum; }

  // Ends it. What was seen, in the order of time.
  std::vector<TrialSecond> finish();

 private:
  void look_until_ended();

  const Sessions& sessions_;
  const Tally& tally_;
  const MeterOptions meter_;
  const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  std::atomic<std::size_t> stratum_{0};
  std::mutex mutex_;
  std::condition_variable ended_;
  bool is_ended_ = false;
  std::vector<TrialSecond> seconds_;  // Belongs to the thread until it has ended.
  std::thread thread_;
};

}  // namespace pgsluice::mover

// Turns SIGINT, SIGTERM and SIGHUP into a StopRequest while the object lives: the first asks, the second presses, and a
// third ends the process as if nobody had caught it, which is safe. SIGPIPE is ignored meanwhile: a closed pipe must
// not stop a move.
#pragma once

#include <csignal>
#include <vector>

#include "mover/stop.hpp"

namespace pgsluice::cli {

// Thread: one object at a time in a process.
class StopSignals {
 public:
  explicit StopSignals(mover::StopRequest& request);
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  ~StopSignals();

 private:
  struct Replaced {
    int signal;
    struct sigaction action;
  };
  std::vector<Replaced> replaced_;
};

}  // namespace pgsluice::cli

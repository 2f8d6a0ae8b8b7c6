// Asks the server, in a session of its own and while it lives, how far the statements of other sessions of ours are
// (pg_stat_progress_…), so that progress moves inside one that takes hours. It is for the eye alone: whatever fails
// here ends or delays the asking, never the work.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "mover/sessions.hpp"
#include "mover/unit_progress.hpp"

namespace pgsluice::mover {

class ProgressPoll {
 public:
  // `statement`: a fixed one that takes an array of process ids and answers with pid and part done. Asked once a
  // second, for the first time after a second: short work is never asked about.
  ProgressPoll(const Sessions& sessions, std::string statement, UnitProgress& progress);
  ~ProgressPoll();
  ProgressPoll(const ProgressPoll&) = delete;
  ProgressPoll& operator=(const ProgressPoll&) = delete;

 private:
  void ask_until_ended();

  const Sessions& sessions_;
  const std::string statement_;
  UnitProgress& progress_;
  std::mutex mutex_;
  std::condition_variable ended_;
  bool is_ended_ = false;
  std::thread thread_;
};

}  // namespace pgsluice::mover

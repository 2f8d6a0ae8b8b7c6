// Shows a running job: on a terminal as one live block, redrawn five times a second, else as a plain line every few
// seconds, or not at all. It is the mover's Observer; what it hears that matters later goes to the log too. The
// remaining time comes from the fraction that is done, never from a row estimate.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "cli/log.hpp"
#include "cli/speed.hpp"
#include "cli/terminal.hpp"
#include "mover/gate_keeper.hpp"
#include "mover/observer.hpp"

namespace pgsluice::cli {

enum class ProgressMode { live, plain, none };

// --progress: auto is live where the terminal can redraw, else plain.
ProgressMode progress_mode(const Options& options, const Terminal& terminal);

// Everything that one drawing shows.
struct ProgressView {
  std::string phase;  // "moving rows"
  std::string unit;   // "ranges"
  mover::Progress progress;
  std::optional<double> rows_per_second;
  std::optional<double> bytes_per_second;
  std::optional<std::chrono::milliseconds> remaining;
  std::chrono::milliseconds elapsed{0};
  std::string last_note;
  std::optional<gate::Status> gate;  // Where something limits or stops the rows.
};

// The live block, and the plain line. Pure.
std::vector<std::string> live_block(const ProgressView& view, unsigned columns);
std::string plain_line(const ProgressView& view);

class ProgressDisplay : public mover::Observer {
 public:
  ProgressDisplay(Terminal& terminal, Log& log, ProgressMode mode);
  ProgressDisplay(const ProgressDisplay&) = delete;
  ProgressDisplay& operator=(const ProgressDisplay&) = delete;
  ~ProgressDisplay() override;  // Takes the block away.

  // Shows what this gate allows and why somebody waits, while it lives.
  class Following {
   public:
    Following(ProgressDisplay& display, mover::GateKeeper& gate) : display_(display) { display_.follow(&gate); }
    Following(const Following&) = delete;
    Following& operator=(const Following&) = delete;
    ~Following() { display_.follow(nullptr); }

   private:
    ProgressDisplay& display_;
  };

  void phase_began(std::string_view phase, std::string_view unit) override;
  void progressed(const mover::Progress& progress) override;
  void noted(std::string_view text) override;
  void retrying(std::string_view what, std::string_view why, std::chrono::milliseconds pause) override;
  void range_failed(std::uint32_t range, std::string_view text) override;

  // What was heard so far, over all phases.
  struct Totals {
    std::uint64_t rows_this_run = 0;
    std::uint64_t retries = 0;
  };
  Totals totals();
  // What a drawing would show now. Thread: any.
  ProgressView view();

 private:
  using Clock = std::chrono::steady_clock;
  void follow(mover::GateKeeper* gate);
  void redraw_until_ended();
  // Both: with the mutex held.
  void sample_speeds(Clock::time_point now);
  ProgressView view_at(Clock::time_point now);

  Terminal& terminal_;
  Log& log_;
  const ProgressMode mode_;
  const Clock::time_point begun_ = Clock::now();

  std::mutex mutex_;  // Guards what follows.
  std::condition_variable ended_;
  bool is_ended_ = false;
  mover::GateKeeper* gate_ = nullptr;
  bool has_progress_ = false;
  ProgressView view_;
  Totals totals_;
  Speed rows_speed_;
  Speed bytes_speed_;
  Speed fraction_speed_;
  Clock::time_point next_plain_line_;

  std::thread redrawer_;
};

}  // namespace pgsluice::cli

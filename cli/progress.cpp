#include "cli/progress.hpp"

#include <algorithm>
#include <cmath>

#include "cli/options.hpp"
#include "cli/quantity.hpp"

namespace pgsluice::cli {

namespace {

constexpr std::chrono::milliseconds kRedrawEvery{200};
constexpr std::chrono::seconds kPlainLineEvery{5};
constexpr std::chrono::seconds kSpeedSpan{10};
constexpr std::chrono::seconds kRemainingSpan{60};

int percent_of(double fraction) {
  // 100 % only when all is done.
  return fraction >= 1 ? 100 : std::clamp(static_cast<int>(fraction * 100), 0, 99);
}

std::string bar(double fraction, std::size_t width) {
  const auto filled = static_cast<std::size_t>(std::clamp(fraction, 0.0, 1.0) * static_cast<double>(width));
  return "[" + std::string(filled, '#') + std::string(width - filled, '.') + "]";
}

std::string units_text(const ProgressView& view) {
  const mover::Progress& progress = view.progress;
  return exact_count_text(progress.units_done) + " of " + exact_count_text(progress.units_total) + " " + view.unit;
}

std::string rows_text(const ProgressView& view) {
  return count_text(static_cast<double>(view.progress.rows_done)) + " rows";
}

bool moves_rows(const ProgressView& view) {
  return view.progress.rows_planned > 0 || view.progress.rows_done > 0;
}

std::string remaining_text(const ProgressView& view) {
  return view.remaining ? "remaining " + duration_text(*view.remaining) : "remaining unknown";
}

std::string speed_text(const ProgressView& view) {
  std::string text;
  if (view.rows_per_second) {
    text += count_text(*view.rows_per_second) + " rows/s";
  }
  if (view.bytes_per_second) {
    text += (text.empty() ? "" : ", ") + bytes_text(*view.bytes_per_second) + "/s";
  }
  return text;
}

// "I/O 1,980 of 2,000 operations/s"; empty where no budget limits.
std::string budget_text(const gate::Status& status) {
  std::string text;
  if (std::isfinite(status.allowance.operations)) {
    text = "I/O " + count_text(status.own_rate.operations) + " of " + count_text(status.allowance.operations) +
           " operations/s";
  }
  if (std::isfinite(status.allowance.bytes)) {
    text += (text.empty() ? "I/O " : ", ") + bytes_text(status.own_rate.bytes) + " of " +
            bytes_text(status.allowance.bytes) + " a second";
  }
  return text;
}

std::string waiting_text(const gate::Status& status) {
  return status.waiting_for.empty() ? "" : "waiting: " + status.waiting_for;
}

}  // namespace

ProgressMode progress_mode(const Options& options, const Terminal& terminal) {
  const std::string mode = options.choice("progress", {"auto", "plain", "none"});
  if (mode == "none") {
    return ProgressMode::none;
  }
  return mode == "auto" && terminal.is_live() ? ProgressMode::live : ProgressMode::plain;
}

std::vector<std::string> live_block(const ProgressView& view, unsigned columns) {
  constexpr std::size_t kBarWidthMax = 40;
  constexpr std::size_t kBarWidthMin = 10;
  const std::string tail = "  " + std::to_string(percent_of(view.progress.fraction)) + " %  " + units_text(view);
  const std::size_t taken = view.phase.size() + 1 + 2 + tail.size() + 1;
  const std::size_t room = columns > taken ? columns - taken : 0;
  std::string first = view.phase + " ";
  if (room >= kBarWidthMin) {
    first += bar(view.progress.fraction, std::min(room, kBarWidthMax));
  }
  std::vector<std::string> lines = {first + tail};

  std::string second = "  ";
  if (moves_rows(view)) {
    second += rows_text(view);
    if (view.progress.rows_planned > 0) {
      second += " of about " + count_text(static_cast<double>(view.progress.rows_planned));
    }
    second += ", " + bytes_text(static_cast<double>(view.progress.bytes_done));
    const std::string speed = speed_text(view);
    second += speed.empty() ? ", " : ", " + speed + ", ";
  }
  lines.push_back(second + remaining_text(view));

  std::string third = "  ";
  if (view.progress.workers > 0) {
    third +=
        std::to_string(view.progress.workers_busy) + " of " + std::to_string(view.progress.workers) + " workers busy, ";
  }
  third += exact_count_text(view.progress.retries) + " retries, running " + duration_text(view.elapsed);
  lines.push_back(third);
  if (view.gate) {
    for (const std::string& text : {budget_text(*view.gate), waiting_text(*view.gate)}) {
      if (!text.empty()) {
        lines.push_back("  " + text);
      }
    }
  }
  if (!view.last_note.empty()) {
    lines.push_back("  " + view.last_note);
  }
  return lines;
}

std::string plain_line(const ProgressView& view) {
  std::string line = view.phase + ": " + std::to_string(percent_of(view.progress.fraction)) + " %, " + units_text(view);
  if (moves_rows(view)) {
    line += ", " + rows_text(view);
    const std::string speed = speed_text(view);
    line += speed.empty() ? "" : ", " + speed;
  }
  line += ", " + remaining_text(view);
  if (view.progress.workers > 0) {
    line += ", " + std::to_string(view.progress.workers_busy) + " workers";
  }
  line += ", " + exact_count_text(view.progress.retries) + " retries";
  if (view.gate) {
    for (const std::string& text : {budget_text(*view.gate), waiting_text(*view.gate)}) {
      line += text.empty() ? "" : ", " + text;
    }
  }
  return line;
}

ProgressDisplay::ProgressDisplay(Terminal& terminal, Log& log, ProgressMode mode)
    : terminal_(terminal),
      log_(log),
      mode_(mode),
      rows_speed_(kSpeedSpan),
      bytes_speed_(kSpeedSpan),
      fraction_speed_(kRemainingSpan),
      next_plain_line_(begun_ + kPlainLineEvery) {
  if (mode_ != ProgressMode::none) {
    redrawer_ = std::thread([this] { redraw_until_ended(); });
  }
}

ProgressDisplay::~ProgressDisplay() {
  {
    const std::lock_guard lock(mutex_);
    is_ended_ = true;
  }
  ended_.notify_all();
  if (redrawer_.joinable()) {
    redrawer_.join();
  }
  terminal_.clear_block();
}

void ProgressDisplay::follow(mover::GateKeeper* gate) {
  const std::lock_guard lock(mutex_);
  gate_ = gate;
}

void ProgressDisplay::phase_began(std::string_view phase, std::string_view unit) {
  {
    const std::lock_guard lock(mutex_);
    view_.phase = phase;
    view_.unit = unit;
    view_.progress = {};
    has_progress_ = false;
    rows_speed_ = Speed(kSpeedSpan);
    bytes_speed_ = Speed(kSpeedSpan);
    fraction_speed_ = Speed(kRemainingSpan);
    next_plain_line_ = Clock::now() + kPlainLineEvery;
  }
  log_.write(LogLevel::info, phase);
}

void ProgressDisplay::progressed(const mover::Progress& progress) {
  const std::lock_guard lock(mutex_);
  view_.progress = progress;
  totals_.rows_this_run = std::max(totals_.rows_this_run, progress.rows_this_run);
  has_progress_ = true;
  sample_speeds(Clock::now());
}

void ProgressDisplay::noted(std::string_view text) {
  {
    const std::lock_guard lock(mutex_);
    view_.last_note = one_line(text);
  }
  log_.write(LogLevel::info, text);
}

void ProgressDisplay::retrying(std::string_view what, std::string_view why, std::chrono::milliseconds pause) {
  const std::string text =
      std::string(what) + " failed and is tried again in " + std::to_string(pause.count()) + " ms: " + one_line(why);
  {
    const std::lock_guard lock(mutex_);
    view_.last_note = text;
    ++totals_.retries;
  }
  log_.write(LogLevel::warn, text);
}

void ProgressDisplay::range_failed(std::uint32_t range, std::string_view text) {
  const std::string whole = "range " + std::to_string(range) + " is given up, others go on: " + one_line(text);
  {
    const std::lock_guard lock(mutex_);
    view_.last_note = whole;
  }
  log_.write(LogLevel::error, whole);
}

ProgressDisplay::Totals ProgressDisplay::totals() {
  const std::lock_guard lock(mutex_);
  return totals_;
}

ProgressView ProgressDisplay::view() {
  const std::lock_guard lock(mutex_);
  return view_at(Clock::now());
}

void ProgressDisplay::redraw_until_ended() {
  std::unique_lock lock(mutex_);
  while (!ended_.wait_for(lock, kRedrawEvery, [this] { return is_ended_; })) {
    const Clock::time_point now = Clock::now();
    if (!has_progress_) {
      continue;
    }
    const ProgressView view = view_at(now);
    const bool is_line_due = mode_ == ProgressMode::plain && now >= next_plain_line_;
    if (is_line_due) {
      next_plain_line_ = now + kPlainLineEvery;
    }
    // Writing to a slow terminal must not hold up a worker that reports progress.
    lock.unlock();
    if (mode_ == ProgressMode::live) {
      terminal_.show_block(live_block(view, terminal_.columns()));
    } else if (is_line_due) {
      terminal_.line(plain_line(view));
    }
    lock.lock();
  }
}

void ProgressDisplay::sample_speeds(Clock::time_point now) {
  rows_speed_.reached(now, static_cast<double>(view_.progress.rows_this_run));
  bytes_speed_.reached(now, static_cast<double>(view_.progress.bytes_this_run));
  fraction_speed_.reached(now, view_.progress.fraction);
}

ProgressView ProgressDisplay::view_at(Clock::time_point now) {
  if (has_progress_) {
    sample_speeds(now);
  }
  ProgressView view = view_;
  if (gate_ != nullptr) {
    view.gate = gate_->status();
  }
  view.rows_per_second = rows_speed_.per_second();
  view.bytes_per_second = bytes_speed_.per_second();
  view.elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(now - begun_);
  const std::optional<double> fraction_per_second = fraction_speed_.per_second();
  constexpr double kStandsStill = 1e-9;
  if (fraction_per_second && *fraction_per_second > kStandsStill) {
    const std::chrono::duration<double> left((1 - view.progress.fraction) / *fraction_per_second);
    view.remaining = std::chrono::duration_cast<std::chrono::milliseconds>(left);
  }
  return view;
}

}  // namespace pgsluice::cli

#include "mover/way_trial.hpp"

#include <algorithm>

namespace pgsluice::mover {

namespace {

constexpr std::uint64_t kRowsThatSaySomething = 200;

// Turns: the first batches are small, and go direct unmeasured; then both ways alternate; then the winner has its
// turns, until both are tried again.
constexpr unsigned kTrialBegins = 3;
constexpr unsigned kTrialEnds = kTrialBegins + 8;
constexpr unsigned kTurns = kTrialEnds + 64;

}  // namespace

bool WayTrial::is_direct() const {
  if (turn_ < kTrialBegins) {
    return true;
  }
  return turn_ < kTrialEnds ? (turn_ - kTrialBegins) % 2 == 1 : direct_won_;
}

void WayTrial::moved(std::uint64_t rows, std::chrono::nanoseconds duration) {
  if (rows < kRowsThatSaySomething) {
    return;
  }
  if (turn_ >= kTrialBegins && turn_ < kTrialEnds) {
    const double cost = static_cast<double>(duration.count()) / static_cast<double>(rows);
    RowCost& least = is_direct() ? direct_ : parent_;
    least = std::min(cost, least.value_or(cost));
  }
  if (++turn_ == kTrialEnds) {
    direct_won_ = *direct_ <= *parent_;
    direct_.reset();
    parent_.reset();
  } else if (turn_ == kTurns) {
    turn_ = kTrialBegins;
  }
}

}  // namespace pgsluice::mover

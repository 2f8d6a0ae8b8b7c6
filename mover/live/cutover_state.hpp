// One call of cut_over() or preflight(), handed from step to step. Of cutover.cpp and preflight.cpp alone.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "mover/live/cutover.hpp"
#include "mover/live/exchange.hpp"
#include "mover/live/trigger_log.hpp"
#include "mover/target_session.hpp"
#include "planner/checkpoint.hpp"

namespace pgsluice::mover {

inline constexpr std::uint64_t kNotesBeforeLock = 200;  // So few that bringing them over takes some milliseconds.

struct Cutover {
  planner::Checkpoint& checkpoint;
  const Sessions& sessions;
  planner::SwapDirection direction;
  const CutoverOptions& options;
  RetryContext retry;
  TriggerLog forward;
  TriggerLog back;
  Session lead;  // Holds the claim.
  Session target;
  std::unique_ptr<Exchange> swap;
  CutoverSummary summary = {};
  std::string stamp = {};  // Of both tables' definitions, when the attempt that comes was prepared.

  const planner::Plan& plan() const { return checkpoint.plan(); }
  // What notes the changes of the table in use, and what is to note those of the one that takes its place.
  const TriggerLog& feed() const { return direction == planner::SwapDirection::forward ? forward : back; }
  const TriggerLog& next_feed() const { return direction == planner::SwapDirection::forward ? back : forward; }
  std::string table() const { return pg::display(feed().feed().from); }
};

inline std::string state_text(const Cutover& cutover) {
  return cutover.table() + " is as it was, in use and captured";
}

}  // namespace pgsluice::mover

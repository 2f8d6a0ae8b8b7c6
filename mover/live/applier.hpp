// Brings the backlog of a feed over, in parallel, until little is left: pass after pass over the log, each pass cut
// into shares of some thousand keys. It repeats nothing blindly and may be stopped anywhere: a share is one
// transaction.
#pragma once

#include <cstdint>

#include "mover/gate_keeper.hpp"
#include "mover/live/change_feed.hpp"
#include "mover/retry.hpp"
#include "mover/sessions.hpp"

namespace pgsluice::mover {

struct ApplierOptions {
  unsigned workers = 1;
  GateKeeper* gate = nullptr;  // Each share waits for it.
  // So much backlog is as good as none once a pass was made: it is left to who comes next.
  std::uint64_t rows_left_max = 1000;
};

struct CatchUp {
  std::uint64_t rows = 0;  // Notes brought over.
  Backlog left;            // holds_truncate: nothing more can be brought over before all is copied anew.
};

// Applies what there is, and goes on until at most `rows_left_max` notes are left. A conflict between rows of different
// moments is resolved by make_exact(). Where the application writes faster than this can apply, the observer is told
// with both rates. Fails: interrupted; server (23514, explained, when no partition takes a row); connection.
CatchUp catch_up(const ChangeFeed& feed, const Sessions& sessions, const RetryContext& context,
                 const ApplierOptions& options);

// One transaction that brings everything over: `to` is then an exact snapshot of `from`. For a small backlog. Returns
// how many notes it was. Fails: as catch_up.
std::uint64_t make_exact(const ChangeFeed& feed, const Sessions& sessions, const RetryContext& context);

// The failure of a refresh, with what it means and what to do where its rows are at fault.
pg::Failure explained_refresh(const pg::Failure& failure, const planner::Feed& feed);

}  // namespace pgsluice::mover

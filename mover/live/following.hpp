// The steps of the strategy `capture` that are not the applier's: beginning to note changes, and beginning anew.
#pragma once

#include "mover/live/applier.hpp"
#include "mover/live/change_feed.hpp"
#include "mover/retry.hpp"
#include "mover/sessions.hpp"
#include "planner/plan.hpp"

namespace pgsluice::mover {

// From its return on every change is noted: the triggers' lock waits for whoever has written and not committed. Short
// attempts, between which others go on; who is in the way is told. Repeatable. Fails: as repeat_until_done.
void begin_to_follow(const ChangeFeed& feed, const Sessions& sessions, const RetryContext& context);

// Fails: refused, when somebody took away what notes the changes: nothing that is known then can be relied upon.
void refuse_broken_capture(const ChangeFeed& feed, pg::Connection& connection);

// After a TRUNCATE of the source: the target, the ledger's ranges and the backlog are emptied in one transaction, and
// the phase is `preparing` again: the target has to be made anew, because rows of many moments cannot be copied under
// unique indexes. Fails: as repeat_until_done.
void start_over(const planner::Plan& plan, const ChangeFeed& feed, const Sessions& sessions,
                const RetryContext& context);

// The feed's triggers and log go, if they are there. Repeatable.
void end_following(const ChangeFeed& feed, const Sessions& sessions, const RetryContext& context);

// What make_ready() made goes, of a feed that was never installed or has been stopped. Repeatable.
void forget_feed(const ChangeFeed& feed, const Sessions& sessions, const RetryContext& context);

}  // namespace pgsluice::mover

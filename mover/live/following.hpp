// The steps of the strategy `capture` that are not the applier's: beginning to note changes, and beginning anew.
#pragma once

#include <string>

#include "mover/live/applier.hpp"
#include "mover/live/change_feed.hpp"
#include "mover/retry.hpp"
#include "mover/sessions.hpp"
#include "planner/plan.hpp"

namespace pgsluice::mover {

// From its return on every change is noted: the triggers' lock waits for whoever has written and not committed. Short
// attempts, between which others go on; who is in the way is told. Repeatable. Fails: as repeat_until_done.
void begin_to_follow(const ChangeFeed& feed, const Sessions& sessions, const RetryContext& context);

// What came and went of a partitioned source without any trigger (F3): rows of a partition that was attached are noted;
// where rows are gone the backlog holds a TRUNCATE from then on. The observer is told. Nothing for a plain table.
// Fails: as repeat_until_done.
void take_partitions_in(const ChangeFeed& feed, const Sessions& sessions, const RetryContext& context);

// Fails: refused, when partitions of the source came or went and nobody has taken that in yet: run does.
void refuse_drift(const ChangeFeed& feed, pg::Connection& connection);
// The same in words; empty where there is nothing to say.
std::string drift_text(const PartitionDrift& drift);

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

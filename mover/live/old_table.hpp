// The table that the cutover put aside: it is brought up to date from time to time, so that the log of what it lacks
// stays small and the way back short.
#pragma once

#include "mover/live/applier.hpp"
#include "mover/live/change_feed.hpp"
#include "mover/retry.hpp"
#include "mover/sessions.hpp"

namespace pgsluice::mover {

// `feed` leads to the old table, and the caller has the migration's claim. After a TRUNCATE of the table in use the old
// one is filled anew. Fails: as catch_up.
void bring_old_table_near(const ChangeFeed& feed, const Sessions& sessions, const RetryContext& context,
                          const ApplierOptions& options);

}  // namespace pgsluice::mover

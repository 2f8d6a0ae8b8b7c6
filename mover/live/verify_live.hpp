// Compares source and target while the application writes. Both are in one database, so one snapshot shows both: each
// range is compared in a REPEATABLE READ transaction that first brings over what is noted of the range. What differs
// then differs; nothing that is merely late can look like it, and nothing has to be left out because it changes too
// often.
//
// Invariants:
//   V1  A range counts as equal only by the rows of one snapshot in which nothing noted of it was outstanding.
#pragma once

#include "mover/comparison.hpp"
#include "mover/live/change_feed.hpp"
#include "mover/verify.hpp"

namespace pgsluice::mover {

// Ranges that the checkpoint holds as equal are not compared again. Fails: as verify(); refused, when the source was
// emptied by TRUNCATE and `run` has to begin anew.
VerifySummary verify_live(planner::Checkpoint& checkpoint, const Comparison& comparison, const ChangeFeed& feed,
                          const Sessions& sessions, const VerifyOptions& options, const RetryContext& context);

}  // namespace pgsluice::mover

// Builds the target's indexes, primary key and unique constraints after the rows: leaf by leaf in parallel, then the
// partitioned tables'. Each step is decided from the catalogue, so all of it can be repeated after a crash at any
// point.
//
// Order: the largest leaf first with all of its indexes (the primary key before other unique ones before the rest),
// then the next leaf. Sessions that build on one leaf at once read the same pages at about the same time, so a table
// larger than memory is read once, not once per index; and since the last builds to end are of small leaves, all
// sessions end at about the same time. Having every primary key before any other index would read the table again and
// find no error earlier that matters: the source kept its rows unique already.
//
// Parallel workers: the sessions are the parallelism, so a build gets none of the server's (measured: on 24 leaves of
// 42 MB they cost a third more processor time, and no less time), but where a single build is more than a session's
// fair share of all the work: one huge leaf, or fewer leaves than sessions.
#pragma once

#include <string>

#include "mover/gate_keeper.hpp"
#include "mover/retry.hpp"
#include "mover/sessions.hpp"
#include "planner/plan.hpp"

namespace pgsluice::mover {

struct IndexOptions {
  unsigned jobs = 1;                 // So many are built at once.
  std::string maintenance_work_mem;  // "1GB"; empty leaves the server's.
  GateKeeper* gate = nullptr;        // Each build waits for it; one in hand is not paced.
  std::string only;                  // The one that the source's index of this name becomes; empty: all.
};

// Does nothing to a target that was there before us: its indexes are its maker's. Ensures: every index of the plan is
// valid on every table of the target's tree, and each belongs to its parent's. Fails: server (23505 when rows are equal
// where they must not be; the message names leaf and index), connection; interrupted.
//        What is built stays.
void build_indexes(const planner::Plan& plan, const Sessions& sessions, const RetryContext& context,
                   const IndexOptions& options);

}  // namespace pgsluice::mover

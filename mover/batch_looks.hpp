// What is looked at in the source when a batch's rows have travelled, and the ledger's row that follows when all of it
// proved right: that the heap is still the one whose blocks the ranges are, and that the rows arrived as they left.
#pragma once

#include <vector>

#include "mover/batch_method.hpp"
#include "mover/batch_sums.hpp"
#include "mover/ledger.hpp"
#include "mover/slicer.hpp"
#include "pg/connection.hpp"
#include "planner/plan.hpp"

namespace pgsluice::mover {

// The statements for Batch::looks, for a source of that version. With `sums`, rows that stay in the source are summed.
// The file is looked at after the batch's rows, whose lock keeps it as it is until their transaction ends; a `stream`
// looks in a session of its own, and there a file that is still the planned one was so before.
std::vector<pg::Step> batch_looks(const planner::Plan& plan, const SumForm* sums, const Slice& slice,
                                  int server_major_version);

// Fails: server, when the source's heap is another one; mismatch (see check_arrival). The caller's transaction must be
// rolled back then.
LedgerEntry entry_of_batch(const planner::Plan& plan, const SumForm* sums, const planner::Range& range, const Cut& cut,
                           const BatchResult& result);

}  // namespace pgsluice::mover

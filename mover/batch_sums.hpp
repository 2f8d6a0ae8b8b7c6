// Checksums while rows travel by a method that leaves them in the source: a batch's rows are counted and summed in the
// source, and as they arrive where the method sees them arrive. The ledger keeps the sums, so that nothing, or the
// target alone, has to be read when all have arrived. Methods that empty the source take their sums by themselves.
#pragma once

#include <string>

#include "mover/batch_method.hpp"
#include "mover/checksum.hpp"
#include "mover/row_tally.hpp"
#include "pg/connection.hpp"
#include "planner/plan.hpp"

namespace pgsluice::mover {

// How rows are summed on both sides; read_comparison() knows it.
struct SumForm {
  RowHashForm hash;
  CastColumns target_cast;
};

// Asks for the rows of a slice in the source, as row_tally_at() takes the answer.
pg::Step source_tally_sql(const planner::Plan& plan, const SumForm& form, const Slice& slice);

// Compares what is in the source with what was taken by the target, and how, where that is known.
// Fails: mismatch, when they differ; the caller's transaction must be rolled back.
void check_arrival(const planner::Plan& plan, const planner::Range& range, const RowTally& source,
                   const BatchResult& batch);

}  // namespace pgsluice::mover

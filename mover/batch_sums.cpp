#include "mover/batch_sums.hpp"

#include "pg/failure.hpp"
#include "pg/identifier.hpp"

namespace pgsluice::mover {

pg::Step source_tally_sql(const planner::Plan& plan, const SumForm& form, const Slice& slice) {
  planner::Condition condition = planner::between_sql(plan.key, slice.lower, slice.upper);
  return pg::prepared_step("SELECT " + count_and_sum_sql(plan.source, "leaving", {}, form.hash) + " FROM " +
                               source_rows_sql(plan) + " AS leaving WHERE " + condition.sql,
                           std::move(condition.parameters));
}

void check_arrival(const planner::Plan& plan, const planner::Range& range, const RowTally& source,
                   const BatchResult& batch) {
  const bool is_known = batch.arrived.has_value();
  if (batch.rows == source.rows && (!is_known || *batch.arrived == source)) {
    return;
  }
  const bool same_count = batch.rows == source.rows;
  throw pg::Failure(pg::FailureKind::mismatch, "a batch of range " + std::to_string(range.index) + ", from " +
                                                   planner::display_lower(range.lower) + " to " +
                                                   planner::display_upper(range.upper) + ", did not arrive as it left")
      .detail("The source has " + std::to_string(source.rows) + " rows, the target took " + std::to_string(batch.rows) +
              (same_count ? ", with different content." : "."))
      .hint("Look for a trigger or a rule on " + pg::display(plan.layout.root.name) +
            " or its partitions, or for somebody who writes to " + pg::display(plan.source.name) + ".")
      .status("the batch is rolled back; what arrived before it is as it was");
}

}  // namespace pgsluice::mover

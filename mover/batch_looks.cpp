#include "mover/batch_looks.hpp"

#include "mover/row_tally.hpp"
#include "pg/failure.hpp"
#include "pg/identifier.hpp"
#include "pg/statements.hpp"

namespace pgsluice::mover {

namespace {

// Methods that empty the source take their sums by themselves.
bool takes_source_sums(const planner::Plan& plan, const SumForm* sums) {
  return sums != nullptr && !planner::empties_source(plan.method);
}

void check_heap_is_the_same(const planner::Plan& plan, const pg::Result& file_node) {
  if (!file_node.is_null(0, 0) && file_node.integer(0, 0) == static_cast<std::int64_t>(plan.source.file_node)) {
    return;
  }
  throw pg::Failure(pg::FailureKind::server,
                    "the rows of " + pg::display(plan.source.name) + " were rewritten while they were moved")
      .detail(
          "Something like VACUUM FULL, CLUSTER or ALTER TABLE gave the table a new file, so ranges of heap blocks have "
          "lost their meaning.")
      .hint("Undo with `pgsluice rollback`, then plan again; --split key makes ranges that outlive a rewrite.")
      .status(
          "the batch is rolled back; what was moved before is as it was, and the source lacks nothing that is not in "
          "the target");
}

}  // namespace

std::vector<pg::Step> batch_looks(const planner::Plan& plan, const SumForm* sums, const Slice& slice,
                                  int server_major_version) {
  std::vector<pg::Step> steps;
  if (plan.key.is_ctid()) {
    steps.push_back(pg::prepared_step(pg::statement("file_node", server_major_version), {source_table_sql(plan)}));
  }
  if (takes_source_sums(plan, sums)) {
    steps.push_back(source_tally_sql(plan, *sums, slice));
  }
  return steps;
}

LedgerEntry entry_of_batch(const planner::Plan& plan, const SumForm* sums, const planner::Range& range, const Cut& cut,
                           const BatchResult& result) {
  if (plan.key.is_ctid()) {
    check_heap_is_the_same(plan, result.looks.front());
  }
  LedgerEntry entry;
  entry.range = range.index;
  entry.complete = cut.is_last;
  entry.up_to = cut.is_last ? std::nullopt : cut.slice.upper;
  entry.rows = result.rows;
  entry.bytes = result.bytes;
  if (planner::empties_source(plan.method)) {
    entry.checksum = result.checksum;
    entry.rows_summed = result.rows;
  } else if (takes_source_sums(plan, sums)) {
    const RowTally source = row_tally_at(result.looks.back(), 0);
    check_arrival(plan, range, source, result);
    entry.checksum = source.checksum.text();
    entry.rows_summed = result.rows;
    entry.rows_checked = result.arrived ? result.rows : 0;
  }
  return entry;
}

}  // namespace pgsluice::mover

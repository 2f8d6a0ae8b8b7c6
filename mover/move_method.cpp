// move: DELETE … RETURNING feeds INSERT in one statement inside the server. A row is never in two places or in none at
// a commit, and the checksum is of what left the source, so that verify needs no source.
#include "mover/batch_method.hpp"
#include "mover/checksum.hpp"
#include "pg/failure.hpp"
#include "pg/identifier.hpp"

namespace pgsluice::mover {

namespace {

class MoveMethod : public BatchMethod {
 public:
  explicit MoveMethod(const planner::Plan& plan)
      : plan_(plan),
        head_sql_("WITH gone AS (DELETE FROM ONLY " + source_table_sql(plan) + " WHERE "),
        tail_sql_(" RETURNING *), arrived AS (INSERT INTO " + target_table_sql(plan) + " (" +
                  travelling_columns_sql(plan.source) + ") OVERRIDING SYSTEM VALUE SELECT " +
                  travelling_columns_sql(plan.source, "gone.") + " FROM gone RETURNING true) SELECT " +
                  count_and_sum_sql(plan.source, "gone") +
                  ", (SELECT pg_catalog.count(*) FROM arrived) AS arrived FROM gone"),
        row_bytes_(average_row_bytes(plan.source)) {}

  BatchResult move_rows(pg::Connection& target, const Slice& slice, bool /*is_smallest*/) override {
    const planner::Condition condition = planner::between_sql(plan_.key, slice.lower, slice.upper);
    const pg::Result row = target.query(head_sql_ + condition.sql + tail_sql_, condition.parameters);
    BatchResult result;
    result.rows = static_cast<std::uint64_t>(row.integer(0, row.column("rows")));
    result.checksum = row.text(0, row.column("checksum"));
    result.bytes = static_cast<std::uint64_t>(static_cast<double>(result.rows) * row_bytes_);
    const auto arrived = static_cast<std::uint64_t>(row.integer(0, row.column("arrived")));
    if (arrived != result.rows) {
      throw pg::Failure(pg::FailureKind::server, "the target took " + std::to_string(arrived) + " of " +
                                                     std::to_string(result.rows) + " rows of a batch")
          .detail("A trigger or rule on " + pg::display(plan_.layout.root.name) + " swallows rows.")
          .sqlstate("23000");
    }
    return result;
  }

  pg::Connection& source_session(pg::Connection& target) override { return target; }

 private:
  const planner::Plan& plan_;
  std::string head_sql_;
  std::string tail_sql_;
  double row_bytes_;
};

}  // namespace

std::unique_ptr<BatchMethod> make_move_method(const planner::Plan& plan) {
  return std::make_unique<MoveMethod>(plan);
}

}  // namespace pgsluice::mover

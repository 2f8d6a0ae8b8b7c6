// move: INSERT … SELECT, then DELETE of the same rows, inside the server, in one REPEATABLE READ transaction: both see
// one snapshot, so what is deleted is what was inserted, and a row that somebody changed meanwhile fails the batch
// (40001) instead of losing the change. Faster than DELETE … RETURNING feeding an INSERT, which keeps every row in a
// buffer in between. The checksum is of what left the source, so that verify needs no source.
#include "mover/batch_method.hpp"
#include "mover/checksum.hpp"
#include "mover/source_insert.hpp"
#include "pg/failure.hpp"
#include "pg/identifier.hpp"

namespace pgsluice::mover {

namespace {

class MoveMethod : public BatchMethod {
 public:
  explicit MoveMethod(const planner::Plan& plan)
      : plan_(plan),
        insert_(plan),
        delete_head_sql_("WITH gone AS (DELETE FROM ONLY " + source_table_sql(plan) + " AS leaving WHERE "),
        delete_tail_sql_(" RETURNING " + row_hash_sql(plan.source, "leaving") +
                         " AS row_hash) SELECT pg_catalog.count(*) AS rows, "
                         "COALESCE(pg_catalog.sum(row_hash), 0) AS checksum FROM gone"),
        row_bytes_(average_row_bytes(plan.source)) {}

  BatchResult move_rows(pg::Connection& target, const Batch& batch) override {
    planner::Condition condition = planner::between_sql(plan_.key, batch.slice.lower, batch.slice.upper);
    std::vector<pg::Step> behind = {
        pg::prepared_step(delete_head_sql_ + condition.sql + delete_tail_sql_, std::move(condition.parameters))};
    behind.insert(behind.end(), batch.looks.begin(), batch.looks.end());
    SourceInsert::Answers answers =
        insert_.insert(target, "ISOLATION LEVEL REPEATABLE READ", batch.slice, behind, batch.answer);
    const pg::Result gone = std::move(answers.behind.front());
    answers.behind.erase(answers.behind.begin());
    BatchResult result;
    result.rows = static_cast<std::uint64_t>(gone.integer(0, gone.column("rows")));
    result.checksum = gone.text(0, gone.column("checksum"));
    result.bytes = static_cast<std::uint64_t>(static_cast<double>(result.rows) * row_bytes_);
    result.looks = std::move(answers.behind);
    if (answers.rows != result.rows) {
      throw pg::Failure(pg::FailureKind::server, "the target took " + std::to_string(answers.rows) + " of " +
                                                     std::to_string(result.rows) + " rows of a batch")
          .detail("A trigger or rule on " + pg::display(plan_.layout.root.name) + " swallows rows.")
          .sqlstate("23000");
    }
    return result;
  }

  std::optional<pg::Step> question(const Slice& slice) const override { return insert_.question(slice); }
  Landing landing() const override { return insert_.landing(); }
  std::string routing_description() const override { return insert_.description(); }
  pg::Connection& source_session(pg::Connection& target) override { return target; }

 private:
  const planner::Plan& plan_;
  SourceInsert insert_;
  std::string delete_head_sql_;
  std::string delete_tail_sql_;
  double row_bytes_;
};

}  // namespace

std::unique_ptr<BatchMethod> make_move_method(const planner::Plan& plan) {
  return std::make_unique<MoveMethod>(plan);
}

}  // namespace pgsluice::mover

// insert: INSERT … SELECT inside the server, prepared once a session. The source keeps its rows.
#include "mover/batch_method.hpp"

namespace pgsluice::mover {

namespace {

class InsertMethod : public BatchMethod {
 public:
  explicit InsertMethod(const planner::Plan& plan)
      : plan_(plan), head_sql_(insert_from_source_head_sql(plan)), row_bytes_(average_row_bytes(plan.source)) {}

  BatchResult move_rows(pg::Connection& target, const Slice& slice, bool /*is_smallest*/) override {
    const planner::Condition condition = planner::between_sql(plan_.key, slice.lower, slice.upper);
    BatchResult result;
    result.rows = target.query_prepared(head_sql_ + condition.sql, condition.parameters).affected_rows();
    result.bytes = static_cast<std::uint64_t>(static_cast<double>(result.rows) * row_bytes_);
    return result;
  }

  pg::Connection& source_session(pg::Connection& target) override { return target; }

 private:
  const planner::Plan& plan_;
  std::string head_sql_;
  double row_bytes_;
};

}  // namespace

std::unique_ptr<BatchMethod> make_insert_method(const planner::Plan& plan) {
  return std::make_unique<InsertMethod>(plan);
}

}  // namespace pgsluice::mover

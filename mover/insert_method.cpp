// insert: INSERT … SELECT inside the server, prepared once a session. The source keeps its rows. Where sums are wanted
// the rows that arrived are summed by its RETURNING, from memory.
#include "mover/batch_method.hpp"
#include "mover/batch_sums.hpp"
#include "mover/source_insert.hpp"
#include "pg/identifier.hpp"

namespace pgsluice::mover {

namespace {

std::string sum_of_arrived_sql(const planner::Plan& plan, const SumForm& sums) {
  return " RETURNING " + row_hash_sql(plan.source, plan.layout.root.name.name, sums.target_cast, sums.hash) +
         " AS row_hash) SELECT pg_catalog.count(*) AS rows, COALESCE(pg_catalog.sum(row_hash), 0) AS checksum "
         "FROM arrived";
}

class InsertMethod : public BatchMethod {
 public:
  InsertMethod(const planner::Plan& plan, const SumForm* sums)
      : plan_(plan),
        takes_sums_(sums != nullptr),
        head_sql_((takes_sums_ ? "WITH arrived AS (" : "") + insert_from_source_head_sql(plan, target_table_sql(plan))),
        tail_sql_(takes_sums_ ? sum_of_arrived_sql(plan, *sums) : ""),
        insert_(plan),
        row_bytes_(average_row_bytes(plan.source)) {}

  BatchResult move_rows(pg::Connection& target, const Slice& slice, bool /*is_smallest*/) override {
    BatchResult result;
    if (takes_sums_) {
      const planner::Condition condition = planner::between_sql(plan_.key, slice.lower, slice.upper);
      result.arrived =
          row_tally_at(target.query_prepared(head_sql_ + condition.sql + tail_sql_, condition.parameters), 0);
    }
    result.rows = takes_sums_ ? result.arrived->rows : insert_.insert(target, slice);
    result.bytes = static_cast<std::uint64_t>(static_cast<double>(result.rows) * row_bytes_);
    return result;
  }

  Landing landing() const override { return takes_sums_ ? Landing{} : insert_.landing(); }
  std::string routing_description() const override { return insert_.description(); }
  pg::Connection& source_session(pg::Connection& target) override { return target; }

 private:
  const planner::Plan& plan_;
  bool takes_sums_;
  std::string head_sql_;
  std::string tail_sql_;
  SourceInsert insert_;
  double row_bytes_;
};

}  // namespace

std::unique_ptr<BatchMethod> make_insert_method(const planner::Plan& plan, const SumForm* sums) {
  return std::make_unique<InsertMethod>(plan, sums);
}

}  // namespace pgsluice::mover

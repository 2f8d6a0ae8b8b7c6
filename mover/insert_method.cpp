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

  BatchResult move_rows(pg::Connection& target, const Batch& batch) override {
    BatchResult result = takes_sums_ ? insert_and_sum(target, batch) : insert(target, batch);
    result.bytes = static_cast<std::uint64_t>(static_cast<double>(result.rows) * row_bytes_);
    return result;
  }

  std::optional<pg::Step> question(const Slice& slice) const override {
    return takes_sums_ ? std::nullopt : insert_.question(slice);
  }
  Landing landing() const override { return takes_sums_ ? Landing{} : insert_.landing(); }
  std::string routing_description() const override { return insert_.description(); }
  pg::Connection& source_session(pg::Connection& target) override { return target; }

 private:
  BatchResult insert(pg::Connection& target, const Batch& batch) {
    SourceInsert::Answers answers = insert_.insert(target, "", batch.slice, batch.looks, batch.answer);
    BatchResult result;
    result.rows = answers.rows;
    result.looks = std::move(answers.behind);
    return result;
  }

  BatchResult insert_and_sum(pg::Connection& target, const Batch& batch) {
    planner::Condition condition = planner::between_sql(plan_.key, batch.slice.lower, batch.slice.upper);
    std::vector<pg::Step> steps = {
        pg::begin_step(), pg::prepared_step(head_sql_ + condition.sql + tail_sql_, std::move(condition.parameters))};
    steps.insert(steps.end(), batch.looks.begin(), batch.looks.end());
    std::vector<pg::Result> answers = target.run_together(steps);
    BatchResult result;
    result.arrived = row_tally_at(answers[1], 0);
    result.rows = result.arrived->rows;
    answers.erase(answers.begin(), answers.begin() + 2);
    result.looks = std::move(answers);
    return result;
  }

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

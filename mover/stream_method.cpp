// stream: COPY out of the source, COPY into the target's leaves or, where we cannot tell them, into the target itself,
// the bytes of each row passed on as they come. Works from one server to another. The source keeps its rows; memory is
// one row, one send buffer, and the rows that wait for their leaf.
#include "mover/batch_method.hpp"
#include "mover/leaf_choice.hpp"
#include "pg/failure.hpp"

namespace pgsluice::mover {

namespace {

// Rows are joined up to this size before they are sent: fewer, larger messages cost both ends less.
constexpr std::size_t kSendBytes = 64 * 1024;

// All but the condition and what follows it.
std::string copy_out_head_sql(const planner::Plan& plan) {
  return "COPY (SELECT " + travelling_columns_sql(plan.source) + " FROM " + source_rows_sql(plan) + " WHERE ";
}

class StreamMethod : public BatchMethod {
 public:
  StreamMethod(const planner::Plan& plan, Session& source)
      : plan_(plan),
        source_(source),
        head_sql_(copy_out_head_sql(plan)),
        tail_sql_(copy_format(plan) == pg::CopyFormat::binary ? ") TO STDOUT (FORMAT binary)" : ") TO STDOUT"),
        copy_in_sql_(copy_in_sql(plan)),
        choice_(plan) {
    buffer_.reserve(2 * kSendBytes);
  }

  BatchResult move_rows(pg::Connection& target, const Batch& batch) override {
    const std::string copy_out_sql =
        head_sql_ + planner::between_literals_sql(plan_.key, batch.slice.lower, batch.slice.upper) + tail_sql_;
    target.begin();
    const bool is_direct = choice_.routes(target, source_.connection()) != nullptr;
    BatchResult result;
    try {
      result = is_direct ? into_leaves(target, copy_out_sql) : into_parent(target, copy_out_sql);
      if (!is_direct) {
        choice_.parent_succeeded(result.rows);
      }
    } catch (const pg::Failure& failure) {
      if (is_direct) {
        choice_.blame(failure);
      } else {
        choice_.parent_failed(failure);
      }
      throw;
    }
    result.looks = source_.connection().run_together(batch.looks);
    return result;
  }

  pg::Connection& source_session(pg::Connection& /*target*/) override { return source_.connection(); }

  // "direct to 16 leaves", or why not.
  std::string routing_description() const override { return choice_.description(); }

 private:
  BatchResult into_leaves(pg::Connection& target, const std::string& copy_out_sql) {
    BatchResult result;
    pg::CopyOut out = source_.connection().copy_out(copy_out_sql);
    choice_.buffers().clear();
    LeafCopy copy = choice_.begin_copy(target);
    pg::BinaryRows rows;
    while (const auto message = out.next()) {
      result.bytes += message->size();
      if (const std::span<const char> row = rows.row_of(*message); !row.empty()) {
        copy.add(row);
      }
    }
    result.rows = choice_.finish_copy(copy, target);
    check_rows_taken(result.rows, out.affected_rows());
    return result;
  }

  BatchResult into_parent(pg::Connection& target, const std::string& copy_out_sql) {
    BatchResult result;
    pg::CopyOut out = source_.connection().copy_out(copy_out_sql);
    pg::CopyIn in = target.copy_in(copy_in_sql_);
    buffer_.clear();
    while (const auto message = out.next()) {
      result.bytes += message->size();
      if (message->size() >= kSendBytes) {
        in.write(buffer_);
        buffer_.clear();
        in.write(*message);  // A wide row is not copied once more.
        continue;
      }
      buffer_.append(message->data(), message->size());
      if (buffer_.size() >= kSendBytes) {
        in.write(buffer_);
        buffer_.clear();
      }
    }
    in.write(buffer_);
    result.rows = in.finish();
    check_rows_taken(result.rows, out.affected_rows());
    return result;
  }

  const planner::Plan& plan_;
  Session& source_;
  std::string head_sql_;
  std::string tail_sql_;
  std::string copy_in_sql_;
  LeafChoice choice_;
  std::string buffer_;
};

}  // namespace

std::unique_ptr<BatchMethod> make_stream_method(const planner::Plan& plan, Session& source) {
  return std::make_unique<StreamMethod>(plan, source);
}

}  // namespace pgsluice::mover

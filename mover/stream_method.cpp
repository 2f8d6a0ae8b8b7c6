// stream: COPY out of the source, COPY into the target, the bytes passed on as they come. Works from one server to
// another. The source keeps its rows; memory is one row and one send buffer.
#include "mover/batch_method.hpp"
#include "pg/failure.hpp"

namespace pgsluice::mover {

namespace {

// Rows are joined up to this size before they are sent: fewer, larger messages cost both ends less.
constexpr std::size_t kSendBytes = 64 * 1024;

// All but the condition and what follows it.
std::string copy_out_head_sql(const planner::Plan& plan) {
  return "COPY (SELECT " + travelling_columns_sql(plan.source) + " FROM ONLY " + source_table_sql(plan) + " WHERE ";
}

class StreamMethod : public BatchMethod {
 public:
  StreamMethod(const planner::Plan& plan, Session& source)
      : plan_(plan),
        source_(source),
        head_sql_(copy_out_head_sql(plan)),
        tail_sql_(copy_format(plan) == pg::CopyFormat::binary ? ") TO STDOUT (FORMAT binary)" : ") TO STDOUT"),
        copy_in_sql_(copy_in_sql(plan)) {
    buffer_.reserve(2 * kSendBytes);
  }

  BatchResult move_rows(pg::Connection& target, const Slice& slice, bool /*is_smallest*/) override {
    BatchResult result;
    pg::CopyOut out = source_.connection().copy_out(
        head_sql_ + planner::between_literals_sql(plan_.key, slice.lower, slice.upper) + tail_sql_);
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
    if (result.rows != out.affected_rows()) {
      throw pg::Failure(pg::FailureKind::server, "the target took " + std::to_string(result.rows) + " of " +
                                                     std::to_string(out.affected_rows()) + " rows of a batch")
          .detail("A trigger or rule on the target swallows rows.")
          .sqlstate("23000");
    }
    return result;
  }

  pg::Connection& source_session(pg::Connection& /*target*/) override { return source_.connection(); }

 private:
  const planner::Plan& plan_;
  Session& source_;
  std::string head_sql_;
  std::string tail_sql_;
  std::string copy_in_sql_;
  std::string buffer_;
};

}  // namespace

std::unique_ptr<BatchMethod> make_stream_method(const planner::Plan& plan, Session& source) {
  return std::make_unique<StreamMethod>(plan, source);
}

}  // namespace pgsluice::mover

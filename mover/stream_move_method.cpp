// stream-move: COPY of a DELETE … RETURNING out, COPY in, in one session and one transaction. One session does one COPY
// at a time, so a batch waits in memory between the two, sorted by leaf already; what does not fit is rolled back and
// comes again in smaller batches.
#include "mover/batch_method.hpp"
#include "mover/checksum.hpp"
#include "mover/leaf_choice.hpp"
#include "mover/row_hash_sum.hpp"
#include "pg/failure.hpp"

namespace pgsluice::mover {

namespace {

// A batch's room in memory. A single row may be larger; then it alone is the batch.
constexpr std::size_t kBufferBytesMax = 16 * 1024 * 1024;

// All but the condition and what follows it.
std::string delete_out_head_sql(const planner::Plan& plan) {
  return "COPY (DELETE FROM ONLY " + source_table_sql(plan) + " AS gone WHERE ";
}

class StreamMoveMethod : public BatchMethod {
 public:
  explicit StreamMoveMethod(const planner::Plan& plan)
      : plan_(plan),
        format_(copy_format(plan)),
        head_sql_(delete_out_head_sql(plan)),
        tail_sql_(" RETURNING " + travelling_columns_sql(plan.source, "gone.") + ", " +
                  row_hash_sql(plan.source, "gone") +
                  (format_ == pg::CopyFormat::binary ? ") TO STDOUT (FORMAT binary)" : ") TO STDOUT")),
        copy_in_sql_(copy_in_sql(plan)),
        choice_(plan) {}

  BatchResult move_rows(pg::Connection& target, const Batch& batch) override {
    const std::string copy_out_sql =
        head_sql_ + planner::between_literals_sql(plan_.key, batch.slice.lower, batch.slice.upper) + tail_sql_;
    target.begin();
    const LeafRoutes* const routes = choice_.routes(target, target);
    BatchResult result;
    try {
      result = routes != nullptr ? into_leaves(target, *routes, copy_out_sql, batch.is_smallest)
                                 : into_parent(target, copy_out_sql, batch.is_smallest);
      if (routes == nullptr && !result.too_large) {
        choice_.parent_succeeded(result.rows);
      }
    } catch (const pg::Failure& failure) {
      if (routes != nullptr) {
        choice_.blame(failure);
      } else {
        choice_.parent_failed(failure);
      }
      throw;
    }
    if (!result.too_large) {
      result.looks = target.run_together(batch.looks);
    }
    return result;
  }

  pg::Connection& source_session(pg::Connection& target) override { return target; }

  // "direct to 16 leaves", or why not.
  std::string routing_description() const override { return choice_.description(); }

 private:
  BatchResult into_leaves(pg::Connection& target, const LeafRoutes& routes, const std::string& copy_out_sql,
                          bool is_smallest) {
    BatchResult result;
    RowHashSum sum;
    std::uint64_t rows_out = 0;
    LeafBuffers& buffers = choice_.buffers();
    buffers.clear();
    {
      pg::CopyOut out = target.copy_out(copy_out_sql);
      pg::BinaryRows rows;
      while (const auto message = out.next()) {
        const std::span<const char> row = rows.row_of(*message);
        if (row.empty()) {
          continue;
        }
        const std::size_t place = LeafBuffers::place_of(routes.router.leaf_of(row), buffers.parent());
        const std::size_t bytes_before = buffers.bytes(place).size();
        sum.add(pg::take_last_bigint(row, buffers.room(place)));
        buffers.appended(place, buffers.bytes(place).size() - bytes_before);
        ++rows_out;
        if (buffers.bytes_total() > kBufferBytesMax && !is_smallest) {
          result.too_large = true;
          return result;
        }
      }
    }
    result.bytes = buffers.bytes_total();
    LeafCopy copy = choice_.begin_copy(target);
    result.rows = choice_.finish_copy(copy, target);
    result.checksum = sum.text();
    check_rows_taken(result.rows, rows_out);
    return result;
  }

  BatchResult into_parent(pg::Connection& target, const std::string& copy_out_sql, bool is_smallest) {
    BatchResult result;
    RowHashSum sum;
    std::uint64_t rows_out = 0;
    buffer_.clear();
    {
      pg::CopyOut out = target.copy_out(copy_out_sql);
      pg::LastFieldTaker taker(format_);
      while (const auto message = out.next()) {
        if (const auto hash = taker.take(*message, buffer_)) {
          sum.add(*hash);
          ++rows_out;
        }
        if (buffer_.size() > kBufferBytesMax && !is_smallest) {
          result.too_large = true;
          return result;
        }
      }
    }
    pg::CopyIn in = target.copy_in(copy_in_sql_);
    in.write(buffer_);
    result.rows = in.finish();
    result.bytes = buffer_.size();
    result.checksum = sum.text();
    if (buffer_.capacity() > 2 * kBufferBytesMax) {
      std::string().swap(buffer_);  // One huge row must not be paid for until the end.
    }
    check_rows_taken(result.rows, rows_out);
    return result;
  }

  const planner::Plan& plan_;
  pg::CopyFormat format_;
  std::string head_sql_;
  std::string tail_sql_;
  std::string copy_in_sql_;
  LeafChoice choice_;
  std::string buffer_;
};

}  // namespace

std::unique_ptr<BatchMethod> make_stream_move_method(const planner::Plan& plan) {
  return std::make_unique<StreamMoveMethod>(plan);
}

}  // namespace pgsluice::mover

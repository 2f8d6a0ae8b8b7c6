// How one batch travels: the interface of the four methods and the SQL they share. A method moves the rows of a slice
// inside a transaction that it begins and that the caller will commit together with the ledger's row. What it asks the
// server on the way travels together, where it can.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gate/work.hpp"
#include "mover/leaf_completion.hpp"
#include "mover/retry.hpp"
#include "mover/row_tally.hpp"
#include "pg/binary_copy.hpp"
#include "pg/connection.hpp"
#include "planner/key.hpp"
#include "planner/plan.hpp"

namespace pgsluice::mover {

// Rows with lower <= key < upper.
struct Slice {
  std::optional<planner::Key> lower;
  std::optional<planner::Key> upper;
};

struct Batch {
  Slice slice;
  bool is_smallest = false;  // The slice cannot be made smaller, so it must be moved whatever its size.
  // What the caller wants to know of the source when the rows have travelled: asked on source_session(), and before the
  // transaction ends where that is the target's.
  std::vector<pg::Step> looks;
  const pg::Result* answer = nullptr;  // To the method's question about this slice, where it was asked.
  bool is_measured = false;            // Tell what it touched, where the method can.
};

struct BatchResult {
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;  // Of user data: measured where rows pass through the client, else from the table's average.
  std::string checksum = "0";       // Sum of the row hashes, for methods that empty the source.
  std::optional<RowTally> arrived;  // Of the rows as the target holds them, where the method was asked to look.
  bool too_large =
      false;  // The batch did not fit into the client's buffer: roll back and come again with a smaller one.
  std::optional<gate::Touched> touched;
  std::vector<pg::Result> looks;  // One for each of the batch's; none where it is too large.
};

class BatchMethod {
 public:
  virtual ~BatchMethod() = default;
  // Begins a transaction of `target` and moves the batch's rows in it. Fails: server, connection; the transaction may
  // be open then, and is the caller's to roll back.
  virtual BatchResult move_rows(pg::Connection& target, const Batch& batch) = 0;
  // What move_rows() would ask the target about a slice before it moves the rows, if anything: for who has something
  // else to send before.
  virtual std::optional<pg::Step> question(const Slice& /*slice*/) const { return std::nullopt; }
  // Where the rows of the last move_rows() went.
  virtual Landing landing() const { return {}; }
  // How rows reach the leaves, where there is more than one way and it is decided: "direct to 16 leaves"; else empty.
  virtual std::string routing_description() const { return ""; }
  // The session on which the source's key is walked: the target's own where both are one database.
  virtual pg::Connection& source_session(pg::Connection& target) = 0;
};

struct SumForm;

// One worker's form of a method. `source` opens the worker's session on the source server; it is used by `stream`. With
// `sums`, a method that sees its rows arrive sums them. `plan` and `sums` must outlive it.
std::unique_ptr<BatchMethod> make_batch_method(planner::Method method, const planner::Plan& plan, Session& source,
                                               const SumForm* sums = nullptr);

std::unique_ptr<BatchMethod> make_insert_method(const planner::Plan& plan, const SumForm* sums);
std::unique_ptr<BatchMethod> make_move_method(const planner::Plan& plan);
std::unique_ptr<BatchMethod> make_stream_method(const planner::Plan& plan, Session& source);
std::unique_ptr<BatchMethod> make_stream_move_method(const planner::Plan& plan);

// The columns that travel, quoted, each behind `prefix` (`gone.`). Generated columns are made anew by the target.
std::string travelling_columns_sql(const planner::TableFacts& source, std::string_view prefix = "");

// INSERT INTO `into` … SELECT … FROM source WHERE, up to the condition.
std::string insert_from_source_head_sql(const planner::Plan& plan, const std::string& into);

// `"s"."t"` of source and target.
std::string source_table_sql(const planner::Plan& plan);
// The source as it stands behind FROM, see planner/source_rows_sql.hpp.
std::string source_rows_sql(const planner::Plan& plan);
std::string target_table_sql(const planner::Plan& plan);

// COPY's format for this table: text where some column has no binary form, or where the binary form holds type OIDs
// that differ between two databases (arrays and composites of users' types).
pg::CopyFormat copy_format(const planner::Plan& plan);
std::string copy_in_sql(const planner::Plan& plan);

// Average bytes of a row with its TOAST, at least 1.
double average_row_bytes(const planner::TableFacts& source);

}  // namespace pgsluice::mover

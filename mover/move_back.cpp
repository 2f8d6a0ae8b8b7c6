#include "mover/move_back.hpp"

#include <algorithm>
#include <mutex>
#include <optional>

#include "mover/batch_method.hpp"
#include "mover/checksum.hpp"
#include "mover/parallel_units.hpp"
#include "mover/row_tally.hpp"
#include "mover/target_session.hpp"
#include "pg/failure.hpp"
#include "pg/identifier.hpp"

namespace pgsluice::mover {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kFirstBlocks = 64;
constexpr std::uint64_t kBlocksMax = 131'072;  // 1 GB.
constexpr int kTidRangeScanSince = 14;
constexpr int kPassesMax = 3;

// Waiting for the ledger's row is waiting for other batches of ours to commit.
constexpr const char* kLedgerPatience = "10s";

// Servers before 14 would read the whole leaf for a range of ctids, but look up single ones: every place that a block
// can have.
std::string blocks_sql(std::uint64_t lower, std::uint64_t upper, int server_major_version) {
  if (server_major_version >= kTidRangeScanSince) {
    return planner::between_sql(planner::RangeKey{}, planner::Key{std::to_string(lower)},
                                planner::Key{std::to_string(upper)})
        .sql;
  }
  return "ctid = ANY (ARRAY(SELECT pg_catalog.format('(%s,%s)', block, place)::pg_catalog.tid FROM "
         "pg_catalog.generate_series(" +
         std::to_string(lower) + ", " + std::to_string(upper - 1) +
         ") AS block, pg_catalog.generate_series(1, pg_catalog.current_setting('block_size')::pg_catalog.int4 / 28) AS "
         "place))";
}

// The rows' values as the source takes them. An existing target may have other types, of which not all are assignable
// to the source's.
std::string values_sql(const planner::Plan& plan) {
  std::string values;
  for (const planner::Column& column : plan.source.columns) {
    if (column.generated.empty()) {
      values += (values.empty() ? "gone." : ", gone.") + pg::quoted(column.name) +
                (plan.layout.existing ? "::" + column.type : "");
    }
  }
  return values;
}

std::string is_empty_sql(const std::string& leaf) {
  return "SELECT NOT EXISTS (SELECT FROM ONLY " + leaf + ")";
}

// How many blocks the next batch takes.
class BlockSizer {
 public:
  explicit BlockSizer(std::chrono::milliseconds duration_target) : target_(duration_target) {}
  std::uint64_t blocks() const { return blocks_; }
  void moved(Clock::duration duration) {
    constexpr double kStepMax = 4.0;
    const double seconds = std::max(1e-4, std::chrono::duration<double>(duration).count());
    const double factor = std::chrono::duration<double>(target_).count() / seconds;
    const double wanted = static_cast<double>(blocks_) * std::clamp(factor, 1 / kStepMax, kStepMax);
    blocks_ = static_cast<std::uint64_t>(std::clamp(wanted, 1.0, static_cast<double>(kBlocksMax)));
  }

 private:
  std::chrono::milliseconds target_;
  std::uint64_t blocks_ = kFirstBlocks;
};

class MoveBack {
 public:
  MoveBack(const planner::Plan& plan, const std::vector<std::string>& leaves, const Sessions& sessions,
           const MoveBackOptions& options, const RetryContext& context)
      : plan_(plan), leaves_(leaves), options_(options), context_(context), units_(options.workers, context.stop) {
    for (unsigned worker = 0; worker < units_.workers(); ++worker) {
      sessions_.emplace_back(units_.cancellable([&sessions] { return sessions.open_target("moving back"); }));
    }
    progress_.workers = units_.workers();
    progress_.units_total = leaves.size();
    progress_.rows_planned = options.rows_expected;
  }

  void run() {
    context_.observer.phase_began("moving rows back", "leaves");
    const bool is_whole =
        units_.run(leaves_.size(), [&](unsigned worker, std::size_t unit) { empty_leaf(worker, leaves_[unit]); });
    if (!is_whole) {
      throw pg::Failure(pg::FailureKind::interrupted, "stopped while moving rows back, as asked")
          .hint("Run `pgsluice rollback` again to go on.")
          .status("every row is either in the source or still in the target; the migration is being rolled back");
    }
  }

 private:
  void empty_leaf(unsigned worker, const std::string& leaf) {
    for (int pass = 0; pass < kPassesMax; ++pass) {
      empty_blocks(worker, leaf);
      if (context_.stop.is_requested()) {
        throw pg::Failure(pg::FailureKind::interrupted, "stopped while moving rows back, as asked");
      }
      bool is_empty = false;
      repeat_until_done(sessions_[worker], context_, "looking at " + leaf, [&](pg::Connection& connection) {
        is_empty = connection.query(is_empty_sql(leaf)).boolean(0, 0);
      });
      if (is_empty) {
        const std::lock_guard lock(mutex_);
        ++progress_.units_done;
        tell_progress();
        return;
      }
    }
    throw pg::Failure(pg::FailureKind::server, "rows appear in " + leaf + " while it is being emptied")
        .hint("Something still writes to the target: stop it, then run `pgsluice rollback` again.")
        .status("the rows that were moved back are in the source; the migration is being rolled back");
  }

  void empty_blocks(unsigned worker, const std::string& leaf) {
    const std::uint64_t block_count = read_block_count(worker, leaf);
    BlockSizer sizer(options_.batch_duration_target);
    std::uint64_t lower = 0;
    while (lower < block_count && !context_.stop.is_requested()) {
      const std::uint64_t upper = std::min(block_count, lower + sizer.blocks());
      const auto begun = Clock::now();
      move_batch(worker, leaf, lower, upper);
      sizer.moved(Clock::now() - begun);
      lower = upper;
    }
  }

  std::uint64_t read_block_count(unsigned worker, const std::string& leaf) {
    std::int64_t count = 0;
    repeat_until_done(sessions_[worker], context_, "looking at " + leaf, [&](pg::Connection& connection) {
      const pg::Result heaps = fixed_query(connection, "heaps", {leaf});
      count = heaps.integer(0, heaps.column("block_count"));
    });
    return static_cast<std::uint64_t>(count);
  }

  void move_batch(unsigned worker, const std::string& leaf, std::uint64_t lower, std::uint64_t upper) {
    RowTally back;
    repeat_until_done(sessions_[worker], context_, "moving rows back", [&](pg::Connection& connection) {
      in_transaction(connection, [&] {
        const pg::Result row =
            connection.query(move_back_sql(plan_, leaf, lower, upper, connection.server_major_version()));
        back = row_tally_at(row, 0);
        refuse_swallowed(back, static_cast<std::uint64_t>(row.integer(0, row.column("gone"))));
        if (back.rows > 0) {
          set_for_transaction(connection, "lock_timeout", kLedgerPatience);
          fixed_query(connection, "add_rows_back",
                      {plan_.migration_id, std::to_string(back.rows), back.checksum.text()});
        }
      });
    });
    const std::lock_guard lock(mutex_);
    progress_.rows_done += back.rows;
    progress_.rows_this_run += back.rows;
    tell_progress();
  }

  void refuse_swallowed(const RowTally& back, std::uint64_t gone) const {
    if (back.rows != gone) {
      throw pg::Failure(pg::FailureKind::server, pg::display(plan_.source.name) + " took " + std::to_string(back.rows) +
                                                     " of " + std::to_string(gone) + " rows that were moved back")
          .detail("A trigger or rule on it swallows rows.")
          .hint("Disable it, then run `pgsluice rollback` again.")
          .status("the batch was undone: its rows are still in the target")
          .sqlstate("23000");
    }
  }

  void tell_progress() {
    const double leaf_part = static_cast<double>(progress_.units_done) /
                             static_cast<double>(std::max<std::uint64_t>(1, progress_.units_total));
    const double row_part = static_cast<double>(progress_.rows_done) /
                            static_cast<double>(std::max<std::uint64_t>(1, progress_.rows_planned));
    progress_.fraction = std::clamp(row_part, leaf_part, 1.0);
    context_.observer.progressed(progress_);
  }

  const planner::Plan& plan_;
  const std::vector<std::string>& leaves_;
  const MoveBackOptions& options_;
  const RetryContext& context_;
  ParallelUnits units_;
  std::vector<Session> sessions_;
  std::mutex mutex_;
  Progress progress_;
};

}  // namespace

std::string move_back_sql(const planner::Plan& plan, const std::string& leaf, std::uint64_t lower, std::uint64_t upper,
                          int server_major_version) {
  return "WITH gone AS (DELETE FROM ONLY " + leaf + " WHERE " + blocks_sql(lower, upper, server_major_version) +
         " RETURNING *), back AS (INSERT INTO " + source_table_sql(plan) + " (" + travelling_columns_sql(plan.source) +
         ") OVERRIDING SYSTEM VALUE SELECT " + values_sql(plan) + " FROM gone RETURNING *) SELECT " +
         count_and_sum_sql(plan.source, "back") + ", (SELECT pg_catalog.count(*) FROM gone) AS gone FROM back";
}

void move_rows_back(const planner::Plan& plan, const std::vector<std::string>& leaves, const Sessions& sessions,
                    const MoveBackOptions& options, const RetryContext& context) {
  MoveBack(plan, leaves, sessions, options, context).run();
}

}  // namespace pgsluice::mover

// The SQL that brings noted keys over again. A refresh is three statements of one REPEATABLE READ transaction, so of
// one snapshot: stale rows of `to` go, current rows of `from` come, the log rows that were read go. It needs no old
// values, may be repeated, and is indifferent to the order of the log.
//
// Invariants:
//   F3  The log rows that are removed are exactly those that the snapshot saw: a change that commits later has log rows
//       of its own, which stay.
//   F4  No two refreshes of one key run at once: whoever refreshes holds the key's lane before its snapshot is taken.
//   Two
//       at once could leave the older state: one that inserts a row and one that finds nothing to delete, because it
//       sees neither that row nor its first note, do not meet.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pg/connection.hpp"
#include "planner/feed.hpp"

namespace pgsluice::planner {

// Which rows of the log a refresh takes: a condition on the log `c`, and its parameters.
struct Portion {
  std::string sql;
  pg::Parameters parameters;
};

// Everything.
Portion whole_log_sql();
// A key belongs to one of so many lanes, by its hash; the number is the same for every process.
inline constexpr unsigned kLaneCount = 8;

// The rows of some blocks that belong to some lanes; all of them when `lanes` are.
Portion lanes_sql(const Feed& feed, std::int64_t block_begin, std::int64_t block_end,
                  const std::vector<unsigned>& lanes);
// `{0,2,4}`
std::string lanes_text(const std::vector<unsigned>& lanes);
std::vector<unsigned> all_lanes();
// The rows whose key is in a range of the plan.
Portion range_sql(const RangeKey& key, const Range& range);

struct RefreshSql {
  std::string remove_stale;
  std::string bring_current;
  std::string forget;  // The log rows.
};

// Rows are found again by the unique index of `to` and updated in place; where there is none that can (see
// Feed::conflict_columns), as exact_refresh_sql does.
RefreshSql refresh_sql(const Feed& feed, const Portion& portion);

// All rows of the noted keys are deleted and those of `from` inserted. With the whole log: `to` is then what the
// snapshot says `from` is, row by row, so that no two of its rows conflict unless the snapshot's do.
RefreshSql exact_refresh_sql(const Feed& feed, const Portion& portion);

// Removes repetitions of (key, lead) from the log; what is left says the same.
std::string reduce_log_sql(const Feed& feed);

// One row: `rows`, `seconds` since the oldest was noted, whether one is of a TRUNCATE (`truncated`), `bytes` of the
// file.
std::string backlog_sql(const Feed& feed);

// For a refresh that may have to be repeated in another way within one transaction.
std::string savepoint_sql();
std::string rollback_to_savepoint_sql();

// Empties `to` for good, and the log with it, after a TRUNCATE: for one transaction.
std::string empty_table_sql(const QualifiedName& table);
std::string empty_log_sql(const Feed& feed);
// All rows of `from`, or of its parts that are the feed's.
std::string refill_sql(const Feed& feed);

}  // namespace pgsluice::planner

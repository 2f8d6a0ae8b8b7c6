#include "mover/live/verify_live.hpp"

#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mover/live/applier.hpp"
#include "mover/live/follower.hpp"
#include "mover/live/following.hpp"
#include "mover/live/trigger_log.hpp"
#include "mover/parallel_units.hpp"
#include "mover/target_session.hpp"
#include "mover/verify_find.hpp"

namespace pgsluice::mover {

namespace {

using planner::Verification;

constexpr std::string_view kUniqueViolation = "23505";
constexpr std::size_t kUnitsNamedMax = 1000;
// The comparison brings over what it needs; in the background only a log that grows large is made smaller.
constexpr std::uint64_t kNotesLeft = 50'000;

struct Outcome {
  RowTally source;
  RowTally target;
  std::vector<Difference> differences;
  bool is_equal() const { return source == target; }
};

// One call, handed from step to step.
struct Comparing {
  planner::Checkpoint& checkpoint;
  const Comparison& comparison;
  const ChangeFeed& feed;
  const Sessions& sessions;
  const VerifyOptions& options;
  const RetryContext& context;
  const planner::Plan& plan() const { return checkpoint.plan(); }
};

// Rows of one side with their key as text and their hash.
std::string keyed_hashes_sql(const Comparing& comparing, const Side& side, const std::string& condition) {
  return "SELECT ARRAY[" + planner::columns_text_sql(comparing.plan().key) + "] AS key, " +
         row_hash_sql(comparing.plan().source, "side", side.cast, comparing.comparison.form) + " AS row_hash FROM " +
         side.from_sql + " AS side WHERE " + condition;
}

std::string differences_sql(const Comparing& comparing, const std::string& condition) {
  return "SELECT pg_catalog.array_to_string(COALESCE(s.key, t.key), ', '), s.key IS NULL, t.key IS NULL FROM (" +
         keyed_hashes_sql(comparing, comparing.comparison.source, condition) + ") AS s FULL JOIN (" +
         keyed_hashes_sql(comparing, comparing.comparison.target, condition) +
         ") AS t ON s.key = t.key WHERE s.row_hash IS DISTINCT FROM t.row_hash LIMIT " +
         std::to_string(comparing.options.differences_max);
}

std::vector<Difference> read_differences(const Comparing& comparing, pg::Connection& connection,
                                         const planner::Range& range) {
  const planner::Condition condition = planner::between_sql(comparing.plan().key, range.lower, range.upper);
  const pg::Result rows = connection.query(differences_sql(comparing, condition.sql), condition.parameters);
  std::vector<Difference> differences;
  for (int i = 0; i < rows.row_count(); ++i) {
    const Difference::Kind kind = rows.boolean(i, 1)   ? Difference::Kind::extra
                                  : rows.boolean(i, 2) ? Difference::Kind::missing
                                                       : Difference::Kind::changed;
    differences.push_back({display(range), "(" + std::string(rows.text(i, 0)) + ")", kind});
  }
  return differences;
}

Outcome compare_in_one_snapshot(const Comparing& comparing, pg::Connection& connection, const planner::Range& range) {
  Outcome outcome;
  comparing.feed.with_range(connection, range, [&] {
    connection.begin("ISOLATION LEVEL REPEATABLE READ");
    comparing.feed.apply_range(connection, comparing.plan().key, range);
    const auto read = [&](const Side& side) {
      const planner::Condition tally = range_tally_sql(comparing.comparison, side, range.lower, range.upper);
      return row_tally_at(connection.query(tally.sql, tally.parameters), 0);
    };
    outcome.source = read(comparing.comparison.source);
    outcome.target = read(comparing.comparison.target);
    if (!outcome.is_equal() && comparing.options.find) {
      outcome.differences = read_differences(comparing, connection, range);
    }
    connection.commit();
  });
  return outcome;
}

// Where a row of the range meets one that is noted elsewhere in a unique index, all is brought over first; another may
// come meanwhile.
Outcome compare_range(const Comparing& comparing, Session& session, const planner::Range& range) {
  constexpr int kMeetingsMax = 20;
  Outcome outcome;
  int meetings = 0;
  bool is_compared = false;
  while (!is_compared) {
    try {
      repeat_until_done(session, comparing.context, "comparing " + display(range), [&](pg::Connection& connection) {
        outcome = compare_in_one_snapshot(comparing, connection, range);
      });
      is_compared = true;
    } catch (const pg::Failure& failure) {
      if (failure.sqlstate() != kUniqueViolation || ++meetings == kMeetingsMax) {
        throw explained_refresh(failure, comparing.feed.feed());
      }
      make_exact(comparing.feed, comparing.sessions, comparing.context);
    }
  }
  return outcome;
}

std::string counted(std::uint64_t rows) {
  return std::to_string(rows) + (rows == 1 ? " row" : " rows");
}

std::string describe(const planner::Range& range, const Outcome& outcome) {
  return display(range) + ": " +
         (outcome.source.rows == outcome.target.rows
              ? "the same number of rows, " + counted(outcome.source.rows) + ", but other content"
              : "the source has " + counted(outcome.source.rows) + ", the target " +
                    std::to_string(outcome.target.rows));
}

// After a TRUNCATE nothing of what was copied stands for anything.
void refuse_emptied_source(const Comparing& comparing, Session& session) {
  repeat_until_done(session, comparing.context, "looking at the changes", [&](pg::Connection& connection) {
    refuse_broken_capture(comparing.feed, connection);
    refuse_drift(comparing.feed, connection);
    if (comparing.feed.read_backlog(connection).holds_truncate) {
      throw pg::Failure(pg::FailureKind::refused,
                        pg::display(comparing.plan().source.name) + " was emptied by TRUNCATE, or part of it")
          .hint("Run `pgsluice run`: it removes what was copied and copies the rows of now.")
          .status("nothing was changed");
    }
  });
}

std::vector<planner::Range> ranges_to_compare(const Comparing& comparing, VerifySummary& summary) {
  std::vector<planner::Range> ranges;
  for (const planner::Range& range : comparing.plan().ranges) {
    const planner::RangeState& state = comparing.checkpoint.state(range.index);
    if (state.verification == Verification::equal) {
      ++summary.units_equal;
      summary.rows_source += state.rows;
      summary.rows_target += state.rows;
    } else {
      ranges.push_back(range);
    }
  }
  if (summary.units_equal > 0) {
    comparing.context.observer.noted(std::to_string(summary.units_equal) +
                                     " ranges were compared before and found equal; --again compares them again");
  }
  return ranges;
}

}  // namespace

VerifySummary verify_live(planner::Checkpoint& checkpoint, const Comparison& comparison, const ChangeFeed& feed,
                          const Sessions& sessions, const VerifyOptions& options, const RetryContext& context) {
  const Comparing comparing{checkpoint, comparison, feed, sessions, options, context};
  Session lead([&sessions] { return open_patient_target(sessions, "verify"); });
  refuse_emptied_source(comparing, lead);
  ParallelUnits units(options.workers, context.stop);
  std::deque<Session> open;
  for (unsigned worker = 0; worker < units.workers(); ++worker) {
    open.emplace_back(units.cancellable([&] { return open_applier(sessions); }));
  }
  VerifySummary summary;
  summary.unit = "ranges";
  summary.units_total = checkpoint.plan().ranges.size();
  const std::vector<planner::Range> ranges = ranges_to_compare(comparing, summary);
  Progress progress;
  progress.workers = units.workers();
  progress.units_total = summary.units_total;
  progress.units_done = summary.units_equal;
  context.observer.phase_began("comparing", "ranges");
  std::mutex mutex;  // Guards the checkpoint, the summary, the progress and what differs.
  std::map<std::uint32_t, Outcome> differing;
  const double pages = 2 * static_cast<double>(checkpoint.plan().source.bytes_total()) / gate::kPageBytes /
                       static_cast<double>(checkpoint.plan().ranges.size());
  bool is_whole = false;
  {
    const std::jthread follower = follow_in_background(feed, sessions, context, {1, options.gate, kNotesLeft});
    is_whole = units.run(ranges.size(), [&](unsigned worker, std::size_t unit) {
      if (options.gate != nullptr && !options.gate->enter_unpaced()) {
        leave_if_stopped(context, "comparing");
      }
      const Outcome outcome = compare_range(comparing, open[worker], ranges[unit]);
      if (options.gate != nullptr) {
        gate::Touched touched;
        touched.pages_read = pages;
        options.gate->leave_unpaced(touched);
      }
      const std::lock_guard lock(mutex);
      checkpoint.record_verification(ranges[unit].index,
                                     outcome.is_equal() ? Verification::equal : Verification::differs);
      summary.rows_source += outcome.source.rows;
      summary.rows_target += outcome.target.rows;
      progress.rows_done += outcome.target.rows;
      progress.rows_this_run += outcome.target.rows;
      ++progress.units_done;
      progress.fraction = static_cast<double>(progress.units_done) / static_cast<double>(progress.units_total);
      context.observer.progressed(progress);
      if (outcome.is_equal()) {
        ++summary.units_equal;
      } else {
        differing.emplace(ranges[unit].index, outcome);
      }
    });
  }
  if (!is_whole) {
    leave_if_stopped(context, "comparing");
  }
  refuse_emptied_source(comparing, lead);
  for (const auto& [index, outcome] : differing) {
    ++summary.units_differing;
    if (summary.differing_units.size() < kUnitsNamedMax) {
      summary.differing_units.push_back(describe(checkpoint.plan().ranges.at(index), outcome));
    }
    for (const Difference& difference : outcome.differences) {
      if (summary.differences.size() < options.differences_max) {
        summary.differences.push_back(difference);
      } else {
        summary.differences_truncated = true;
      }
    }
  }
  return summary;
}

}  // namespace pgsluice::mover

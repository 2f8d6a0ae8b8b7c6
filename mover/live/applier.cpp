#include "mover/live/applier.hpp"

#include <algorithm>
#include <atomic>
#include <deque>
#include <optional>
#include <string>

#include "mover/live/following.hpp"
#include "mover/live/trigger_log.hpp"
#include "mover/parallel_units.hpp"
#include "mover/target_session.hpp"
#include "planner/refresh_sql.hpp"

namespace pgsluice::mover {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kUniqueViolation = "23505";
constexpr std::string_view kDeadlock = "40P01";
constexpr std::string_view kCheckViolation = "23514";  // Also: no partition of the table takes the row.
constexpr std::int64_t kBlocksPerShare = 100;          // Some ten thousand notes.

// What one catching up hands from pass to pass.
struct Work {
  const ChangeFeed& feed;
  const Sessions& sessions;
  const RetryContext& context;
  const ApplierOptions& options;
  Session lead;
  std::deque<Session> open;
};

Backlog read_backlog(Work& work) {
  Backlog backlog;
  repeat_until_done(work.lead, work.context, "looking at the changes",
                    [&](pg::Connection& connection) { backlog = work.feed.read_backlog(connection); });
  return backlog;
}

std::uint64_t apply_share(Work& work, Session& session, const Share& share, std::atomic<bool>& met) {
  std::optional<gate::Permit> permit;
  if (work.options.gate != nullptr) {
    permit = work.options.gate->enter(static_cast<std::uint64_t>(kBlocksPerShare) * 100);
    if (!permit) {
      leave_if_stopped(work.context, "applying changes");
    }
  }
  std::uint64_t rows = 0;
  try {
    repeat_until_done(session, work.context, "applying changes", [&](pg::Connection& connection) {
      try {
        work.feed.with_lanes(connection, share.lanes, [&] { rows = work.feed.apply(connection, share, false); });
      } catch (const pg::Failure& failure) {
        met = met || failure.sqlstate() == kUniqueViolation || failure.sqlstate() == kDeadlock;
        if (failure.sqlstate() != kUniqueViolation) {
          throw;
        }
        work.feed.with_lanes(connection, share.lanes, [&] { rows = work.feed.apply(connection, share, true); });
      }
    });
  } catch (...) {
    if (permit) {
      work.options.gate->leave(*permit, {});
    }
    throw;
  }
  if (permit) {
    work.options.gate->leave(*permit, {static_cast<double>(rows), std::nullopt});
  }
  return rows;
}

// What a pass over the log did.
struct Passed {
  std::uint64_t rows = 0;
  bool met = false;       // Rows of several moments met in a unique index; sessions were in each other's way.
  bool has_left = false;  // Some notes, because their rows meet others that are noted elsewhere.
};

// Those of one of so many workers.
std::vector<unsigned> lanes_of(unsigned worker, unsigned workers) {
  std::vector<unsigned> lanes;
  for (unsigned lane = worker; lane < planner::kLaneCount; lane += workers) {
    lanes.push_back(lane);
  }
  return lanes;
}

// Over the whole log once, by so many workers: each goes through all of it, for the keys of its lanes.
Passed pass(Work& work, unsigned workers) {
  std::int64_t extent = 0;
  repeat_until_done(work.lead, work.context, "looking at the changes",
                    [&](pg::Connection& connection) { extent = work.feed.read_extent(connection); });
  const std::int64_t width = kBlocksPerShare * workers;
  std::atomic<std::uint64_t> rows = 0;
  std::atomic<bool> met = false;
  std::atomic<bool> has_left = false;
  ParallelUnits units(workers, work.context.stop);
  const bool finished = units.run(workers, [&](unsigned session, std::size_t worker) {
    const std::vector<unsigned> lanes = lanes_of(static_cast<unsigned>(worker), workers);
    for (std::int64_t begin = 0; begin < extent; begin += width) {
      leave_if_stopped(work.context, "applying changes");
      try {
        rows += apply_share(work, work.open[session], {begin, std::min(extent, begin + width), lanes}, met);
      } catch (const pg::Failure& failure) {
        if (failure.sqlstate() != kUniqueViolation) {
          throw explained_refresh(failure, work.feed.feed());
        }
        has_left = true;
      }
    }
  });
  if (!finished) {
    leave_if_stopped(work.context, "applying changes");
  }
  return {rows, met, has_left};
}

void tidy(Work& work) {
  repeat_until_done(work.lead, work.context, "tidying the log of changes",
                    [&](pg::Connection& connection) { work.feed.tidy(connection, false); });
}

// Tells when the application is faster than this, which ends in a log that only grows.
class Race {
 public:
  void passed(Observer& observer, std::uint64_t before, std::uint64_t applied, std::uint64_t after, double seconds) {
    lost_ = after > before ? lost_ + 1 : 0;
    constexpr unsigned kLostInARow = 3;
    if (lost_ == kLostInARow && seconds > 0) {
      const double written =
          (static_cast<double>(after) - static_cast<double>(before) + static_cast<double>(applied)) / seconds;
      observer.noted("the application changes " + std::to_string(static_cast<std::uint64_t>(written)) +
                     " rows a second and " +
                     std::to_string(static_cast<std::uint64_t>(static_cast<double>(applied) / seconds)) +
                     " are brought over: this does not end by itself. Use more --workers, raise the budget, or wait "
                     "for a quieter hour.");
      lost_ = 0;
    }
  }

 private:
  unsigned lost_ = 0;
};

double seconds_since(Clock::time_point begun) {
  return std::chrono::duration<double>(Clock::now() - begun).count();
}

}  // namespace

pg::Failure explained_refresh(const pg::Failure& failure, const planner::Feed& feed) {
  if (failure.sqlstate() != kCheckViolation && failure.sqlstate() != kUniqueViolation) {
    return failure;
  }
  pg::Failure better(failure.kind(), "a changed row of " + pg::display(feed.from) + " cannot be brought to " +
                                         pg::display(feed.to) + ": " + failure.what());
  better.detail(failure.detail()).sqlstate(failure.sqlstate());
  if (failure.sqlstate() == kCheckViolation) {
    better.hint("Make a partition for it (or a DEFAULT partition), or mend the row; then run the same command again.");
  } else if (failure.sqlstate() == kUniqueViolation) {
    better.hint("The rows of " + pg::display(feed.from) + " are not unique by what " + pg::display(feed.to) +
                " is unique by. Mend them, then run the same command again.");
  }
  return better.status("the change stays noted; " + pg::display(feed.from) + " is in use as before");
}

CatchUp catch_up(const ChangeFeed& feed, const Sessions& sessions, const RetryContext& context,
                 const ApplierOptions& options) {
  Work work{feed,
            sessions,
            context,
            options,
            Session([&sessions] { return open_patient_target(sessions, "applying, lead"); }),
            {}};
  const unsigned workers = feed.feed().keys_can_be_divided() ? std::clamp(options.workers, 1U, planner::kLaneCount) : 1;
  for (unsigned worker = 0; worker < workers; ++worker) {
    work.open.emplace_back([&sessions] { return open_applier(sessions); });
  }
  CatchUp result;
  Race race;
  Progress progress;
  progress.workers = workers;
  unsigned workers_now = workers;
  repeat_until_done(work.lead, context, "looking at the changes",
                    [&](pg::Connection& connection) { refuse_broken_capture(feed, connection); });
  result.left = read_backlog(work);
  if (result.left.rows > options.rows_left_max) {
    context.observer.phase_began("applying changes", "changes");
  }
  // One pass at least: where nobody writes, nothing is left.
  bool has_passed = result.left.rows == 0;
  while ((!has_passed || result.left.rows > options.rows_left_max) && !result.left.holds_truncate) {
    has_passed = true;
    leave_if_stopped(context, "applying changes");
    const auto pass_begun = Clock::now();
    const std::uint64_t before = result.left.rows;
    const Passed passed = pass(work, workers_now);
    const std::uint64_t applied = passed.rows;
    result.rows += applied;
    // Sessions that exchange unique values wait for each other, and one of two for a deadlock's time-out.
    workers_now = passed.met ? 1 : workers;
    if (passed.has_left) {
      result.rows += make_exact(feed, sessions, context);
    }
    tidy(work);
    result.left = read_backlog(work);
    race.passed(context.observer, before, applied, result.left.rows, seconds_since(pass_begun));
    progress.units_done = result.rows;
    progress.units_total = result.rows + result.left.rows;
    progress.fraction = static_cast<double>(progress.units_done) /
                        static_cast<double>(std::max<std::uint64_t>(1, progress.units_total));
    context.observer.progressed(progress);
  }
  return result;
}

std::uint64_t make_exact(const ChangeFeed& feed, const Sessions& sessions, const RetryContext& context) {
  Session session([&] { return open_applier(sessions); });
  std::uint64_t rows = 0;
  try {
    repeat_until_done(session, context, "bringing all changes over at once", [&](pg::Connection& connection) {
      // Alone: a unique index knows newer rows than the snapshot, if somebody else brings them over meanwhile.
      feed.with_lanes(connection, planner::all_lanes(), [&] {
        connection.begin("ISOLATION LEVEL REPEATABLE READ");
        rows = feed.apply_everything(connection);
        connection.commit();
      });
    });
  } catch (const pg::Failure& failure) {
    throw explained_refresh(failure, feed.feed());
  }
  return rows;
}

}  // namespace pgsluice::mover

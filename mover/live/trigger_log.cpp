#include "mover/live/trigger_log.hpp"

#include <string>
#include <utility>
#include <vector>

#include "mover/target_session.hpp"
#include "pg/statements.hpp"
#include "planner/capture_sql.hpp"
#include "planner/key.hpp"
#include "planner/refresh_sql.hpp"

namespace pgsluice::mover {

namespace {

std::uint64_t run_refresh(pg::Connection& connection, const planner::RefreshSql& sql, const planner::Portion& portion) {
  const std::vector<pg::Step> steps = {pg::prepared_step(sql.remove_stale, portion.parameters),
                                       pg::prepared_step(sql.bring_current, portion.parameters),
                                       pg::prepared_step(sql.forget, portion.parameters)};
  return connection.run_together(steps).back().affected_rows();
}

// Session-level locks, by the statements that take and release them: a session that is lost gives them back no sooner
// than its last transaction has ended.
struct Locks {
  std::string_view take;
  std::string_view release;
  pg::Parameters keys;
};

void holding(pg::Connection& connection, const Locks& locks, const std::function<void()>& body) {
  try {
    fixed_query(connection, locks.take, locks.keys);
  } catch (...) {
    connection.rollback();
    if (connection.is_open()) {
      fixed_query(connection, "release_all_locks");  // Some may have been taken before the wait for the next was over.
    }
    throw;
  }
  try {
    body();
  } catch (...) {
    connection.rollback();
    if (connection.is_open()) {
      fixed_query(connection, locks.release, locks.keys);
    }
    throw;
  }
  fixed_query(connection, locks.release, locks.keys);
}

}  // namespace

TriggerLog::TriggerLog(planner::Feed feed) : feed_(std::move(feed)) {}

TriggerLog::Installed TriggerLog::read_installed(pg::Connection& connection) const {
  planner::Key tables;
  for (const pg::QualifiedName& table : feed_.noting()) {
    tables.push_back(pg::quoted(table));
  }
  const pg::Result row =
      fixed_query(connection, "capture_triggers",
                  {planner::to_array_text(tables), feed_.function("").name + "_", pg::quoted(feed_.log())});
  if (static_cast<std::size_t>(row.integer(0, row.column("firing"))) == planner::capture_trigger_count(feed_)) {
    return Installed::wholly;
  }
  return row.boolean(0, row.column("log_is_there")) ? Installed::in_part : Installed::no;
}

void TriggerLog::make_ready(pg::Connection& connection) const {
  connection.run_script(planner::script_of(planner::drop_capture_log_sql(feed_)) + ";" +
                        planner::script_of(planner::create_capture_log_sql(feed_)));
}

void TriggerLog::install(pg::Connection& connection) const {
  connection.run_script(planner::script_of(planner::create_capture_triggers_sql(feed_)));
}

void TriggerLog::stop(pg::Connection& connection) const {
  connection.run_script(planner::script_of(planner::drop_capture_triggers_sql(feed_)));
}

void TriggerLog::remove(pg::Connection& connection) const {
  connection.run_script(planner::script_of(planner::drop_capture_log_sql(feed_)));
}

Backlog TriggerLog::read_backlog(pg::Connection& connection) const {
  const pg::Result row = connection.query(planner::backlog_sql(feed_));
  constexpr double kMillisecondsPerSecond = 1000;
  Backlog backlog;
  backlog.rows = static_cast<std::uint64_t>(row.integer(0, row.column("rows")));
  backlog.age = std::chrono::milliseconds(
      static_cast<std::int64_t>(row.number(0, row.column("seconds")) * kMillisecondsPerSecond));
  backlog.bytes = static_cast<std::uint64_t>(row.integer(0, row.column("bytes")));
  backlog.holds_truncate = row.boolean(0, row.column("truncated"));
  return backlog;
}

std::int64_t TriggerLog::read_extent(pg::Connection& connection) const {
  return fixed_query(connection, "heap_blocks", {pg::quoted(feed_.log())}).integer(0, 0);
}

void TriggerLog::with_lanes(pg::Connection& connection, const std::vector<unsigned>& lanes,
                            const std::function<void()>& body) const {
  const pg::Parameters keys = {feed_.migration_id, planner::lanes_text(lanes)};
  holding(connection, {"hold_lanes", "release_lanes", keys}, body);
}

void TriggerLog::with_range(pg::Connection& connection, const planner::Range& range,
                            const std::function<void()>& body) const {
  const pg::Parameters keys = {feed_.migration_id, planner::lanes_text(planner::all_lanes()),
                               std::to_string(range.index)};
  holding(connection, {"share_lanes", "release_shared_lanes", keys}, body);
}

std::uint64_t TriggerLog::apply(pg::Connection& connection, const Share& share, bool exactly) const {
  const planner::Portion portion = planner::lanes_sql(feed_, share.place_begin, share.place_end, share.lanes);
  const planner::RefreshSql sql =
      exactly ? planner::exact_refresh_sql(feed_, portion) : planner::refresh_sql(feed_, portion);
  const std::vector<pg::Step> steps = {pg::begin_step("ISOLATION LEVEL REPEATABLE READ"),
                                       pg::prepared_step(sql.remove_stale, portion.parameters),
                                       pg::prepared_step(sql.bring_current, portion.parameters),
                                       pg::prepared_step(sql.forget, portion.parameters), pg::commit_step()};
  constexpr std::size_t kForget = 3;
  return connection.run_together(steps)[kForget].affected_rows();
}

std::uint64_t TriggerLog::apply_range(pg::Connection& connection, const planner::RangeKey& key,
                                      const planner::Range& range) const {
  const planner::Portion portion = planner::range_sql(key, range);
  return run_refresh(connection, planner::refresh_sql(feed_, portion), portion);
}

std::uint64_t TriggerLog::apply_everything(pg::Connection& connection) const {
  const planner::Portion portion = planner::whole_log_sql();
  return run_refresh(connection, planner::exact_refresh_sql(feed_, portion), portion);
}

std::uint64_t TriggerLog::reduce(pg::Connection& connection) const {
  std::uint64_t count = 0;
  in_transaction(connection, [&] {
    // In a transaction of READ COMMITTED, so that the statement behind the lock sees what its last holder left.
    if (fixed_query(connection, "try_hold_lanes", {feed_.migration_id, planner::lanes_text(planner::all_lanes())})
            .boolean(0, 0)) {
      count = connection.query(planner::reduce_log_sql(feed_)).affected_rows();
    }
  });
  return count;
}

void TriggerLog::tidy(pg::Connection& connection, bool gives_back) const {
  connection.query(planner::vacuum_log_sql(feed_, gives_back).sql);
}

void TriggerLog::start_over(pg::Connection& connection) const {
  connection.query(planner::empty_table_sql(feed_.to));
  connection.query(planner::empty_log_sql(feed_));
}

std::uint64_t TriggerLog::refill(pg::Connection& connection) const {
  return connection.query(planner::refill_sql(feed_)).affected_rows();
}

// What drives a join is always the log; a hash of the table would read all of it. A generic plan is made once: the
// values are places in the log.
const Sessions::Settings& applier_settings() {
  static const Sessions::Settings settings = {{"enable_hashjoin", "off"},
                                              {"enable_mergejoin", "off"},
                                              {"enable_seqscan", "off"},
                                              {"enable_material", "off"},
                                              {"plan_cache_mode", "force_generic_plan"}};
  return settings;
}

pg::Connection open_applier(const Sessions& sessions) {
  return open_patient_target(sessions, "applying", applier_settings());
}

void plan_as_applier(pg::Connection& connection) {
  for (const auto& [name, value] : applier_settings()) {
    set_for_transaction(connection, name, value);
  }
}

}  // namespace pgsluice::mover

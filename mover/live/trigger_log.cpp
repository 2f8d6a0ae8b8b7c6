#include "mover/live/trigger_log.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "mover/target_session.hpp"
#include "pg/statements.hpp"
#include "planner/capture_sql.hpp"
#include "planner/key.hpp"
#include "planner/refresh_sql.hpp"

namespace pgsluice::mover {

// A partition of a partitioned source, as the catalogue and as the list of the followed ones have it.
struct StandingPartition {
  pg::QualifiedName name;
  std::string oid;
  std::string row_trigger;  // Its OID; empty where there is none.
  std::string shown;        // As a person reads it.
  bool is_leaf = false;
  bool is_there = false;
  bool is_followed = false;  // Taken in: not only listed by a write.
  bool is_listed = false;
  bool has_another_file = false;
  bool notes_rows = false;
  bool notes_truncate = false;

  bool was_away = false;  // It was detached and is attached again, by another trigger.
  bool is_unlogged_or_foreign = false;

  bool is_added() const { return is_there && !is_followed; }
  bool is_gone() const { return !is_there && is_listed; }
  bool is_doubtful() const { return is_there && (was_away || (!is_followed && is_leaf && has_another_file)); }
};

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

std::vector<StandingPartition> read_standing_partitions(pg::Connection& connection, const planner::Feed& feed) {
  const pg::Result rows = connection.query(planner::standing_partitions_sql(feed));
  std::vector<StandingPartition> partitions;
  for (int i = 0; i < rows.row_count(); ++i) {
    const auto text = [&](std::string_view column) { return std::string(rows.text(i, rows.column(column))); };
    const auto is = [&](std::string_view column) {
      return !rows.is_null(i, rows.column(column)) && rows.boolean(i, rows.column(column));
    };
    StandingPartition& partition = partitions.emplace_back();
    partition.name = {text("schema"), text("name")};
    partition.oid = text("oid");
    partition.row_trigger = text("row_trigger");
    partition.is_leaf = is("is_leaf");
    partition.is_there = is("is_there");
    partition.is_listed = is("is_listed");
    partition.is_followed = !rows.is_null(i, rows.column("listed_name"));
    partition.has_another_file = is("has_another_file");
    partition.notes_rows = is("notes_rows");
    partition.notes_truncate = is("notes_truncate");
    partition.was_away = is("was_away");
    partition.is_unlogged_or_foreign = partition.is_there && (text("kind") == "f" || text("persistence") != "p");
    partition.shown = partition.is_there      ? pg::display(partition.name)
                      : partition.is_followed ? text("listed_name")
                                              : "OID " + partition.oid;
  }
  return partitions;
}

PartitionDrift drift_of(const std::vector<StandingPartition>& partitions) {
  PartitionDrift drift;
  for (const StandingPartition& partition : partitions) {
    if (partition.is_gone()) {
      drift.gone.push_back(partition.shown);
    } else if (partition.is_doubtful()) {
      drift.doubtful.push_back(partition.shown);
    } else if (partition.is_added()) {
      drift.added.push_back(partition.shown);
    }
  }
  return drift;
}

// The same partition, attached by the same ATTACH.
bool is_among(const std::vector<StandingPartition>& partitions, const StandingPartition& one) {
  return std::any_of(partitions.begin(), partitions.end(), [&](const StandingPartition& other) {
    return other.is_there && other.oid == one.oid && other.row_trigger == one.row_trigger;
  });
}

void refuse_unfollowable(const std::vector<StandingPartition>& partitions) {
  for (const StandingPartition& partition : partitions) {
    if (partition.is_added() && partition.is_unlogged_or_foreign) {
      throw pg::Failure(pg::FailureKind::refused, "partition " + partition.shown + " is unlogged, or a foreign table")
          .detail("It was added after the plan. What changes in it cannot be followed.")
          .hint("Detach it, then run the same command again.");
    }
  }
}

// In pieces: whoever wants a partition for himself waits for one at most.
void note_rows(pg::Connection& connection, const planner::Feed& feed, const pg::QualifiedName& partition) {
  constexpr std::int64_t kBlocks = 2000;
  constexpr int kReadsBlocksSince = 14;  // Before that each piece would read the whole table.
  if (connection.server_major_version() < kReadsBlocksSince) {
    connection.query(planner::note_rows_sql(feed, partition, 0, 0).sql);
    return;
  }
  const std::int64_t end = fixed_query(connection, "heap_blocks", {pg::quoted(partition)}).integer(0, 0);
  for (std::int64_t block = 0; block < end; block += kBlocks) {
    connection.query(planner::note_rows_sql(feed, partition, block, std::min(end, block + kBlocks)).sql);
  }
}

bool is_noted_everywhere(const std::vector<StandingPartition>& partitions) {
  return std::all_of(partitions.begin(), partitions.end(), [](const StandingPartition& partition) {
    return !partition.is_there || (partition.notes_rows && (partition.notes_truncate || !partition.is_followed));
  });
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
  if (static_cast<std::size_t>(row.integer(0, row.column("firing"))) == planner::capture_trigger_count(feed_) &&
      (!feed_.from_is_partitioned || is_noted_everywhere(read_standing_partitions(connection, feed_)))) {
    return Installed::wholly;
  }
  return row.boolean(0, row.column("log_is_there")) ? Installed::in_part : Installed::no;
}

void TriggerLog::make_ready(pg::Connection& connection) const {
  connection.run_script(planner::script_of(planner::drop_capture_log_sql(feed_)) + ";" +
                        planner::script_of(planner::create_capture_log_sql(feed_)));
}

planner::Feed TriggerLog::read_standing_feed(pg::Connection& connection) const {
  planner::Feed feed = feed_;
  feed.truncatable.clear();
  for (const StandingPartition& partition : read_standing_partitions(connection, feed_)) {
    if (partition.is_there) {
      feed.truncatable.push_back(partition.name);
      feed.known_partitions.push_back(partition.oid);
    }
  }
  return feed;
}

void TriggerLog::install(pg::Connection& connection) const {
  if (!feed_.from_is_partitioned) {
    connection.run_script(planner::script_of(planner::create_capture_triggers_sql(feed_)));
    return;
  }
  connection.query(planner::lock_partitions_sql(feed_, true).sql);
  const planner::Feed feed = read_standing_feed(connection);
  connection.run_script(planner::script_of(planner::create_capture_triggers_sql(feed)));
  std::vector<planner::ListedPartition> listed;
  for (const StandingPartition& partition : read_standing_partitions(connection, feed_)) {
    if (partition.is_there) {
      listed.push_back({partition.oid, partition.row_trigger, partition.name});
    }
  }
  connection.run_script(planner::script_of(planner::list_partitions_sql(feed, listed, {})));
}

void TriggerLog::refuse_old_snapshots(pg::Connection& connection) const {
  const pg::Result now = fixed_query(connection, "current_transaction", {pg::quoted(feed_.addressed())});
  const planner::Feed feed = feed_.from_is_partitioned ? read_standing_feed(connection) : feed_;
  std::vector<std::string> oids = feed.known_partitions;
  oids.emplace_back(now.text(0, 1));
  connection.run_script(planner::script_of(planner::create_snapshot_guard_sql(feed, now.text(0, 0), oids)));
}

void TriggerLog::forget_partitions(pg::Connection& connection, const std::vector<std::string>& partitions) const {
  for (const std::string& partition : partitions) {
    connection.query(planner::forget_partition_sql(feed_, partition).sql);
  }
}

void TriggerLog::stop(pg::Connection& connection) const {
  planner::Feed feed = feed_;
  // As they stand: those that were detached have their trigger yet, others were renamed or dropped.
  if (feed_.from_is_partitioned || !feed_.parts.empty()) {
    std::vector<pg::QualifiedName>& tables = feed_.parts.empty() ? feed.truncatable : feed.parts;
    tables.clear();
    const pg::Result rows =
        fixed_query(connection, "tables_of_trigger", {feed_.function("truncate").name, pg::quoted(feed_.from)});
    for (int i = 0; i < rows.row_count(); ++i) {
      tables.push_back({std::string(rows.text(i, 0)), std::string(rows.text(i, 1))});
    }
  }
  connection.run_script(planner::script_of(planner::drop_capture_triggers_sql(feed)));
}

PartitionDrift TriggerLog::read_drift(pg::Connection& connection) const {
  return feed_.from_is_partitioned ? drift_of(read_standing_partitions(connection, feed_)) : PartitionDrift{};
}

// What may take long comes first, without a lock that others wait for. The list is written of one look, and holds what
// was looked at before: whatever came or went since is found by the next look.
PartitionDrift TriggerLog::take_partitions_in(pg::Connection& connection) const {
  if (!feed_.from_is_partitioned) {
    return {};
  }
  const std::vector<StandingPartition> first = read_standing_partitions(connection, feed_);
  if (drift_of(first).is_none()) {
    return {};
  }
  refuse_unfollowable(first);
  for (const StandingPartition& partition : first) {
    if (partition.is_there && !partition.notes_truncate) {
      in_transaction(connection, [&] {
        connection.run_script(planner::script_of(planner::note_truncate_sql(feed_, partition.name)));
      });
    }
  }
  const std::vector<StandingPartition> before = read_standing_partitions(connection, feed_);
  refuse_unfollowable(before);
  if (!drift_of(before).loses_rows()) {
    for (const StandingPartition& partition : before) {
      if (partition.is_added() && partition.is_leaf) {
        note_rows(connection, feed_, partition.name);
      }
    }
  }
  PartitionDrift drift;
  in_transaction(connection, [&] { drift = list_partitions(connection, before); });
  return drift;
}

PartitionDrift TriggerLog::list_partitions(pg::Connection& connection,
                                           const std::vector<StandingPartition>& before) const {
  connection.query(planner::lock_partitions_sql(feed_, false).sql);
  const std::vector<StandingPartition> now = read_standing_partitions(connection, feed_);
  PartitionDrift drift = drift_of(now);
  for (const StandingPartition& partition : before) {
    if (partition.is_added() && !partition.is_listed && !is_among(now, partition)) {
      drift.gone.push_back(partition.shown);  // Some of its rows may have been copied.
    }
  }
  planner::Feed feed = feed_;
  std::vector<planner::ListedPartition> listed;
  std::vector<std::string> gone;
  for (const StandingPartition& partition : now) {
    const bool is_noted = partition.is_there && partition.notes_rows && partition.notes_truncate;
    if (is_noted && (partition.is_followed || drift.loses_rows() || is_among(before, partition))) {
      listed.push_back({partition.oid, partition.row_trigger, partition.name});
      feed.known_partitions.push_back(partition.oid);
    } else if (partition.is_gone()) {
      gone.push_back(partition.oid);
    }
  }
  planner::Statements statements;
  if (drift.loses_rows()) {
    statements.push_back(planner::note_loss_sql(feed_));
  }
  planner::append(statements, planner::list_partitions_sql(feed, listed, gone));
  connection.run_script(planner::script_of(statements));
  return drift;
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

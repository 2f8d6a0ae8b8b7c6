// The change feed that is a log table written by triggers.
#pragma once

#include "mover/live/change_feed.hpp"
#include "mover/sessions.hpp"

namespace pgsluice::mover {

struct StandingPartition;  // trigger_log.cpp

class TriggerLog : public ChangeFeed {
 public:
  explicit TriggerLog(planner::Feed feed);
  const planner::Feed& feed() const override { return feed_; }
  void make_ready(pg::Connection& connection) const override;
  void install(pg::Connection& connection) const override;
  // In the transaction of a cutover, after install(): see create_snapshot_guard_sql().
  void refuse_old_snapshots(pg::Connection& connection) const;
  // In that transaction: partitions (as regclass text) whose rows nobody has brought over; they count as added.
  void forget_partitions(pg::Connection& connection, const std::vector<std::string>& partitions) const;
  void stop(pg::Connection& connection) const override;
  void remove(pg::Connection& connection) const override;
  Installed read_installed(pg::Connection& connection) const override;
  PartitionDrift read_drift(pg::Connection& connection) const override;
  PartitionDrift take_partitions_in(pg::Connection& connection) const override;
  Backlog read_backlog(pg::Connection& connection) const override;
  std::int64_t read_extent(pg::Connection& connection) const override;
  void with_lanes(pg::Connection& connection, const std::vector<unsigned>& lanes,
                  const std::function<void()>& body) const override;
  void with_range(pg::Connection& connection, const planner::Range& range,
                  const std::function<void()>& body) const override;
  std::uint64_t apply(pg::Connection& connection, const Share& share, bool exactly) const override;
  std::uint64_t apply_range(pg::Connection& connection, const planner::RangeKey& key,
                            const planner::Range& range) const override;
  std::uint64_t apply_everything(pg::Connection& connection) const override;
  std::uint64_t reduce(pg::Connection& connection) const override;
  void tidy(pg::Connection& connection, bool gives_back) const override;
  void start_over(pg::Connection& connection) const override;
  std::uint64_t refill(pg::Connection& connection) const override;

 private:
  // In the caller's transaction: lists those of `before` that are still there, and notes the loss of what is not.
  PartitionDrift list_partitions(pg::Connection& connection, const std::vector<StandingPartition>& before) const;
  // With the partitions of `from` as they are now, and the tables that note their TRUNCATE.
  planner::Feed read_standing_feed(pg::Connection& connection) const;

  planner::Feed feed_;
};

// A session for applying: its statements are driven by the log and look rows up by index. Fails: connection.
pg::Connection open_applier(const Sessions& sessions);

// What makes it so.
const Sessions::Settings& applier_settings();

// The same manner of planning for the transaction of a session that was opened otherwise.
void plan_as_applier(pg::Connection& connection);

}  // namespace pgsluice::mover

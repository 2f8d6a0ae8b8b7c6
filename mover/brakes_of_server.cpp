// The brakes on what the server tells of itself: replicas' lag, WAL kept for replication slots, waits for locks.
#include <algorithm>
#include <cmath>

#include "mover/brakes.hpp"
#include "mover/position_history.hpp"
#include "mover/target_session.hpp"
#include "planner/result_row.hpp"

namespace pgsluice::mover {

namespace {

constexpr double kGigabyte = 1e9;

bool sees_all_statistics(pg::Connection& connection) {
  return fixed_query(connection, "sees_all_statistics").boolean(0, 0);
}

// Figures are for people, too.
double rounded(double value, double step) {
  return std::round(value / step) * step;
}

class LagBrake : public ServerBrake {
 public:
  explicit LagBrake(double seconds_max) : seconds_max_(seconds_max) {}

  gate::Brake brake() const override { return gate::Brake::at("replica lag", "a replica lags by", seconds_max_, "s"); }

  std::string description() const override {
    return "stops while a replica lags by " + std::to_string(std::llround(seconds_max_)) + " s; " +
           (replicas_.empty() ? "none streams from this server now" : "sees " + replicas_);
  }

  BrakeReading read(pg::Connection& connection, double now) override {
    const pg::Result result = fixed_query(connection, "replicas");
    double worst = 0;
    std::string who;
    replicas_.clear();
    for (int i = 0; i < result.row_count(); ++i) {
      const planner::ResultRow row(result, i);
      const std::int64_t position = row.optional_integer("position").value_or(0);
      history_.add(now, position);
      const std::optional<std::int64_t> applied = row.optional_integer("applied");
      if (!applied) {
        continue;
      }
      const std::string name = row.text("name");
      replicas_ += (replicas_.empty() ? "" : ", ") + name;
      const double reported = row.optional_text("lag_seconds") ? row.number("lag_seconds") : 0;
      const double lag = *applied >= position ? 0 : std::max(reported, history_.seconds_behind(now, *applied));
      if (who.empty() || lag > worst) {
        worst = lag;
        who = name;
      }
    }
    constexpr double kStep = 0.1;
    return {rounded(worst, kStep), who.empty() ? "" : "replica " + who + " lags by"};
  }

 private:
  const double seconds_max_;
  PositionHistory history_;
  std::string replicas_;
};

class SlotBrake : public ServerBrake {
 public:
  explicit SlotBrake(std::uint64_t bytes_max) : bytes_max_(static_cast<double>(bytes_max)) {}

  gate::Brake brake() const override {
    return gate::Brake::at("replication slots", "the WAL kept for replication slots is", bytes_max_ / kGigabyte, "GB");
  }

  std::string description() const override {
    return "stops while a replication slot keeps " + gigabytes_text(bytes_max_) + " of WAL; " +
           (slot_.empty() ? "there is no slot now" : "the furthest behind is " + slot_);
  }

  BrakeReading read(pg::Connection& connection, double /*now*/) override {
    const pg::Result result = fixed_query(connection, "wal_kept_for_slots");
    slot_.clear();
    if (result.row_count() == 0) {
      return {0.0, ""};
    }
    const planner::ResultRow row(result, 0);
    slot_ = row.text("name");
    const double bytes = std::max(0.0, row.number("bytes"));
    constexpr double kStep = 0.001;
    return {rounded(bytes / kGigabyte, kStep), "the WAL kept for replication slot " + slot_ + " is"};
  }

 private:
  const double bytes_max_;
  std::string slot_;
};

class LockBrake : public ServerBrake {
 public:
  LockBrake(unsigned waits_max, std::string_view statement) : waits_max_(waits_max), statement_(statement) {}

  gate::Brake brake() const override {
    return gate::Brake::at("lock waits", "sessions that wait for a lock:", waits_max_, "");
  }
  std::string description() const override {
    return "stops while " + std::to_string(waits_max_) + " sessions other than ours wait for locks";
  }
  BrakeReading read(pg::Connection& connection, double /*now*/) override {
    return {fixed_query(connection, statement_).number(0, 0), ""};
  }

 private:
  const unsigned waits_max_;
  const std::string statement_;
};

}  // namespace

std::unique_ptr<ServerBrake> make_lag_brake(pg::Connection& connection, double seconds_max) {
  if (!sees_all_statistics(connection)) {
    throw pg::Failure(pg::FailureKind::refused, "--max-lag: this role cannot see how far the replicas are")
        .detail(connection.description())
        .hint("GRANT pg_monitor to it.");
  }
  auto brake = std::make_unique<LagBrake>(seconds_max);
  try {
    brake->read(connection, 0);
  } catch (const pg::Failure& failure) {
    if (failure.kind() != pg::FailureKind::server) {
      throw;
    }
    throw pg::Failure(pg::FailureKind::refused,
                      "--max-lag: this server does not tell how far its replicas are: " + std::string(failure.what()))
        .detail(failure.detail())
        .hint("Use --pause-query with what the service tells of its replicas.");
  }
  return brake;
}

std::unique_ptr<ServerBrake> make_slot_brake(pg::Connection& connection, std::uint64_t bytes_max) {
  auto brake = std::make_unique<SlotBrake>(bytes_max);
  try {
    brake->read(connection, 0);
  } catch (const pg::Failure& failure) {
    if (failure.kind() != pg::FailureKind::server) {
      throw;
    }
    throw pg::Failure(
        pg::FailureKind::refused,
        "--max-wal-lag: this server does not tell what its replication slots keep: " + std::string(failure.what()))
        .detail(failure.detail());
  }
  return brake;
}

std::unique_ptr<ServerBrake> make_lock_brake(pg::Connection& connection, unsigned waits_max) {
  return std::make_unique<LockBrake>(
      waits_max, sees_all_statistics(connection) ? "lock_waits_of_sessions" : "lock_waits_of_locks");
}

}  // namespace pgsluice::mover

#include "mover/server_meter.hpp"

#include <array>
#include <span>
#include <string_view>
#include <vector>

#include "mover/target_session.hpp"
#include "pg/failure.hpp"
#include "pg/statements.hpp"
#include "planner/result_row.hpp"

namespace pgsluice::mover {

struct MeterSource {
  std::string_view statement;  // Of sql/.
  int major_version_min;
  int major_version_max;
  std::string_view sees;
  std::string_view misses;  // Empty: nothing to speak of.
};

namespace {

constexpr int kAnyVersion = 1000;

// The better ones come first.
constexpr std::array kPages = {
    MeterSource{"meter_pages_io", 18, kAnyVersion, "pg_stat_io: reads and writes by all processes",
                "files that bypass shared buffers (index builds' own writes, temporary files)"},
    MeterSource{"meter_pages_io", 16, 17, "pg_stat_io: reads and writes by all processes",
                "files that bypass shared buffers (index builds' own writes, temporary files)"},
    MeterSource{"meter_pages_bgwriter", 1, 16,
                "pg_stat_database: reads of all databases; pg_stat_bgwriter: writes by all processes; files that grow "
                "included in both",
                "temporary files"},
    MeterSource{"meter_pages_bgwriter", 17, kAnyVersion,
                "pg_stat_database: reads of all databases; pg_stat_checkpointer and pg_stat_bgwriter: writes by "
                "checkpoints and the background writer",
                "pages that sessions write themselves, index builds' own writes, temporary files"},
    MeterSource{"meter_pages_database", 1, kAnyVersion, "pg_stat_database: reads of all databases", "pages written"},
};
constexpr std::array kWal = {
    MeterSource{"meter_wal_position", 1, kAnyVersion, "WAL by its position", ""},
    MeterSource{"meter_wal_statistics", 14, kAnyVersion, "WAL by pg_stat_wal", ""},
};
constexpr std::array kCheckpoints = {
    MeterSource{"meter_checkpoint_count", 18, kAnyVersion, "checkpoints by pg_stat_checkpointer", ""},
    MeterSource{"meter_checkpoint_position", 1, kAnyVersion, "checkpoints by pg_control_checkpoint()", ""},
    MeterSource{"meter_checkpoint_count", 17, 17, "checkpoints by pg_stat_checkpointer", ""},
    MeterSource{"meter_checkpoint_count", 1, 16, "checkpoints by pg_stat_bgwriter", ""},
};

// Nothing, if the server rejects it: that is how this role on this server finds out what it may read.
std::optional<pg::Result> result_of_trial(pg::Connection& connection, const std::string& sql) {
  try {
    return connection.query(sql);
  } catch (const pg::Failure& failure) {
    if (failure.kind() != pg::FailureKind::server) {
      throw;
    }
    return std::nullopt;
  }
}

const MeterSource* best_of(std::span<const MeterSource> sources, pg::Connection& connection) {
  const int version = connection.server_major_version();
  for (const MeterSource& source : sources) {
    if (version >= source.major_version_min && version <= source.major_version_max &&
        result_of_trial(connection, pg::statement(source.statement, version))) {
      return &source;
    }
  }
  return nullptr;
}

// Reads and writes completed by all whole disks. What stands on other devices (partitions, volumes of a manager, loops)
// would count twice. `schema` is quoted.
// Lock: none. Source: pg_proctab's pg_diskusage(), which gives the lines of the server's /proc/diskstats.
std::string device_operations_sql(const std::string& schema) {
  const std::string usage = schema + ".pg_diskusage()";
  return "SELECT sum(d.reads_completed + d.writes_completed)::bigint AS operations FROM " + usage +
         " d WHERE d.devname !~ '^(loop|ram|zram|dm-|md|sr|fd)[0-9]' AND NOT EXISTS (SELECT FROM " + usage +
         " w WHERE w.devname <> d.devname AND pg_catalog.starts_with(d.devname, w.devname) AND substr(d.devname, "
         "length(w.devname) + 1) ~ CASE WHEN w.devname ~ '[0-9]$' THEN '^p[0-9]+$' ELSE '^[0-9]+$' END)";
}

std::string device_statement(pg::Connection& connection) {
  const auto found =
      result_of_trial(connection, pg::statement("device_statistics_schema", connection.server_major_version()));
  if (!found || found->row_count() == 0) {
    return {};
  }
  const std::string sql = device_operations_sql(std::string(found->text(0, 0)));
  const auto counted = result_of_trial(connection, sql);
  return counted && counted->row_count() == 1 && !counted->is_null(0, 0) ? sql : std::string();
}

std::uint64_t count_of(const planner::ResultRow& row, std::string_view column) {
  return static_cast<std::uint64_t>(row.optional_integer(column).value_or(0));
}

std::string joined(const std::vector<std::string>& texts, std::string_view separator) {
  std::string all;
  for (const std::string& text : texts) {
    all += (all.empty() ? "" : std::string(separator)) + text;
  }
  return all;
}

}  // namespace

void ServerMeter::prepare(pg::Connection& connection) {
  version_ = connection.server_major_version();
  pages_ = best_of(kPages, connection);
  if (pages_ == nullptr) {
    throw pg::Failure(pg::FailureKind::refused, "the server shows this role none of its I/O counters")
        .detail(connection.description())
        .hint("GRANT pg_monitor to the role, or do without a meter: --meter none.");
  }
  wal_ = best_of(kWal, connection);
  checkpoints_ = best_of(kCheckpoints, connection);
  device_sql_ = !disk_ && may_use_extension_ ? device_statement(connection) : "";
  checkpoint_position_.reset();
  const gate::MeterSample first = read(connection);
  has_read_time_ = first.read_seconds.has_value();
  has_requests_ = first.device_operations.has_value();
}

void ServerMeter::read_checkpoints(pg::Connection& connection, gate::MeterSample& sample) {
  const pg::Result result = fixed_query(connection, checkpoints_->statement);
  const planner::ResultRow row(result, 0);
  if (const auto count = row.optional_integer("count")) {
    sample.checkpoints_done = static_cast<std::uint64_t>(*count);
    return;
  }
  const std::optional<std::int64_t> position = row.optional_integer("position");
  checkpoints_seen_ += checkpoint_position_ && position != checkpoint_position_ ? 1 : 0;
  checkpoint_position_ = position;
  sample.checkpoints_done = checkpoints_seen_;
}

gate::MeterSample ServerMeter::read(pg::Connection& connection) {
  constexpr int kFirstThatTellsGrowthFromReading = 16;
  gate::MeterSample sample;
  sample.reads_hold_growth = version_ < kFirstThatTellsGrowthFromReading;
  {
    const pg::Result result = fixed_query(connection, pages_->statement);
    const planner::ResultRow row(result, 0);
    sample.pages_read = count_of(row, "pages_read");
    sample.pages_written = count_of(row, "pages_written");
    if (const auto requests = row.optional_integer("requests")) {
      sample.device_operations = static_cast<std::uint64_t>(*requests);
    }
    if (row.optional_text("read_seconds")) {
      sample.read_seconds = row.number("read_seconds");
    }
    sample.stats_reset = row.optional_integer("epoch").value_or(0);
  }
  if (wal_ != nullptr) {
    const pg::Result result = fixed_query(connection, wal_->statement);
    const planner::ResultRow row(result, 0);
    sample.wal_bytes = count_of(row, "wal_bytes");
    sample.stats_reset += row.optional_integer("epoch").value_or(0);
  }
  if (checkpoints_ != nullptr) {
    read_checkpoints(connection, sample);
  }
  if (disk_) {
    sample.device_operations = disk_->read();
  } else if (!device_sql_.empty()) {
    const pg::Result result = connection.query(device_sql_);
    sample.device_operations = count_of(planner::ResultRow(result, 0), "operations");
  }
  return sample;
}

std::string ServerMeter::description() const {
  constexpr int kFirstWithSharedStatistics = 15;
  std::vector<std::string> sees = {std::string(pages_->sees)};
  std::vector<std::string> misses = {std::string(pages_->misses)};
  if (wal_ != nullptr) {
    sees.emplace_back(wal_->sees);
  } else {
    misses.emplace_back("WAL");
  }
  if (checkpoints_ != nullptr) {
    sees.emplace_back(checkpoints_->sees);
  } else {
    misses.emplace_back("checkpoints");
  }
  if (disk_) {
    sees.push_back("the volume's operations by /proc/diskstats, device " + disk_->name());
  } else if (!device_sql_.empty()) {
    sees.emplace_back("the volumes' operations by pg_proctab");
  } else if (has_requests_) {
    sees.emplace_back("requests to the kernel, which stand for the volume's operations");
  }
  if (!has_read_time_) {
    misses.emplace_back("how long reads take (track_io_timing is off)");
  }
  return "meter: PostgreSQL " + std::to_string(version_) + ", " + joined(sees, "; ") + "; cannot see " +
         joined(misses, "; nor ") + "; reads that the kernel's cache answers count, too; " +
         (version_ >= kFirstWithSharedStatistics
              ? "what other sessions do shows up to 10 s late, and a long statement of theirs at its end"
              : "what other sessions do shows about a second late, and a long statement of theirs at its end");
}

}  // namespace pgsluice::mover

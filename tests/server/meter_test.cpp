// What a meter reads from a real server: it moves when rows move, begins anew when counters do, and says what it is.
#include "mover/meter.hpp"

#include <fstream>

#include "mover/disk_operations.hpp"
#include "tests/server/watching_fixture.hpp"
#include "tests/support/cluster.hpp"

namespace pgsluice::tests {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class Meter : public WatchingFixture {
 protected:
  static std::unique_ptr<mover::Meter> make(pg::Connection& connection, const std::string& text = "auto") {
    return mover::make_meter(connection, mover::parse_meter(text));
  }

  // The extension is not in Debian: one of its name and with its function, on two disks and what stands on them.
  void make_device_statistics() {
    pg::Connection administrator = database_.connect_as_superuser();
    administrator.run_script(
        "CREATE SCHEMA \"the meters\"; CREATE EXTENSION tablefunc SCHEMA \"the meters\";"
        "UPDATE pg_extension SET extname = 'pg_proctab' WHERE extname = 'tablefunc';"
        "CREATE FUNCTION \"the meters\".pg_diskusage(OUT major smallint, OUT minor smallint, OUT devname text, OUT "
        "reads_completed bigint, OUT writes_completed bigint) RETURNS SETOF record LANGUAGE sql AS "
        "$$ VALUES (259::smallint, 0::smallint, 'nvme0n1', 1000::bigint, 2000::bigint), (259, 1, 'nvme0n1p1', 900, "
        "1900),"
        " (259, 2, 'nvme1n1', 10, 20), (8, 0, 'sda', 100, 200), (8, 1, 'sda1', 100, 200), (253, 0, 'dm-0', 5, 5),"
        " (7, 0, 'loop0', 7, 7), (202, 1, 'xvdf1', 1, 2) $$;"
        "ALTER EXTENSION pg_proctab ADD FUNCTION \"the meters\".pg_diskusage();"
        "GRANT USAGE ON SCHEMA \"the meters\" TO PUBLIC");
  }
};

TEST_F(Meter, MovesWhenRowsMoveForARoleWithoutAnyPrivilege) {
  pg::Connection worker = database_.connect();
  pg::Connection connection = owner();
  const auto meter = make(connection);
  const gate::MeterSample before = meter->read(connection);
  write_rows(worker);
  database_.connect_as_superuser().query("CHECKPOINT");
  mover::flush_own_statistics(worker);
  constexpr std::uint64_t kRowBytes = 4000 * 256;
  EXPECT_TRUE(comes_true([&] {
    const gate::MeterSample now = meter->read(connection);
    return now.wal_bytes >= before.wal_bytes + kRowBytes &&
           now.pages_written >= before.pages_written + kRowBytes / 8192 && now.pages_read >= before.pages_read &&
           now.checkpoints_done > before.checkpoints_done;
  }));
  EXPECT_EQ(meter->read(connection).stats_reset, before.stats_reset);
}

TEST_F(Meter, SaysWhatItReadsAndWhatItCannotSee) {
  pg::Connection connection = owner();
  const std::string text = make(connection)->description();
  const int version = connection.server_major_version();
  EXPECT_THAT(text, HasSubstr("meter: PostgreSQL " + std::to_string(version) + ", "));
  EXPECT_THAT(text, HasSubstr(version >= 16 ? "pg_stat_io" : "pg_stat_bgwriter"));
  EXPECT_THAT(text, HasSubstr("cannot see"));
  EXPECT_THAT(text, HasSubstr("temporary files"));
  EXPECT_THAT(text, HasSubstr("track_io_timing is off"));
  EXPECT_THAT(text, HasSubstr(version >= 15 ? "10 s late" : "a second late"));
}

TEST_F(Meter, ReadLatencyIsKnownWhereTheServerTimesItsReads) {
  pg::Connection connection = owner();
  EXPECT_FALSE(make(connection)->read(connection).read_seconds);
  pg::Connection timed = database_.connect_as_superuser();
  timed.query("SET track_io_timing = on");
  const auto meter = make(timed);
  EXPECT_TRUE(meter->read(timed).read_seconds);
  EXPECT_THAT(meter->description(), Not(HasSubstr("track_io_timing")));
}

TEST_F(Meter, OperationsOfWholeDisksAreSummedWhereTheExtensionTells) {
  make_device_statistics();
  pg::Connection connection = owner();
  const auto meter = make(connection);
  EXPECT_EQ(meter->read(connection).device_operations, 3000U + 30 + 300 + 3);
  EXPECT_THAT(meter->description(), HasSubstr("pg_proctab"));
  const auto without = make(connection, "server");
  EXPECT_NE(without->read(connection).device_operations, 3333U);
  EXPECT_THAT(without->description(), Not(HasSubstr("pg_proctab")));
}

TEST_F(Meter, AnExtensionThatThisRoleMayNotUseIsDoneWithout) {
  make_device_statistics();
  database_.connect_as_superuser().query("REVOKE EXECUTE ON FUNCTION \"the meters\".pg_diskusage() FROM PUBLIC");
  pg::Connection connection = owner();
  const auto meter = make(connection);
  EXPECT_NE(meter->read(connection).device_operations, 3333U);
  EXPECT_THAT(meter->description(), Not(HasSubstr("pg_proctab")));
}

TEST_F(Meter, OperationsOfADeviceOfThisMachineStandBesideTheServersFigures) {
  std::ifstream file("/proc/diskstats");
  std::string line;
  if (!std::getline(file, line)) GTEST_SKIP() << "this machine shows no devices";
  const std::string name = mover::parse_disk_line(line)->name;
  pg::Connection connection = owner();
  const auto meter = make(connection, "diskstats:" + name);
  const gate::MeterSample sample = meter->read(connection);
  EXPECT_GE(sample.device_operations, mover::parse_disk_line(line)->operations);
  EXPECT_GT(sample.wal_bytes, 0U);
  EXPECT_THAT(meter->description(), HasSubstr("/proc/diskstats, device " + name));
  EXPECT_THAT(refusal_of([&] { make(connection, "diskstats:nothing"); }), HasSubstr("has no such device"));
}

TEST_F(Meter, CountersThatARoleMayNotReadAreReplacedByTheNextBest) {
  pg::Connection administrator = database_.connect_as_superuser();
  pg::Connection connection = owner();
  const bool has_io = connection.server_major_version() >= 16;
  administrator.query(std::string("REVOKE SELECT ON ") + (has_io ? "pg_stat_io" : "pg_stat_bgwriter") + " FROM PUBLIC");
  administrator.query("REVOKE EXECUTE ON FUNCTION pg_current_wal_lsn(), pg_control_checkpoint() FROM PUBLIC");
  const auto meter = make(connection);
  EXPECT_THAT(meter->description(), AllOf(HasSubstr("pg_stat_database"),
                                          HasSubstr(has_io ? "pages that sessions write" : "cannot see pages written"),
                                          HasSubstr("pg_stat_wal")));
  const std::uint64_t before = meter->read(connection).wal_bytes;
  write_rows(administrator);
  mover::flush_own_statistics(administrator);
  EXPECT_TRUE(comes_true([&] { return meter->read(connection).wal_bytes > before; }));
  administrator.query("REVOKE SELECT ON pg_stat_wal, pg_stat_database, pg_stat_bgwriter FROM PUBLIC");
  EXPECT_THAT(refusal_of([&] { make(connection); }),
              AllOf(HasSubstr("none of its I/O counters"), HasSubstr("pg_monitor")));
}

TEST_F(Meter, NoneIsNone) {
  pg::Connection connection = owner();
  EXPECT_EQ(make(connection, "none"), nullptr);
}

// A server of its own, for what other tests on a shared one would notice.
TEST(MeterReset, IsANewEpoch) {
  const Cluster cluster;
  pg::SessionOptions options;
  options.conninfo = cluster.conninfo("postgres", kSuperuser);
  pg::Connection connection(options);
  const auto meter = mover::make_meter(connection, {});
  const std::int64_t before = meter->read(connection).stats_reset;
  EXPECT_EQ(meter->read(connection).stats_reset, before);
  connection.query(connection.server_major_version() >= 16 ? "SELECT pg_stat_reset_shared('io')"
                                                           : "SELECT pg_stat_reset_shared('bgwriter')");
  EXPECT_TRUE(WatchingFixture::comes_true([&] { return meter->read(connection).stats_reset != before; }));
}

TEST(MeterRestart, IsANewEpochAndReadsAfterItShowAtOnceWhereTheSessionFlushes) {
  Cluster cluster;
  const auto session = [&] {
    pg::SessionOptions options;
    options.conninfo = cluster.conninfo("postgres", kSuperuser);
    return pg::Connection(options);
  };
  std::int64_t epoch = 0;
  double pages = 0;
  {
    pg::Connection connection = session();
    connection.run_script(
        "CREATE TABLE first AS SELECT repeat('x', 900) AS note FROM generate_series(1, 4000) i;"
        "CREATE TABLE second AS SELECT * FROM first");
    pages = connection.query("SELECT pg_relation_size('second') / 8192").number(0, 0);
    const auto meter = mover::make_meter(connection, {});
    epoch = meter->read(connection).stats_reset;
    EXPECT_EQ(meter->read(connection).stats_reset, epoch);
  }
  cluster.restart();
  pg::Connection watcher = session();
  const auto meter = mover::make_meter(watcher, {});
  EXPECT_NE(meter->read(watcher).stats_reset, epoch);
  pg::Connection reader = session();
  for (const char* query : {"SELECT sum(length(note)) FROM first", "SELECT sum(length(note)) FROM second"}) {
    const std::uint64_t before = meter->read(watcher).pages_read;
    reader.query(query);
    mover::flush_own_statistics(reader);
    const auto has_come = [&] { return static_cast<double>(meter->read(watcher).pages_read - before) >= pages; };
    if (watcher.server_major_version() >= 15) {
      EXPECT_TRUE(has_come()) << query;
    } else {
      EXPECT_TRUE(WatchingFixture::comes_true(has_come)) << query;
    }
  }
}

}  // namespace
}  // namespace pgsluice::tests

// Each brake against a real server: it turns on, says why with figures, turns off, and is refused where it would be
// blind.
#include "mover/brakes.hpp"

#include <filesystem>
#include <fstream>

#include "tests/server/watching_fixture.hpp"
#include "tests/support/cluster.hpp"

namespace pgsluice::tests {
namespace {

using mover::BrakeOptions;
using testing::AllOf;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

class BrakesOnAServer : public WatchingFixture {
 protected:
  // As the gate would hold it, after a reading.
  static gate::Brake after(gate::Brake brake, const mover::BrakeReading& reading) {
    if (!reading.text.empty()) brake.describe(reading.text);
    if (const bool* is_on = std::get_if<bool>(&reading.state)) {
      brake.turn(*is_on);
    } else {
      brake.measure(std::get<double>(reading.state));
    }
    return brake;
  }
  static gate::Brake read(mover::ServerBrake& brake, pg::Connection& connection, double now = 0) {
    return after(brake.brake(), brake.read(connection, now));
  }
  static gate::Brake read(mover::LocalBrake& brake) { return after(brake.brake(), brake.read()); }

  // The server's own clock in `zone`, `shift` from now: "21:05".
  std::string clock(const std::string& zone, const std::string& shift) {
    return std::string(database_.connect()
                           .query("SELECT to_char(now() AT TIME ZONE $1 + $2::interval, 'HH24:MI')", {zone, shift})
                           .text(0, 0));
  }
};

TEST_F(BrakesOnAServer, LagIsRefusedForARoleThatCannotSeeIt) {
  pg::Connection connection = owner();
  EXPECT_THAT(refusal_of([&] { mover::make_lag_brake(connection, 10); }),
              AllOf(HasSubstr("--max-lag"), HasSubstr("GRANT pg_monitor")));
  pg::Connection allowed = monitor();
  const auto brake = mover::make_lag_brake(allowed, 10);
  EXPECT_FALSE(read(*brake, allowed).is_on());
  EXPECT_THAT(brake->description(), HasSubstr("none streams from this server now"));
}

TEST_F(BrakesOnAServer, ASlotThatNobodyReadsStopsAndItsDropLetsGo) {
  pg::Connection administrator = database_.connect_as_superuser();
  pg::Connection connection = owner();
  const std::string slot = database_.name();
  administrator.query("SELECT pg_create_physical_replication_slot($1, true)", {slot});
  // It keeps what was written since the last checkpoint, too.
  const auto kept_gigabytes = [&] {
    return std::get<double>(mover::make_slot_brake(connection, 1)->read(connection, 0).state);
  };
  const auto limit_gigabytes = kept_gigabytes() + 0.02;
  const auto brake = mover::make_slot_brake(connection, static_cast<std::uint64_t>(limit_gigabytes * 1e9));
  EXPECT_FALSE(read(*brake, connection).is_on());
  pg::Connection worker = database_.connect();
  EXPECT_TRUE(comes_true([&] {
    write_rows(worker);
    return kept_gigabytes() >= limit_gigabytes;
  }));
  const gate::Brake on = read(*brake, connection);
  EXPECT_TRUE(on.is_on());
  EXPECT_THAT(on.reason(),
              MatchesRegex("the WAL kept for replication slot " + slot + " is [0-9.]+ GB \\(limit [0-9.]+ GB\\)"));
  EXPECT_THAT(brake->description(), HasSubstr(slot));
  administrator.query("SELECT pg_drop_replication_slot($1)", {slot});
  EXPECT_FALSE(read(*brake, connection).is_on());
}

TEST_F(BrakesOnAServer, SessionsThatWaitForALockAreCountedWhoeverLooks) {
  database_.connect().query("CREATE TABLE locked (id int)");
  pg::Connection by_owner = owner();
  pg::Connection by_monitor = monitor();
  const auto counted_by_locks = mover::make_lock_brake(by_owner, 2);
  const auto counted_by_sessions = mover::make_lock_brake(by_monitor, 2);
  pg::Connection holder = database_.connect_as_superuser();
  holder.begin();
  holder.query("LOCK TABLE locked");
  const auto wait_as = [](pg::Connection connection) {
    pg::Canceller canceller = connection.canceller();
    return std::make_pair(canceller, std::thread([connection = std::move(connection)]() mutable {
                            try {
                              connection.query("LOCK TABLE locked");
                            } catch (const pg::Failure&) {
                              // It was cancelled, or is outside of a transaction: either way it has waited.
                            }
                          }));
  };
  const auto waiting = [&](mover::ServerBrake& brake, pg::Connection& connection) {
    return std::get<double>(brake.read(connection, 0).state);
  };
  pg::Connection waits_in_transaction = database_.connect_as_superuser();
  waits_in_transaction.begin();
  auto [cancel_first, first] = wait_as(std::move(waits_in_transaction));
  EXPECT_TRUE(comes_true([&] { return waiting(*counted_by_locks, by_owner) == 1; }));
  EXPECT_TRUE(comes_true([&] { return waiting(*counted_by_sessions, by_monitor) == 1; }));
  EXPECT_FALSE(read(*counted_by_locks, by_owner).is_on());

  pg::Connection another = database_.connect();
  another.begin();
  auto [cancel_second, second] = wait_as(std::move(another));
  // One of ours waits, too: it does not count.
  pg::Connection ours = owner();
  ours.query("SET lock_timeout = 0");
  ours.begin();
  const int our_pid = ours.backend_pid();
  auto [cancel_ours, third] = wait_as(std::move(ours));
  EXPECT_TRUE(comes_true([&] {
    return holder.query("SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = $1", {std::to_string(our_pid)})
               .integer(0, 0) == 1;
  }));
  EXPECT_TRUE(comes_true([&] { return waiting(*counted_by_sessions, by_monitor) == 2; }));
  EXPECT_TRUE(comes_true([&] { return waiting(*counted_by_locks, by_owner) == 2; }));
  EXPECT_TRUE(read(*counted_by_sessions, by_monitor).is_on());
  const gate::Brake on = read(*counted_by_locks, by_owner);
  EXPECT_TRUE(on.is_on());
  EXPECT_EQ(on.reason(), "sessions that wait for a lock: 2 (limit 2)");

  cancel_first.cancel();
  cancel_second.cancel();
  cancel_ours.cancel();
  first.join();
  second.join();
  third.join();
  EXPECT_FALSE(read(*counted_by_locks, by_owner).is_on());
  EXPECT_FALSE(read(*counted_by_sessions, by_monitor).is_on());
}

TEST_F(BrakesOnAServer, FreeSpaceIsKnownWhereTheServerSharesThisMachine) {
  pg::Connection hidden = owner();
  EXPECT_THAT(refusal_of([&] { mover::make_space_brake(hidden, 1); }),
              AllOf(HasSubstr("may not know where"), HasSubstr("GRANT pg_monitor")));
  pg::Connection connection = monitor();
  const std::string folder(connection.query("SELECT current_setting('data_directory')").text(0, 0));
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "the server lives in a folder of its own";
  const auto enough = mover::make_space_brake(connection, 1);
  EXPECT_FALSE(read(*enough).is_on());
  const auto wish = mover::make_space_brake(connection, 1'000'000'000'000'000'000);
  const gate::Brake on = read(*wish);
  EXPECT_TRUE(on.is_on());
  EXPECT_THAT(on.reason(), MatchesRegex("only [0-9.e+]+ GB are free in " + folder + " \\(limit 1e\\+09 GB\\)"));
}

TEST_F(BrakesOnAServer, AQueryPausesWhileItIsTrueOrFails) {
  pg::Connection application = database_.connect();
  application.query("CREATE TABLE pause (wanted boolean)");
  application.query("INSERT INTO pause VALUES (false)");
  pg::Connection connection = owner();
  const auto brake = mover::make_query_brake(connection, "SELECT wanted FROM pause");
  EXPECT_FALSE(read(*brake, connection).is_on());
  application.query("UPDATE pause SET wanted = true");
  EXPECT_TRUE(read(*brake, connection).is_on());
  EXPECT_EQ(read(*brake, connection).reason(), "the pause query answers t");
  application.query("UPDATE pause SET wanted = NULL");
  EXPECT_FALSE(read(*brake, connection).is_on());
  application.query("DELETE FROM pause");
  EXPECT_FALSE(read(*brake, connection).is_on());
  application.query("DROP TABLE pause");
  const gate::Brake failing = read(*brake, connection);
  EXPECT_TRUE(failing.is_on());
  EXPECT_EQ(failing.reason(), "the pause query fails: relation \"pause\" does not exist");
  application.query("CREATE TABLE pause AS SELECT false AS wanted");
  EXPECT_FALSE(read(*brake, connection).is_on()) << "the session is as good as new";
}

TEST_F(BrakesOnAServer, AQueryMayCountAndMayNotChangeAnything) {
  database_.connect().query("CREATE TABLE jobs AS SELECT 1 AS id");
  pg::Connection connection = owner();
  const auto count = mover::make_query_brake(connection, "SELECT count(*) FROM jobs");
  EXPECT_EQ(read(*count, connection).reason(), "the pause query answers 1");
  EXPECT_TRUE(read(*count, connection).is_on());
  database_.connect().query("DELETE FROM jobs");
  EXPECT_FALSE(read(*count, connection).is_on());
  const auto words = mover::make_query_brake(connection, "SELECT 'perhaps'");
  EXPECT_TRUE(read(*words, connection).is_on());
  EXPECT_THAT(read(*words, connection).reason(), HasSubstr("\"perhaps\", neither true, false nor a number"));
  const auto change = mover::make_query_brake(connection, "INSERT INTO jobs VALUES (2) RETURNING false");
  EXPECT_TRUE(read(*change, connection).is_on());
  EXPECT_THAT(read(*change, connection).reason(), HasSubstr("read-only transaction"));
  EXPECT_EQ(database_.connect().query("SELECT count(*) FROM jobs").integer(0, 0), 0);
}

TEST_F(BrakesOnAServer, AQueryThatTakesTooLongPauses) {
  pg::Connection connection = owner();
  const auto brake = mover::make_query_brake(connection, "SELECT false FROM pg_sleep(60)");
  const gate::Brake on = read(*brake, connection);
  EXPECT_TRUE(on.is_on());
  EXPECT_THAT(on.reason(), HasSubstr("statement timeout"));
}

TEST_F(BrakesOnAServer, AQueryThatCannotBeIsRefused) {
  pg::Connection connection = owner();
  for (const char* query : {"SELEC true", "SELECT wanted FROM nowhere", "SELECT true; SELECT true"}) {
    EXPECT_THAT(refusal_of([&] { mover::make_query_brake(connection, query); }), HasSubstr("--pause-query")) << query;
  }
}

TEST_F(BrakesOnAServer, AFilePausesWhileItExists) {
  const std::filesystem::path file = std::filesystem::temp_directory_path() / database_.name();
  const auto brake = mover::make_file_brake(file.string());
  EXPECT_FALSE(read(*brake).is_on());
  std::ofstream(file) << "";
  const gate::Brake on = read(*brake);
  EXPECT_TRUE(on.is_on());
  EXPECT_EQ(on.reason(), "the pause file " + file.string() + " exists");
  std::filesystem::remove(file);
  EXPECT_FALSE(read(*brake).is_on());
  EXPECT_THAT(refusal_of([] { mover::make_file_brake("/no/such/folder/pause"); }), HasSubstr("no folder /no/such"));
}

TEST_F(BrakesOnAServer, AWindowGoesByTheServersClockInItsZone) {
  pg::Connection connection = owner();
  const std::string zone = "Asia/Kolkata";
  const std::string around = clock(zone, "-2 hours") + "-" + clock(zone, "2 hours") + " " + zone;
  const auto open = mover::make_window_brake(connection, around);
  EXPECT_FALSE(read(*open, connection).is_on()) << around;
  const std::string elsewhere = clock(zone, "2 hours") + "-" + clock(zone, "-2 hours") + " " + zone;
  const auto closed = mover::make_window_brake(connection, elsewhere);
  const gate::Brake on = read(*closed, connection);
  EXPECT_TRUE(on.is_on()) << elsewhere;
  EXPECT_THAT(on.reason(),
              MatchesRegex("outside of the hours " + elsewhere + ": it is [A-Z][a-z]+ [0-9]+:[0-9]+ in " + zone));
}

TEST_F(BrakesOnAServer, AWindowWithAnUnknownZoneIsRefused) {
  pg::Connection connection = owner();
  for (const std::string zone : {"Europe/Berln", "Europe/Berlin2", "XYZ+3"}) {
    EXPECT_THAT(refusal_of([&] { mover::make_window_brake(connection, "22:00-06:00 " + zone); }),
                HasSubstr("knows no time zone \"" + zone + "\""));
  }
  EXPECT_THAT(refusal_of([&] { mover::make_window_brake(connection, "22:00-22:00"); }), HasSubstr("--window"));
}

TEST_F(BrakesOnAServer, AllThatIsAskedForIsMade) {
  pg::Connection connection = monitor();
  BrakeOptions options;
  options.lag_seconds_max = 10;
  options.slot_wal_bytes_max = 20'000'000'000;
  options.lock_waits_max = 5;
  options.pause_query = "SELECT false";
  options.pause_file = "/tmp/pause";
  options.window = "00:00-24:00";
  const mover::Brakes brakes = mover::make_brakes(connection, options);
  EXPECT_EQ(brakes.of_server.size(), 5U);
  EXPECT_EQ(brakes.of_machine.size(), 1U);
  EXPECT_THAT(brakes.descriptions(), testing::SizeIs(6));
  EXPECT_TRUE(mover::make_brakes(connection, {}).descriptions().empty());
}

// A subscriber streams, applies and lags as a standby does, and can be held up by a lock.
TEST(LagBrake, AReplicaThatStandsStillStopsAndLetsGoWhenItHasCaughtUp) {
  ClusterOptions options;
  options.settings = {"wal_level = logical", "max_replication_slots = 4", "max_wal_senders = 4"};
  const Cluster cluster(options);
  const Database publisher(cluster.address());
  const Database subscriber(cluster.address());
  pg::Connection source = publisher.connect_as_superuser();
  source.query("CREATE TABLE t (id int PRIMARY KEY)");
  source.query("CREATE PUBLICATION p FOR TABLE t");
  source.query("SELECT pg_create_logical_replication_slot('the_replica', 'pgoutput')");
  pg::Connection target = subscriber.connect_as_superuser();
  target.query("CREATE TABLE t (id int PRIMARY KEY)");
  target.query("CREATE SUBSCRIPTION the_replica CONNECTION " + pg::literal(publisher.tcp_conninfo(kSuperuser)) +
               " PUBLICATION p WITH (create_slot = false, copy_data = false)");
  const auto brake = mover::make_lag_brake(source, 15);
  double now = 0;
  const auto read = [&] {
    const mover::BrakeReading reading = brake->read(source, now);
    return std::make_pair(std::get<double>(reading.state), reading.text);
  };
  EXPECT_TRUE(WatchingFixture::comes_true([&] { return read().second == "replica the_replica lags by"; }));
  EXPECT_THAT(brake->description(), HasSubstr("sees the_replica"));
  source.query("INSERT INTO t VALUES (1)");
  EXPECT_TRUE(WatchingFixture::comes_true(
      [&] { return target.query("SELECT count(*) FROM t").integer(0, 0) == 1 && read().first == 0; }));

  target.begin();
  target.query("LOCK TABLE t");
  source.query("INSERT INTO t SELECT generate_series(2, 1000)");
  now = 100;
  read();
  now = 130;
  EXPECT_GE(read().first, 30) << "whatever it reported last";
  target.rollback();
  EXPECT_TRUE(WatchingFixture::comes_true([&] { return read().first == 0; }));
  target.query("ALTER SUBSCRIPTION the_replica DISABLE");
  target.query("ALTER SUBSCRIPTION the_replica SET (slot_name = NONE)");
  target.query("DROP SUBSCRIPTION the_replica");
  EXPECT_TRUE(WatchingFixture::comes_true([&] { return read().second.empty(); }));
  EXPECT_TRUE(WatchingFixture::comes_true(
      [&] { return source.query("SELECT count(*) FROM pg_replication_slots WHERE active").integer(0, 0) == 0; }));
  source.query("SELECT pg_drop_replication_slot('the_replica')");
}

}  // namespace
}  // namespace pgsluice::tests

// What stands around a table and must not change what a migration does: the users' triggers, rules, row security,
// views, the database's time zone and encoding, partitions and names.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "pg/identifier.hpp"
#include "tests/support/database.hpp"
#include "tests/support/migration.hpp"
#include "tests/support/row_set.hpp"

namespace pgsluice::tests {
namespace {

using testing::HasSubstr;

constexpr const char* kItems =
    "CREATE TABLE items (id bigint PRIMARY KEY, name text, at timestamptz NOT NULL);"
    "INSERT INTO items SELECT i, 'n' || i % 10, timestamptz '2024-01-01 00:00+00' + i * interval '7 hours' FROM "
    "generate_series(1, 600) i;"
    "ANALYZE items; CREATE TABLE log (what text);"
    "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO public.log VALUES (TG_OP || ' ' || "
    "TG_NAME); "
    "IF TG_OP = 'INSERT' AND TG_LEVEL = 'ROW' THEN NEW.name := 'spoilt'; END IF; RETURN coalesce(NEW, OLD); END$$;";

class Surroundings : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override { connection_.run_script(kItems); }

  Outcome plan(const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"--table", "items",        "--by", "HASH (id)", "--partitions",
                                          "3",       "--range-rows", "100",  "--method",  GetParam()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return migration_.plan(arguments);
  }

  bool empties_source() const { return std::string(GetParam()).find("move") != std::string::npos; }

  Database database_;
  pg::Connection connection_ = database_.connect();
  Migration migration_{database_};
};

INSTANTIATE_TEST_SUITE_P(By, Surroundings, testing::Values("insert", "move", "stream", "stream-move"),
                         [](const auto& parameter) {
                           std::string name = parameter.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST_P(Surroundings, UsersTriggersDoNotFireForRowsThatTravelAndDoAfterwards) {
  connection_.run_script(
      "CREATE TRIGGER before_row BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION note();"
      "CREATE TRIGGER after_statement AFTER INSERT ON items FOR EACH STATEMENT EXECUTE FUNCTION note();");
  const RowSet rows = read_rows(connection_, "items");
  ASSERT_EQ(plan().exit_code, 0);
  ASSERT_EQ(migration_.run().exit_code, 0);
  EXPECT_EQ(difference(rows, read_rows(connection_, "items_partitioned")), "");
  EXPECT_EQ(connection_.query("SELECT count(*) FROM log").integer(0, 0), 0);
  connection_.query("INSERT INTO items_partitioned VALUES (1000, 'new', now())");
  EXPECT_EQ(connection_.query("SELECT name FROM items_partitioned WHERE id = 1000").text(0, 0), "spoilt");
  EXPECT_EQ(connection_.query("SELECT count(*) FROM log").integer(0, 0), 2);
  connection_.query("DELETE FROM items_partitioned WHERE id = 1000");
  connection_.query("TRUNCATE log");
  const Outcome undone = migration_.rollback();
  ASSERT_EQ(undone.exit_code, 0) << undone;
  EXPECT_EQ(difference(rows, read_rows(connection_, "items")), "");
  EXPECT_EQ(connection_.query("SELECT count(*) FROM log").integer(0, 0), 0);
}

// A moving method deletes, which the application's triggers would take for its own deletes.
TEST_P(Surroundings, DeleteTriggersOfTheSourceAreSaidBeforehand) {
  connection_.run_script("CREATE TRIGGER on_delete AFTER DELETE ON items FOR EACH ROW EXECUTE FUNCTION note();");
  const Outcome planned = plan();
  if (!empties_source()) {
    ASSERT_EQ(planned.exit_code, 0) << planned;
    ASSERT_EQ(migration_.run().exit_code, 0);
    EXPECT_EQ(connection_.query("SELECT count(*) FROM log").integer(0, 0), 0);
    return;
  }
  ASSERT_EQ(planned.exit_code, 2) << planned;
  EXPECT_THAT(planned.errors, HasSubstr("on_delete"));
}

TEST_P(Surroundings, RowsThatRowSecurityHidesAreNeverLeftBehind) {
  connection_.run_script(
      "ALTER TABLE items ENABLE ROW LEVEL SECURITY; ALTER TABLE items FORCE ROW LEVEL SECURITY;"
      "CREATE POLICY few ON items USING (id < 100)");
  const Outcome planned = plan();
  EXPECT_EQ(planned.exit_code, 2) << planned;
  EXPECT_THAT(planned.errors, HasSubstr("row"));
}

TEST_P(Surroundings, RuleOnTheSourceIsNeverAppliedToRowsThatTravel) {
  connection_.run_script(
      "CREATE RULE no_delete AS ON DELETE TO items DO INSTEAD NOTHING;"
      "CREATE RULE no_insert AS ON INSERT TO items DO INSTEAD NOTHING;");
  const Outcome planned = plan();
  if (planned.exit_code != 0) {
    EXPECT_EQ(planned.exit_code, 2) << planned;
    EXPECT_THAT(planned.errors, HasSubstr("no_delete"));
    return;
  }
  const RowSet rows = read_rows(connection_, "items");
  ASSERT_EQ(migration_.run().exit_code, 0);
  EXPECT_EQ(difference(rows, read_rows(connection_, "items_partitioned")), "");
}

TEST_P(Surroundings, PartitionOfAPartitionedTableCanBeTheSource) {
  connection_.run_script(
      "CREATE TABLE parent (id bigint, name text, at timestamptz NOT NULL) PARTITION BY RANGE (id);"
      "CREATE TABLE part PARTITION OF parent (PRIMARY KEY (id)) FOR VALUES FROM (0) TO (10000);"
      "CREATE TABLE rest PARTITION OF parent DEFAULT;"
      "INSERT INTO parent SELECT * FROM items; INSERT INTO parent VALUES (-1, 'elsewhere', now()); ANALYZE parent;");
  const RowSet rows = read_rows(connection_, "part");
  const Outcome planned = migration_.plan({"--table", "part", "--by", "RANGE (at)", "--interval", "1 month",
                                           "--range-rows", "100", "--method", GetParam()});
  ASSERT_EQ(planned.exit_code, 0) << planned;
  const Outcome moved = migration_.run();
  ASSERT_EQ(moved.exit_code, 0) << moved;
  EXPECT_EQ(difference(rows, read_rows(connection_, "part_partitioned")), "");
  EXPECT_THROW(connection_.query("INSERT INTO parent VALUES (5, 'x', now())"), std::exception)
      << "writes through the parent are guarded too";
  if (!empties_source()) {
    EXPECT_THROW(connection_.query("DELETE FROM parent WHERE id = 5"), std::exception);
  }
  connection_.query("DELETE FROM parent WHERE id = -1");
  ASSERT_EQ(migration_.rollback().exit_code, 0);
  EXPECT_EQ(difference(rows, read_rows(connection_, "part")), "");
}

TEST_P(Surroundings, LatinOneBytesStayWhatTheyWere) {
  const Database latin(shared_server(), {"LATIN1", "C"});
  pg::Connection source = latin.connect();
  source.run_script(
      "CREATE TABLE \"größe\" (id int PRIMARY KEY, \"naïve\" text);"
      "INSERT INTO \"größe\" SELECT i, 'é' || chr(160 + i % 90) || 'ÿ' FROM generate_series(1, 300) i; ANALYZE "
      "\"größe\";");
  const RowSet rows = read_rows(source, "\"größe\"");
  const Migration migration(latin);
  const Outcome planned = migration.plan(
      {"--table", "\"größe\"", "--by", "HASH (id)", "--partitions", "2", "--range-rows", "50", "--method", GetParam()});
  ASSERT_EQ(planned.exit_code, 0) << planned;
  const Outcome moved = migration.run();
  ASSERT_EQ(moved.exit_code, 0) << moved;
  EXPECT_EQ(difference(rows, read_rows(source, "\"größe_partitioned\"")), "");
  EXPECT_EQ(migration.verify().exit_code, 0);
}

TEST_P(Surroundings, BytesThatAreNoTextInAnyEncodingPassThroughASqlAsciiDatabase) {
  const Database ascii(shared_server(), {"SQL_ASCII", "C"});
  pg::Connection source = ascii.connect();
  source.run_script(
      "CREATE TABLE raw (id text PRIMARY KEY, bytes text);"
      "INSERT INTO raw SELECT 'key ' || i, chr(200) || chr(255) || chr(128 + i % 128) FROM "
      "generate_series(1, 300) i; ANALYZE raw;");
  const RowSet rows = read_rows(source, "raw");
  const Migration migration(ascii);
  const Outcome planned = migration.plan(
      {"--table", "raw", "--by", "HASH (bytes)", "--partitions", "2", "--range-rows", "50", "--method", GetParam()});
  ASSERT_EQ(planned.exit_code, 0) << planned;
  const Outcome moved = migration.run();
  ASSERT_EQ(moved.exit_code, 0) << moved;
  EXPECT_EQ(difference(rows, read_rows(source, "raw_partitioned")), "");
  EXPECT_EQ(migration.verify().exit_code, 0);
}

TEST(SurroundingDatabases, TextFromLatinOneArrivesInUtf8AsTheSameLetters) {
  const Database latin(shared_server(), {"LATIN1", "C"});
  const Database utf8;
  pg::Connection source = latin.connect();
  source.run_script(
      "CREATE TABLE words (id int PRIMARY KEY, word text);"
      "INSERT INTO words SELECT i, chr(160 + i % 90) || 'ÿ' FROM generate_series(1, 300) i; ANALYZE words;");
  const RowSet rows = read_rows(source, "words");
  const Migration migration(latin.conninfo(), utf8.conninfo());
  const Outcome planned = migration.plan({"--table", "words", "--by", "HASH (id)", "--partitions", "2"});
  ASSERT_EQ(planned.exit_code, 0) << planned;
  const Outcome moved = migration.run();
  ASSERT_EQ(moved.exit_code, 0) << moved;
  pg::Connection target = utf8.connect();
  EXPECT_EQ(difference(rows, read_rows(target, "words_partitioned")), "");
  const Outcome verified = migration.verify();
  EXPECT_EQ(verified.exit_code, 0) << verified;
}

struct Zone {
  const char* test_name;
  const char* plan;
  const char* run;
};

class TimeZones : public testing::TestWithParam<Zone> {};

// Rows stand on both sides of every zone's midnight and of its change to and from summer time. The bounds must be
// those of UTC, whoever plans and whoever runs.
TEST_P(TimeZones, DoNotMoveTheBoundsOfPartitionsOrTheRowsInThem) {
  const Database database;
  pg::Connection connection = database.connect();
  const std::string set = "ALTER DATABASE " + database.name() + " SET TimeZone = ";
  connection.run_script(
      "CREATE TABLE events (id int PRIMARY KEY, at timestamptz NOT NULL, local timestamp NOT NULL, day date NOT NULL);"
      "SET TimeZone = 'UTC';"
      "INSERT INTO events SELECT i, t, t AT TIME ZONE 'UTC', (t AT TIME ZONE 'UTC')::date FROM (SELECT i, "
      "timestamptz '2024-01-31 00:00+00' + i * interval '1 hour' AS t FROM generate_series(1, 24 * 300) i) AS x;"
      "ANALYZE events;");
  for (const auto& [column, format] :
       {std::pair{"at", "YYYY-MM-DD HH24:MI:SSTZH"}, {"local", "YYYY-MM-DD HH24:MI:SS"}, {"day", "YYYY-MM-DD"}}) {
    const Migration migration(database);
    database.connect_as_superuser().query(set + pg::literal(GetParam().plan));
    const Outcome planned = migration.plan({"--table", "events", "--by", "RANGE (" + std::string(column) + ")",
                                            "--interval", "1 month", "--premake", "0", "--range-rows", "2000"});
    ASSERT_EQ(planned.exit_code, 0) << planned;
    database.connect_as_superuser().query(set + pg::literal(GetParam().run));
    const Outcome moved = migration.run();
    ASSERT_EQ(moved.exit_code, 0) << moved;
    EXPECT_EQ(migration.verify().exit_code, 0);
    const pg::Result wrong = connection.query(
        "SELECT tableoid::regclass, count(DISTINCT date_trunc('month', " + std::string(column) +
        ")) FROM events_partitioned GROUP BY 1 HAVING count(DISTINCT date_trunc('month', " + column + ")) <> 1");
    EXPECT_EQ(wrong.row_count(), 0) << column << ": " << wrong.text(0, 0) << " holds more than a month";
    EXPECT_EQ(connection.query("SELECT count(*), count(DISTINCT tableoid) FROM events_partitioned").text(0, 0), "7200");
    EXPECT_EQ(connection.query("SELECT count(DISTINCT tableoid) FROM events_partitioned").integer(0, 0), 11) << column;
    ASSERT_EQ(migration.rollback().exit_code, 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Of, TimeZones,
                         testing::Values(Zone{"utc_then_new_york", "UTC", "America/New_York"},
                                         Zone{"berlin_then_amman", "Europe/Berlin", "Asia/Amman"},
                                         Zone{"amman_then_utc", "Asia/Amman", "UTC"},
                                         Zone{"new_york_then_berlin", "America/New_York", "Europe/Berlin"}),
                         [](const auto& parameter) { return std::string(parameter.param.test_name); });

}  // namespace
}  // namespace pgsluice::tests

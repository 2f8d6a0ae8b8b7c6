// One partition of a live table is split into others of the same table: rows are kept whatever is written meanwhile, no
// row is read and no index is built while the application waits, and the way back leaves nothing behind.
#include <chrono>
#include <thread>

#include "mover/live/partition_swap.hpp"
#include "mover/target_session.hpp"
#include "pg/failure.hpp"
#include "planner/checkpoint.hpp"
#include "tests/server/partition_split_fixture.hpp"
#include "tests/support/noting_observer.hpp"
#include "tests/support/table_definition.hpp"

namespace pgsluice::tests {
namespace {

using namespace std::chrono_literals;
using planner::SwapDirection;
using testing::HasSubstr;
using testing::Not;

// Writes to a table by its name and to a plain copy of it in one transaction, until it is told to end.
class Writer {
 public:
  Writer(const Database& database, std::string table) : table_(std::move(table)), connection_(database.connect()) {
    connection_.run_script("CREATE TABLE twin AS TABLE " + table_ + "; CREATE INDEX ON twin (id)");
    thread_ = std::jthread([this](const std::stop_token& end) { write(end); });
  }
  // The number of transactions.
  int end() {
    thread_.request_stop();
    thread_.join();
    EXPECT_EQ(failure_, "");
    return done_;
  }

 private:
  void write(const std::stop_token& end) {
    while (!end.stop_requested()) {
      try {
        write_once(done_ + 1);
        ++done_;
      } catch (const pg::Failure& failure) {
        connection_.rollback();
        if (!failure.is_transient()) {
          failure_ = failure.what();
          return;
        }
      }
      std::this_thread::sleep_for(2ms);
    }
  }
  void write_once(int i) {
    const std::string n = std::to_string(i);
    const std::string old_month = "timestamptz '2023-07-01Z' + " + n + " % 900 * interval '1 day'";
    const std::string statements[] = {
        "INSERT INTO TABLE VALUES (100000 + " + n + ", " + old_month + ", 'new')",
        "UPDATE TABLE SET note = 'changed " + n + "' WHERE id = 1 + " + n + " * 7 % 3600",
        // From one partition to another, as often as not between those that are split and the one that is not.
        "UPDATE TABLE SET created_at = " + old_month + " + interval '13 seconds' WHERE id = 1 + " + n + " * 11 % 3600",
        "DELETE FROM TABLE WHERE id = 1 + " + n + " * 13 % 3600",
        "INSERT INTO TABLE VALUES (1 + " + n + " * 13 % 3600, " + old_month + ", 'again')"};
    connection_.begin();
    for (const std::string& statement : statements) {
      for (const std::string& table : {table_, std::string("twin")}) {
        std::string sql = statement;
        sql.replace(sql.find("TABLE"), 5, table);
        connection_.query(sql);
      }
    }
    connection_.commit();
  }

  std::string table_;
  pg::Connection connection_;
  int done_ = 0;
  std::string failure_;
  std::jthread thread_;
};

TEST_F(PartitionSplit, ADefaultPartitionIsSplitByMonthWhileWritesGoOn) {
  connection_.run_script(kEvents);
  Writer writer(database_, "events");
  ASSERT_NO_FATAL_FAILURE(bring_to_verified("events_default", "events", {"--interval", "1 month"}));
  succeed("cutover");
  EXPECT_FALSE(is_partition("events_default"));
  EXPECT_GT(partition_count("events"), 15);
  std::this_thread::sleep_for(300ms);
  succeed("rollback");
  EXPECT_TRUE(is_partition("events_default"));
  EXPECT_EQ(partition_count("events"), 2);
  std::this_thread::sleep_for(300ms);
  succeed("cutover", {"--accept", "unverified"});
  std::this_thread::sleep_for(300ms);
  EXPECT_GT(writer.end(), 100);
  EXPECT_EQ(differences("events", "twin"), 0);
  EXPECT_EQ(
      number("SELECT count(*) FROM events_p2023_08 WHERE date_trunc('month', created_at, 'UTC') <> '2023-08-01Z'"), 0);
  succeed("finish");
  EXPECT_EQ(differences("events", "twin"), 0);
  EXPECT_EQ(count("pg_class WHERE relname IN ('events_default', 'events_default_partitioned')"), 0);
  expect_nothing_of_ours();
}

TEST_F(PartitionSplit, AFatPartitionIsSplitInWeeksWhileWritesGoOn) {
  connection_.run_script(kEvents);
  Writer writer(database_, "events");
  ASSERT_NO_FATAL_FAILURE(
      bring_to_verified("events_2024", "events", {"--by", "RANGE (created_at)", "--interval", "1 week"}));
  succeed("cutover");
  std::this_thread::sleep_for(300ms);
  succeed("rollback");
  std::this_thread::sleep_for(300ms);
  succeed("cutover", {"--accept", "unverified"});
  EXPECT_GT(writer.end(), 100);
  EXPECT_EQ(differences("events", "twin"), 0);
  // Every moment of the year has its place: none of these rows is in DEFAULT.
  connection_.query(
      "INSERT INTO events SELECT -i, timestamptz '2024-01-01Z' + i * interval '1 hour', 'hourly' "
      "FROM generate_series(0, 8783) i");
  EXPECT_EQ(count("events_default WHERE note = 'hourly'"), 0);
  succeed("finish");
  expect_nothing_of_ours();
}

// A partition that holds a few days of a long bound: all of it must stay writable.
TEST_F(PartitionSplit, NoValueOfTheOldBoundLosesItsPlace) {
  connection_.run_script(
      "CREATE TABLE t (id bigint PRIMARY KEY, note text) PARTITION BY RANGE (id);"
      "CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (MINVALUE) TO (1000000);"
      "INSERT INTO t SELECT i FROM generate_series(500, 599) i; ANALYZE t");
  ASSERT_NO_FATAL_FAILURE(bring_to_verified("t1", "t", {"--interval", "50", "--premake", "0"}));
  succeed("cutover");
  EXPECT_EQ(partition_count("t"), 4);
  connection_.query("INSERT INTO t VALUES (-9000000000), (0), (499), (600), (999999)");
  succeed("rollback");
  EXPECT_EQ(count("t"), 105);
}

// ---- Nobody waits for a scan

struct Shape {
  std::string name;
  std::string setup;  // Makes table `t`, whose partition `old` is split.
  std::vector<std::string> arguments;
};

std::ostream& operator<<(std::ostream& stream, const Shape& shape) {
  return stream << shape.name;
}

class EveryShape : public PartitionSplit, public testing::WithParamInterface<Shape> {
 protected:
  // Of the transaction that is open: rows that it read by scanning, and indexes that it built.
  std::string work_of_transaction(pg::Connection& connection) {
    const pg::Result rows = connection.query(
        "SELECT string_agg(relname || ' ' || seq_scan || ' ' || seq_tup_read, ', ') FROM pg_stat_xact_user_tables "
        "WHERE schemaname <> 'pgsluice' AND seq_scan > 0");
    const pg::Result made = connection.query(
        "SELECT string_agg(relname, ', ') FROM pg_class WHERE relkind IN ('i', 'I') AND age(xmin) = 0 AND oid::bigint "
        "> "
        "coalesce(current_setting('test.last_oid', true)::bigint, 0)");
    return std::string(rows.text(0, 0)) + (made.is_null(0, 0) ? "" : "; built " + std::string(made.text(0, 0)));
  }

  void exchange(SwapDirection direction) {
    const planner::Checkpoint checkpoint = planner::Checkpoint::open(migration_.checkpoint());
    mover::SessionsOptions options;
    options.source_conninfo = database_.conninfo();
    options.migration_id = checkpoint.plan().migration_id;
    const mover::Sessions sessions(options);
    mover::Session target([&] { return sessions.open_target("exchanging"); });
    mover::StopRequest stop;
    NotingObserver observer;
    const mover::RetryContext context{{}, stop, observer};
    mover::PartitionSwap swap(checkpoint.plan(), direction);
    swap.prepare(target, sessions, context);
    for (const planner::Obstacle& obstacle : swap.obstacles()) {
      EXPECT_FALSE(obstacle.blocks) << obstacle.what << ": " << obstacle.instead;
    }
    swap.make_ready(target, sessions, context);
    pg::Connection connection = sessions.open_target("exchanging");
    connection.query("SELECT set_config('test.last_oid', max(oid)::text, false) FROM pg_class");
    mover::in_transaction(connection, [&] {
      swap.lock(connection);
      swap.swap(connection);
      EXPECT_EQ(work_of_transaction(connection), "");
    });
    EXPECT_TRUE(swap.is_done(target.connection()));
    swap.settle(target, sessions, context, 1);
  }
};

const std::vector<Shape> kShapes = {
    {"RangeOfDefault",
     "CREATE TABLE t (id bigint, at timestamptz NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);"
     "CREATE TABLE a PARTITION OF t FOR VALUES FROM ('2024-01-01Z') TO ('2024-03-10Z');"
     "CREATE TABLE b PARTITION OF t FOR VALUES FROM ('2024-04-10Z') TO ('2024-05-01Z');"
     "CREATE TABLE old PARTITION OF t DEFAULT;"
     "INSERT INTO t SELECT i, '2023-12-01Z'::timestamptz + i * interval '3 hours' FROM generate_series(1, 2000) i",
     {"--interval", "1 month"}},
    {"RangeBesideADefault",
     "CREATE TABLE t (id bigint, at date NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);"
     "CREATE TABLE old PARTITION OF t FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');"
     "CREATE TABLE rest PARTITION OF t DEFAULT;"
     "INSERT INTO t SELECT i, date '2023-12-01' + i % 600 FROM generate_series(1, 2000) i",
     {"--interval", "1 week"}},
    {"RangeOfNumbersWithNulls",
     "CREATE TABLE t (id bigint NOT NULL, n numeric(10,2)) PARTITION BY RANGE (n);"
     "CREATE TABLE a PARTITION OF t FOR VALUES FROM (MINVALUE) TO (12.5);"
     "CREATE TABLE old PARTITION OF t DEFAULT; CREATE UNIQUE INDEX ON old (id);"
     "INSERT INTO t SELECT i, CASE WHEN i % 10 > 0 THEN i * 1.25 END FROM generate_series(1, 2000) i",
     {"--interval", "500"}},
    {"RangeOfText",
     "CREATE TABLE t (id bigint NOT NULL, name varchar(20) COLLATE \"C\" NOT NULL, UNIQUE (id, name)) PARTITION BY "
     "RANGE (name); CREATE TABLE old PARTITION OF t FOR VALUES FROM (MINVALUE) TO ('m');"
     "CREATE TABLE rest PARTITION OF t DEFAULT;"
     "INSERT INTO t SELECT i, chr(97 + i % 26) || '''' || i FROM generate_series(1, 2000) i",
     {"--bucket-rows", "300"}},
    {"List",
     "CREATE TABLE t (id bigint NOT NULL, region varchar(8)) PARTITION BY LIST (region);"
     "CREATE TABLE old PARTITION OF t FOR VALUES IN ('a', 'b', 'it''s', NULL, 'nobody', 'yet');"
     "CREATE UNIQUE INDEX ON old (id); CREATE TABLE rest PARTITION OF t DEFAULT;"
     "INSERT INTO t SELECT i, (ARRAY['a', 'b', NULL, 'it''s', 'z'])[1 + i % 5] FROM generate_series(1, 2000) i",
     {}},
    {"ListOfDefault",
     "CREATE TABLE t (id bigint NOT NULL, region text) PARTITION BY LIST (region);"
     "CREATE TABLE a PARTITION OF t FOR VALUES IN ('a', 'c');"
     "CREATE TABLE old PARTITION OF t DEFAULT; CREATE UNIQUE INDEX ON old (id);"
     "INSERT INTO t SELECT i, (ARRAY['a', 'b', NULL, 'd', 'e'])[1 + i % 5] FROM generate_series(1, 2000) i",
     {}},
    {"ListOfDefaultWithManyValues",
     "CREATE TABLE t (id bigint NOT NULL, n int) PARTITION BY LIST (n);"
     "CREATE TABLE old PARTITION OF t DEFAULT; CREATE UNIQUE INDEX ON old (id);"
     "INSERT INTO t SELECT i, i % 120 FROM generate_series(1, 2000) i",
     {}},
    {"Hash",
     "CREATE TABLE t (id bigint, uid uuid, PRIMARY KEY (id, uid)) PARTITION BY HASH (id, uid);"
     "CREATE TABLE a PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
     "CREATE TABLE old PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 1);"
     "INSERT INTO t SELECT i, md5(i::text)::uuid FROM generate_series(1, 2000) i",
     {"--partitions", "3"}},
};

INSTANTIATE_TEST_SUITE_P(Of, EveryShape, testing::ValuesIn(kShapes), [](const auto& one) { return one.param.name; });

TEST_P(EveryShape, ReadsNoRowAndBuildsNoIndexUnderTheLockAndLeavesNothingBehind) {
  connection_.run_script(GetParam().setup);
  connection_.run_script("CREATE TABLE expected AS TABLE t; ANALYZE");
  const std::string before = schema_dump(database_);
  ASSERT_NO_FATAL_FAILURE(bring_to_verified("old", "t", GetParam().arguments));
  exchange(SwapDirection::forward);
  EXPECT_FALSE(is_partition("old"));
  EXPECT_EQ(differences("t", "expected"), 0);
  exchange(SwapDirection::back);
  EXPECT_TRUE(is_partition("old"));
  EXPECT_EQ(differences("t", "expected"), 0);
  exchange(SwapDirection::forward);
  exchange(SwapDirection::back);
  succeed("rollback");
  EXPECT_EQ(schema_dump(database_), before);
  EXPECT_EQ(differences("t", "expected"), 0);
}

// That the counters would show it.
TEST_F(PartitionSplit, AnAttachWithoutACheckIsSeenToReadRows) {
  connection_.run_script(kEvents);
  connection_.run_script("ALTER TABLE events DETACH PARTITION events_2024");
  connection_.begin();
  connection_.query(
      "ALTER TABLE events ATTACH PARTITION events_2024 FOR VALUES FROM ('2024-01-01Z') TO ('2025-01-01Z')");
  EXPECT_GT(number("SELECT sum(seq_tup_read) FROM pg_stat_xact_user_tables WHERE relname LIKE 'events%'"), 0);
  connection_.rollback();
}

TEST_F(PartitionSplit, IsNotTriedWithoutTheChecks) {
  connection_.run_script(kEvents);
  ASSERT_NO_FATAL_FAILURE(bring_to_verified("events_default", "events", {"--interval", "1 month"}));
  Program running(migration_.command("cutover", {"--wait"}));
  const auto check_count = [&] { return count("pg_constraint WHERE conname LIKE 'pgsluice_bound%' AND convalidated"); };
  for (int i = 0; i < 200 && check_count() < 10; ++i) {
    std::this_thread::sleep_for(50ms);
  }
  ASSERT_GE(check_count(), 10);
  const pg::Result name = connection_.query(
      "SELECT conname FROM pg_constraint WHERE conrelid = 'events_p2023_08'::regclass AND contype = 'c'");
  connection_.query("ALTER TABLE events_p2023_08 DROP CONSTRAINT " + std::string(name.text(0, 0)));
  const auto tell = [&] {
    return tests::run({PGSLUICE_PROGRAM, {"control", migration_.checkpoint().string(), "cutover"}, {}, {}, {}, false});
  };
  for (int i = 0; i < 100 && tell().exit_code != 0; ++i) {
    std::this_thread::sleep_for(50ms);
  }
  const Outcome outcome = running.wait();
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("events_p2023_08"));
  EXPECT_TRUE(is_partition("events_default"));
  succeed("cutover");
}

// ---- What hangs on the partition

constexpr const char* kOddTable = R"~(
CREATE SCHEMA "Odd .schema"; SET search_path = "Odd .schema";
CREATE TABLE customers (id int PRIMARY KEY); INSERT INTO customers SELECT generate_series(1, 50);
CREATE TABLE fired (what text);
CREATE FUNCTION fires() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
  INSERT INTO "Odd .schema".fired VALUES (TG_NAME); RETURN NULL; END$$;
CREATE TABLE "it's ""big"" \" ("i d" bigint, "a T" timestamp NOT NULL, customer int REFERENCES customers, note text
  CONSTRAINT "note CHECK" CHECK (note <> ''), PRIMARY KEY ("i d", "a T")) PARTITION BY RANGE ("a T");
CREATE INDEX "index ""x""" ON "it's ""big"" \" (lower(note)) WHERE note IS NOT NULL;
CREATE TRIGGER "of all" AFTER INSERT ON "it's ""big"" \" FOR EACH ROW EXECUTE FUNCTION fires();
CREATE TABLE "p'1" PARTITION OF "it's ""big"" \" FOR VALUES FROM ('2024-01-01') TO ('2025-01-01') WITH (fillfactor = 70);
CREATE TABLE "re st" PARTITION OF "it's ""big"" \" DEFAULT;
INSERT INTO "it's ""big"" \" SELECT i, timestamp '2024-01-01' + i * interval '3 hours', 1 + i % 50, 'n' || i
  FROM generate_series(1, 2920) i;
TRUNCATE fired;
CREATE INDEX "own index" ON "p'1" (customer);
CREATE TRIGGER "own one" AFTER INSERT ON "p'1" FOR EACH ROW EXECUTE FUNCTION fires();
CREATE STATISTICS "own stats" ON customer, note FROM "p'1";
ALTER TABLE "p'1" ALTER note SET STATISTICS 50;
GRANT SELECT ON "p'1" TO PUBLIC;
CREATE VIEW totals AS SELECT count(*) FROM "p'1";
ANALYZE "p'1")~";
constexpr const char* kOddParent = R"~("Odd .schema"."it's ""big"" \")~";
constexpr const char* kOddPartition = R"~("Odd .schema"."p'1")~";

TEST_F(PartitionSplit, OddNamesKeysTriggersAndRightsComeAlongAndTheWayBackLeavesNothing) {
  connection_.run_script(kOddTable);
  const std::string parent = kOddParent;
  const std::string before = schema_dump(database_);
  const Definition old = read_definition(connection_, kOddPartition);
  ASSERT_NO_FATAL_FAILURE(bring_to_verified(kOddPartition, kOddParent, {"--interval", "1 month"}));
  const Outcome looked = command("cutover", {"--check"});
  EXPECT_EQ(looked.exit_code, 0) << looked;
  EXPECT_THAT(looked.output, HasSubstr("foreign key"));
  EXPECT_THAT(looked.output, HasSubstr("totals"));
  EXPECT_EQ(count("pg_constraint WHERE conname LIKE 'pgsluice_bound%'"), 0) << "--check changes nothing";
  succeed("cutover");
  EXPECT_EQ(count("fired"), 0) << "our own writes fire nothing";
  EXPECT_EQ(number("SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conrelid = $$" +
                   std::string(kOddPartition) + "$$::regclass"),
            0)
      << "a row that is behind would forbid to delete what it points to";
  EXPECT_EQ(number("SELECT count(*) FROM pg_inherits JOIN pg_constraint ON conrelid = inhrelid AND contype = 'f' AND "
                   "convalidated WHERE inhparent = $$" +
                   parent + "$$::regclass"),
            13);
  connection_.query("INSERT INTO " + parent + " VALUES (9001, '2024-02-02', 7, 'after')");
  EXPECT_EQ(count("fired WHERE what = 'of all'"), 1);
  EXPECT_EQ(count("fired WHERE what = 'own one'"), 1);
  EXPECT_THROW(connection_.query("INSERT INTO " + parent + " VALUES (9002, '2024-02-02', 99, 'nobody')"), pg::Failure);
  connection_.query("DELETE FROM " + parent + " WHERE customer = 7 AND \"i d\" < 9000");
  try {
    connection_.query("INSERT INTO " + std::string(kOddPartition) + " VALUES (9003, '2024-02-02', 1, 'aside')");
    FAIL() << "the old partition took a row that nobody would find";
  } catch (const pg::Failure& failure) {
    EXPECT_EQ(failure.sqlstate(), "25006");
  }
  // What a new partition has is what the old one had, but for the names and the bound.
  const pg::Result leaf = connection_.query(
      "SELECT inhrelid::regclass::text FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = $1::regclass "
      "AND relname LIKE '%2024_05'",
      {parent});
  Definition now = read_definition(connection_, std::string(leaf.text(0, 0)));
  std::erase_if(now, [](const std::string& line) { return line.find("pgsluice_") != std::string::npos; });
  EXPECT_EQ(difference(old, now), "");
  EXPECT_EQ(read_storage_parameters(connection_, std::string(leaf.text(0, 0))), Definition{"fillfactor=70"});
  connection_.run_script("CREATE TEMPORARY TABLE expected AS TABLE " + parent);
  succeed("rollback");
  EXPECT_EQ(differences(parent, "expected"), 0);
  succeed("cutover", {"--accept", "unverified"});
  succeed("rollback");
  EXPECT_EQ(differences(parent, "expected"), 0);
  succeed("rollback");
  EXPECT_EQ(schema_dump(database_), before);
  EXPECT_EQ(difference(old, read_definition(connection_, kOddPartition)), "");
  connection_.query("DELETE FROM customers WHERE id = 7 AND NOT EXISTS (SELECT FROM " + parent +
                    " WHERE customer = 7)");
}

TEST_F(PartitionSplit, TruncateOfTheWholeTableReachesTheOldPartition) {
  connection_.run_script(kEvents);
  ASSERT_NO_FATAL_FAILURE(bring_to_verified("events_default", "events", {"--interval", "1 month"}));
  succeed("cutover");
  connection_.run_script(
      "TRUNCATE events; INSERT INTO events VALUES (1, '2023-08-08Z', 'one'), (2, '2024-08-08Z', 'two'), (3, "
      "'2030-01-01Z', 'three')");
  succeed("rollback");
  EXPECT_EQ(count("events"), 3);
  EXPECT_EQ(count("events_default"), 2);
  connection_.query("TRUNCATE events");
  const Outcome outcome = command("cutover");
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("TRUNCATE"));
  succeed("run");
  succeed("cutover", {"--accept", "unverified"});
  EXPECT_EQ(count("events"), 0);
}

TEST_F(PartitionSplit, AWriteByASnapshotFromBeforeFailsInsteadOfFindingNothing) {
  connection_.run_script(kEvents);
  ASSERT_NO_FATAL_FAILURE(bring_to_verified("events_default", "events", {"--interval", "1 month"}));
  for (const std::string direction : {"cutover", "rollback"}) {
    connection_.query("INSERT INTO events VALUES ((SELECT max(id) + 1 FROM events), '2023-08-08Z', 'just now')");
    pg::Connection old = database_.connect();
    old.begin("ISOLATION LEVEL REPEATABLE READ");
    old.query("SELECT count(*) FROM pg_class");
    succeed(direction);
    try {
      old.query("UPDATE events SET note = 'lost' WHERE note = 'just now'");
      FAIL() << "found nothing, or wrote over it, and said so to nobody, after " << direction;
    } catch (const pg::Failure& failure) {
      EXPECT_EQ(failure.sqlstate(), "40001");
    }
  }
}

// ---- What goes wrong

TEST_F(PartitionSplit, AReaderInTheWayIsNamedAndTheOldPartitionServesOn) {
  connection_.run_script(kEvents);
  ASSERT_NO_FATAL_FAILURE(bring_to_verified("events_default", "events", {"--interval", "1 month"}));
  pg::Connection blocker = database_.connect();
  blocker.begin();
  blocker.query("SELECT FROM events LIMIT 1");
  Outcome outcome = command("cutover", {"--cutover-timeout", "1s", "--lock-timeout", "50ms"});
  EXPECT_NE(outcome.exit_code, 0) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("pid " + std::to_string(blocker.backend_pid())));
  EXPECT_TRUE(is_partition("events_default"));
  connection_.query("UPDATE events SET note = 'still captured' WHERE id = 5");
  blocker.commit();
  succeed("cutover");
  EXPECT_EQ(count("events WHERE note = 'still captured'"), 1);
}

// A CHECK of ours on it would refuse rows, if a partition beside it went.
TEST_F(PartitionSplit, ACutoverThatIsGivenUpLeavesNoCheckOnADefaultInUse) {
  connection_.run_script(kEvents);
  ASSERT_NO_FATAL_FAILURE(bring_to_verified("events_2024", "events", {"--interval", "1 month"}));
  const Outcome outcome = command("cutover", {"--hook", "before-cutover=exit 3"});
  EXPECT_EQ(outcome.exit_code, 1) << outcome;
  EXPECT_EQ(count("pg_constraint WHERE conrelid = 'events_2024'::regclass AND conname LIKE 'pgsluice_bound%'"), 1);
  EXPECT_EQ(count("pg_constraint WHERE conrelid = 'events_default'::regclass AND conname LIKE 'pgsluice_bound%'"), 0);
  succeed("cutover");
  EXPECT_EQ(count("pg_constraint WHERE conrelid = 'events_default'::regclass AND conname LIKE 'pgsluice_bound%'"), 0);
  EXPECT_EQ(command("rollback", {"--max-lock", "30s"}).exit_code, 0);
  succeed("rollback");
  expect_nothing_of_ours();
}

TEST_F(PartitionSplit, KilledAnywhereTheSameCommandGoesOn) {
  connection_.run_script(kEvents);
  ASSERT_NO_FATAL_FAILURE(bring_to_verified("events_default", "events", {"--interval", "3 months"}));
  connection_.query("CREATE TABLE expected AS TABLE events");
  constexpr int kStride = 23;
  int deaths = 0;
  for (int step = 5;; step += kStride) {
    for (const std::string name : {"cutover", "rollback"}) {
      SCOPED_TRACE(name + " killed at outside step " + std::to_string(step));
      connection_.run_script(
          "UPDATE events SET note = note || '.' WHERE id % 50 = 0; UPDATE expected SET note = note || '.' WHERE id % "
          "50 = 0");
      ProgramOptions dying = migration_.command(name, {"--progress", "none"});
      dying.environment["LD_PRELOAD"] = PGSLUICE_DIE_AT_STEP_LIBRARY;
      dying.environment["PGSLUICE_DIE_AT_STEP"] = std::to_string(step);
      dying.environment["PGSLUICE_DIE_WHEN"] = "after";
      const Outcome died = tests::run(dying);
      deaths += died.signal != 0 ? 1 : 0;
      EXPECT_EQ(differences("events", "expected"), 0);
      const bool is_back = is_partition("events_default");
      if (name == "rollback" && is_back && died.signal != 0) {  // It was done; whoever comes next settles the rest.
        succeed("run");
      } else if (died.signal != 0) {
        succeed(name);
      } else {
        ASSERT_EQ(died.exit_code, 0) << died;
      }
      EXPECT_EQ(is_partition("events_default"), name == "rollback");
      EXPECT_EQ(differences("events", "expected"), 0);
      if (name == "rollback" && died.signal == 0) {
        EXPECT_GT(deaths, 5);
        succeed("verify", {"--again"});
        succeed("rollback");
        expect_nothing_of_ours();
        return;
      }
    }
  }
}

TEST_F(PartitionSplit, ADefaultDoesNotComeBackWhenOtherPartitionsChanged) {
  connection_.run_script(kEvents);
  ASSERT_NO_FATAL_FAILURE(bring_to_verified("events_default", "events", {"--interval", "1 month"}));
  succeed("cutover");
  connection_.query("CREATE TABLE events_2030 PARTITION OF events FOR VALUES FROM ('2030-01-01Z') TO ('2031-01-01Z')");
  Outcome outcome = command("rollback");
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("partitions were attached"));
  connection_.query("DROP TABLE events_2030");
  succeed("rollback");
}

TEST_F(PartitionSplit, PartitionsDroppedAndRenamedSinceTheCutoverDoNotHinderTheEnd) {
  connection_.run_script(kEvents);
  ASSERT_NO_FATAL_FAILURE(bring_to_verified("events_default", "events", {"--interval", "1 month"}));
  succeed("cutover");
  connection_.run_script("DROP TABLE events_p2023_08; ALTER TABLE events_p2023_09 RENAME TO september");
  const Outcome back = command("rollback");
  EXPECT_EQ(back.exit_code, 2) << back;
  EXPECT_THAT(back.errors, HasSubstr("`pgsluice finish` is the way on"));
  const std::int64_t rows = number("SELECT count(*) FROM events");
  succeed("finish");
  EXPECT_EQ(number("SELECT count(*) FROM events"), rows);
  expect_nothing_of_ours();
}

TEST_F(PartitionSplit, TheCutoverIsRefusedWhenTheParentsPartitionsChanged) {
  connection_.run_script(kEvents);
  ASSERT_NO_FATAL_FAILURE(bring_to_verified("events_default", "events", {"--interval", "1 month"}));
  connection_.query("CREATE TABLE events_2030 PARTITION OF events FOR VALUES FROM ('2030-01-01Z') TO ('2031-01-01Z')");
  const Outcome outcome = command("cutover");
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("not those of the plan"));
  EXPECT_TRUE(is_partition("events_default"));
  succeed("rollback");
}

TEST_F(PartitionSplit, ASequenceOfTheOldPartitionGoesToTheParentAndBack) {
  connection_.run_script(
      "CREATE TABLE old (id bigserial PRIMARY KEY, note text); INSERT INTO old (note) SELECT 'n' FROM "
      "generate_series(1, 300); CREATE TABLE t (LIKE old INCLUDING DEFAULTS, PRIMARY KEY (id)) PARTITION BY RANGE (id);"
      "ALTER TABLE t ATTACH PARTITION old FOR VALUES FROM (MINVALUE) TO (1000); ANALYZE old");
  const std::string before = schema_dump(database_);
  ASSERT_NO_FATAL_FAILURE(bring_to_verified("old", "t", {"--interval", "100"}));
  succeed("cutover");
  connection_.query("INSERT INTO t (note) VALUES ('more')");
  succeed("rollback");
  EXPECT_EQ(count("old"), 301);
  succeed("cutover", {"--accept", "unverified"});
  succeed("finish");
  connection_.query("INSERT INTO t (note) VALUES ('more')");
  EXPECT_EQ(count("t"), 302);
  expect_nothing_of_ours();
}

}  // namespace
}  // namespace pgsluice::tests

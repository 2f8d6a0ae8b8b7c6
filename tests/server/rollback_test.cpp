// Rollback restores the source as it was, at any point of a migration's life, and takes nothing with it that is not
// ours. That it may be killed at any step is tested in tests/crash.
#include "mover/rollback.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <thread>

#include "mover/ledger.hpp"
#include "mover/move.hpp"
#include "mover/move_back.hpp"
#include "pg/failure.hpp"
#include "planner/catalog.hpp"
#include "planner/checkpoint.hpp"
#include "tests/support/database.hpp"
#include "tests/support/migration.hpp"
#include "tests/support/noting_observer.hpp"
#include "tests/support/row_set.hpp"
#include "tests/support/table_definition.hpp"

namespace pgsluice::mover {
namespace {

using testing::HasSubstr;
using testing::Not;
using tests::Database;
using tests::Migration;
using tests::NotingObserver;
using tests::Outcome;

// Columns of every sort, triggers in every state, and a row that is large.
constexpr const char* kTable =
    "CREATE TABLE t (gone int, id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, kind text NOT NULL, n int,"
    "  twice int GENERATED ALWAYS AS (n * 2) STORED, payload text);"
    "ALTER TABLE t DROP gone;"
    "CREATE TABLE fired (what text);"
    "CREATE FUNCTION fires() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN"
    "  INSERT INTO fired VALUES (TG_NAME); IF TG_LEVEL = 'ROW' THEN NEW.n = -NEW.n; RETURN NEW; END IF; RETURN NULL; "
    "END$$;"
    "INSERT INTO t (kind, n, payload) SELECT 'kind ' || i % 7, i, repeat(md5(i::text), i % 3) FROM generate_series(1, "
    "9000) i;"
    "INSERT INTO t (kind, n, payload) SELECT 'large', 0, string_agg(md5(i::text), '') FROM generate_series(1, 100000) "
    "i;"
    "CREATE TRIGGER plain BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION fires();"
    "CREATE TRIGGER always BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION fires();"
    "CREATE TRIGGER \"In Replica\" BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION fires();"
    "CREATE TRIGGER never BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION fires();"
    "CREATE TRIGGER statement AFTER INSERT OR UPDATE ON t EXECUTE FUNCTION fires();"
    "ALTER TABLE t ENABLE ALWAYS TRIGGER always; ALTER TABLE t ENABLE REPLICA TRIGGER \"In Replica\";"
    "ALTER TABLE t DISABLE TRIGGER never; ANALYZE t";

class RollbackTest : public testing::Test {
 protected:
  void make(const std::string& ddl) { database_.connect().run_script(ddl); }
  void change(const std::string& sql) { database_.connect().query(sql); }
  std::string read(const std::string& sql) {
    const pg::Result result = database_.connect().query(sql);
    return result.row_count() == 0 ? "" : std::string(result.text(0, 0));
  }

  void remember_source() {
    pg::Connection connection = database_.connect();
    rows_ = tests::read_rows(connection, "t");
    dump_ = tests::schema_dump(database_);
  }
  void expect_source_as_it_was() {
    pg::Connection connection = database_.connect();
    EXPECT_EQ(tests::difference(rows_, tests::read_rows(connection, "t")), "");
    EXPECT_EQ(tests::schema_dump(database_), dump_);
  }

  void plan(const std::vector<std::string>& arguments) {
    const Outcome planned = migration_.plan(arguments);
    ASSERT_EQ(planned.exit_code, 0) << planned;
  }
  void plan_table(const std::string& method, const std::string& split = "key") {
    make(kTable);
    remember_source();
    plan({"--table", "public.t", "--by", "HASH (kind)", "--partitions", "4", "--method", method, "--split", split,
          "--range-rows", "1000"});
  }
  void run_to_the_end() {
    const Outcome ran = migration_.run();
    ASSERT_EQ(ran.exit_code, 0) << ran;
  }

  Sessions sessions(const planner::Checkpoint& checkpoint) const {
    SessionsOptions options;
    options.source_conninfo = database_.conninfo();
    options.migration_id = checkpoint.plan().migration_id;
    return Sessions(options);
  }

  // Runs the mover until that many ranges are done.
  void run_until(std::uint64_t ranges_done) {
    planner::Checkpoint checkpoint = planner::Checkpoint::open(migration_.checkpoint());
    StopRequest stop;
    NotingObserver observer;
    observer.at_progress = [&](const Progress& progress) {
      if (progress.units_done >= ranges_done) {
        stop.request();
      }
    };
    MoveOptions options;
    options.workers = 2;
    EXPECT_THROW(move_table(checkpoint, sessions(checkpoint), options, stop, observer), pg::Failure);
    ASSERT_EQ(checkpoint.phase(), planner::Phase::moving);
  }

  RollbackSummary roll_back_now() {
    planner::Checkpoint checkpoint = planner::Checkpoint::open(migration_.checkpoint());
    RollbackOptions options;
    options.workers = 2;
    return roll_back(checkpoint, sessions(checkpoint), options, stop_, observer_);
  }
  pg::Failure failure_of_rollback() {
    try {
      roll_back_now();
    } catch (const pg::Failure& failure) {
      return failure;
    }
    ADD_FAILURE() << "nothing failed";
    return pg::Failure(pg::FailureKind::local, "nothing failed");
  }
  planner::Phase phase() { return planner::Checkpoint::read(migration_.checkpoint()).phase(); }

  Database database_;
  Migration migration_{database_};
  NotingObserver observer_;
  StopRequest stop_;
  tests::RowSet rows_;
  std::string dump_;
};

class RollbackOfEachMethod : public RollbackTest, public testing::WithParamInterface<std::string> {};

TEST_P(RollbackOfEachMethod, AfterTheEndTheSourceIsWhatItWas) {
  plan_table(GetParam());
  run_to_the_end();
  const RollbackSummary summary = roll_back_now();
  EXPECT_EQ(summary.rows_moved_back + summary.rows_dropped, 9001U);
  EXPECT_EQ(summary.rows_moved_back > 0, planner::empties_source(planner::method_named(GetParam())));
  expect_source_as_it_was();
  EXPECT_EQ(phase(), planner::Phase::rolled_back);
}

TEST_P(RollbackOfEachMethod, InTheMiddleTheSourceIsWhatItWas) {
  plan_table(GetParam());
  run_until(3);
  roll_back_now();
  expect_source_as_it_was();
}

INSTANTIATE_TEST_SUITE_P(Methods, RollbackOfEachMethod, testing::Values("insert", "move", "stream", "stream-move"),
                         [](const testing::TestParamInfo<std::string>& method) {
                           return method.param == "stream-move" ? std::string("stream_move") : method.param;
                         });

TEST_F(RollbackTest, RowsMovedByHeapBlocksComeBackToo) {
  plan_table("move", "ctid");
  run_until(2);
  roll_back_now();
  expect_source_as_it_was();
}

TEST_F(RollbackTest, TriggersOfTheSourceDoNotFireForRowsThatComeBack) {
  plan_table("move");
  run_to_the_end();
  roll_back_now();
  EXPECT_EQ(read("SELECT count(*) FROM fired"), "0");
  EXPECT_EQ(read("SELECT string_agg(tgenabled, '' ORDER BY tgname) FROM pg_trigger WHERE tgrelid = 't'::regclass"),
            "RADOO");
}

TEST_F(RollbackTest, BeforeTheFirstRunThereIsOnlyTheCheckpointToMark) {
  plan_table("move");
  const RollbackSummary summary = roll_back_now();
  EXPECT_FALSE(summary.nothing_to_do);
  expect_source_as_it_was();
  EXPECT_EQ(phase(), planner::Phase::rolled_back);
}

TEST_F(RollbackTest, ASecondOneHasNothingToDoAndRunIsRefused) {
  plan_table("insert");
  run_to_the_end();
  EXPECT_FALSE(roll_back_now().nothing_to_do);
  EXPECT_TRUE(roll_back_now().nothing_to_do);
  const Outcome ran = migration_.run();
  EXPECT_EQ(ran.exit_code, 2) << ran;
  EXPECT_THAT(ran.errors, HasSubstr("plan again"));
  const Outcome undone = migration_.rollback();
  EXPECT_EQ(undone.exit_code, 0) << undone;
  expect_source_as_it_was();
}

TEST_F(RollbackTest, IsRefusedWhileAMoverHoldsAClaim) {
  plan_table("move");
  run_until(2);
  const std::string id = planner::Checkpoint::read(migration_.checkpoint()).plan().migration_id;
  pg::Connection mover = database_.connect();
  ASSERT_TRUE(claim_range(mover, id, 7).is_mine);
  EXPECT_EQ(failure_of_rollback().kind(), pg::FailureKind::refused);
  release_range(mover, id, 7);
  while (!try_claim_migration(mover, id)) {  // The session of the refused call takes a moment to end.
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(failure_of_rollback().kind(), pg::FailureKind::refused);
  release_migration(mover, id);
  EXPECT_EQ(read_phase(mover, id), planner::Phase::moving);
  run_to_the_end();  // Nothing was changed: the migration can still be completed.
  roll_back_now();
  expect_source_as_it_was();
}

TEST_F(RollbackTest, WaitsForTheLastBatchOfAMoverThatWasKilled) {
  plan_table("move");
  run_until(2);
  const std::string id = planner::Checkpoint::read(migration_.checkpoint()).plan().migration_id;
  std::thread dying([&] {
    pg::Connection mover = database_.connect();
    EXPECT_TRUE(claim_range(mover, id, 7).is_mine);
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  roll_back_now();
  dying.join();
  expect_source_as_it_was();
}

TEST_F(RollbackTest, ABatchInFlightElsewhereCannotBeCommittedAfterItBegan) {
  plan_table("move");
  run_until(2);
  const planner::Checkpoint checkpoint = planner::Checkpoint::read(migration_.checkpoint());
  const std::string id = checkpoint.plan().migration_id;
  pg::Connection mover = database_.connect();
  const std::optional<LedgerEntry> open_before = read_ledger_entry(mover, id, 8);
  int tried_count = 0;
  int refused_count = 0;
  observer_.at_progress = [&](const Progress&) {
    if (++tried_count > 1) {
      return;
    }
    mover.begin();
    LedgerEntry batch;
    batch.range = 8;
    batch.up_to = planner::Key{"8500"};
    batch.rows = 1;
    refused_count += commit_batch(mover, id, open_before ? open_before->up_to : std::nullopt, batch) ? 0 : 1;
  };
  roll_back_now();
  EXPECT_EQ(refused_count, 1);
  expect_source_as_it_was();
}

TEST_F(RollbackTest, AStopLeavesEveryRowSomewhereAndTheNextCallGoesOn) {
  plan_table("move");
  run_to_the_end();
  observer_.at_progress = [this](const Progress& progress) {
    if (progress.rows_done > 0) {
      stop_.request();
    }
  };
  EXPECT_EQ(failure_of_rollback().kind(), pg::FailureKind::interrupted);
  EXPECT_EQ(phase(), planner::Phase::rolling_back);
  EXPECT_EQ(read("SELECT (SELECT count(*) FROM t) + (SELECT count(*) FROM t_partitioned)"), "9001");
  EXPECT_EQ(read("SELECT count(*) < 9001 FROM t"), "t");
  const Outcome ran = migration_.run();
  EXPECT_EQ(ran.exit_code, 2) << ran;
  const Outcome undone = migration_.rollback();
  EXPECT_EQ(undone.exit_code, 0) << undone;
  EXPECT_THAT(undone.output, HasSubstr("9,001 rows moved back"));
  expect_source_as_it_was();
}

TEST_F(RollbackTest, SessionsThatAreTakenAwayAreOpenedAgain) {
  plan_table("move");
  run_to_the_end();
  std::atomic<bool> is_done = false;
  observer_.at_progress = [&](const Progress& progress) {
    if (progress.rows_done > 0 && !is_done.exchange(true)) {
      database_.connect_as_superuser().query(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'pgsluice%' AND datname "
          "= "
          "current_database()");
    }
  };
  roll_back_now();
  EXPECT_FALSE(observer_.retries().empty());
  expect_source_as_it_was();
}

TEST_F(RollbackTest, RowsChangedInTheTargetComeBackAsTheyAreAndAreReported) {
  plan_table("move");
  run_to_the_end();
  change("UPDATE t_partitioned SET payload = 'other' WHERE id = 3");
  const pg::Failure changed = failure_of_rollback();
  EXPECT_EQ(changed.kind(), pg::FailureKind::mismatch);
  EXPECT_THAT(changed.detail(), HasSubstr("content"));
  EXPECT_EQ(read("SELECT payload FROM t WHERE id = 3"), "other");
  EXPECT_EQ(read("SELECT count(*) FROM t"), "9001");
  EXPECT_EQ(tests::schema_dump(database_), dump_);
  EXPECT_TRUE(roll_back_now().nothing_to_do);
}

TEST_F(RollbackTest, RowsDeletedInTheTargetAreMissedInTheReport) {
  plan_table("stream-move");
  run_to_the_end();
  change("DELETE FROM t_partitioned WHERE id < 11");
  EXPECT_THAT(failure_of_rollback().detail(), HasSubstr("8991 came back"));
  EXPECT_EQ(tests::schema_dump(database_), dump_);
}

TEST_F(RollbackTest, ALeafThatSomebodyDetachedGivesItsRowsBackToo) {
  plan_table("move");
  run_to_the_end();
  const std::string leaf =
      read("SELECT min(inhrelid)::regclass FROM pg_inherits WHERE inhparent = 't_partitioned'::regclass");
  change("ALTER TABLE t_partitioned DETACH PARTITION " + leaf);
  roll_back_now();
  expect_source_as_it_was();
}

TEST_F(RollbackTest, AfterASwapByHandIsRefusedUntilTheTablesAreRenamedBack) {
  for (const char* method : {"insert", "move"}) {
    SCOPED_TRACE(method);
    make(
        "DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 100); "
        "ANALYZE t");
    std::filesystem::remove(migration_.checkpoint());
    plan({"--table", "public.t", "--by", "HASH (id)", "--partitions", "2", "--method", method});
    run_to_the_end();
    make("ALTER TABLE t RENAME TO t_old; ALTER TABLE t_partitioned RENAME TO t");
    const pg::Failure refused = failure_of_rollback();
    EXPECT_EQ(refused.kind(), pg::FailureKind::refused);
    EXPECT_THAT(refused.what(), HasSubstr("not the table that was planned"));
    EXPECT_EQ(phase(), planner::Phase::complete);
    EXPECT_EQ(read("SELECT count(*) FROM t"), "100");
    make("ALTER TABLE t RENAME TO t_partitioned; ALTER TABLE t_old RENAME TO t");
    roll_back_now();
    EXPECT_EQ(read("SELECT count(*) FROM t"), "100");
  }
}

TEST_F(RollbackTest, APartitionOfSomebodyElseIsNeitherEmptiedNorDropped) {
  make("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 100); ANALYZE t");
  plan({"--table", "public.t", "--by", "RANGE (id)", "--interval", "50", "--method", "move"});
  run_to_the_end();
  make(
      "CREATE TABLE theirs PARTITION OF t_partitioned FOR VALUES FROM (100000) TO (200000); INSERT INTO theirs VALUES "
      "(100001)");
  const pg::Failure refused = failure_of_rollback();
  EXPECT_EQ(refused.kind(), pg::FailureKind::refused);
  EXPECT_THAT(refused.detail(), HasSubstr("theirs"));
  EXPECT_EQ(phase(), planner::Phase::complete);
  change("ALTER TABLE t_partitioned DETACH PARTITION theirs");
  roll_back_now();
  EXPECT_EQ(read("SELECT count(*) FROM t"), "100");
  EXPECT_EQ(read("SELECT count(*) FROM theirs"), "1");
}

TEST_F(RollbackTest, ARowThatCannotGoBackStaysInTheTarget) {
  make(
      "CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t SELECT i, i FROM generate_series(1, 1000) i; ANALYZE "
      "t");
  plan({"--table", "public.t", "--by", "HASH (id)", "--partitions", "2", "--method", "move"});
  run_to_the_end();
  change("ALTER TABLE t ADD CONSTRAINT small CHECK (n < 1000)");
  EXPECT_EQ(failure_of_rollback().sqlstate(), "23514");
  EXPECT_EQ(read("SELECT (SELECT count(*) FROM t) + (SELECT count(*) FROM t_partitioned)"), "1000");
  change("ALTER TABLE t DROP CONSTRAINT small");
  EXPECT_EQ(roll_back_now().rows_moved_back, 1000U);
  EXPECT_EQ(read("SELECT count(*) FROM t"), "1000");
}

// ---- A target that was there before

class RollbackOfAnExistingTarget : public RollbackTest {
 protected:
  void plan_existing(const std::string& method) {
    make(
        "CREATE TABLE t (id int PRIMARY KEY, kind text NOT NULL); INSERT INTO t SELECT i, 'k' || i FROM "
        "generate_series(1, 3000) i;"
        "ANALYZE t;"
        "CREATE TABLE ready (kind text, id int NOT NULL, more int) PARTITION BY HASH (kind);"
        "CREATE TABLE ready_0 PARTITION OF ready FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
        "CREATE TABLE ready_1 PARTITION OF ready FOR VALUES WITH (MODULUS 2, REMAINDER 1);"
        "CREATE TABLE seen (id int);"
        "CREATE FUNCTION sees() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO seen VALUES (1); RETURN NULL; "
        "END$$;"
        "CREATE TRIGGER sees AFTER DELETE ON ready FOR EACH ROW EXECUTE FUNCTION sees()");
    remember_source();
    plan(
        {"--table", "public.t", "--into", "public.ready", "--method", method, "--split", "key", "--range-rows", "500"});
  }
};

TEST_F(RollbackOfAnExistingTarget, CopiesAreRemovedAndTheTableStays) {
  plan_existing("insert");
  run_to_the_end();
  EXPECT_EQ(roll_back_now().rows_dropped, 3000U);
  EXPECT_EQ(read("SELECT count(*) FROM ready"), "0");
  expect_source_as_it_was();
}

TEST_F(RollbackOfAnExistingTarget, MovedRowsGoBackAndTheTableStays) {
  plan_existing("move");
  run_until(2);
  EXPECT_GT(roll_back_now().rows_moved_back, 0U);
  EXPECT_EQ(read("SELECT count(*) FROM ready"), "0");
  expect_source_as_it_was();
}

TEST_F(RollbackOfAnExistingTarget, RowsOfOthersAreNeverTruncated) {
  plan_existing("insert");
  run_to_the_end();
  change("INSERT INTO ready VALUES ('theirs', -1, 1)");
  const pg::Failure refused = failure_of_rollback();
  EXPECT_EQ(refused.kind(), pg::FailureKind::refused);
  EXPECT_THAT(refused.detail(), HasSubstr("3001"));
  EXPECT_EQ(read("SELECT count(*) FROM ready"), "3001");
  change("DELETE FROM ready WHERE id = -1");
  roll_back_now();
  expect_source_as_it_was();
}

TEST_F(RollbackOfAnExistingTarget, RowsOfOthersNeverGoToTheSource) {
  plan_existing("move");
  run_to_the_end();
  change("INSERT INTO ready VALUES ('theirs', -1, 1)");
  EXPECT_EQ(failure_of_rollback().kind(), pg::FailureKind::refused);
  EXPECT_EQ(read("SELECT count(*) FROM t"), "0");
  change("DELETE FROM ready WHERE id = -1");
  EXPECT_EQ(roll_back_now().rows_moved_back, 3000U);
  expect_source_as_it_was();
}

TEST_F(RollbackOfAnExistingTarget, OneThatWasEmptiedByHandIsNoHindrance) {
  plan_existing("insert");
  run_to_the_end();
  change("TRUNCATE ready");
  roll_back_now();
  expect_source_as_it_was();
}

// ---- Statements

TEST_F(RollbackTest, BatchesOfServersWithoutTidRangeScansTakeTheSameRows) {
  plan_table("move");
  run_to_the_end();
  const planner::Checkpoint checkpoint = planner::Checkpoint::read(migration_.checkpoint());
  pg::Connection connection = sessions(checkpoint).open_target("test");
  connection.query("ALTER TABLE t DISABLE TRIGGER USER");
  const std::string leaf =
      read("SELECT max(inhrelid)::regclass FROM pg_inherits WHERE inhparent = 't_partitioned'::regclass");
  const auto rows_of = [&](std::uint64_t lower, std::uint64_t upper, int version) {
    connection.begin();
    const pg::Result result = connection.query(move_back_sql(checkpoint.plan(), leaf, lower, upper, version));
    const std::string rows = std::string(result.text(0, 0)) + "/" + std::string(result.text(0, 1));
    connection.rollback();
    return rows;
  };
  EXPECT_NE(rows_of(0, 3, 13), "0/0");
  EXPECT_EQ(rows_of(0, 3, 13), rows_of(0, 3, 15));
  EXPECT_EQ(rows_of(1, 2, 13), rows_of(1, 2, 15));
  EXPECT_EQ(rows_of(0, 100000, 13), rows_of(0, 100000, 15));
}

}  // namespace
}  // namespace pgsluice::mover

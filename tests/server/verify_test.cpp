// Verify says "equal" when the rows are equal and names what is not, for every kind of unit; it goes on where it was
// stopped.
#include "mover/verify.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <thread>

#include "mover/comparison.hpp"
#include "pg/failure.hpp"
#include "planner/checkpoint.hpp"
#include "tests/support/database.hpp"
#include "tests/support/migration.hpp"
#include "tests/support/noting_observer.hpp"

namespace pgsluice::mover {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using tests::Database;
using tests::Migration;
using tests::NotingObserver;
using tests::Outcome;

constexpr const char* kTable =
    "CREATE TABLE t (id bigint PRIMARY KEY, kind text NOT NULL, n int, payload jsonb, twice int GENERATED ALWAYS AS (n "
    "* 2) STORED);"
    "INSERT INTO t SELECT i, 'kind ' || i % 7, i, jsonb_build_object('i', i) FROM generate_series(1, 20000) i;"
    "ANALYZE t";

// A way to compare, and what it calls its units.
struct Way {
  std::string method;
  std::string split;
  std::string unit;
};

void PrintTo(const Way& way, std::ostream* stream) {
  *stream << way.method << " by " << way.split;
}

class VerifyTest : public testing::Test {
 protected:
  void make(const std::string& ddl) { database_.connect().run_script(ddl); }

  void migrate(std::vector<std::string> plan_arguments) {
    const Outcome planned = migration_.plan(plan_arguments);
    ASSERT_EQ(planned.exit_code, 0) << planned;
    const Outcome ran = migration_.run();
    ASSERT_EQ(ran.exit_code, 0) << ran;
  }

  void migrate_table(const std::string& method, const std::string& split) {
    make(kTable);
    migrate({"--table", "public.t", "--by", "HASH (kind)", "--partitions", "4", "--method", method, "--split", split,
             "--range-rows", "3000"});
  }

  // The target's rows are changed as somebody would who forgot that it is a copy.
  void change(const std::string& sql) { database_.connect().query(sql); }

  std::string first_leaf() {
    const pg::Result name = database_.connect().query(
        "SELECT min(inhrelid)::regclass FROM pg_inherits WHERE inhparent = 't_partitioned'::regclass");
    return std::string(name.text(0, 0));
  }

  VerifySummary verify_now(const VerifyOptions& options = {}) {
    planner::Checkpoint checkpoint = planner::Checkpoint::open(migration_.checkpoint());
    SessionsOptions sessions;
    sessions.source_conninfo = database_.conninfo();
    sessions.migration_id = checkpoint.plan().migration_id;
    sessions.statement_observer = [this](const pg::StatementEvent& event) {
      const std::lock_guard lock(mutex_);
      heavy_statement_count_ += event.sql.find("AS checksum") == std::string_view::npos ? 0 : 1;
    };
    heavy_statement_count_ = 0;
    return verify(checkpoint, Sessions(sessions), options, *stop_, observer_);
  }
  VerifySummary find_now() {
    VerifyOptions options;
    options.find = true;
    options.workers = 2;
    return verify_now(options);
  }

  static std::vector<std::string> texts(const VerifySummary& summary) {
    std::vector<std::string> found;
    for (const Difference& difference : summary.differences) {
      found.push_back(std::string(name_of(difference.kind)) + " " + difference.key);
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  Database database_;
  Migration migration_{database_};
  NotingObserver observer_;
  std::unique_ptr<StopRequest> stop_ = std::make_unique<StopRequest>();
  std::mutex mutex_;
  int heavy_statement_count_ = 0;  // That compute row hashes.
};

class VerifyEachWay : public VerifyTest, public testing::WithParamInterface<Way> {};

TEST_P(VerifyEachWay, EqualRowsAreEqualAndOneChangedByteIsNot) {
  migrate_table(GetParam().method, GetParam().split);
  const VerifySummary equal = verify_now();
  EXPECT_TRUE(equal.is_equal());
  EXPECT_EQ(equal.unit, GetParam().split == "key" ? "ranges" : "tables");
  EXPECT_EQ(equal.units_equal, equal.units_total);
  EXPECT_EQ(equal.rows_source, 20000U);
  EXPECT_EQ(equal.rows_target, 20000U);
  EXPECT_THAT(equal.differing_units, IsEmpty());

  change("UPDATE t_partitioned SET payload = '{\"i\": 7778}' WHERE id = 7777");
  VerifyOptions again;
  again.again = true;
  const VerifySummary different = verify_now(again);
  EXPECT_FALSE(different.is_equal());
  EXPECT_EQ(different.rows_target, 20000U);
  ASSERT_FALSE(different.differing_units.empty());
  EXPECT_EQ(different.unit, GetParam().unit);
  if (GetParam().unit == "buckets") {  // One row less in a bucket, one more in another.
    EXPECT_EQ(different.units_differing, 2U);
  } else {
    EXPECT_EQ(different.units_differing, 1U);
    EXPECT_THAT(different.differing_units[0], HasSubstr("with different content"));
  }
}

TEST_P(VerifyEachWay, LostDoubledAndInventedRowsAreCounted) {
  migrate_table(GetParam().method, GetParam().split);
  change("DELETE FROM t_partitioned WHERE id IN (5, 6)");
  const VerifySummary fewer = verify_now();
  EXPECT_FALSE(fewer.is_equal());
  EXPECT_EQ(fewer.rows_source, 20000U);
  EXPECT_EQ(fewer.rows_target, 19998U);
  // Two rows that nobody ever had in place of the two that are lost: the count alone sees nothing.
  change("INSERT INTO t_partitioned (id, kind) VALUES (-1, 'kind 5'), (30000, 'kind 5')");
  VerifyOptions again;
  again.again = true;
  const VerifySummary replaced = verify_now(again);
  EXPECT_FALSE(replaced.is_equal());
  EXPECT_EQ(replaced.rows_target, 20000U);
}

INSTANTIATE_TEST_SUITE_P(Ways, VerifyEachWay,
                         testing::Values(Way{"insert", "key", "ranges"}, Way{"insert", "ctid", "buckets"},
                                         Way{"stream", "key", "ranges"}, Way{"move", "key", "ranges"},
                                         Way{"move", "ctid", "tables"}, Way{"stream-move", "key", "ranges"}),
                         [](const testing::TestParamInfo<Way>& way) {
                           std::string name = way.param.method + "_by_" + way.param.split;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

class VerifyFinds : public VerifyTest, public testing::WithParamInterface<std::string> {};

TEST_P(VerifyFinds, MissingExtraAndChangedRowsAreNamedByTheirKey) {
  migrate_table("insert", GetParam());
  change("DELETE FROM t_partitioned WHERE id = 12345");
  change("INSERT INTO t_partitioned (id, kind) VALUES (-3, 'x')");
  change("UPDATE t_partitioned SET n = NULL WHERE id = 20000");
  // The target's unique key is wider than the source's, so one key can be there twice.
  change("INSERT INTO t_partitioned (id, kind, n, payload) SELECT id, 'other', n, payload FROM t WHERE id = 77");
  const VerifySummary summary = find_now();
  EXPECT_THAT(texts(summary), ElementsAre("changed (20000)", "extra (-3)", "extra (77)", "missing (12345)"));
  EXPECT_FALSE(summary.differences_truncated);
}

TEST_P(VerifyFinds, NoMoreThanAskedForAndSaysSo) {
  migrate_table("insert", GetParam());
  change("UPDATE t_partitioned SET n = n + 1 WHERE id > 500");
  VerifyOptions options;
  options.find = true;
  options.differences_max = 30;
  const VerifySummary summary = verify_now(options);
  EXPECT_EQ(summary.differences.size(), 30U);
  EXPECT_TRUE(summary.differences_truncated);
}

INSTANTIATE_TEST_SUITE_P(Splits, VerifyFinds, testing::Values("key", "ctid"),
                         [](const testing::TestParamInfo<std::string>& split) { return "by_" + split.param; });

TEST_F(VerifyTest, FindsOneRowOfALargeRangeByItsCompositeKey) {
  make(
      "CREATE TABLE t (\"Region\" text COLLATE \"de-x-icu\", at timestamptz, rows int, hash text, PRIMARY KEY "
      "(\"Region\", at));"
      "INSERT INTO t SELECT CASE i % 3 WHEN 0 THEN 'ä' WHEN 1 THEN 'Z' ELSE 'a' END, timestamptz '2020-01-01 "
      "00:00:00+00' + i * interval '1 s', i, "
      "md5(i::text) FROM generate_series(1, 60000) i; ANALYZE t");
  migrate({"--table", "public.t", "--by", "HASH (at)", "--partitions", "3", "--method", "insert", "--split", "key",
           "--range-rows", "100000"});
  change("UPDATE t_partitioned SET hash = 'no' WHERE rows = 31415");
  change("DELETE FROM t_partitioned WHERE rows IN (1, 60000)");
  const VerifySummary summary = find_now();
  EXPECT_EQ(summary.units_differing, 1U);
  EXPECT_THAT(texts(summary), ElementsAre("changed (a, 2020-01-01 08:43:35+00)", "missing (Z, 2020-01-01 00:00:01+00)",
                                          "missing (ä, 2020-01-01 16:40:00+00)"));
}

TEST_F(VerifyTest, FindsTensOfThousandsOfRowsThatOneKeyOfTheTargetStandsFor) {
  make(kTable);
  migrate({"--table", "public.t", "--by", "HASH (kind)", "--partitions", "4", "--method", "insert", "--split", "key"});
  change("INSERT INTO t_partitioned (id, kind) SELECT 700, 'x' || i FROM generate_series(1, 30000) i");
  const VerifySummary summary = find_now();
  EXPECT_EQ(summary.rows_target, 50000U);
  EXPECT_THAT(texts(summary), ElementsAre("extra (700)"));
}

TEST_F(VerifyTest, BucketsThatHoldTooManyRowsAreDividedUntilTheyCanBeListed) {
  make(
      "CREATE TABLE t (id bigint PRIMARY KEY, n int); INSERT INTO t SELECT i, i FROM generate_series(1, 300000) i; "
      "ANALYZE t");
  migrate({"--table", "public.t", "--by", "HASH (id)", "--partitions", "3", "--method", "insert", "--split", "ctid"});
  change("UPDATE t_partitioned SET n = -1 WHERE id % 200 = 0");
  VerifyOptions options;
  options.find = true;
  options.differences_max = 100000;
  const VerifySummary some = verify_now(options);
  EXPECT_EQ(some.units_differing, 256U);
  EXPECT_EQ(some.differences.size(), 1500U);
  EXPECT_FALSE(some.differences_truncated);
  for (const Difference& difference : some.differences) {
    EXPECT_EQ(difference.kind, Difference::Kind::changed);
    EXPECT_THAT(difference.key, testing::EndsWith("00)"));
  }

  // So many that even the divided buckets are too many: it shows some and says that there are more.
  change("UPDATE t_partitioned SET n = -1");
  const VerifySummary all = verify_now(options);
  EXPECT_GT(all.differences.size(), 100U);
  EXPECT_LT(all.differences.size(), 300000U);
  EXPECT_TRUE(all.differences_truncated);
}

TEST_F(VerifyTest, RowsOfATableWithoutAKeyAreNamedByTheirPlace) {
  make(
      "CREATE TABLE t (kind text, n int); INSERT INTO t SELECT 'k', i / 10 FROM generate_series(1, 5000) i; ANALYZE t");
  migrate({"--table", "public.t", "--by", "HASH (n)", "--partitions", "2", "--method", "insert"});
  change("DELETE FROM t_partitioned WHERE ctid = (SELECT min(ctid) FROM t_partitioned WHERE n = 100) AND n = 100");
  const VerifySummary summary = find_now();
  ASSERT_EQ(summary.differences.size(), 1U);
  EXPECT_EQ(summary.differences[0].kind, Difference::Kind::missing);
  EXPECT_THAT(summary.differences[0].key, HasSubstr("public.t ctid ("));
}

TEST_F(VerifyTest, RangesFoundEqualAreNotComparedAgainUnlessAsked) {
  migrate_table("insert", "key");
  const VerifySummary first = verify_now();
  ASSERT_GT(first.units_total, 4U);
  EXPECT_EQ(heavy_statement_count_, 5);  // One pass: the source and four leaves.
  const VerifySummary second = verify_now();
  EXPECT_EQ(heavy_statement_count_, 0);
  EXPECT_TRUE(second.is_equal());
  EXPECT_THAT(observer_.notes(), HasSubstr("compared before"));
  EXPECT_EQ(second.rows_source, 20000U);
  EXPECT_EQ(second.rows_target, 20000U);
  change("DELETE FROM t_partitioned WHERE id = 1");
  VerifyOptions again;
  again.again = true;
  const VerifySummary third = verify_now(again);
  EXPECT_FALSE(third.is_equal());
  EXPECT_EQ(heavy_statement_count_, 5 + static_cast<int>(2 * third.units_total));
  const VerifySummary fourth = verify_now();  // A range that differs is looked at again, the others are not.
  EXPECT_EQ(fourth.units_differing, 1U);
  EXPECT_EQ(heavy_statement_count_, 2);
}

TEST_F(VerifyTest, WhatTheQuickFormFoundEqualIsComparedAgainByTheExactOne) {
  for (const std::string split : {"key", "ctid"}) {
    SCOPED_TRACE(split);
    database_.connect_as_superuser().run_script("DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION owner");
    migrate_table("insert", split);
    change("UPDATE t_partitioned SET payload = '{\"i\": -500}' WHERE id = 500");
    VerifyOptions exact;
    exact.exact = true;
    EXPECT_TRUE(verify_now().is_equal());
    EXPECT_THAT(observer_.notes(), HasSubstr("(payload); --exact compares its text"));
    exact.find = true;
    const VerifySummary found = verify_now(exact);
    EXPECT_THAT(texts(found), ElementsAre("changed (500)"));
    change("UPDATE t_partitioned SET payload = '{\"i\": 500}' WHERE id = 500");
    EXPECT_TRUE(verify_now(exact).is_equal());
    heavy_statement_count_ = 0;
    EXPECT_TRUE(verify_now(exact).is_equal());
    EXPECT_EQ(heavy_statement_count_, 0);
    // Sums of the two forms are never mixed.
    EXPECT_TRUE(verify_now().is_equal());
    EXPECT_TRUE(verify_now(exact).is_equal());
    ASSERT_EQ(migration_.rollback().exit_code, 0);
    std::filesystem::remove(migration_.checkpoint());
  }
}

TEST_F(VerifyTest, RefusesTheExactFormWhereTheLedgerHoldsQuickSums) {
  migrate_table("move", "key");
  VerifyOptions exact;
  exact.exact = true;
  try {
    verify_now(exact);
    FAIL() << "it compared sums of two forms";
  } catch (const pg::Failure& failure) {
    EXPECT_EQ(failure.kind(), pg::FailureKind::refused);
    EXPECT_THAT(failure.hint(), HasSubstr("Leave out --exact"));
  }
}

TEST_F(VerifyTest, SumsOfBucketsAreKeptUntilTheHeapsAreWrittenAnew) {
  migrate_table("insert", "ctid");
  EXPECT_TRUE(verify_now().is_equal());
  EXPECT_EQ(heavy_statement_count_, 5);  // The source and four leaves.
  EXPECT_TRUE(verify_now().is_equal());
  EXPECT_EQ(heavy_statement_count_, 0);
  change("VACUUM FULL " + first_leaf());
  EXPECT_TRUE(verify_now().is_equal());
  EXPECT_EQ(heavy_statement_count_, 4);
}

TEST_F(VerifyTest, AStopLeavesWhatWasComparedAndTheNextCallGoesOn) {
  migrate_table("insert", "key");
  observer_.at_progress = [this](const Progress& progress) {
    if (progress.units_done >= 2) {
      stop_->request();
    }
  };
  VerifyOptions options;
  options.workers = 1;
  try {
    verify_now(options);
    FAIL() << "it did not stop";
  } catch (const pg::Failure& failure) {
    EXPECT_EQ(failure.kind(), pg::FailureKind::interrupted) << pg::to_text(failure);
  }
  EXPECT_EQ(heavy_statement_count_, 2);
  stop_ = std::make_unique<StopRequest>();
  observer_.at_progress = nullptr;
  const VerifySummary summary = verify_now(options);
  EXPECT_TRUE(summary.is_equal());
  EXPECT_EQ(summary.units_equal, 7U);
  EXPECT_EQ(heavy_statement_count_, 3);
}

TEST_F(VerifyTest, AStopAmongRangesThatMayDifferGoesOnWithTheOthers) {
  migrate_table("insert", "key");
  change("DELETE FROM t_partitioned WHERE id = 20000");
  observer_.at_progress = [this](const Progress& progress) {
    if (progress.units_total == 7 && progress.units_done >= 2) {
      stop_->request();
    }
  };
  VerifyOptions options;
  options.workers = 1;
  EXPECT_THROW(verify_now(options), pg::Failure);
  EXPECT_EQ(heavy_statement_count_, 5 + 4);
  stop_ = std::make_unique<StopRequest>();
  observer_.at_progress = nullptr;
  const VerifySummary summary = verify_now(options);
  EXPECT_EQ(summary.unit, "ranges");
  EXPECT_EQ(summary.units_differing, 1U);
  EXPECT_EQ(summary.units_equal, 6U);
  EXPECT_EQ(heavy_statement_count_, 10);
}

TEST_F(VerifyTest, AnUrgentStopCancelsWhatRuns) {
  make("CREATE TABLE t (id bigint PRIMARY KEY, n int); INSERT INTO t SELECT i, i FROM generate_series(1, 2000) i");
  migrate({"--table", "public.t", "--by", "HASH (id)", "--partitions", "2", "--method", "insert", "--split", "key"});
  pg::Connection blocker = database_.connect();
  blocker.begin();
  blocker.query("LOCK TABLE " + first_leaf());
  std::thread person([this] {
    std::this_thread::sleep_for(std::chrono::milliseconds(700));
    stop_->request();
    stop_->request();
  });
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_THROW(verify_now(), pg::Failure);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
  person.join();
}

TEST_F(VerifyTest, SessionsThatAreTakenAwayAreOpenedAgain) {
  migrate_table("insert", "key");
  std::atomic<int> terminated = 0;
  observer_.at_progress = [&](const Progress& progress) {
    if (progress.units_done == 2) {
      const pg::Result killed = database_.connect_as_superuser().query(
          "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'pgsluice verify' "
          "AND datname = "
          "current_database()");
      terminated += static_cast<int>(killed.integer(0, 0));
    }
  };
  VerifyOptions options;
  options.workers = 2;
  const VerifySummary summary = verify_now(options);
  EXPECT_TRUE(summary.is_equal());
  EXPECT_EQ(summary.rows_target, 20000U);
  EXPECT_GT(terminated.load(), 1);
  EXPECT_FALSE(observer_.retries().empty());
}

TEST_F(VerifyTest, RefusesATargetThatIsNotComplete) {
  make(kTable);
  ASSERT_EQ(migration_.plan({"--table", "public.t", "--by", "HASH (kind)", "--partitions", "2"}).exit_code, 0);
  try {
    verify_now();
    FAIL() << "it compared what is not there";
  } catch (const pg::Failure& failure) {
    EXPECT_EQ(failure.kind(), pg::FailureKind::refused);
    EXPECT_THAT(failure.hint(), HasSubstr("pgsluice run"));
  }
  ASSERT_EQ(migration_.run().exit_code, 0);
  ASSERT_EQ(migration_.rollback().exit_code, 0);
  try {
    verify_now();
    FAIL() << "it compared what is gone";
  } catch (const pg::Failure& failure) {
    EXPECT_EQ(failure.kind(), pg::FailureKind::refused);
    EXPECT_THAT(failure.hint(), HasSubstr("plan again"));
  }
}

TEST_F(VerifyTest, RowsLeftInASourceThatMustBeEmptyAreSeen) {
  migrate_table("move", "key");
  EXPECT_TRUE(verify_now().is_equal());
  pg::Connection superuser = database_.connect_as_superuser();
  superuser.run_script("ALTER TABLE t DISABLE TRIGGER ALL; INSERT INTO t (id, kind) VALUES (50, 'late')");
  VerifyOptions again;
  again.again = true;
  again.find = true;
  const VerifySummary summary = verify_now(again);
  ASSERT_EQ(summary.differing_units.size(), 1U);
  EXPECT_THAT(summary.differing_units[0], HasSubstr("the source still has 1 row"));
  EXPECT_THAT(observer_.notes(), HasSubstr("cannot be found"));
}

TEST_F(VerifyTest, RangesOfTheTargetAreReadByItsIndex) {
  migrate_table("insert", "key");
  const planner::Checkpoint checkpoint = planner::Checkpoint::read(migration_.checkpoint());
  pg::Connection connection = database_.connect();
  const Comparison comparison = read_comparison(checkpoint.plan(), connection, connection);
  ASSERT_TRUE(comparison.by_range);
  connection.query("SET enable_seqscan = off");
  const planner::Range& range = checkpoint.plan().ranges.at(1);
  for (const Side* side : {&comparison.source, &comparison.target}) {
    const planner::Condition tally = range_tally_sql(comparison, *side, range.lower, range.upper);
    const pg::Result plan = connection.query("EXPLAIN (COSTS off) " + tally.sql, tally.parameters);
    std::string text;
    for (int i = 0; i < plan.row_count(); ++i) {
      text += std::string(plan.text(i, 0)) + "\n";
    }
    EXPECT_THAT(text, HasSubstr("Index Cond")) << text;
    EXPECT_THAT(text, testing::Not(HasSubstr("Seq Scan"))) << text;
  }
}

TEST_F(VerifyTest, AnExistingTargetMayHaveMoreColumnsInAnotherOrderAndBecomeWider) {
  make(
      "CREATE TABLE t (id int PRIMARY KEY, kind varchar(10) NOT NULL, at date,"
      "  twice int GENERATED ALWAYS AS (id * 2) STORED);"
      "INSERT INTO t SELECT i, 'k' || i % 5, date '2020-01-01' + i FROM generate_series(1, 5000) i; ANALYZE t;"
      "CREATE TABLE ready (note text DEFAULT 'x', at date, kind varchar(10), gone int, id int,"
      "  twice int GENERATED ALWAYS AS (id * 2) STORED) PARTITION BY HASH (kind);"
      "ALTER TABLE ready DROP gone;"
      "CREATE TABLE ready_0 PARTITION OF ready FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
      "CREATE TABLE ready_1 (id int, kind varchar(10), at date, twice int GENERATED ALWAYS AS (id * 2) STORED,"
      "  note text DEFAULT 'y');"
      "ALTER TABLE ready ATTACH PARTITION ready_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);"
      "CREATE INDEX ON ready (id)");
  migrate({"--table", "public.t", "--into", "public.ready", "--method", "insert", "--split", "key", "--range-rows",
           "1000"});
  VerifyOptions again;
  again.again = true;
  again.find = true;
  const VerifySummary summary = verify_now(again);
  EXPECT_TRUE(summary.is_equal()) << testing::PrintToString(summary.differing_units);
  EXPECT_EQ(summary.unit, "ranges");
  // The key may be NULL there: a row that is in no range.
  change("INSERT INTO ready (kind) VALUES ('stray')");
  const VerifySummary stray = verify_now();
  ASSERT_EQ(stray.differing_units.size(), 1U);
  EXPECT_THAT(stray.differing_units[0], HasSubstr("without a key"));
  change("DELETE FROM ready WHERE id IS NULL");
  // Wider types hold the same values; where they hold others, that is seen.
  change("ALTER TABLE ready ALTER at TYPE timestamp");
  EXPECT_TRUE(verify_now(again).is_equal());
  change("UPDATE ready SET at = at + interval '1 day' WHERE id = 4711");
  EXPECT_THAT(texts(verify_now(again)), ElementsAre("changed (4711)"));
  change("ALTER TABLE ready DROP at");
  EXPECT_THROW(verify_now(), pg::Failure);
}

TEST(VerifyTwoDatabases, TextKeysAreComparedByBucketsBecauseCollationsMaySortDifferently) {
  Database source;
  Database target;
  source.connect().run_script(
      "CREATE TABLE t (k text PRIMARY KEY, b text COLLATE \"C\" NOT NULL, n int);"
      "INSERT INTO t SELECT md5(i::text), md5(i::text), i FROM generate_series(1, 3000) i; ANALYZE t");
  Migration migration(source.conninfo(), target.conninfo());
  const Outcome planned = migration.plan(
      {"--table", "public.t", "--by", "HASH (k)", "--partitions", "2", "--split", "key", "--range-rows", "500"});
  ASSERT_EQ(planned.exit_code, 0) << planned;
  const Outcome ran = migration.run();
  ASSERT_EQ(ran.exit_code, 0) << ran;
  planner::Checkpoint checkpoint = planner::Checkpoint::open(migration.checkpoint());
  SessionsOptions sessions;
  sessions.source_conninfo = source.conninfo();
  sessions.target_conninfo = target.conninfo();
  NotingObserver observer;
  const StopRequest stop;
  VerifyOptions options;
  options.find = true;
  VerifySummary summary = verify(checkpoint, Sessions(sessions), options, stop, observer);
  EXPECT_TRUE(summary.is_equal());
  EXPECT_EQ(summary.unit, "tables");
  target.connect().query("UPDATE t_partitioned SET n = 0 WHERE n = 1");
  options.again = true;
  summary = verify(checkpoint, Sessions(sessions), options, stop, observer);
  EXPECT_EQ(summary.unit, "buckets");
  ASSERT_EQ(summary.differences.size(), 1U);
  EXPECT_EQ(summary.differences[0].key, "(c4ca4238a0b923820dcc509a6f75849b)");
  EXPECT_EQ(summary.differences[0].kind, Difference::Kind::changed);

  // A checkpoint of other databases is refused.
  sessions.target_conninfo = source.conninfo();
  EXPECT_THROW(verify(checkpoint, Sessions(sessions), options, stop, observer), pg::Failure);
}

}  // namespace
}  // namespace pgsluice::mover

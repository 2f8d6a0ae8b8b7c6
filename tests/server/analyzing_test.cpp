// Statistics and freezing at the end of a run: every table has its own statistics, no leaf is sampled twice, and rows
// are frozen where that was asked for and is possible.
#include "mover/analyzing.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "pg/failure.hpp"
#include "tests/server/target_fixture.hpp"
#include "tests/support/migration.hpp"

namespace pgsluice::tests {
namespace {

using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// Two levels, 12 leaves; some of them empty.
class Analyzing : public TargetFixture {
 protected:
  void SetUp() override {
    run("CREATE TABLE visits (id bigint PRIMARY KEY, at date NOT NULL, page text NOT NULL);"
        "INSERT INTO visits SELECT i, '2024-01-01'::date + i % 90, 'page ' || i % 100 FROM generate_series(1, 3000) i");
    plan_ = plan_for("public.visits", {range("at", "1 month"), hash("id", 3)});
    prepare(plan_);
    move_rows(plan_);
    filled_at_ = texts("SELECT pg_current_xact_id()::text")[0];
  }
  void analyze(bool freezes, unsigned jobs = 2) {
    mover::analyze_target(plan_, sessions(plan_), context(), {jobs, freezes});
  }
  // pg_statistic is for superusers alone.
  std::vector<std::string> texts_for_superuser(const std::string& sql) {
    pg::Connection connection = database_.connect_as_superuser();
    const pg::Result rows = connection.query(sql);
    std::vector<std::string> found;
    for (int i = 0; i < rows.row_count(); ++i) {
      found.emplace_back(rows.text(i, 0));
    }
    return found;
  }
  // Of the tables below and with the root, for which the condition holds: c is its pg_class.
  std::vector<std::string> tables_where(const std::string& condition) {
    return texts_for_superuser(
        "SELECT c.relname::text FROM pg_partition_tree('visits_partitioned') p JOIN pg_class c ON c.oid = "
        "p.relid WHERE " +
        condition + " ORDER BY 1");
  }
  void expect_statistics_everywhere() {
    EXPECT_THAT(tables_where("c.relkind = 'r' AND EXISTS (SELECT FROM visits_partitioned v WHERE v.tableoid = c.oid) "
                             "AND NOT EXISTS (SELECT FROM pg_statistic WHERE starelid = c.oid AND NOT stainherit)"),
                IsEmpty());
    EXPECT_THAT(
        tables_where("c.relkind = 'p' AND EXISTS (SELECT FROM visits_partitioned v JOIN pg_inherits i ON i.inhrelid = "
                     "v.tableoid WHERE i.inhparent = c.oid OR c.relname = 'visits_partitioned') "
                     "AND 3 <> (SELECT count(*) FROM pg_statistic WHERE starelid = c.oid AND stainherit)"),
        IsEmpty());
  }
  // Either sign clears a leaf. Neither is certain: where commits are not waited for, VACUUM freezes rows without
  // marking their page; where another database's transaction is open, it cannot tell that there are no older rows.
  std::vector<std::string> leaves_with_unfrozen_rows() {
    return tables_where(
        "c.relkind = 'r' AND pg_relation_size(c.oid) > 0 AND c.relallvisible < greatest(c.relpages, 1) AND "
        "age(c.relfrozenxid) > age('" +
        filled_at_ + "'::xid)");
  }
  pg::Failure failure_of(const std::function<void()>& act) {
    try {
      act();
    } catch (const pg::Failure& failure) {
      return failure;
    }
    ADD_FAILURE() << "nothing failed";
    return {pg::FailureKind::local, ""};
  }

  planner::Plan plan_;
  std::string filled_at_;
};

TEST_F(Analyzing, GivesEveryTableStatisticsAndVisitsEachLeafOnce) {
  analyze(false);
  expect_statistics_everywhere();
  pg::Connection connection = database_.connect();
  constexpr int kCountsAtOnce = 15;
  if (connection.server_major_version() >= kCountsAtOnce) {
    EXPECT_THAT(tables_where("c.relkind = 'r' AND pg_stat_get_analyze_count(c.oid) <> 1"), IsEmpty());
  }
  constexpr int kAnalyzeOnly = 18;
  if (connection.server_major_version() < kAnalyzeOnly) {
    // A plain ANALYZE of the root would come to the leaves after it.
    EXPECT_THAT(texts_for_superuser(
                    "SELECT (max(s.xmin::text::bigint) FILTER (WHERE NOT s.stainherit) < min(s.xmin::text::bigint) "
                    "FILTER (WHERE s.stainherit))::text FROM pg_statistic s JOIN "
                    "pg_partition_tree('visits_partitioned') p ON p.relid = s.starelid"),
                ElementsAre("true"));
  }
}

TEST_F(Analyzing, LeavesRowsUnfrozenUnlessAsked) {
  analyze(false);
  EXPECT_THAT(leaves_with_unfrozen_rows(), Not(IsEmpty()));
}

TEST_F(Analyzing, FreezesEveryRowAndAnalyzesWhenAsked) {
  analyze(true);
  EXPECT_THAT(leaves_with_unfrozen_rows(), IsEmpty());
  EXPECT_THAT(observer_.phases(), Contains("analyzing and freezing, tables"));
  EXPECT_THAT(observer_.notes(), IsEmpty());
  expect_statistics_everywhere();
}

TEST_F(Analyzing, SaysWhenAnOpenTransactionKeepsRowsFromBeingFrozen) {
  run("INSERT INTO visits_partitioned SELECT 10000 + i, '2024-01-01', 'late' FROM generate_series(1, 100) i");
  pg::Connection reader = database_.connect();
  reader.begin("ISOLATION LEVEL REPEATABLE READ");
  reader.query("SELECT count(*) FROM visits");
  run("INSERT INTO visits_partitioned SELECT 20000 + i, '2024-01-01', 'later' FROM generate_series(1, 100) i");
  analyze(true);
  const std::string notes = observer_.notes();
  EXPECT_THAT(notes, HasSubstr("leaves could not be frozen wholly"));
  reader.rollback();
  analyze(true);
  EXPECT_EQ(observer_.notes(), notes);
}

// Sessions that fill a leaf at once leave pages behind that none of them used.
TEST_F(Analyzing, DoesNotTakeUnusedPagesForUnfrozenRows) {
  run("CREATE TABLE busy (id bigint PRIMARY KEY, note text); INSERT INTO busy VALUES (0, '')");
  plan_ = plan_for("public.busy", {hash("id", 1)});
  prepare(plan_);
  const std::string leaf = pg::quoted(planner::leaves(plan_.layout)[0]->name);
  const std::string unused =
      "SELECT (count(*) FILTER (WHERE lower = 0) > 0)::text FROM generate_series(0, pg_relation_size('" + leaf +
      "') / 8192 - 1) AS page, page_header(get_raw_page('" + leaf + "', page::int))";
  database_.connect_as_superuser().run_script("CREATE EXTENSION pageinspect");
  bool is_seen = false;
  for (int turn = 0; turn < 100 && !is_seen; ++turn) {
    std::vector<std::thread> writers;
    for (int writer = 0; writer < 6; ++writer) {
      writers.emplace_back([&, writer] {
        run("INSERT INTO busy_partitioned SELECT i, repeat('x', 1000) FROM generate_series(" +
            std::to_string(1 + turn * 6000 + writer * 1000) + ", " +
            std::to_string(turn * 6000 + writer * 1000 + 1000) + ") i");
      });
    }
    for (std::thread& writer : writers) writer.join();
    is_seen = texts_for_superuser(unused)[0] == "true";
  }
  if (!is_seen) GTEST_SKIP() << "this server left no page unused";
  analyze(true);
  EXPECT_THAT(observer_.notes(), IsEmpty());
}

TEST_F(Analyzing, GoesOnWhereTheLeavesCannotBeHeld) {
  const std::string leaf = pg::quoted(planner::leaves(plan_.layout)[0]->name);
  constexpr int kMaintain = 17;
  if (database_.connect().server_major_version() >= kMaintain) {
    GTEST_SKIP() << "since version 17 one privilege, MAINTAIN, lets a role lock a table and analyze it";
  }
  run("REVOKE UPDATE, DELETE, TRUNCATE ON " + leaf + " FROM CURRENT_USER");
  analyze(false);
  expect_statistics_everywhere();
  EXPECT_THAT(observer_.notes(), HasSubstr("leaves are analyzed a second time"));
}

TEST_F(Analyzing, TakesATargetThatWasThereBeforeAsItsMakerWould) {
  plan_.layout.existing = true;
  std::vector<std::string> sent;
  std::mutex mutex;
  mover::analyze_target(plan_,
                        sessions(plan_,
                                 [&](const pg::StatementEvent& event) {
                                   const std::lock_guard lock(mutex);
                                   sent.emplace_back(event.sql);
                                 }),
                        context(), {2, false});
  EXPECT_THAT(sent, Contains(R"(ANALYZE "public"."visits_partitioned")"));
  EXPECT_THAT(sent, Not(Contains(HasSubstr("LOCK TABLE"))));
  expect_statistics_everywhere();
  analyze(true);
  EXPECT_THAT(leaves_with_unfrozen_rows(), IsEmpty());
}

TEST_F(Analyzing, IsRepeatedWhereALeafIsLockedAndEndsWhenItIsLetGo) {
  pg::Connection holder = database_.connect();
  holder.begin();
  holder.query("LOCK TABLE " + pg::quoted(planner::leaves(plan_.layout)[0]->name) + " IN SHARE UPDATE EXCLUSIVE MODE");
  std::atomic<bool> was_retried = false;
  std::thread letting_go([&] {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (observer_.retry_count() == 0 && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    was_retried = observer_.retry_count() > 0;
    holder.commit();
  });
  analyze(true);
  letting_go.join();
  EXPECT_TRUE(was_retried);
  EXPECT_THAT(observer_.retries(), Each(HasSubstr("freezing the rows of public.visits_partitioned")));
  EXPECT_THAT(leaves_with_unfrozen_rows(), IsEmpty());
}

TEST_F(Analyzing, StopsWhenAskedAndGoesOnLater) {
  observer_.at_progress = [&](const mover::Progress& progress) {
    if (progress.units_done == 3) stop_.request();
  };
  EXPECT_EQ(failure_of([&] { analyze(true); }).kind(), pg::FailureKind::interrupted);
  EXPECT_THAT(leaves_with_unfrozen_rows(), Not(IsEmpty()));
  observer_.at_progress = {};
  mover::StopRequest none;
  mover::RetryContext go_on{mover::RetryOptions{}, none, observer_};
  mover::analyze_target(plan_, sessions(plan_), go_on, {2, true});
  EXPECT_THAT(leaves_with_unfrozen_rows(), IsEmpty());
}

TEST_F(Analyzing, CanBeDiedInAtEveryStatement) {
  const int deaths = die_at_every_statement(plan_, [&](const mover::Sessions& mortal) {
    mover::analyze_target(plan_, mortal, context(), {2, true});
  });
  EXPECT_GT(deaths, 20);
  EXPECT_THAT(leaves_with_unfrozen_rows(), IsEmpty());
  expect_statistics_everywhere();
}

TEST_F(Analyzing, ProgressEndsWithAllTables) {
  std::vector<mover::Progress> seen;
  observer_.at_progress = [&](const mover::Progress& progress) { seen.push_back(progress); };
  analyze(false);
  ASSERT_FALSE(seen.empty());
  EXPECT_EQ(seen.back().units_done, seen.back().units_total);
  EXPECT_EQ(seen.back().fraction, 1.0);
  for (std::size_t i = 1; i < seen.size(); ++i) {
    EXPECT_GE(seen[i].fraction, seen[i - 1].fraction);
  }
}

TEST_F(Analyzing, IsAskedToFreezeOnTheCommandLine) {
  run("CREATE TABLE orders (id bigint PRIMARY KEY); INSERT INTO orders SELECT generate_series(1, 3000)");
  const Migration migration(database_);
  const Outcome planned = migration.plan({"--table", "orders", "--by", "HASH (id)", "--partitions", "4"});
  ASSERT_EQ(planned.exit_code, 0) << planned;
  EXPECT_THAT(planned.output, HasSubstr("--vacuum-freeze"));
  const Outcome ran = migration.run({"--vacuum-freeze", "--progress", "none"});
  ASSERT_EQ(ran.exit_code, 0) << ran;
  EXPECT_THAT(texts("SELECT bool_and(c.relallvisible > 0 OR age(c.relfrozenxid) < (SELECT min(age(o.xmin)) FROM "
                    "orders_partitioned o WHERE o.tableoid = c.oid))::text FROM pg_class c WHERE c.relname LIKE "
                    "'orders\\_partitioned%' AND c.relkind = 'r'"),
              ElementsAre("true"));
}

}  // namespace
}  // namespace pgsluice::tests

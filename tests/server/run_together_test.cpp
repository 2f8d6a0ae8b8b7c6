// Several statements in one round trip: each has its result, the first that fails stops the rest and is named, and a
// link that is lost around a COMMIT leaves it in doubt (C1, C2 of pg/connection.hpp).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "pg/connection.hpp"
#include "pg/failure.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/database.hpp"

namespace pgsluice::tests {
namespace {

using pg::begin_step;
using pg::commit_step;
using pg::Failure;
using pg::FailureKind;
using pg::prepared_step;
using pg::Step;
using testing::ElementsAre;
using testing::HasSubstr;

class RunTogether : public testing::Test {
 protected:
  RunTogether() {
    database_.connect().run_script(
        "CREATE TABLE t (n int PRIMARY KEY);"
        // Breaks the link with the statement that asks for it.
        "CREATE FUNCTION end_session() RETURNS int LANGUAGE plpgsql AS 'BEGIN PERFORM "
        "pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(60); RETURN 0; END';"
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''refused at the end'' "
        "USING ERRCODE = ''22012''; END';");
    pg::SessionOptions session;
    session.conninfo = database_.conninfo();
    session.observer = [this](const pg::StatementEvent& event) {
      told_.push_back(std::string(event.sql) + (event.failed ? " failed" : ""));
      trips_ += event.duration.count() > 0 ? 1 : 0;
    };
    connection_.emplace(session);
    told_.clear();
    trips_ = 0;
  }

  static Step plain(std::string sql, pg::Parameters parameters = {}) { return {std::move(sql), std::move(parameters)}; }

  std::vector<pg::Result> run(const std::vector<Step>& steps) { return connection_->run_together(steps); }

  Failure failure_of(const std::vector<Step>& steps) {
    try {
      run(steps);
    } catch (const Failure& failure) {
      return failure;
    }
    return Failure(FailureKind::local, "nothing failed");
  }

  std::int64_t committed_rows() { return database_.connect().query("SELECT count(*) FROM t").integer(0, 0); }
  bool answers() { return connection_->query("SELECT true").boolean(0, 0); }

  Database database_;
  std::vector<std::string> told_;
  int trips_ = 0;
  std::optional<pg::Connection> connection_;
};

TEST_F(RunTogether, EveryStatementHasItsResultInOrder) {
  const std::vector<pg::Result> results =
      run({begin_step("ISOLATION LEVEL REPEATABLE READ"), plain("INSERT INTO t VALUES (1), (2)"),
           prepared_step("SELECT n + $1::int FROM t ORDER BY n", {"10"}),
           prepared_step("SELECT n + $1::int FROM t ORDER BY n", {"20"}), plain("SHOW transaction_isolation"),
           plain("SELECT $1::text IS NULL", {std::nullopt}), commit_step()});
  ASSERT_EQ(results.size(), 7U);
  EXPECT_EQ(results[1].affected_rows(), 2U);
  EXPECT_EQ(results[2].integer(1, 0), 12);
  EXPECT_EQ(results[3].integer(0, 0), 21);
  EXPECT_EQ(results[4].text(0, 0), "repeatable read");
  EXPECT_TRUE(results[5].boolean(0, 0));
  EXPECT_EQ(results[6].command_tag(), "COMMIT");
  EXPECT_EQ(committed_rows(), 2);
}

TEST_F(RunTogether, NothingAtAllNeedsNoTrip) {
  EXPECT_TRUE(run({}).empty());
  EXPECT_TRUE(told_.empty());
}

TEST_F(RunTogether, TheObserverHearsOfEachStatementAndOfOneTrip) {
  run({begin_step(), prepared_step("SELECT 1", {}), commit_step()});
  EXPECT_THAT(told_, ElementsAre("BEGIN ", "SELECT 1", "COMMIT"));
  EXPECT_EQ(trips_, 1);
}

TEST_F(RunTogether, StatementsArePreparedOnceASession) {
  run({prepared_step("SELECT 1", {}), prepared_step("SELECT 2", {}), prepared_step("SELECT 1", {})});
  connection_->query_prepared("SELECT 2", {});
  connection_->query_prepared("SELECT 3", {});
  EXPECT_EQ(connection_->query("SELECT count(*) FROM pg_prepared_statements").integer(0, 0), 3);
}

TEST_F(RunTogether, EachStatementSeesWhatWasCommittedBeforeItBegan) {
  pg::Connection other = database_.connect();
  other.query("SELECT pg_advisory_lock(7)");
  other.begin();
  other.query("INSERT INTO t VALUES (1)");
  // The second statement begins when the first has waited for the other session's COMMIT.
  const std::string release = "SELECT pg_advisory_unlock(7)";
  pg::Connection watcher = database_.connect_as_superuser();
  std::thread committing([&] {
    while (watcher
               .query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND pid = $1",
                      {std::to_string(connection_->backend_pid())})
               .integer(0, 0) == 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    other.commit();
    other.query(release);
  });
  const std::vector<pg::Result> results = run({plain("SELECT pg_advisory_lock(7)"), plain("SELECT count(*) FROM t")});
  committing.join();
  EXPECT_EQ(results[1].integer(0, 0), 1);
}

TEST_F(RunTogether, AFailureInTheMiddleStopsTheRestNamesItsStatementAndLeavesTheSessionUsable) {
  const Failure failure = failure_of({begin_step(), plain("INSERT INTO t VALUES (1)"),
                                      prepared_step("INSERT INTO t VALUES ($1::int / 0)", {"7"}),
                                      plain("INSERT INTO t VALUES (3)"), commit_step()});
  EXPECT_EQ(failure.kind(), FailureKind::server);
  EXPECT_EQ(failure.sqlstate(), "22012");
  EXPECT_EQ(failure.step(), 2U);
  EXPECT_STREQ(failure.what(), "division by zero");
  EXPECT_THAT(failure.detail(), HasSubstr("INSERT INTO t VALUES ($1::int / 0)"));
  EXPECT_THAT(told_, ElementsAre("BEGIN ", "INSERT INTO t VALUES (1)", "INSERT INTO t VALUES ($1::int / 0) failed"));
  connection_->rollback();
  EXPECT_TRUE(answers());
  EXPECT_EQ(committed_rows(), 0);
  // What was prepared before the failure is still known by its name, here and in the server.
  EXPECT_EQ(failure_of({prepared_step("INSERT INTO t VALUES ($1::int / 0)", {"7"})}).sqlstate(), "22012");
}

TEST_F(RunTogether, AStatementThatCannotBePreparedFailsAsItselfAndTakesNoName) {
  const Failure failure = failure_of(
      {prepared_step("SELECT 1", {}), prepared_step("SELECT * FROM nowhere", {}), prepared_step("SELECT 3", {})});
  EXPECT_EQ(failure.step(), 1U);
  EXPECT_EQ(failure.sqlstate(), "42P01");
  EXPECT_EQ(connection_->query_prepared("SELECT 3", {}).integer(0, 0), 3);
  EXPECT_EQ(connection_->query_prepared("SELECT 1", {}).integer(0, 0), 1);
}

TEST_F(RunTogether, WithoutBeginAFailureUndoesWhatRanBefore) {
  EXPECT_EQ(failure_of({plain("INSERT INTO t VALUES (1)"), plain("SELECT 1 / 0")}).step(), 1U);
  EXPECT_EQ(committed_rows(), 0);
  EXPECT_TRUE(answers());
}

TEST_F(RunTogether, AFailureBehindTheCommitDoesNotUndoIt) {
  const Failure failure =
      failure_of({begin_step(), plain("INSERT INTO t VALUES (1)"), commit_step(), plain("SELECT 1 / 0")});
  EXPECT_EQ(failure.kind(), FailureKind::server);
  EXPECT_EQ(failure.step(), 3U);
  EXPECT_EQ(committed_rows(), 1);
}

TEST_F(RunTogether, AFailureOfTheCommitItselfIsTheCommits) {
  database_.connect().run_script(
      "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "
      "refuse()");
  const Failure failure = failure_of({begin_step(), plain("INSERT INTO t VALUES (1)"), commit_step()});
  EXPECT_EQ(failure.kind(), FailureKind::server);
  EXPECT_EQ(failure.step(), 2U);
  EXPECT_STREQ(failure.what(), "refused at the end");
  EXPECT_EQ(committed_rows(), 0);
}

TEST_F(RunTogether, ACommitThatRollsBackIsAFailure) {
  connection_->begin();
  EXPECT_EQ(failure_of({plain("SELECT 1 / 0")}).sqlstate(), "22012");
  EXPECT_EQ(failure_of({commit_step()}).sqlstate(), "25P02");
  EXPECT_TRUE(answers());
}

TEST_F(RunTogether, ALinkLostBeforeACommitWasAnsweredIsInDoubtAndElsewhereIsNot) {
  const Failure lost = failure_of({plain("SELECT 1"), plain("SELECT end_session()"), plain("SELECT 2")});
  EXPECT_EQ(lost.kind(), FailureKind::connection);
  EXPECT_EQ(lost.step(), 1U);
  EXPECT_FALSE(connection_->is_open());
  EXPECT_EQ(failure_of({plain("SELECT 1")}).kind(), FailureKind::connection) << "on a session that is gone";
  EXPECT_EQ(failure_of({commit_step()}).kind(), FailureKind::connection) << "nothing was sent";

  connection_.emplace(pg::SessionOptions{database_.conninfo(), "", {}, {}});
  const Failure doubtful =
      failure_of({begin_step(), plain("INSERT INTO t VALUES (1)"), plain("SELECT end_session()"), commit_step()});
  EXPECT_EQ(doubtful.kind(), FailureKind::in_doubt);
  EXPECT_EQ(committed_rows(), 0);

  connection_.emplace(pg::SessionOptions{database_.conninfo(), "", {}, {}});
  const Failure certain =
      failure_of({begin_step(), plain("INSERT INTO t VALUES (1)"), commit_step(), plain("SELECT end_session()")});
  EXPECT_EQ(certain.kind(), FailureKind::connection) << "COMMIT was answered";
  EXPECT_EQ(committed_rows(), 1);
}

// The server's last words are a warning, which is no answer, and libpq finds that it cannot write before it finds that
// it cannot read.
TEST(RunTogetherWithoutServer, ASessionWhoseServerCrashedWhileItWasIdleFailsAtOnceAndIsClosed) {
  Cluster cluster;
  Database database(cluster.address());
  std::vector<pg::Connection> sessions;
  for (int i = 0; i < 4; ++i) {
    sessions.push_back(database.connect());
    sessions.back().query_prepared("SELECT 1", {});
    sessions.back().begin();
  }
  cluster.stop_immediate();
  const std::vector<Step> trip = {prepared_step("SELECT 1", {}), prepared_step("SELECT 2", {}), commit_step()};
  for (pg::Connection& session : sessions) {
    try {
      session.run_together(trip);
      FAIL() << "there is no server";
    } catch (const Failure& failure) {
      EXPECT_EQ(failure.kind(), FailureKind::in_doubt) << failure.what();
    }
    EXPECT_FALSE(session.is_open());
    EXPECT_THROW(session.query("SELECT 1"), Failure);
    EXPECT_THROW(session.run_together(trip), Failure);
    EXPECT_THROW(session.copy_out("COPY (SELECT 1) TO STDOUT"), Failure);
    session.rollback();
  }
  cluster.start();
}

TEST_F(RunTogether, ParametersAndResultsLargerThanAnyBufferPass) {
  constexpr std::size_t kBytes = 8 << 20;
  const std::string text(kBytes, 'x');
  const Step echo = plain("SELECT $1::text", {text});
  const std::vector<pg::Result> results = run({echo, echo, prepared_step("SELECT length($1)", {text}), echo});
  ASSERT_EQ(results.size(), 4U);
  EXPECT_EQ(results[0].text(0, 0), text);
  EXPECT_EQ(results[2].integer(0, 0), static_cast<std::int64_t>(kBytes));
  EXPECT_EQ(results[3].text(0, 0), text);
}

TEST_F(RunTogether, ACancelReachesTheStatementThatRuns) {
  const pg::Canceller canceller = connection_->canceller();
  pg::Connection watcher = database_.connect_as_superuser();
  std::thread cancelling([&] {
    while (watcher
               .query("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND pid = $1",
                      {std::to_string(connection_->backend_pid())})
               .integer(0, 0) == 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    canceller.cancel();
  });
  const Failure failure = failure_of({begin_step(), plain("SELECT pg_sleep(60)"), commit_step()});
  cancelling.join();
  EXPECT_EQ(failure.sqlstate(), "57014");
  EXPECT_EQ(failure.step(), 1U);
  connection_->rollback();
  EXPECT_TRUE(answers());
}

}  // namespace
}  // namespace pgsluice::tests

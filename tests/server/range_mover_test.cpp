// One worker alone: how many round trips a range takes it, what becomes of its claims, and what it does when somebody
// else moves its range on (L2 of mover/ledger.hpp, M2 and M3 of mover/range_mover.hpp).
#include "mover/range_mover.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "planner/ranges.hpp"
#include "tests/server/target_fixture.hpp"
#include "tests/support/row_set.hpp"

namespace pgsluice::tests {
namespace {

using mover::RangeOutcome;
using planner::Method;
using planner::SplitChoice;
using testing::HasSubstr;

constexpr int kRangeCount = 10;
constexpr std::uint64_t kRangeRows = 100;

struct Way {
  Method method;
  SplitChoice split;
};

std::string way_name(const testing::TestParamInfo<Way>& info) {
  std::string name =
      std::string(name_of(info.param.method)) + (info.param.split == SplitChoice::key ? "_by_key" : "_by_ctid");
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

class OneWorker : public TargetFixture, public testing::WithParamInterface<Way> {
 protected:
  // A table of kRangeCount ranges (about; by ctid there are some more) and its target.
  void make(const std::vector<planner::LevelSpec>& levels) {
    run("CREATE TABLE t (id bigint PRIMARY KEY, at timestamptz NOT NULL, pad text NOT NULL);"
        "INSERT INTO t SELECT i, '2024-01-01Z'::timestamptz + i * interval '1 hour', repeat('x', 60) "
        "FROM generate_series(0, 999) i; ANALYZE t");
    plan_ = plan_for("public.t", levels, GetParam().method);
    pg::Connection connection = database_.connect();
    rows_ = read_rows(connection, "t");
    plan_.key = planner::choose_range_key(plan_.source, GetParam().split, connection.server_major_version(), true);
    planner::SplitOptions split;
    split.range_rows = kRangeRows;
    plan_.ranges = planner::cut_ranges(connection, plan_.source, plan_.key, split);
    ASSERT_GE(plan_.ranges.size(), 8U);
    mover::create_ledger(connection);
    mover::register_migration(connection, plan_);
    prepare(plan_);
  }

  // A worker whose batches are of `batch_rows`; `watch` is told of its statements.
  void hire(std::uint64_t batch_rows, const mover::SumForm* sums = nullptr) {
    sessions_.emplace(sessions(plan_, [this](const pg::StatementEvent& event) {
      trips_ += event.duration.count() > 0 ? 1 : 0;
      if (watch_) {
        watch_(event);
      }
    }));
    mover::BatchSizerOptions sizes;
    sizes.rows_fixed = batch_rows;
    tally_.emplace(observer_, mover::Progress());
    mover::RetryContext context = this->context();
    worker_ = std::make_unique<mover::RangeMover>(plan_, *sessions_, sizes,
                                                  mover::RetryContext{context.options, stop_, *tally_}, *tally_, sums);
  }

  RangeOutcome move(std::size_t range) {
    trips_ = 0;
    return worker_->move(plan_.ranges.at(range), GetParam().method);
  }

  void move_all() {
    for (std::size_t range = 0; range < plan_.ranges.size(); ++range) {
      EXPECT_EQ(move(range).kind, RangeOutcome::Kind::done) << range;
    }
  }

  // In the target, or in both tables where a batch leaves the source.
  std::string lost_or_doubled() {
    pg::Connection connection = database_.connect();
    return difference(rows_, read_rows(connection, "t_partitioned"));
  }

  int claims_held() {
    return static_cast<int>(
        database_.connect()
            .query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM "
                   "pg_database WHERE datname = current_database())")
            .integer(0, 0));
  }

  // What another mover would do with the rest of a range whose entry stands at `before`.
  void finish_behind_our_back(const planner::Range& range, const std::optional<planner::Key>& before) {
    pg::SessionOptions session;
    session.conninfo = database_.conninfo();
    session.settings = {{"pgsluice.migration", plan_.migration_id}};
    pg::Connection other(session);
    other.begin();
    const planner::Condition rest = planner::between_sql(plan_.key, before ? before : range.lower, range.upper);
    mover::LedgerEntry entry;
    entry.range = range.index;
    entry.complete = true;
    entry.rows =
        other.query("INSERT INTO t_partitioned SELECT * FROM t WHERE " + rest.sql, rest.parameters).affected_rows();
    if (planner::empties_source(plan_.method)) {
      other.query("DELETE FROM t WHERE " + rest.sql, rest.parameters);
    }
    ASSERT_GT(entry.rows, 0U);
    ASSERT_TRUE(mover::commit_batch(other, plan_.migration_id, before, entry));
  }

  std::int64_t rows_in_ledger() {
    return database_.connect().query("SELECT sum(rows)::bigint FROM pgsluice.batch_done").integer(0, 0);
  }

  planner::Plan plan_;
  RowSet rows_;
  std::optional<mover::Sessions> sessions_;
  std::optional<mover::Tally> tally_;
  std::function<void(const pg::StatementEvent&)> watch_;
  int trips_ = 0;
  std::unique_ptr<mover::RangeMover> worker_;
};

// ---- round trips

class ServerSide : public OneWorker {};

TEST_P(ServerSide, ARangeOfOneBatchTakesThreeRoundTripsTheLastOneToo) {
  make({hash("id", 3)});
  hire(10 * kRangeRows);
  EXPECT_EQ(move(0).kind, RangeOutcome::Kind::done);  // Opens the session.
  for (std::size_t range = 1; range < plan_.ranges.size(); ++range) {
    EXPECT_EQ(move(range).kind, RangeOutcome::Kind::done);
    EXPECT_EQ(trips_, 3) << "range " << range << " of " << plan_.ranges.size();
  }
  EXPECT_EQ(lost_or_doubled(), "");
}

TEST_P(ServerSide, SumsOnTheWayTakeNoTripMore) {
  make({hash("id", 3)});
  const mover::SumForm sums;
  hire(10 * kRangeRows, &sums);
  move(0);
  for (std::size_t range = 1; range < plan_.ranges.size(); ++range) {
    EXPECT_EQ(move(range).kind, RangeOutcome::Kind::done);
    EXPECT_EQ(trips_, 3);
  }
  EXPECT_EQ(database_.connect().query("SELECT sum(rows_summed)::bigint FROM pgsluice.batch_done").integer(0, 0), 1000);
}

TEST_P(ServerSide, ALookForTheLeafTravelsWithTheClaim) {
  make({range("at", "1 month")});
  plan_.rows_come_leaf_by_leaf = true;
  bool went_into_leaf = false;
  watch_ = [&](const pg::StatementEvent& event) {
    went_into_leaf = went_into_leaf || event.sql.starts_with("INSERT INTO \"public\".\"t_partitioned_p");
  };
  hire(10 * kRangeRows);
  move(0);
  for (std::size_t range = 1; range < plan_.ranges.size(); ++range) {
    EXPECT_EQ(move(range).kind, RangeOutcome::Kind::done);
    EXPECT_EQ(trips_, 3) << "range " << range;
  }
  EXPECT_TRUE(went_into_leaf);
  EXPECT_EQ(lost_or_doubled(), "");
}

INSTANTIATE_TEST_SUITE_P(Of, ServerSide,
                         testing::Values(Way{Method::insert, SplitChoice::key}, Way{Method::insert, SplitChoice::ctid},
                                         Way{Method::move, SplitChoice::key}, Way{Method::move, SplitChoice::ctid}),
                         way_name);

// ---- claims and the ledger

class AnyMethod : public OneWorker {};

TEST_P(AnyMethod, ClaimsEndWithTheirRange) {
  make({hash("id", 3)});
  hire(30);
  for (std::size_t range = 0; range < 4; ++range) {
    EXPECT_EQ(move(range).kind, RangeOutcome::Kind::done);
    EXPECT_EQ(claims_held(), 0);
  }
}

TEST_P(AnyMethod, AStopGivesTheClaimBackAtOnce) {
  make({hash("id", 3)});
  hire(30);
  int claims_while_moving = 0;
  watch_ = [&](const pg::StatementEvent& event) {
    if (event.sql == "COMMIT") {
      claims_while_moving = claims_held();
      stop_.request();
    }
  };
  EXPECT_EQ(move(2).kind, RangeOutcome::Kind::stopped);
  EXPECT_EQ(claims_while_moving, 1);
  EXPECT_EQ(claims_held(), 0);
  EXPECT_FALSE(worker_->backend_pids().empty()) << "the session is still there, so it gave the claim back itself";
}

TEST_P(AnyMethod, ARangeThatIsDoneOrHeldElsewhereIsLeftAloneAndNoClaimStays) {
  make({hash("id", 3)});
  finish_behind_our_back(plan_.ranges[1], {});
  hire(30);
  const RangeOutcome done = move(1);
  EXPECT_EQ(done.kind, RangeOutcome::Kind::done);
  EXPECT_EQ(done.rows_moved, 0U);
  EXPECT_EQ(claims_held(), 0);
  pg::Connection other = database_.connect();
  ASSERT_TRUE(mover::claim_range(other, plan_.migration_id, 2).is_mine);
  EXPECT_EQ(move(2).kind, RangeOutcome::Kind::claimed_elsewhere);
  EXPECT_EQ(claims_held(), 1);
}

TEST_P(AnyMethod, AFirstBatchThatSomebodyElseMovedIsRolledBackAndNothingIsLostOrDoubled) {
  make({hash("id", 3)});
  hire(10 * kRangeRows);
  bool is_done = false;
  bool was_refused = false;
  watch_ = [&](const pg::StatementEvent& event) {
    if (!is_done && event.sql.find("pg_try_advisory_lock") != std::string_view::npos) {
      is_done = true;  // Between the claim's trip, which found no entry, and the rows'.
      finish_behind_our_back(plan_.ranges[3], {});
    }
    was_refused = was_refused || (event.failed && event.sql.find("entries_started") != std::string_view::npos);
  };
  const RangeOutcome outcome = move(3);
  EXPECT_EQ(outcome.kind, RangeOutcome::Kind::done);
  EXPECT_EQ(outcome.rows_moved, 0U);
  EXPECT_TRUE(was_refused);
  EXPECT_EQ(claims_held(), 0);
  watch_ = nullptr;
  move_all();
  EXPECT_EQ(lost_or_doubled(), "");
  EXPECT_EQ(rows_in_ledger(), 1000);
}

TEST_P(AnyMethod, ALaterBatchThatSomebodyElseMovedIsRolledBackAndNothingIsLostOrDoubled) {
  make({hash("id", 3)});
  hire(30);
  bool is_done = false;
  bool was_refused = false;
  watch_ = [&](const pg::StatementEvent& event) {
    if (!is_done && event.sql == "COMMIT") {
      is_done = true;
      pg::Connection connection = database_.connect();
      finish_behind_our_back(plan_.ranges[3], mover::read_ledger_entry(connection, plan_.migration_id, 3)->up_to);
    }
    was_refused = was_refused || (event.failed && event.sql.find("entries_advanced") != std::string_view::npos);
  };
  const RangeOutcome outcome = move(3);
  EXPECT_EQ(outcome.kind, RangeOutcome::Kind::done);
  EXPECT_TRUE(was_refused);
  EXPECT_EQ(claims_held(), 0);
  watch_ = nullptr;
  move_all();
  EXPECT_EQ(lost_or_doubled(), "");
  EXPECT_EQ(rows_in_ledger(), 1000);
}

INSTANTIATE_TEST_SUITE_P(Of, AnyMethod,
                         testing::Values(Way{Method::insert, SplitChoice::key}, Way{Method::move, SplitChoice::key},
                                         Way{Method::stream, SplitChoice::key},
                                         Way{Method::stream_move, SplitChoice::key}),
                         way_name);

// The rows are there already, uncommitted, when somebody else commits them first.
class Copying : public OneWorker {};

TEST_P(Copying, ABatchThatSomebodyElseCommittedWhileItsRowsTravelledIsRolledBack) {
  make({hash("id", 3)});
  hire(10 * kRangeRows);
  bool is_done = false;
  watch_ = [&](const pg::StatementEvent& event) {
    if (!is_done && event.sql.starts_with("INSERT INTO \"public\".\"t_partitioned\"")) {
      is_done = true;
      finish_behind_our_back(plan_.ranges[3], {});
    }
  };
  EXPECT_EQ(move(3).kind, RangeOutcome::Kind::done);
  EXPECT_TRUE(is_done);
  watch_ = nullptr;
  move_all();
  EXPECT_EQ(lost_or_doubled(), "");
  EXPECT_EQ(rows_in_ledger(), 1000);
}

// The same SQLSTATE as the ledger's refusal, from the user's own trigger at COMMIT, is the user's failure.
TEST_P(Copying, AFailureOfTheCommitIsNotTakenForSomebodyElsesBatch) {
  make({hash("id", 3)});
  run("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''refused at the end'' "
      "USING "
      "ERRCODE = ''22012''; END';"
      "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON t_partitioned DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE "
      "FUNCTION refuse()");
  hire(10 * kRangeRows);
  const RangeOutcome outcome = move(0);
  EXPECT_EQ(outcome.kind, RangeOutcome::Kind::failed);
  ASSERT_TRUE(outcome.failure);
  EXPECT_THAT(outcome.failure->what(), HasSubstr("refused at the end"));
  EXPECT_EQ(claims_held(), 0);
  pg::Connection connection = database_.connect();
  EXPECT_FALSE(mover::read_ledger_entry(connection, plan_.migration_id, 0));
}

INSTANTIATE_TEST_SUITE_P(Of, Copying, testing::Values(Way{Method::insert, SplitChoice::key}), way_name);

}  // namespace
}  // namespace pgsluice::tests

// Rows that lie in the order of the partition key are inserted into their leaf itself; a wrong guess costs a batch,
// never a row.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/database.hpp"
#include "tests/support/migration.hpp"
#include "tests/support/row_set.hpp"

namespace pgsluice::tests {
namespace {

using testing::HasSubstr;
using testing::Not;

// 200 rows a day from January on, about 60 a block.
constexpr const char* kReadings =
    "CREATE TABLE readings (id bigint PRIMARY KEY, at timestamptz NOT NULL, pad text NOT NULL);"
    "INSERT INTO readings SELECT i, '2024-01-01Z'::timestamptz + i * interval '432 s', repeat('x', 80) "
    "FROM generate_series(0, 11999) i;";

class LeafByLeaf : public testing::TestWithParam<std::pair<const char*, const char*>> {
 protected:
  LeafByLeaf() { connection_.run_script(kReadings); }

  Outcome plan() {
    connection_.query("ANALYZE readings");
    return migration_.plan({"--table", "readings", "--by", "RANGE (at)", "--interval", "1 month", "--premake", "0",
                            "--range-rows", "600", "--method", GetParam().first, "--split", GetParam().second});
  }
  Outcome run() { return migration_.run({"--workers", "2", "--log-level", "debug"}); }

  // Statements that inserted into a leaf, and into the parent.
  static std::pair<int, int> inserts(const std::string& log) {
    const auto count = [&](const std::string& text) {
      int found = 0;
      for (auto at = log.find(text); at != std::string::npos; at = log.find(text, at + 1)) ++found;
      return found;
    };
    return {count("INSERT INTO \"public\".\"readings_partitioned_p"),
            count("INSERT INTO \"public\".\"readings_partitioned\" ")};
  }

  Database database_;
  pg::Connection connection_ = database_.connect();
  Migration migration_{database_};
};

TEST_P(LeafByLeaf, RowsInOrderGoStraightIntoTheirLeafButForBatchesThatStraddleTwo) {
  const RowSet rows = read_rows(connection_, "readings");
  const Outcome planned = plan();
  ASSERT_EQ(planned.exit_code, 0) << planned;
  EXPECT_THAT(planned.output, HasSubstr("rows lie in the order of RANGE (\"at\")"));
  const Outcome moved = run();
  ASSERT_EQ(moved.exit_code, 0) << moved;
  const auto [into_leaf, into_parent] = inserts(moved.errors);
  EXPECT_GT(into_leaf, into_parent) << moved.errors;
  EXPECT_GT(into_parent, 0) << "the last range has no upper end, and some batches straddle two months";
  EXPECT_EQ(difference(rows, read_rows(connection_, "readings_partitioned")), "");
  EXPECT_EQ(migration_.verify().exit_code, 0);
}

TEST_P(LeafByLeaf, RowOutOfOrderFailsInTheLeafAndItsBatchComesAgainThroughTheParent) {
  connection_.query("UPDATE readings SET at = '2024-02-15Z' WHERE id = 1234");
  connection_.query("CLUSTER readings USING readings_pkey");  // The row lies among those of January.
  const RowSet rows = read_rows(connection_, "readings");
  ASSERT_EQ(plan().exit_code, 0);
  const Outcome moved = run();
  ASSERT_EQ(moved.exit_code, 0) << moved;
  EXPECT_THAT(moved.errors, HasSubstr("holds rows of other leaves"));
  EXPECT_EQ(difference(rows, read_rows(connection_, "readings_partitioned")), "");
  EXPECT_EQ(migration_.verify().exit_code, 0);
}

TEST_P(LeafByLeaf, IndexesOfALeafAreBuiltWhileRowsOfLaterLeavesAreMoved) {
  connection_.run_script("CREATE INDEX readings_pad ON readings (pad, id)");
  ASSERT_EQ(plan().exit_code, 0);
  const Outcome moved = migration_.run({"--workers", "1", "--log-level", "debug"});
  ASSERT_EQ(moved.exit_code, 0) << moved;
  EXPECT_THAT(moved.errors, HasSubstr("indexes of leaves that were complete were built while other rows were moved"));
  const auto first_index = moved.errors.find("CREATE UNIQUE INDEX");
  const auto last_insert = moved.errors.rfind("INSERT INTO \"public\".\"readings_partitioned_p");
  ASSERT_NE(first_index, std::string::npos) << moved.errors;
  EXPECT_LT(first_index, last_insert);
  const pg::Result indexes = connection_.query(
      "SELECT count(*) FILTER (WHERE i.indisvalid), count(*) FROM pg_partition_tree('readings_partitioned') t "
      "JOIN pg_index i ON i.indrelid = t.relid");
  EXPECT_EQ(indexes.integer(0, 0), indexes.integer(0, 1));
  EXPECT_EQ(indexes.integer(0, 1),
            2 * connection_.query("SELECT count(*) FROM pg_partition_tree('readings_partitioned')").integer(0, 0))
      << "two on each table of the tree, none twice";
  EXPECT_EQ(migration_.verify().exit_code, 0);
}

TEST_P(LeafByLeaf, RowsThatComeToALeafAfterItsIndexesAreInTheseIndexes) {
  connection_.run_script(
      "INSERT INTO readings SELECT i, '2024-01-02Z'::timestamptz, 'late' FROM generate_series(12000, 12099) i");
  const RowSet rows = read_rows(connection_, "readings");
  ASSERT_EQ(plan().exit_code, 0);
  const Outcome moved = migration_.run({"--workers", "1"});
  ASSERT_EQ(moved.exit_code, 0) << moved;
  EXPECT_THAT(moved.errors, HasSubstr("indexes of leaves that were complete were built while other rows were moved"));
  EXPECT_EQ(difference(rows, read_rows(connection_, "readings_partitioned")), "");
  connection_.query("SET enable_seqscan = off");
  EXPECT_EQ(connection_.query("SELECT count(*) FROM readings_partitioned WHERE id >= 12000 AND at < '2024-02-01Z'")
                .integer(0, 0),
            100);
  EXPECT_EQ(migration_.verify().exit_code, 0);
}

TEST_P(LeafByLeaf, IndexThatCannotBeBuiltIsLeftUntilAllRowsAreMovedAndMadeByALaterRun) {
  connection_.run_script(
      "CREATE FUNCTION shown(bigint) RETURNS bigint IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1; END';"
      "CREATE INDEX readings_shown ON readings (shown(id))");
  const RowSet rows = read_rows(connection_, "readings");
  ASSERT_EQ(plan().exit_code, 0);
  connection_.run_script(
      "CREATE OR REPLACE FUNCTION shown(bigint) RETURNS bigint IMMUTABLE LANGUAGE plpgsql AS "
      "'BEGIN RAISE ''not today''; END'");
  const Outcome moved = migration_.run({"--workers", "1"});
  EXPECT_EQ(moved.exit_code, 1) << moved;
  EXPECT_THAT(moved.errors, HasSubstr("left until all rows are moved: index"));
  EXPECT_THAT(moved.errors, HasSubstr("not today"));
  EXPECT_EQ(difference(rows, read_rows(connection_, "readings_partitioned")), "") << "the rows do not wait for it";
  connection_.run_script(
      "CREATE OR REPLACE FUNCTION shown(bigint) RETURNS bigint IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1; END'");
  const Outcome again = migration_.run();
  EXPECT_EQ(again.exit_code, 0) << again;
  EXPECT_EQ(migration_.verify().exit_code, 0);
}

TEST_P(LeafByLeaf, RowsInDisorderGoThroughTheParent) {
  connection_.run_script(
      "CREATE TABLE shuffled AS TABLE readings; TRUNCATE readings;"
      "INSERT INTO readings SELECT row_number() OVER (ORDER BY md5(id::text)), at, pad FROM shuffled ORDER BY "
      "md5(id::text)");
  const RowSet rows = read_rows(connection_, "readings");
  const Outcome planned = plan();
  ASSERT_EQ(planned.exit_code, 0) << planned;
  EXPECT_THAT(planned.output, Not(HasSubstr("rows lie in the order")));
  const Outcome moved = run();
  ASSERT_EQ(moved.exit_code, 0) << moved;
  EXPECT_EQ(inserts(moved.errors).first, 0) << moved.errors;
  EXPECT_EQ(difference(rows, read_rows(connection_, "readings_partitioned")), "");
}

INSTANTIATE_TEST_SUITE_P(By, LeafByLeaf,
                         testing::Values(std::pair("insert", "ctid"), std::pair("insert", "key"),
                                         std::pair("move", "ctid"), std::pair("move", "key")),
                         [](const auto& pair) { return std::string(pair.param.first) + "_by_" + pair.param.second; });

}  // namespace
}  // namespace pgsluice::tests

// A table whose rows get new places while they are moved by place: the run notices before a row is lost or doubled.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <thread>

#include "tests/support/database.hpp"
#include "tests/support/migration.hpp"
#include "tests/support/row_set.hpp"

namespace pgsluice::tests {
namespace {

using testing::HasSubstr;

class HeapRewrite : public testing::TestWithParam<const char*> {
 protected:
  // Every statement that fills the target takes its time, so that there is some between two batches.
  HeapRewrite() {
    connection_.run_script(
        "CREATE TABLE items (id bigint PRIMARY KEY, pad text NOT NULL);"
        "INSERT INTO items SELECT i, repeat('x', 300) FROM generate_series(1, 4000) i;"
        "DELETE FROM items WHERE id % 3 = 0; ANALYZE items;"
        "CREATE FUNCTION take_time() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.05); RETURN NULL; "
        "END';"
        "CREATE TABLE items_partitioned (LIKE items) PARTITION BY HASH (id);"
        "CREATE TABLE items_0 PARTITION OF items_partitioned FOR VALUES WITH (MODULUS 1, REMAINDER 0);"
        "CREATE TRIGGER take_time BEFORE INSERT ON items_partitioned EXECUTE FUNCTION take_time();");
  }

  void wait_for_batches(int count) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (connection_.query("SELECT to_regclass('pgsluice.batch_done') IS NULL").boolean(0, 0) ||
           connection_.query("SELECT count(*) FROM pgsluice.batch_done").integer(0, 0) < count) {
      ASSERT_LT(std::chrono::steady_clock::now(), limit);
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }

  Database database_;
  pg::Connection connection_ = database_.connect();
  Migration migration_{database_};
};

TEST_P(HeapRewrite, DuringARunByPlacesEndsItBeforeARowIsLostAndCanBeUndone) {
  const RowSet rows = read_rows(connection_, "items");
  ASSERT_EQ(
      migration_.plan({"--table", "items", "--method", GetParam(), "--split", "ctid", "--range-rows", "60"}).exit_code,
      0);
  auto running = std::async(std::launch::async, [&] { return migration_.run({"--workers", "2"}); });
  wait_for_batches(3);
  connection_.query("VACUUM FULL items");
  const Outcome outcome = running.get();
  EXPECT_EQ(outcome.exit_code, 1) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("the rows of public.items were rewritten while they were moved"));
  EXPECT_THAT(outcome.errors, HasSubstr("--split key"));
  ASSERT_EQ(migration_.rollback().exit_code, 0);
  EXPECT_EQ(difference(rows, read_rows(connection_, "items")), "");
}

TEST_P(HeapRewrite, DuringARunByKeyChangesNothing) {
  const RowSet rows = read_rows(connection_, "items");
  ASSERT_EQ(
      migration_.plan({"--table", "items", "--method", GetParam(), "--split", "key", "--range-rows", "60"}).exit_code,
      0);
  auto running = std::async(std::launch::async, [&] { return migration_.run({"--workers", "2"}); });
  wait_for_batches(3);
  connection_.query("VACUUM FULL items");
  const Outcome outcome = running.get();
  ASSERT_EQ(outcome.exit_code, 0) << outcome;
  EXPECT_EQ(difference(rows, read_rows(connection_, "items_partitioned")), "");
}

INSTANTIATE_TEST_SUITE_P(By, HeapRewrite, testing::Values("insert", "stream"));

}  // namespace
}  // namespace pgsluice::tests

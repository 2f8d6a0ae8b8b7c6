// Tables and values of every size: none, one row, values of 10 and 200 MB. And what they cost the mover in memory: a
// figure that does not grow with the table. bench/memory repeats the last part with tens of millions of rows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/database.hpp"
#include "tests/support/migration.hpp"
#include "tests/support/row_set.hpp"

namespace pgsluice::tests {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr std::int64_t kMegabyte = 1 << 20;
constexpr std::int64_t kMemoryMax = 200 * kMegabyte;

std::string name_of_method(const testing::TestParamInfo<const char*>& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

class Sizes : public testing::TestWithParam<const char*> {
 protected:
  // Plans, runs, verifies; gives the run's outcome.
  Outcome migrate(const std::string& table, const std::string& by, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"--table", table, "--by", by, "--method", GetParam()};
    if (by.starts_with("HASH")) arguments.insert(arguments.end(), {"--partitions", "4"});
    arguments.insert(arguments.end(), more.begin(), more.end());
    ProgramOptions plan = migration_.command("plan", arguments);
    plan_memory_ = tests::run(plan).peak_memory_bytes;
    Outcome moved = migration_.run({"--workers", "2"});
    if (moved.exit_code != 0) return moved;
    const Outcome verified = migration_.verify({"--workers", "2"});
    EXPECT_EQ(verified.exit_code, 0) << verified;
    verify_memory_ = verified.peak_memory_bytes;
    return moved;
  }

  bool empties_source() const { return std::string(GetParam()).find("move") != std::string::npos; }

  void tell_memory(const std::string& what, const Outcome& moved) {
    std::cout << what << ", " << GetParam() << ": peak memory of plan " << plan_memory_ / kMegabyte << " MB, run "
              << moved.peak_memory_bytes / kMegabyte << " MB, verify " << verify_memory_ / kMegabyte << " MB\n";
    RecordProperty("run_memory_bytes", std::to_string(moved.peak_memory_bytes));
  }

  Database database_;
  pg::Connection connection_ = database_.connect();
  Migration migration_{database_};
  std::int64_t plan_memory_ = 0;
  std::int64_t verify_memory_ = 0;
};

INSTANTIATE_TEST_SUITE_P(By, Sizes, testing::Values("insert", "move", "stream", "stream-move"), name_of_method);

TEST_P(Sizes, EmptyTableBecomesAnEmptyPartitionedOne) {
  connection_.run_script("CREATE TABLE t (id int PRIMARY KEY, n int)");
  const Outcome moved = migrate("t", "HASH (id)");
  ASSERT_EQ(moved.exit_code, 0) << moved;
  EXPECT_EQ(connection_.query("SELECT count(*) FROM t_partitioned").integer(0, 0), 0);
  ASSERT_EQ(migration_.rollback().exit_code, 0);
}

TEST_P(Sizes, EmptyTableWithoutAKey) {
  if (connection_.server_major_version() < kCtidRangesSince) GTEST_SKIP() << "no ranges of heap blocks before 14";
  connection_.run_script("CREATE TABLE t (id int, n int)");
  const Outcome moved = migrate("t", "HASH (id)");
  ASSERT_EQ(moved.exit_code, 0) << moved;
  ASSERT_EQ(migration_.rollback().exit_code, 0);
}

TEST_P(Sizes, TableOfOneRow) {
  connection_.run_script("CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (-5, NULL)");
  const Outcome moved = migrate("t", "RANGE (id)", {"--interval", "10"});
  ASSERT_EQ(moved.exit_code, 0) << moved;
  EXPECT_EQ(connection_.query("SELECT id FROM t_partitioned").integer(0, 0), -5);
  ASSERT_EQ(migration_.rollback().exit_code, 0);
  EXPECT_EQ(connection_.query("SELECT id FROM t").integer(0, 0), -5);
}

TEST_P(Sizes, ThreeRowsWithHugeGapsAreNotCutIntoManyRanges) {
  connection_.run_script(
      "CREATE TABLE t (id int8 PRIMARY KEY, n int);"
      "INSERT INTO t VALUES (-9223372036854775808, 1), (0, 2), (9223372036854775807, 3); ANALYZE t");
  const Outcome moved = migrate("t", "HASH (id)");
  ASSERT_EQ(moved.exit_code, 0) << moved;
  EXPECT_THAT(moved.output, HasSubstr("1 of 1 ranges"));
  EXPECT_EQ(connection_.query("SELECT sum(n) FROM t_partitioned").integer(0, 0), 6);
}

// Blocks without a row, at the beginning and in the middle, and pages that are half dead.
TEST_P(Sizes, HeapFullOfHoles) {
  if (connection_.server_major_version() < kCtidRangesSince) GTEST_SKIP() << "no ranges of heap blocks before 14";
  connection_.run_script(
      "CREATE TABLE t (id int, pad text); INSERT INTO t SELECT i, repeat('x', 500) FROM generate_series(1, 3000) i;"
      "DELETE FROM t WHERE id < 500 OR id BETWEEN 1000 AND 2000 OR id % 2 = 0;");
  const RowSet rows = read_rows(connection_, "t");
  const Outcome moved = migrate("t", "HASH (id)", {"--range-rows", "100"});
  ASSERT_EQ(moved.exit_code, 0) << moved;
  EXPECT_EQ(difference(rows, read_rows(connection_, "t_partitioned")), "");
  ASSERT_EQ(migration_.rollback().exit_code, 0);
  EXPECT_EQ(difference(rows, read_rows(connection_, "t")), "");
}

// Compressed, incompressible and external values.
TEST_P(Sizes, ValuesOfTenMegabytes) {
  connection_.run_script(
      "CREATE TABLE t (id int PRIMARY KEY, plain text, external text, random bytea);"
      "ALTER TABLE t ALTER external SET STORAGE EXTERNAL;"
      "INSERT INTO t SELECT i, repeat('é', 5 << 20), repeat('x', 10 << 20), "
      "(SELECT string_agg(decode(md5((j * i)::text), 'hex'), '') FROM generate_series(1, 655360) j) "
      "FROM generate_series(1, 1) i;"
      "INSERT INTO t SELECT i, 'small' FROM generate_series(2, 200) i;");
  const auto digests = [&](const std::string& table) {
    const pg::Result rows = connection_.query(
        "SELECT id, md5(plain), md5(external), md5(random), octet_length(random) FROM " + table + " ORDER BY id");
    std::string text;
    for (int row = 0; row < rows.row_count(); ++row) {
      for (int column = 0; column < rows.column_count(); ++column) text += std::string(rows.text(row, column)) + " ";
    }
    return text;
  };
  const std::string before = digests("t");
  ASSERT_THAT(before, HasSubstr("10485760"));
  const Outcome moved = migrate("t", "HASH (id)", {"--range-rows", "50"});
  ASSERT_EQ(moved.exit_code, 0) << moved;
  EXPECT_EQ(digests("t_partitioned"), before);
  EXPECT_LT(moved.peak_memory_bytes, kMemoryMax);
  tell_memory("values of 10 MB", moved);
  ASSERT_EQ(migration_.rollback().exit_code, 0);
  EXPECT_EQ(digests("t"), before);
}

// The methods whose rows pass through the mover.
class SizesOfStreams : public Sizes {};

INSTANTIATE_TEST_SUITE_P(By, SizesOfStreams, testing::Values("stream", "stream-move"), name_of_method);

// The server sends a row as one message, so that libpq must hold it whole: a value costs its size times a small
// constant.
TEST_P(SizesOfStreams, OneValueOf200MegabytesCostsTheMoverNoMoreThanAFewTimesItsSize) {
  constexpr std::int64_t kValue = 200 * kMegabyte;
  connection_.run_script(
      "CREATE TABLE t (id int PRIMARY KEY, bytes bytea); ALTER TABLE t ALTER bytes SET STORAGE EXTERNAL;"
      "INSERT INTO t VALUES (1, '\\x00'), (3, '\\x02');"
      "INSERT INTO t SELECT 2, convert_to(repeat('0123456789abcdef', " +
      std::to_string(kValue / 16) + "), 'SQL_ASCII')");
  const Outcome moved = migrate("t", "HASH (id)");
  ASSERT_EQ(moved.exit_code, 0) << moved;
  EXPECT_EQ(connection_.query("SELECT octet_length(bytes) FROM t_partitioned WHERE id = 2").integer(0, 0), kValue);
  EXPECT_TRUE(connection_
                  .query("SELECT sha256(bytes) = sha256(convert_to(repeat('0123456789abcdef', " +
                         std::to_string(kValue / 16) + "), 'SQL_ASCII')) FROM t_partitioned WHERE id = 2")
                  .boolean(0, 0));
  tell_memory("one value of 200 MB", moved);
  EXPECT_LT(moved.peak_memory_bytes, 7 * kValue / 2);
  EXPECT_LT(plan_memory_, kMemoryMax);
  EXPECT_LT(verify_memory_, kMemoryMax);
}

TEST_P(Sizes, MillionNarrowRowsNeedLittleMemory) {
  connection_.run_script(
      "CREATE TABLE t (id bigint PRIMARY KEY, n bigint NOT NULL);"
      "INSERT INTO t SELECT i, i % 1000 FROM generate_series(1, 1000000) i; ANALYZE t;");
  const Outcome moved = migrate("t", "HASH (n)");
  ASSERT_EQ(moved.exit_code, 0) << moved;
  EXPECT_EQ(connection_.query("SELECT count(*) FROM t_partitioned").integer(0, 0), 1'000'000);
  tell_memory("1,000,000 narrow rows", moved);
  EXPECT_LT(std::max({moved.peak_memory_bytes, plan_memory_, verify_memory_}), kMemoryMax);
}

TEST_P(SizesOfStreams, WideRowsNeedLittleMemory) {
  connection_.run_script(
      "CREATE TABLE t (id bigint PRIMARY KEY, bytes bytea); ALTER TABLE t ALTER bytes SET STORAGE EXTERNAL;"
      "INSERT INTO t SELECT i, decode(repeat(md5(i::text), 640), 'hex') FROM generate_series(1, 20000) i; ANALYZE t;");
  const Outcome moved = migrate("t", "HASH (id)");
  ASSERT_EQ(moved.exit_code, 0) << moved;
  EXPECT_EQ(connection_.query("SELECT sum(octet_length(bytes)) FROM t_partitioned").integer(0, 0), 20'000LL * 10'240);
  tell_memory("20,000 rows of 10 KB", moved);
  EXPECT_LT(std::max({moved.peak_memory_bytes, plan_memory_, verify_memory_}), kMemoryMax);
}

TEST_P(Sizes, ThousandRangesNeedLittleMemory) {
  connection_.run_script(
      "CREATE TABLE t (id bigint PRIMARY KEY, n bigint NOT NULL);"
      "INSERT INTO t SELECT i, i % 1000 FROM generate_series(1, 40000) i; ANALYZE t;");
  const Outcome moved = migrate("t", "HASH (n)", {"--range-rows", "40"});
  ASSERT_EQ(moved.exit_code, 0) << moved;
  EXPECT_EQ(connection_.query("SELECT count(*) FROM t_partitioned").integer(0, 0), 40'000);
  tell_memory("1,000 ranges", moved);
  EXPECT_LT(std::max({moved.peak_memory_bytes, plan_memory_, verify_memory_}), kMemoryMax);
}

}  // namespace
}  // namespace pgsluice::tests

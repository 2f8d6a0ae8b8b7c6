// The size of a table, read from a real server: measured, counted, estimated or sampled.
#include <gtest/gtest.h>

#include "planner/catalog.hpp"
#include "tests/support/database.hpp"

namespace pgsluice::planner {
namespace {

using tests::Database;

TEST(CatalogSize, SmallTablesAreCountedHoweverOldTheirStatistics) {
  Database database;
  pg::Connection connection = database.connect();
  connection.run_script("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1), (2)");
  EXPECT_EQ(read_table_facts(connection, {"public", "t"}).size.rows_estimate, 2) << "never analyzed";
  connection.run_script("ANALYZE t; INSERT INTO t SELECT generate_series(10, 39)");
  const TableSize size = read_table_facts(connection, {"public", "t"}).size;
  EXPECT_EQ(size.rows_estimate, 32);
  EXPECT_EQ(size.heap_bytes, 8192);
  EXPECT_EQ(size.page_count, 1);
  EXPECT_EQ(size.toast_bytes, 0);
  EXPECT_GT(size.index_bytes, 0);
}

TEST(CatalogSize, LargeTablesAreEstimatedFromPagesAndNotCounted) {
  Database database;
  pg::Connection connection = database.connect();
  connection.run_script(
      "CREATE TABLE t (id int, filler text) WITH (autovacuum_enabled = off);"
      "INSERT INTO t SELECT i, repeat('x', 900) FROM generate_series(1, 10000) i;"
      "ANALYZE t;"
      "INSERT INTO t SELECT i, repeat('x', 900) FROM generate_series(1, 10000) i");
  const TableFacts facts = read_table_facts(connection, {"public", "t"});
  EXPECT_GE(facts.size.page_count, 2000);
  EXPECT_NEAR(facts.size.rows_estimate, 20'000, 200) << "the density of the last ANALYZE on today's pages";
}

TEST(CatalogSize, HugeTablesThatWereNeverAnalyzedAreSampled) {
  Database database;
  pg::Connection connection = database.connect();
  connection.run_script(  // One row a page, so that few bytes of log make many pages.
      "CREATE TABLE t (id int, filler text) WITH (autovacuum_enabled = off, fillfactor = 10);"
      "INSERT INTO t SELECT i, repeat('x', 700) FROM generate_series(1, 24000) i");
  const TableFacts facts = read_table_facts(connection, {"public", "t"});
  ASSERT_GT(facts.size.page_count, 20'000);
  EXPECT_NEAR(facts.size.rows_estimate, 24'000, 1'200);
  EXPECT_NE(facts.size.rows_estimate, 24'000) << "counted, which takes hours on a table of some terabytes";
}

TEST(CatalogSize, ValuesOutOfLineCountAsToast) {
  Database database;
  pg::Connection connection = database.connect();
  connection.run_script(
      "CREATE TABLE t (id int, big text); ALTER TABLE t ALTER big SET STORAGE EXTERNAL;"
      "INSERT INTO t SELECT i, repeat('x', 100000) FROM generate_series(1, 10) i");
  const TableFacts facts = read_table_facts(connection, {"public", "t"});
  EXPECT_GT(facts.size.toast_bytes, 1'000'000);
  EXPECT_EQ(facts.size.heap_bytes, 8192);
  EXPECT_EQ(facts.bytes_total(), facts.size.heap_bytes + facts.size.toast_bytes);
}

}  // namespace
}  // namespace pgsluice::planner

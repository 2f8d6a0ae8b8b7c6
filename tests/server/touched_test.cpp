// What a measured statement tells of itself against what can be counted afterwards.
#include "mover/touched.hpp"

#include <gtest/gtest.h>

#include "pg/failure.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/database.hpp"

namespace pgsluice::tests {
namespace {

class Touched : public testing::Test {
 protected:
  void SetUp() override {
    connection_.run_script(
        "CREATE TABLE source (id bigint PRIMARY KEY, note text NOT NULL) WITH (autovacuum_enabled = off);"
        "INSERT INTO source SELECT i, repeat(md5(i::text), 8) FROM generate_series(1, 20000) i;"
        "CREATE TABLE target (id bigint NOT NULL, note text NOT NULL) PARTITION BY HASH (id);"
        "CREATE TABLE leaf_0 PARTITION OF target FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
        "CREATE TABLE leaf_1 PARTITION OF target FOR VALUES WITH (MODULUS 2, REMAINDER 1);"
        "CREATE TABLE plain (id bigint, note text)");
    connection_.query("VACUUM (FREEZE) source");
  }

  double number(const std::string& sql) { return connection_.query(sql).number(0, 0); }

  Database database_;
  pg::Connection connection_ = database_.connect();
};

TEST_F(Touched, RowsAndPagesOfAnInsertIntoPartitionsAreThoseThatCameToBe) {
  connection_.begin();
  const mover::TouchedRows measured = mover::run_and_measure(
      connection_, "INSERT INTO target (id, note) SELECT id, note FROM ONLY source WHERE id >= $1 AND id < $2",
      {"1001", "9001"});
  connection_.commit();
  EXPECT_EQ(measured.rows, 8000U);
  EXPECT_EQ(number("SELECT count(*) FROM target"), 8000);
  const double grown = number("SELECT (pg_relation_size('leaf_0') + pg_relation_size('leaf_1')) / 8192");
  EXPECT_GT(grown, 200);
  EXPECT_GE(measured.touched.pages_dirtied, grown);
  EXPECT_LE(measured.touched.pages_dirtied, grown * 1.2 + 20) << "free space maps, and little else";
  EXPECT_GE(measured.touched.wal_bytes, 8000 * 256.0) << "the rows' own bytes";
  EXPECT_LE(measured.touched.wal_bytes, 8000 * 256.0 * 2);
}

TEST_F(Touched, ALeafIsMeasuredAsThePartitionedTableIs) {
  const mover::TouchedRows measured =
      mover::run_and_measure(connection_,
                             "INSERT INTO leaf_1 SELECT id, note FROM source WHERE id < $1 AND "
                             "satisfies_hash_partition('target'::regclass, 2, 1, id)",
                             {"5000"});
  EXPECT_GT(measured.rows, 2000U);
  EXPECT_EQ(number("SELECT count(*) FROM leaf_1"), static_cast<double>(measured.rows));
  EXPECT_GE(measured.touched.pages_dirtied, number("SELECT pg_relation_size('leaf_1') / 8192"));
}

TEST_F(Touched, ToastAndIndexPagesCount) {
  connection_.run_script("CREATE INDEX ON plain (id); ALTER TABLE plain ALTER note SET STORAGE EXTERNAL");
  const mover::TouchedRows measured =
      mover::run_and_measure(connection_, "INSERT INTO plain SELECT id, repeat(note, 20) FROM source WHERE id <= 500");
  EXPECT_EQ(measured.rows, 500U);
  EXPECT_GE(measured.touched.pages_dirtied, number("SELECT pg_total_relation_size('plain') / 8192 * 0.95"));
  EXPECT_GT(measured.touched.pages_dirtied, 300);
}

TEST_F(Touched, AMoveIsMeasuredByTheRowsThatArrive) {
  database_.connect_as_superuser().query("CHECKPOINT");  // A page that is dirty already is not dirtied again.
  const mover::TouchedRows measured = mover::run_and_measure(
      connection_,
      "WITH gone AS (DELETE FROM source WHERE id <= $1 RETURNING id, note) INSERT INTO target SELECT * FROM gone",
      {"3000"});
  EXPECT_EQ(measured.rows, 3000U);
  EXPECT_EQ(number("SELECT count(*) FROM source"), 17000);
  const double left = number("SELECT count(DISTINCT (ctid::text::point)[0]) FROM source WHERE id > 3000");
  EXPECT_GT(left, 0);
  const double pages_of_source = number("SELECT pg_relation_size('source') / 8192");
  const double pages_of_target = number("SELECT (pg_relation_size('leaf_0') + pg_relation_size('leaf_1')) / 8192");
  EXPECT_GE(measured.touched.pages_dirtied, pages_of_target + (pages_of_source - left) - 1);
}

TEST_F(Touched, RowsThatATriggerTakesAwayDoNotCount) {
  connection_.run_script(
      "CREATE FUNCTION odd_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.id % 2 = 0 THEN RETURN NULL; END "
      "IF; RETURN NEW; END $$;"
      "CREATE TRIGGER odd_only BEFORE INSERT ON plain FOR EACH ROW EXECUTE FUNCTION odd_only()");
  EXPECT_EQ(mover::run_and_measure(connection_, "INSERT INTO plain SELECT id, note FROM source WHERE id <= 100").rows,
            50U);
  EXPECT_EQ(number("SELECT count(*) FROM plain"), 50);
}

TEST_F(Touched, UpdatesAndDeletesAreMeasured) {
  EXPECT_EQ(mover::run_and_measure(connection_, "UPDATE source SET note = '' WHERE id <= 10").rows, 10U);
  EXPECT_EQ(mover::run_and_measure(connection_, "DELETE FROM source WHERE id <= 30").rows, 30U);
  EXPECT_EQ(mover::run_and_measure(connection_, "DELETE FROM source WHERE id <= 30").rows, 0U);
}

TEST(TouchedCold, PagesThatWereNotInMemoryCountAsRead) {
  Cluster cluster;
  const Database database(cluster.address());
  const auto pages_read = [&] {
    pg::Connection connection = database.connect();
    return mover::run_and_measure(connection, "INSERT INTO plain SELECT max(note) FROM source").touched.pages_read;
  };
  database.connect().run_script(
      "CREATE TABLE plain (note text);"
      "CREATE TABLE source AS SELECT repeat(md5(i::text), 8) AS note FROM generate_series(1, 20000) i");
  const double pages = database.connect().query("SELECT pg_relation_size('source') / 8192").number(0, 0);
  ASSERT_GT(pages, 500);
  cluster.restart();
  const double cold = pages_read();
  EXPECT_GE(cold, pages);
  EXPECT_LE(cold, pages + 300) << "the catalogue's pages";
  EXPECT_LE(pages_read(), 50) << "all of it is in memory";
}

TEST_F(Touched, AFailureIsTheServersOwn) {
  try {
    mover::run_and_measure(connection_, "INSERT INTO leaf_0 SELECT id, note FROM source");
    FAIL() << "a row of another leaf was taken";
  } catch (const pg::Failure& failure) {
    EXPECT_EQ(failure.kind(), pg::FailureKind::server);
    EXPECT_EQ(failure.sqlstate(), "23514");
  }
  EXPECT_EQ(number("SELECT count(*) FROM leaf_0"), 0);
}

}  // namespace
}  // namespace pgsluice::tests

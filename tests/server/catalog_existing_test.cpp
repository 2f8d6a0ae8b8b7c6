// Reading what exists already: names, kinds, rows, and the tree of a partitioned target.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pg/failure.hpp"
#include "planner/catalog.hpp"
#include "tests/support/database.hpp"

namespace pgsluice::planner {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using tests::Database;

class CatalogExistingTest : public testing::Test {
 protected:
  void refuses(const std::string& table, const std::string& message) {
    try {
      read_existing_layout(connection_, {"public", table});
      FAIL() << table << " was taken";
    } catch (const pg::Failure& failure) {
      EXPECT_EQ(failure.kind(), pg::FailureKind::refused);
      EXPECT_THAT(failure.what(), HasSubstr(message));
      EXPECT_NE(failure.hint(), "");
    }
  }

  Database database_;
  pg::Connection connection_ = database_.connect();
};

std::vector<std::string> names(const std::vector<PartitionNode>& nodes) {
  std::vector<std::string> result;
  for (const PartitionNode& node : nodes) {
    result.push_back(node.name.name);
  }
  return result;
}

TEST_F(CatalogExistingTest, TreeOfAnyDepthIsReadWithBoundsAndKeys) {
  connection_.run_script(R"(
    SET TimeZone = 'Asia/Amman'; SET DateStyle = 'German';
    CREATE SCHEMA other;
    CREATE TABLE "Par ent" ("At" timestamptz, "na""me" text, id bigint) PARTITION BY RANGE ("At");
    CREATE TABLE y2023 PARTITION OF "Par ent" FOR VALUES FROM (MINVALUE) TO ('2024-01-01 00:00:00+00');
    CREATE TABLE other.y2024 PARTITION OF "Par ent" FOR VALUES FROM ('2024-01-01 00:00:00+00') TO ('2025-01-01 00:00:00+00')
      PARTITION BY LIST ("na""me");
    CREATE TABLE a_default PARTITION OF "Par ent" DEFAULT;
    CREATE TABLE other.it_s PARTITION OF other.y2024 FOR VALUES IN ('it''s', NULL);
    CREATE TABLE other.hashed PARTITION OF other.y2024 DEFAULT PARTITION BY HASH (id, lower("na""me"));
    CREATE TABLE other.h_10 PARTITION OF other.hashed FOR VALUES WITH (MODULUS 2, REMAINDER 1);
    CREATE TABLE other.h_9 PARTITION OF other.hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0))");
  const Layout layout = read_existing_layout(connection_, {"public", "Par ent"});
  EXPECT_TRUE(layout.existing);
  EXPECT_EQ(layout.root.name, (QualifiedName{"public", "Par ent"}));
  EXPECT_EQ(layout.root.bound, "");
  EXPECT_EQ(layout.root.method, PartitionMethod::range);
  EXPECT_EQ(layout.root.key_definition, "RANGE (\"At\")");
  EXPECT_THAT(layout.root.key_columns, ElementsAre("At"));
  ASSERT_THAT(names(layout.root.children), ElementsAre("y2023", "y2024", "a_default"));
  EXPECT_TRUE(layout.root.children[0].is_leaf());
  EXPECT_EQ(layout.root.children[0].bound, "FOR VALUES FROM (MINVALUE) TO ('2024-01-01 00:00:00+00')");
  EXPECT_EQ(layout.root.children[2].bound, "DEFAULT");

  const PartitionNode& year = layout.root.children[1];
  EXPECT_EQ(year.name.schema, "other");
  EXPECT_EQ(year.method, PartitionMethod::list);
  EXPECT_THAT(year.key_columns, ElementsAre("na\"me"));
  ASSERT_THAT(names(year.children), ElementsAre("it_s", "hashed"));
  EXPECT_EQ(year.children[0].bound, "FOR VALUES IN ('it''s', NULL)");

  const PartitionNode& hashed = year.children[1];
  EXPECT_EQ(hashed.method, PartitionMethod::hash);
  EXPECT_THAT(hashed.key_columns, ElementsAre("id", "")) << "an expression stands as an empty string";
  EXPECT_THAT(names(hashed.children), ElementsAre("h_9", "h_10"));
  EXPECT_EQ(hashed.children[1].bound, "FOR VALUES WITH (modulus 2, remainder 1)");
  EXPECT_TRUE(has_expression_key(layout));
  EXPECT_THAT(leaves(layout), SizeIs(5));
}

TEST_F(CatalogExistingTest, TargetThatCannotTakeRowsIsRefused) {
  connection_.run_script(R"(
    CREATE TABLE plain (id int);
    CREATE VIEW seen AS TABLE plain;
    CREATE TABLE empty (id int) PARTITION BY HASH (id);
    CREATE TABLE hollow (id int) PARTITION BY LIST (id);
    CREATE TABLE hollow_1 PARTITION OF hollow FOR VALUES IN (1) PARTITION BY HASH (id))");
  refuses("missing", "relation public.missing does not exist");
  refuses("plain", "public.plain exists and is not a partitioned table");
  refuses("seen", "public.seen exists and is not a partitioned table");
  refuses("empty", "public.empty has no partition that could take rows");
  refuses("hollow", "public.hollow has no partition that could take rows");
}

TEST_F(CatalogExistingTest, ForeignTableAmongThePartitionsIsRefusedByName) {
  database_.connect_as_superuser().run_script(R"(
    CREATE FOREIGN DATA WRAPPER nowhere;
    CREATE SERVER far FOREIGN DATA WRAPPER nowhere;
    CREATE TABLE parent (id int) PARTITION BY LIST (id);
    CREATE TABLE near PARTITION OF parent FOR VALUES IN (1) PARTITION BY LIST (id);
    CREATE TABLE here PARTITION OF near DEFAULT;
    CREATE FOREIGN TABLE "Away" PARTITION OF near FOR VALUES IN (1) SERVER far)");
  refuses("parent", "partition public.\"Away\" of the target is a foreign table");
}

TEST_F(CatalogExistingTest, PartitionThatIsBeingDetachedIsLeftOut) {
  if (connection_.server_major_version() < 14) {
    GTEST_SKIP() << "needs PostgreSQL 14";
  }
  connection_.run_script(R"(
    CREATE TABLE parent (id int) PARTITION BY LIST (id);
    CREATE TABLE stays PARTITION OF parent FOR VALUES IN (1);
    CREATE TABLE leaves PARTITION OF parent FOR VALUES IN (2))");
  // A snapshot that has used the table keeps the second phase of the detaching waiting; then it is cancelled.
  pg::Connection reader = database_.connect();
  reader.begin("ISOLATION LEVEL REPEATABLE READ");
  reader.query("SELECT FROM parent");
  connection_.query("SET lock_timeout = '200ms'");
  EXPECT_THROW(connection_.query("ALTER TABLE parent DETACH PARTITION leaves CONCURRENTLY"), pg::Failure);
  reader.rollback();
  EXPECT_THAT(names(read_existing_layout(connection_, {"public", "parent"}).root.children), ElementsAre("stays"));
}

TEST_F(CatalogExistingTest, PartitionedTableCanBeReadAsATable) {
  connection_.run_script(R"(
    CREATE TABLE parent (id int, a text COLLATE "C" DEFAULT 'x', PRIMARY KEY (id)) PARTITION BY LIST (id);
    CREATE TABLE leaf PARTITION OF parent DEFAULT;
    CREATE INDEX by_a ON ONLY parent (a))");
  const TableFacts facts = read_table_facts(connection_, {"public", "parent"});
  EXPECT_THAT(facts.insertable_columns(), ElementsAre("id", "a"));
  ASSERT_THAT(facts.indexes, SizeIs(2));
  EXPECT_EQ(facts.indexes[0].body, "btree (id)");
  EXPECT_EQ(facts.indexes[1].body, "btree (a)");
  EXPECT_FALSE(facts.indexes[1].is_valid) << "no index of the leaf is attached yet";
}

TEST_F(CatalogExistingTest, RowsOfPartitionsCountAsTheTargetsOwn) {
  connection_.run_script(R"(
    CREATE TABLE parent (id int) PARTITION BY LIST (id);
    CREATE TABLE leaf PARTITION OF parent DEFAULT)");
  EXPECT_FALSE(read_has_rows(connection_, {"public", "parent"}));
  connection_.query("INSERT INTO leaf VALUES (1)");
  EXPECT_TRUE(read_has_rows(connection_, {"public", "parent"}));
}

TEST_F(CatalogExistingTest, EveryRelationAndTypeTakesAName) {
  connection_.run_script(R"(
    CREATE SCHEMA "S ";
    SET search_path = "S ";
    CREATE TABLE t (id serial PRIMARY KEY, x int);
    CREATE VIEW v AS SELECT 1;
    CREATE TYPE composite AS (a int); CREATE TYPE enumerated AS ENUM (); CREATE DOMAIN limited AS int;
    CREATE STATISTICS counted ON id, x FROM t)");
  EXPECT_THAT(read_relation_names(connection_, "S "),
              ElementsAre("composite", "enumerated", "limited", "t", "t_id_seq", "t_pkey", "v"));
  EXPECT_THAT(read_statistics_names(connection_, "S "), ElementsAre("counted"));
  EXPECT_THAT(read_relation_names(connection_, "missing"), IsEmpty());
  EXPECT_THAT(read_relation_names(connection_, "pg_catalog"), Contains("pg_class"));
}

TEST_F(CatalogExistingTest, KindTellsTablesFromOthersAndFromNothing) {
  connection_.run_script("CREATE TABLE t (id int PRIMARY KEY); CREATE VIEW v AS TABLE t");
  EXPECT_EQ(read_relation_kind(connection_, {"public", "t"}), "r");
  EXPECT_EQ(read_relation_kind(connection_, {"", "t"}), "r");
  EXPECT_EQ(read_relation_kind(connection_, {"public", "v"}), "v");
  EXPECT_EQ(read_relation_kind(connection_, {"public", "t_pkey"}), "i");
  EXPECT_EQ(read_relation_kind(connection_, {"public", "missing"}), std::nullopt);
  EXPECT_EQ(read_relation_kind(connection_, {"missing", "t"}), std::nullopt);
}

}  // namespace
}  // namespace pgsluice::planner

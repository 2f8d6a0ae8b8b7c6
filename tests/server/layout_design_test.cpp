// HASH and LIST levels, two levels, names and refusals, as a server takes them.
#include "planner/layout_design.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "planner/catalog.hpp"
#include "planner/partition_values.hpp"
#include "tests/server/layout_design_fixture.hpp"

namespace pgsluice::planner {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// ---- HASH

TEST_F(LayoutDesign, HashTakesEveryKeyAlsoNull) {
  make(
      "CREATE TABLE t (id int, uid text); INSERT INTO t SELECT g, nullif(g % 5, 0)::text FROM generate_series(1, 1000) "
      "g");
  const Layout layout = design({hash_level("HASH (uid, id)", 12)});
  EXPECT_EQ(layout.root.key_definition, "HASH (\"uid\", \"id\")");
  EXPECT_EQ(leaves(layout).size(), 12U);
  EXPECT_EQ(leaf_names(layout).front(), "t_new_p00");
  EXPECT_EQ(leaf_names(layout).back(), "t_new_p11");
  expect_all_rows_have_a_leaf(layout);
  for (const std::int64_t rows : leaf_counts_) {
    EXPECT_GT(rows, 0);
  }
}

TEST_F(LayoutDesign, HashWorksForEveryTypeThatPostgresqlCanHash) {
  make(
      "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN short AS varchar(5);"
      "CREATE TABLE t (a int, b uuid, c numeric(8,2), d varchar(5), e mood, f timestamptz, g int[], h jsonb, i "
      "char(3), j short,"
      " k inet, l int4range, m float8, n bytea, o boolean, p name, q cidr, r short[]);"
      "INSERT INTO t SELECT g, gen_random_uuid(), g, g::text, 'ok', now(), ARRAY[g], to_jsonb(g), 'x', 'y', '10.0.0.1',"
      " int4range(1, 1 + g), g, 'x', true, 'n', '10.0.0.0/8', ARRAY['a'] FROM generate_series(1, 100) g");
  for (const char column : std::string_view("abcdefghijklmnopqr")) {
    SCOPED_TRACE(column);
    expect_all_rows_have_a_leaf(design({hash_level(std::string("HASH (") + column + ")", 4)}));
  }
}

// ---- LIST

TEST_F(LayoutDesign, ListHasAPartitionForEveryValueWithOrWithoutAnIndex) {
  make(
      "CREATE TABLE t (r text);"
      "INSERT INTO t SELECT (ARRAY['EU', 'eu', 'Re gion', 'it''s', 'back\\slash', '\"q\"', 'Zürich', '', ' ', 'null', "
      "'default', "
      "'1', E'new\\nline', NULL])[1 + g % 14] FROM generate_series(1, 1400) g");
  const Layout scanned = design({level("LIST (r)")});
  make("CREATE INDEX ON t (r DESC)");
  const Layout by_index = design({level("LIST (r)")});
  EXPECT_EQ(leaf_bounds(scanned), leaf_bounds(by_index));
  EXPECT_EQ(leaf_names(scanned), leaf_names(by_index));
  EXPECT_THAT(leaf_bounds(scanned), AllOf(Contains("FOR VALUES IN (NULL)"), Contains("FOR VALUES IN ('it''s')")));
  EXPECT_THAT(leaf_names(scanned), AllOf(Contains("t_new_null"), Contains("t_new_null_1"), Contains("t_new_eu"),
                                         Contains("t_new_eu_1"), Contains("t_new_empty"), Contains("t_new_zürich")));
  expect_all_rows_have_a_leaf(scanned);
  for (const std::int64_t rows : leaf_counts_) {
    EXPECT_EQ(rows, 100);
  }
}

TEST_F(LayoutDesign, ListWorksForEveryTypeThatPostgresqlCanOrder) {
  make(
      "CREATE TYPE mood AS ENUM ('sad', 'ok', 'Happy one'); CREATE DOMAIN short AS varchar(9);"
      "CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false);"
      "CREATE TABLE t (a boolean, b smallint, c numeric(6,2), d varchar(9), e mood, f timestamptz, g date, h uuid, i "
      "char(4), j short,"
      " k int[], l jsonb, m interval, n bytea, o timestamp, p text COLLATE folded, q inet, r int4range);"
      "INSERT INTO t SELECT g % 2 = 0, g % 3 - 1, (g % 3) * 1.5, 'v' || g % 3, (ARRAY['sad', 'ok', 'Happy one'])[1 + g "
      "% 3]::mood,"
      " (ARRAY['2024-03-31 01:30Z', 'infinity', '0044-03-15Z BC'])[1 + g % 3]::timestamptz, date '2024-02-29' + g % 3,"
      " ('00000000-0000-0000-0000-00000000000' || g % 3)::uuid, 'x' || g % 3, 'y' || g % 3, ARRAY[g % 3, NULL], "
      "to_jsonb(g % 3),"
      " g % 3 * interval '36 hours', decode('00ff5c', 'hex') || convert_to((g % 3)::text, 'UTF8'),"
      " timestamp '2024-01-01' + g % 3 * interval '1 us', (ARRAY['A', 'a', 'ä'])[1 + g % 3], '10.0.0.0'::inet + g % 3,"
      " int4range(g % 3, 9) FROM generate_series(1, 90) g");
  for (const bool with_index : {false, true}) {
    for (const char column : std::string_view("abcdefghijklmnopqr")) {
      SCOPED_TRACE(std::string(1, column) + (with_index ? " by index" : " by scan"));
      if (with_index) {
        make(std::string("CREATE INDEX ON t (") + column + ")");
      }
      const Layout layout = design({level(std::string("LIST (") + column + ")")}, "America/New_York");
      const std::size_t distinct = column == 'a' || column == 'p' ? 2 : 3;
      EXPECT_EQ(leaves(layout).size(), distinct);
      expect_all_rows_have_a_leaf(layout, "Asia/Amman");
    }
  }
}

TEST_F(LayoutDesign, ListRefusesTooManyValues) {
  make("CREATE TABLE t (n int); INSERT INTO t SELECT generate_series(1, 1000)");
  EXPECT_EQ(leaves(design({level("LIST (n)")})).size(), 1000U);
  make("INSERT INTO t VALUES (0)");
  EXPECT_THAT(refusal_of({level("LIST (n)")}).what(), HasSubstr("more than 1000 distinct values"));
  make("CREATE INDEX ON t (n)");
  EXPECT_THAT(refusal_of({level("LIST (n)")}).hint(), HasSubstr("HASH (n)"));
}

TEST_F(LayoutDesign, ListOfNothingNeedsADefaultPartition) {
  make("CREATE TABLE t (r text)");
  EXPECT_THAT(refusal_of({level("LIST (r)")}).hint(), HasSubstr("--default"));
  EXPECT_THAT(leaf_names(design({with_default(level("LIST (r)"))})), ElementsAre("t_new_default"));
}

// ---- Two levels

TEST_F(LayoutDesign, TheSecondLevelIsTheSameUnderEveryPart) {
  make(
      "CREATE TABLE t (id bigint, at timestamptz, r text);"
      "INSERT INTO t SELECT g, '2024-01-01Z'::timestamptz + g * interval '1 hour', nullif(g % 4, 0)::text"
      " FROM generate_series(1, 2000) g");
  const std::vector<LevelSpec> specs = {hash_level("HASH (id)", 3), interval_level("RANGE (at)", "1 month", true),
                                        with_default(level("LIST (r)")), bucket_level("RANGE (id)", 700)};
  for (std::size_t first = 0; first < specs.size(); ++first) {
    for (std::size_t second = 0; second < specs.size(); ++second) {
      if (first == second) {
        continue;
      }
      SCOPED_TRACE(std::to_string(first) + " then " + std::to_string(second));
      const Layout layout = design({specs[first], specs[second]});
      expect_all_rows_have_a_leaf(layout);
      for (const PartitionNode& part : layout.root.children) {
        ASSERT_EQ(part.children.size(), layout.root.children.front().children.size());
        for (std::size_t i = 0; i < part.children.size(); ++i) {
          EXPECT_EQ(part.children[i].bound, layout.root.children.front().children[i].bound);
          EXPECT_TRUE(part.children[i].name.name.starts_with(part.name.name + "_")) << part.children[i].name.name;
        }
      }
    }
  }
}

TEST_F(LayoutDesign, LevelsThatDivideByTheSameValueAreRefused) {
  make("CREATE TABLE t (a int, b int)");
  refusal_of({hash_level("HASH (a, b)", 4), hash_level("HASH (b, a)", 4)});
  refusal_of({interval_level("RANGE (a)", "10"), interval_level("RANGE (a)", "5")});
  refusal_of({with_default(level("LIST (a)")), interval_level("RANGE (a)", "5")});
  EXPECT_EQ(leaves(design({hash_level("HASH (a)", 4), interval_level("RANGE (a)", "5")})).size(), 16U);
}

TEST_F(LayoutDesign, MoreThanTenThousandLeavesAreRefused) {
  make("CREATE TABLE t (at timestamptz, n bigint); INSERT INTO t VALUES ('2000-01-01Z', 0), ('2024-01-01Z', 1000000)");
  EXPECT_THAT(refusal_of({interval_level("RANGE (at)", "1 hour")}).hint(), HasSubstr("longer --interval"));
  EXPECT_THAT(refusal_of({interval_level("RANGE (n)", "10")}).hint(), HasSubstr("larger step"));
  EXPECT_THAT(refusal_of({hash_level("HASH (n)", 10'001)}).hint(), HasSubstr("--partitions"));
  EXPECT_THAT(refusal_of({hash_level("HASH (n)", 200), interval_level("RANGE (at)", "1 month")}).what(),
              HasSubstr("the two levels"));
  LevelSpec far_ahead = interval_level("RANGE (at)", "1 month");
  far_ahead.premake = 20'000;
  EXPECT_THAT(refusal_of({far_ahead}).hint(), HasSubstr("--premake"));
  make("TRUNCATE t");
  refusal_of({far_ahead});
}

// ---- What cannot be

TEST_F(LayoutDesign, TypesWithoutAnOperatorClassAreRefused) {
  make(
      "CREATE TYPE pair AS (a int, j json); CREATE DOMAIN doc AS json;"
      "CREATE TABLE t (j json, p point, m money, v tsvector, ja json[], x xml, c pair, d doc)");
  for (const char* const column : {"j", "p", "ja", "x", "c", "d"}) {
    SCOPED_TRACE(column);
    EXPECT_THAT(refusal_of({hash_level(std::string("HASH (") + column + ")", 4)}).what(),
                HasSubstr("hash operator class"));
    EXPECT_THAT(refusal_of({with_default(level(std::string("LIST (") + column + ")"))}).what(),
                HasSubstr("btree operator class"));
    EXPECT_THAT(refusal_of({bucket_level(std::string("RANGE (") + column + ")", 4)}).what(),
                HasSubstr("btree operator class"));
  }
  for (const char* const column : {"m", "v"}) {
    SCOPED_TRACE(column);
    EXPECT_THAT(refusal_of({hash_level(std::string("HASH (") + column + ")", 4)}).hint(),
                HasSubstr("RANGE and LIST are possible"));
    expect_all_rows_have_a_leaf(design({bucket_level(std::string("RANGE (") + column + ")", 4)}));
  }
}

TEST_F(LayoutDesign, OptionsOfAnotherMethodAreRefused) {
  make("CREATE TABLE t (a int, b int, at timestamptz, g int GENERATED ALWAYS AS (a + b) STORED)");
  refusal_of({level("HASH (a)")});
  refusal_of({level("RANGE (a)")});
  refusal_of({level("RANGE (at)")});
  refusal_of({with_default(hash_level("HASH (a)", 4))});
  refusal_of({hash_level("RANGE (a)", 4)});
  refusal_of({hash_level("LIST (a)", 4)});
  refusal_of({interval_level("LIST (a)", "4")});
  refusal_of({hash_level("HASH (a, a)", 4)});
  refusal_of({hash_level("HASH (nope)", 4)});
  refusal_of({});
  EXPECT_THAT(refusal_of({hash_level("HASH (g)", 4)}).what(), HasSubstr("generated"));
  LevelSpec both = interval_level("RANGE (a)", "10");
  both.bucket_rows = 10;
  refusal_of({both});
}

// ---- Names

TEST_F(LayoutDesign, NamesOf63BytesStayDifferentAndFree) {
  make(
      "CREATE TABLE t (id int, \"Re gion\" text); INSERT INTO t SELECT g, repeat('ü', 40) || g FROM generate_series(1, "
      "20) g");
  const Layout layout = design({level("LIST (\"Re gion\")"), hash_level("HASH (id)", 3)}, "UTC", {"t_new_p00"});
  std::set<std::string> names;
  for (const PartitionNode* node : nodes(layout)) {
    EXPECT_LE(node->name.name.size(), pg::kNameBytesMax);
    EXPECT_TRUE(names.insert(node->name.name).second) << node->name.name;
  }
  expect_all_rows_have_a_leaf(layout);
}

TEST_F(LayoutDesign, TakenNamesAreNotUsed) {
  make("CREATE TABLE t (id int)");
  EXPECT_THAT(leaf_names(design({hash_level("HASH (id)", 2)}, "UTC", {"t_new_p00", "t_new_p00_1"})),
              ElementsAre("t_new_p00_2", "t_new_p01"));
}

// ---- Work

TEST_F(LayoutDesign, AnIndexAnswersWithoutAScanEvenBeforeAnalyze) {
  make(
      "CREATE TABLE t (at timestamptz, n int, r text);"
      "INSERT INTO t SELECT '2024-01-01Z'::timestamptz + g * interval '1 min', g, g % 5 FROM generate_series(1, "
      "100000) g;"
      "CREATE INDEX ON t (at DESC, n); CREATE INDEX ON t (n); CREATE INDEX ON t (r)");
  const TableFacts facts = read_table_facts(connection_, {"public", "t"});
  const auto expect_no_scan = [&](const std::string& sql) {
    const pg::Result plan = connection_.query("EXPLAIN " + sql);
    for (int row = 0; row < plan.row_count(); ++row) {
      EXPECT_THAT(std::string(plan.text(row, 0)), Not(HasSubstr("Seq Scan"))) << sql;
    }
  };
  for (const char* const name : {"at", "n", "r"}) {
    const PartitionColumn column = read_partition_column(connection_, facts, *facts.column(name));
    EXPECT_TRUE(column.index_leads);
    expect_no_scan(distinct_values_sql(facts, column, 1000));
    expect_no_scan(null_count_sql(facts, column));
    if (column.base_type != "text") {
      expect_no_scan(extremes_sql(facts, column, connection_.server_major_version()));
    }
  }
}

TEST_F(LayoutDesign, AnIndexInAnotherOrderIsNotTrusted) {
  make(
      "CREATE TABLE t (a text, b text, c text, d int, e text); CREATE INDEX ON t (a text_pattern_ops); CREATE INDEX ON "
      "t (b) WHERE a = '';"
      "CREATE INDEX ON t (c COLLATE \"C\"); CREATE INDEX ON t (a, d); CREATE INDEX ON t USING hash (d); CREATE INDEX "
      "ON t (e NULLS FIRST)");
  const TableFacts facts = read_table_facts(connection_, {"public", "t"});
  for (const char* const name : {"b", "c", "d", "e"}) {
    EXPECT_FALSE(read_partition_column(connection_, facts, *facts.column(name)).index_leads) << name;
  }
  EXPECT_TRUE(read_partition_column(connection_, facts, *facts.column("a")).index_leads);
}

}  // namespace
}  // namespace pgsluice::planner

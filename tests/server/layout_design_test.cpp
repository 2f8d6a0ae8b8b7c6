// Layouts as a server takes them: each design is made by a session that can only read, built by hand from its tree, and
// filled with every row of the source.
#include "planner/layout_design.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "pg/failure.hpp"
#include "planner/catalog.hpp"
#include "planner/partition_values.hpp"
#include "tests/support/database.hpp"

namespace pgsluice::planner {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using tests::Database;

const pg::QualifiedName kTarget{"public", "t_new"};

LevelSpec level(std::string_view by) {
  return parse_level(by);
}

LevelSpec hash_level(std::string_view by, unsigned partitions) {
  LevelSpec spec = parse_level(by);
  spec.partitions = partitions;
  return spec;
}

LevelSpec interval_level(std::string_view by, std::string interval, bool with_default = false) {
  LevelSpec spec = parse_level(by);
  spec.interval = std::move(interval);
  spec.with_default = with_default;
  return spec;
}

LevelSpec bucket_level(std::string_view by, std::uint64_t rows) {
  LevelSpec spec = parse_level(by);
  spec.bucket_rows = rows;
  return spec;
}

LevelSpec with_default(LevelSpec spec) {
  spec.with_default = true;
  return spec;
}

// The bounds and names of a layout's leaves, in tree order.
std::vector<std::string> leaf_bounds(const Layout& layout) {
  std::vector<std::string> bounds;
  for (const PartitionNode* leaf : leaves(layout)) {
    bounds.push_back(leaf->bound);
  }
  return bounds;
}

std::vector<std::string> leaf_names(const Layout& layout) {
  std::vector<std::string> names;
  for (const PartitionNode* leaf : leaves(layout)) {
    names.push_back(leaf->name.name);
  }
  return names;
}

class LayoutDesign : public testing::Test {
 protected:
  // A table t; `sql` makes and fills it.
  void make(std::string_view sql) { connection_.run_script(sql); }

  Layout design(const std::vector<LevelSpec>& levels, const std::string& time_zone = "UTC",
                std::set<std::string> taken = {}) {
    pg::Connection reader(
        {database_.conninfo(), "test", {{"default_transaction_read_only", "on"}, {"TimeZone", time_zone}}, {}});
    const TableFacts facts = read_table_facts(reader, {"public", "t"});
    NameAllocator names(std::move(taken));
    return design_layout(reader, facts, kTarget, levels, names);
  }

  // Builds the tree, moves every row of t into it, counts, and drops it again.
  void expect_all_rows_have_a_leaf(const Layout& layout, const std::string& time_zone = "UTC") {
    connection_.query("SELECT set_config('TimeZone', $1, false)", {time_zone});
    connection_.begin();
    const PartitionNode& root = layout.root;
    connection_.query("CREATE TABLE " + pg::quoted(root.name) + " (LIKE t) PARTITION BY " + root.key_definition);
    build_children(root);
    connection_.query("INSERT INTO " + pg::quoted(root.name) + " SELECT * FROM t");
    EXPECT_EQ(count(pg::quoted(root.name)), count("t"));
    leaf_counts_.clear();
    for (const PartitionNode* leaf : leaves(layout)) {
      leaf_counts_.push_back(count(pg::quoted(leaf->name)));
    }
    connection_.rollback();
    connection_.query("SELECT set_config('TimeZone', 'UTC', false)");
  }

  pg::Failure refusal_of(const std::vector<LevelSpec>& levels) {
    try {
      design(levels);
    } catch (const pg::Failure& failure) {
      EXPECT_EQ(failure.kind(), pg::FailureKind::refused) << pg::to_text(failure);
      EXPECT_FALSE(failure.hint().empty()) << pg::to_text(failure);
      return failure;
    }
    ADD_FAILURE() << "the design was not refused";
    return {pg::FailureKind::local, ""};
  }

  std::int64_t count(const std::string& table) {
    return connection_.query("SELECT count(*) FROM " + table).integer(0, 0);
  }

  Database database_;
  pg::Connection connection_ = database_.connect();
  std::vector<std::int64_t> leaf_counts_;  // Of the tree that was built last.

 private:
  void build_children(const PartitionNode& parent) {
    for (const PartitionNode& child : parent.children) {
      connection_.query("CREATE TABLE " + pg::quoted(child.name) + " PARTITION OF " + pg::quoted(parent.name) + " " +
                        child.bound + (child.is_leaf() ? "" : " PARTITION BY " + child.key_definition));
      build_children(child);
    }
  }
};

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

// ---- RANGE over time

// Rows around both days of 2024 on which clocks change, and on the first and last instants of months, in UTC.
constexpr std::string_view kTimes =
    "CREATE TABLE t (at timestamptz, local timestamp, day date);"
    "INSERT INTO t SELECT x, x AT TIME ZONE 'UTC', (x AT TIME ZONE 'UTC')::date FROM ("
    " SELECT generate_series('2023-12-31 21:00Z'::timestamptz, '2024-04-02Z', '20 minutes')"
    " UNION ALL SELECT generate_series('2024-10-25Z'::timestamptz, '2024-11-04 03:00Z', '20 minutes')"
    " UNION ALL SELECT generate_series('2024-01-31 23:59:59.999999Z'::timestamptz, '2024-12-30 23:59:59.999999Z', '1 "
    "day')) AS s (x);";

TEST_F(LayoutDesign, BoundsAreTheSameInEveryTimeZone) {
  make(kTimes);
  for (const char* const column : {"at", "local", "day"}) {
    for (const char* const interval : {"1 month", "1 week", "15 days"}) {
      SCOPED_TRACE(std::string(interval) + " over " + column);
      const LevelSpec spec = interval_level(std::string("RANGE (") + column + ")", interval);
      const Layout in_utc = design({spec});
      expect_all_rows_have_a_leaf(in_utc);
      const std::vector<std::int64_t> counts = leaf_counts_;
      for (const char* const zone : {"America/New_York", "Asia/Amman", "Europe/Berlin", "Asia/Kolkata"}) {
        EXPECT_EQ(leaf_bounds(design({spec}, zone)), leaf_bounds(in_utc)) << zone;
      }
      expect_all_rows_have_a_leaf(in_utc, "America/New_York");
      EXPECT_EQ(leaf_counts_, counts) << "a bound moved with the session's time zone";
      make(std::string("CREATE INDEX added ON t (") + column + " DESC)");
      EXPECT_EQ(leaf_bounds(design({spec}, "Asia/Amman")), leaf_bounds(in_utc)) << "by index";
      make("DROP INDEX added");
    }
  }
}

TEST_F(LayoutDesign, MonthsAreCutAtTheirFirstInUtc) {
  make("CREATE TABLE t (at timestamptz); INSERT INTO t VALUES ('2024-01-31 23:59:59.999999Z'), ('2024-03-01Z')");
  LevelSpec spec = interval_level("RANGE (at)", "1 month");
  spec.premake = 1;
  const Layout layout = design({spec}, "America/New_York");
  EXPECT_THAT(leaf_bounds(layout),
              ElementsAre("FOR VALUES FROM ('2024-01-01 00:00:00+00') TO ('2024-02-01 00:00:00+00')",
                          "FOR VALUES FROM ('2024-02-01 00:00:00+00') TO ('2024-03-01 00:00:00+00')",
                          "FOR VALUES FROM ('2024-03-01 00:00:00+00') TO ('2024-04-01 00:00:00+00')",
                          "FOR VALUES FROM ('2024-04-01 00:00:00+00') TO ('2024-05-01 00:00:00+00')"));
  EXPECT_THAT(leaf_names(layout), ElementsAre("t_new_p2024_01", "t_new_p2024_02", "t_new_p2024_03", "t_new_p2024_04"));
  expect_all_rows_have_a_leaf(layout);
  EXPECT_THAT(leaf_counts_, ElementsAre(1, 0, 1, 0));
}

TEST_F(LayoutDesign, AnyIntervalCoversEveryRow) {
  make(kTimes);
  make("DELETE FROM t WHERE at NOT BETWEEN '2024-03-27Z' AND '2024-04-01 23:59:59.999999Z'");
  for (const char* const interval :
       {"1 day", "1 week", "1 month", "3 months", "1 year", "6 hours", "15 days", "10 years", "90 minutes",
        "1 month 15 days", "2 days 12 hours", "P1M", "1 mon 1 day 01:00:00", "36 hours"}) {
    for (const char* const column : {"at", "local"}) {
      SCOPED_TRACE(std::string(interval) + " over " + column);
      expect_all_rows_have_a_leaf(design({interval_level(std::string("RANGE (") + column + ")", interval)}));
    }
  }
}

TEST_F(LayoutDesign, PartsOfADayAreRefusedOverDates) {
  make(kTimes);
  EXPECT_THAT(refusal_of({interval_level("RANGE (day)", "6 hours")}).what(), HasSubstr("divides days"));
}

TEST_F(LayoutDesign, IntervalsThatDoNotGoForwardAreRefused) {
  make(kTimes);
  for (const char* const interval : {"0 days", "-1 day", "1 month -40 days", "soon", "30", "1.5"}) {
    SCOPED_TRACE(interval);
    refusal_of({interval_level("RANGE (at)", interval)});
  }
}

TEST_F(LayoutDesign, AnIntervalFinerThanTheColumnKeepsIsRefused) {
  make("CREATE TABLE t (at timestamp(1)); INSERT INTO t VALUES ('2024-01-01 00:00:00.2')");
  EXPECT_THAT(refusal_of({interval_level("RANGE (at)", "250 milliseconds")}).what(), HasSubstr("finer"));
  expect_all_rows_have_a_leaf(design({interval_level("RANGE (at)", "100 milliseconds")}));
}

TEST_F(LayoutDesign, YearsBeforeChristHavePartitions) {
  make(
      "CREATE TABLE t (at timestamptz, day date);"
      "INSERT INTO t VALUES ('0044-03-15 12:00Z BC', '0044-03-15 BC'), ('0001-12-31 23:00Z BC', '0001-12-31 BC'),"
      " ('0002-01-01Z', '0002-01-01')");
  for (const char* const by : {"RANGE (at)", "RANGE (day)"}) {
    const Layout layout = design({interval_level(by, "1 year")});
    EXPECT_EQ(leaf_names(layout).front(), "t_new_p0044bc");
    EXPECT_THAT(leaf_names(layout), Contains("t_new_p0001bc"));
    EXPECT_THAT(leaf_names(layout), Contains("t_new_p0001"));
    expect_all_rows_have_a_leaf(layout);
  }
}

TEST_F(LayoutDesign, TheEndsOfTimeAreOpen) {
  make(
      "CREATE TABLE t (at timestamptz, local timestamp, day date);"
      "INSERT INTO t VALUES ('4714-11-24 00:00Z BC', '4714-11-24 BC', '4714-11-24 BC'),"
      " ('294276-12-31 23:59:59.999999Z', '294276-12-31 23:59:59.999999', '5874897-12-31')");
  for (const char* const by : {"RANGE (at)", "RANGE (local)", "RANGE (day)"}) {
    SCOPED_TRACE(by);
    const Layout layout = design({interval_level(by, "100000 years")});
    EXPECT_THAT(leaf_bounds(layout).front(), HasSubstr("FROM (MINVALUE)"));
    EXPECT_THAT(leaf_bounds(layout).back(), HasSubstr("TO (MAXVALUE)"));
    EXPECT_EQ(leaf_names(layout).front(), "t_new_pmin");
    expect_all_rows_have_a_leaf(layout);
  }
}

TEST_F(LayoutDesign, InfinityNeedsADefaultPartition) {
  make(
      "CREATE TABLE t (at timestamptz, day date);"
      "INSERT INTO t VALUES ('2024-01-01Z', '2024-01-01'), ('-infinity', 'infinity'), ('infinity', '-infinity')");
  for (const bool with_index : {false, true}) {
    if (with_index) {
      make("CREATE INDEX ON t (at); CREATE INDEX ON t (day)");
    }
    for (const char* const by : {"RANGE (at)", "RANGE (day)"}) {
      const pg::Failure failure = refusal_of({interval_level(by, "1 month")});
      EXPECT_THAT(failure.what(), HasSubstr("infinity"));
      EXPECT_THAT(failure.hint(), HasSubstr("--default"));
      const Layout layout = design({interval_level(by, "1 month", true)});
      EXPECT_EQ(leaf_names(layout).back(), "t_new_default");
      expect_all_rows_have_a_leaf(layout);
      EXPECT_THAT(leaf_counts_, ElementsAre(1, 0, 0, 0, 2));
    }
  }
}

TEST_F(LayoutDesign, NullKeysNeedADefaultPartition) {
  make(
      "CREATE TABLE t (at timestamptz, n int); INSERT INTO t SELECT '2024-01-01Z', 1 FROM generate_series(1, 10);"
      "INSERT INTO t SELECT NULL, NULL FROM generate_series(1, 7)");
  for (const bool with_index : {false, true}) {
    if (with_index) {
      make("CREATE INDEX ON t (at); CREATE INDEX ON t (n DESC)");
    }
    for (const LevelSpec& spec :
         {interval_level("RANGE (at)", "1 month"), interval_level("RANGE (n)", "10"), bucket_level("RANGE (at)", 5)}) {
      const pg::Failure failure = refusal_of({spec});
      EXPECT_THAT(failure.what(), HasSubstr("NULL in 7 rows"));
      EXPECT_THAT(failure.hint(), AllOf(HasSubstr("--default"), HasSubstr("SET NOT NULL")));
      expect_all_rows_have_a_leaf(design({with_default(spec)}));
      EXPECT_EQ(leaf_counts_.back(), 7);
    }
  }
  make("INSERT INTO t SELECT NULL, NULL FROM generate_series(1, 5000)");
  EXPECT_THAT(refusal_of({interval_level("RANGE (at)", "1 month")}).what(), HasSubstr("NULL in more than 1000 rows"));
}

TEST_F(LayoutDesign, AnEmptyTableGetsTheCurrentIntervalAndThoseAhead) {
  make("CREATE TABLE t (at timestamptz, day date, n bigint, x numeric)");
  const std::string month = connection_.query("SELECT to_char(now(), 'YYYY_MM')").optional_text(0, 0).value();
  for (const char* const by : {"RANGE (at)", "RANGE (day)"}) {
    const Layout layout = design({interval_level(by, "1 month")});
    EXPECT_EQ(leaves(layout).size(), 4U);
    EXPECT_EQ(leaf_names(layout).front(), "t_new_p" + month);
  }
  for (const char* const by : {"RANGE (n)", "RANGE (x)"}) {
    EXPECT_THAT(leaf_bounds(design({interval_level(by, "10")})),
                ElementsAre("FOR VALUES FROM ('0') TO ('10')", "FOR VALUES FROM ('10') TO ('20')",
                            "FOR VALUES FROM ('20') TO ('30')", "FOR VALUES FROM ('30') TO ('40')"));
  }
  EXPECT_THAT(leaf_bounds(design({bucket_level("RANGE (n)", 10)})),
              ElementsAre("FOR VALUES FROM (MINVALUE) TO (MAXVALUE)"));
}

// ---- RANGE over numbers

TEST_F(LayoutDesign, IntegerBoundsNeverLeaveTheirType) {
  struct Case {
    const char* type;
    const char* step;
  };
  for (const Case& each :
       {Case{"int2", "10000"}, Case{"int4", "1000000000"}, Case{"int8", "4000000000000000000"}, Case{"int2", "65535"},
        Case{"int8", "9223372036854775807"}, Case{"int4", "99999999999999999999"}}) {
    SCOPED_TRACE(std::string(each.type) + " by " + each.step);
    const bool is_small = std::string_view(each.type) == "int2";
    const bool is_large = std::string_view(each.type) == "int8";
    const std::string low = is_small ? "-32768" : is_large ? "-9223372036854775808" : "-2147483648";
    const std::string high = is_small ? "32767" : is_large ? "9223372036854775807" : "2147483647";
    make("DROP TABLE IF EXISTS t; CREATE TABLE t (n " + std::string(each.type) + "); INSERT INTO t VALUES ('" + low +
         "'), ('" + high + "'), (0), (-1), (1)");
    const Layout layout = design({interval_level("RANGE (n)", each.step)});
    EXPECT_THAT(leaf_bounds(layout).front(), HasSubstr("FROM (MINVALUE)"));
    EXPECT_THAT(leaf_bounds(layout).back(), HasSubstr("TO (MAXVALUE)"));
    expect_all_rows_have_a_leaf(layout);
  }
}

TEST_F(LayoutDesign, StepsAreAlignedToMultiplesAlsoBelowZero) {
  make("CREATE TABLE t (n int); INSERT INTO t VALUES (-101), (99)");
  LevelSpec spec = interval_level("RANGE (n)", "100");
  spec.premake = 0;
  const Layout layout = design({spec});
  EXPECT_THAT(leaf_bounds(layout),
              ElementsAre("FOR VALUES FROM ('-200') TO ('-100')", "FOR VALUES FROM ('-100') TO ('0')",
                          "FOR VALUES FROM ('0') TO ('100')"));
  EXPECT_THAT(leaf_names(layout), ElementsAre("t_new_pm200", "t_new_pm100", "t_new_p0"));
}

TEST_F(LayoutDesign, NumericStepsMayHaveFractions) {
  make(
      "CREATE TABLE t (x numeric(5,2), y numeric); INSERT INTO t VALUES (-999.99, -1e30), (999.99, -1e30 + 3.14159), "
      "(0.25, NULL)");
  const Layout layout = design({interval_level("RANGE (x)", "499.5")});
  EXPECT_THAT(leaf_bounds(layout).front(), HasSubstr("FROM (MINVALUE) TO ('-999')"));
  EXPECT_THAT(leaf_bounds(layout).back(), HasSubstr("FROM ('999') TO (MAXVALUE)"));
  EXPECT_THAT(leaf_bounds(layout), Contains("FOR VALUES FROM ('-499.5') TO ('0')"));
  EXPECT_THAT(leaf_names(layout), Contains("t_new_pm499_5"));
  expect_all_rows_have_a_leaf(layout);
  expect_all_rows_have_a_leaf(design({interval_level("RANGE (y)", "0.7", true)}));
  EXPECT_THAT(refusal_of({interval_level("RANGE (x)", "0.001")}).what(), HasSubstr("more digits"));
}

TEST_F(LayoutDesign, NotANumberNeedsADefaultPartition) {
  make("CREATE TABLE t (x numeric); INSERT INTO t VALUES (1), (25), ('NaN')");
  EXPECT_THAT(refusal_of({interval_level("RANGE (x)", "10")}).what(), HasSubstr("NaN"));
  expect_all_rows_have_a_leaf(design({interval_level("RANGE (x)", "10", true)}));
  EXPECT_EQ(leaf_counts_.back(), 1);
}

TEST_F(LayoutDesign, StepsThatAreNoNumbersAboveZeroAreRefused) {
  make("CREATE TABLE t (n int)");
  for (const char* const step : {"0", "-5", "1 month", "0.0", "1.5", "1e3", "", "."}) {
    SCOPED_TRACE(step);
    refusal_of({interval_level("RANGE (n)", step)});
  }
}

TEST_F(LayoutDesign, FloatsAreRefusedWithTheReason) {
  make("CREATE TABLE t (f float8, g float4); INSERT INTO t VALUES (0.1, 0.1)");
  for (const char* const column : {"f", "g"}) {
    EXPECT_THAT(refusal_of({interval_level(std::string("RANGE (") + column + ")", "10")}).what(),
                HasSubstr("not exact"));
    EXPECT_THAT(refusal_of({level(std::string("LIST (") + column + ")")}).what(), HasSubstr("not exact"));
  }
}

TEST_F(LayoutDesign, ABoundOutsideOfADomainIsRefused) {
  make(
      "CREATE DOMAIN positive AS int CHECK (VALUE > 0); CREATE DOMAIN moment AS timestamptz;"
      "CREATE TABLE t (n positive, at moment); INSERT INTO t SELECT g, '2024-01-01Z' FROM generate_series(1, 100) g");
  EXPECT_THAT(refusal_of({interval_level("RANGE (n)", "10")}).detail(), HasSubstr("positive_check"));
  expect_all_rows_have_a_leaf(design({bucket_level("RANGE (n)", 10)}));
  expect_all_rows_have_a_leaf(design({interval_level("RANGE (at)", "1 month")}));
}

// ---- RANGE by rows

TEST_F(LayoutDesign, BucketsHoldAboutAsManyRowsAsAskedFor) {
  make(
      "CREATE TABLE t (s text COLLATE \"C\", f float8, at timestamptz, n numeric) WITH (fillfactor = 10);"
      "INSERT INTO t SELECT md5(g::text), sqrt(g), '2024-01-01Z'::timestamptz + g::bigint * g * interval '1 ms', (g % 1000) ^ 3"
      " FROM generate_series(1, 60000) g; ANALYZE t");
  ASSERT_GT(count("generate_series(1, pg_relation_size('t') / 8192)"), 2048) << "the table is too small to be sampled";
  for (const char* const column : {"s", "f", "at", "n"}) {
    SCOPED_TRACE(column);
    const Layout layout = design({bucket_level(std::string("RANGE (") + column + ")", 5000)}, "Asia/Amman");
    EXPECT_EQ(leaves(layout).size(), 12U);
    expect_all_rows_have_a_leaf(layout);
    for (const std::int64_t rows : leaf_counts_) {
      EXPECT_GT(rows, 4000);
      EXPECT_LT(rows, 6000);
    }
  }
}

TEST_F(LayoutDesign, ValuesThatAreEqualInSeveralSpellingsNeverMakeTwoBounds) {
  make(
      "CREATE TABLE t (n numeric); INSERT INTO t SELECT (g % 3 || repeat('0', 0) || CASE g % 2 WHEN 0 THEN '.0' ELSE "
      "'.00' END)::numeric"
      " FROM generate_series(1, 3000) g");
  expect_all_rows_have_a_leaf(design({bucket_level("RANGE (n)", 10)}));
  EXPECT_THAT(leaf_counts_, ElementsAre(1000, 1000, 1000));
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

// RANGE levels as a server takes them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "planner/layout_design.hpp"
#include "tests/server/layout_design_fixture.hpp"

namespace pgsluice::planner {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

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
      "INSERT INTO t SELECT md5(g::text), sqrt(g), '2024-01-01Z'::timestamptz + g::bigint * g * interval '1 ms', (g % "
      "1000) ^ 3"
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

}  // namespace
}  // namespace pgsluice::planner

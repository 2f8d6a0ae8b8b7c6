// Ranges as a server sees them: cut by a session that can only read, then counted by the server one by one.
#include "planner/ranges.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <thread>

#include "pg/failure.hpp"
#include "pg/statements.hpp"
#include "planner/catalog.hpp"
#include "tests/support/database.hpp"

namespace pgsluice::planner {
namespace {

using testing::Each;
using testing::HasSubstr;
using testing::Not;
using tests::Database;

class Ranges : public testing::Test {
 protected:
  void make(std::string_view sql) { connection_.run_script(sql); }

  std::vector<Range> cut(const SplitOptions& options, SplitChoice choice = SplitChoice::automatic) {
    pg::SessionOptions session;
    session.conninfo = database_.conninfo();
    session.settings = {{"default_transaction_read_only", "on"}};
    session.observer = [&](const pg::StatementEvent& event) { statements_.emplace_back(event.sql); };
    pg::Connection reader(session);
    facts_ = read_table_facts(reader, {"public", "t"});
    key_ = choose_range_key(facts_, choice, reader.server_major_version(), false);
    statements_.clear();
    return cut_ranges(reader, facts_, key_, options);
  }

  // Rows of each range; they must make up the table, so no key is in two ranges or in none.
  std::vector<std::int64_t> counted(const std::vector<Range>& ranges) {
    EXPECT_FALSE(ranges.front().lower.has_value());  // R1
    EXPECT_FALSE(ranges.back().upper.has_value());
    std::vector<std::int64_t> counts;
    std::int64_t total = 0;
    for (const Range& range : ranges) {
      if (range.index > 0) {
        EXPECT_EQ(range.lower, ranges[range.index - 1].upper);  // R2
      }
      const Condition condition = between_sql(key_, range.lower, range.upper);
      counts.push_back(
          connection_.query("SELECT count(*) FROM ONLY t WHERE " + condition.sql, condition.parameters).integer(0, 0));
      total += counts.back();
    }
    EXPECT_EQ(total, connection_.query("SELECT count(*) FROM ONLY t").integer(0, 0));
    return counts;
  }

  void expect_balanced(const std::vector<Range>& ranges, std::size_t expected_count) {
    EXPECT_NEAR(static_cast<double>(ranges.size()), static_cast<double>(expected_count), 2.0);
    const std::vector<std::int64_t> counts = counted(ranges);
    std::int64_t total = 0;
    for (const std::int64_t rows : counts) {
      total += rows;
    }
    const double mean = static_cast<double>(total) / static_cast<double>(counts.size());
    EXPECT_LE(static_cast<double>(*std::max_element(counts.begin(), counts.end())), 2 * mean);
    EXPECT_GE(static_cast<double>(*std::min_element(counts.begin(), counts.end())), mean / 3);
  }

  std::int64_t page_count() { return connection_.query("SELECT pg_relation_size('t') / 8192").integer(0, 0); }

  Database database_;
  pg::Connection connection_ = database_.connect();
  TableFacts facts_;
  RangeKey key_;
  std::vector<std::string> statements_;  // Of the last cut.
};

SplitOptions rows_of(std::uint64_t range_rows) {
  SplitOptions options;
  options.range_rows = range_rows;
  return options;
}

// ---- Every kind of key, over 60,000 rows in more blocks than are sampled

constexpr int kRows = 60'000;

struct KeyCase {
  const char* name;
  const char* type;   // Of the column k.
  const char* value;  // SQL over g, 1 to 60,000, distinct.
};

void PrintTo(const KeyCase& key, std::ostream* stream) {
  *stream << key.name;
}

class RangesByKey : public Ranges, public testing::WithParamInterface<KeyCase> {};

TEST_P(RangesByKey, AreBalanced) {
  const KeyCase& key = GetParam();
  make(
      "CREATE TYPE mood AS ENUM ('sad', 'ok', 'glad'); CREATE DOMAIN id AS bigint CHECK (VALUE > 0); SELECT "
      "setseed(0.5);");
  make(std::string("CREATE TABLE t (k ") + key.type + ", a int, PRIMARY KEY (k)) WITH (fillfactor = 10)");
  make(std::string("INSERT INTO t SELECT ") + key.value + ", g FROM generate_series(1, " + std::to_string(kRows) +
       ") g");
  make("ANALYZE t (a)");  // Rows and pages are known, the key's histogram is not.
  ASSERT_GT(page_count(), 2048) << "the table is too small to be sampled";
  const std::vector<Range> ranges = cut(rows_of(1000));
  EXPECT_THAT(statements_, Each(Not(HasSubstr("OFFSET 1000 LIMIT"))));
  expect_balanced(ranges, kRows / 1000);
}

INSTANTIATE_TEST_SUITE_P(
    Kind, RangesByKey,
    testing::Values(
        KeyCase{"DenseInteger", "bigint", "g"},
        KeyCase{"ShuffledInteger", "int", "(g::bigint * 48271 % 2147483647)::int"},
        KeyCase{"NegativeInteger", "int", "-g"}, KeyCase{"SparseInteger", "bigint", "g::bigint * g * g * 40000"},
        KeyCase{"SkewedInteger", "bigint", "CASE WHEN g <= 1000 THEN g * 9000000000000000 ELSE g END"},
        KeyCase{
            "IntegerAtItsLimits", "bigint",
            "CASE g WHEN 1 THEN (-9223372036854775808)::numeric WHEN 2 THEN 9223372036854775807 ELSE g END::bigint"},
        KeyCase{"SmallIntegerAtItsLimits", "smallint",
                "(g - 32769 + CASE WHEN g > 50000 THEN 5000 ELSE 0 END)::smallint"},
        KeyCase{"RandomUuid", "uuid", "md5(g::text)::uuid"},
        KeyCase{"AscendingUuid", "uuid", "(lpad(to_hex(g), 12, '0') || substr(md5(g::text), 1, 20))::uuid"},
        KeyCase{"TextInByteOrder", "text COLLATE \"C\"", "chr(65 + g % 26) || md5(g::text)"},
        KeyCase{"TextInALanguagesOrder", "text COLLATE \"en-x-icu\"",
                "(ARRAY['é', 'E', 'e', 'Ä', '-a', ' '])[1 + g % 6] || g"},
        KeyCase{"LongText", "text", "repeat(md5(g::text), 8)"}, KeyCase{"PaddedText", "char(12)", "'x' || g"},
        KeyCase{"Numeric", "numeric", "(g % 100 - 50) * 1e15 + g / 7.0"}, KeyCase{"Float", "float8", "1 / g::float8"},
        KeyCase{"Timestamptz", "timestamptz", "'2024-01-01Z'::timestamptz + g::bigint * g * interval '1 ms'"},
        KeyCase{"TimestampBeforeChrist", "timestamp", "'0044-03-15 BC'::timestamp + g * interval '8 hours'"},
        KeyCase{"Date", "date", "'2024-01-01'::date - g"}, KeyCase{"Bytes", "bytea", "decode(md5(g::text), 'hex')"},
        KeyCase{"Address", "inet", "'10.0.0.0'::inet + g"}, KeyCase{"Array", "int[]", "ARRAY[g % 10, g]"},
        KeyCase{"Domain", "id", "g * 3"}),
    [](const testing::TestParamInfo<KeyCase>& instance) { return std::string(instance.param.name); });

TEST_F(Ranges, OfACompositeKeyAreBalancedWhateverItsFirstColumnHolds) {
  make(
      "CREATE TYPE mood AS ENUM ('sad', 'ok', 'glad');"
      "CREATE TABLE t (\"Re gion\" text, m mood, n int, PRIMARY KEY (\"Re gion\", m, n)) WITH (fillfactor = 10);"
      "INSERT INTO t SELECT CASE WHEN g % 10 < 9 THEN 'big, \"one\"' ELSE 'r' || g % 100 END, (ARRAY['sad', 'ok', "
      "'glad'])[1 + g % 3]::mood, g"
      " FROM generate_series(1, 60000) g; ANALYZE t");
  ASSERT_GT(page_count(), 2048);
  const std::vector<Range> ranges = cut(rows_of(1000));
  EXPECT_EQ(key_.columns.size(), 3U);
  expect_balanced(ranges, 60);
}

TEST_F(Ranges, AreCutByAUniqueIndexWithoutAPrimaryKey) {
  make(
      "CREATE TABLE t (a int, k uuid NOT NULL) WITH (fillfactor = 10); CREATE UNIQUE INDEX by_k ON t (k);"
      "INSERT INTO t SELECT g, md5(g::text)::uuid FROM generate_series(1, 60000) g; ANALYZE t");
  const std::vector<Range> ranges = cut(rows_of(1000));
  EXPECT_EQ(key_.index, "by_k");
  expect_balanced(ranges, 60);
}

TEST_F(Ranges, OfASmallTableAreExact) {
  make("CREATE TABLE t (k bigint PRIMARY KEY); INSERT INTO t SELECT g * g FROM generate_series(1, 10000) g");
  const std::vector<Range> ranges = cut(rows_of(500));
  ASSERT_EQ(ranges.size(), 20U);
  for (const std::int64_t rows : counted(ranges)) {
    EXPECT_NEAR(static_cast<double>(rows), 500, 10);
  }
  for (const Range& range : ranges) {
    EXPECT_NEAR(static_cast<double>(range.rows_estimate), 500, 10);
  }
}

TEST_F(Ranges, OfAnEmptyTableAreOneOpenRange) {
  make("CREATE TABLE t (k bigint PRIMARY KEY)");
  EXPECT_EQ(cut({}).size(), 1U);
  EXPECT_EQ(cut({}, SplitChoice::ctid).size(), 1U);
  make("INSERT INTO t SELECT generate_series(1, 10000); DELETE FROM t");
  const std::vector<Range> ranges = cut(rows_of(100));
  EXPECT_EQ(ranges.size(), 1U);
  counted(ranges);
}

TEST_F(Ranges, OfThreeRowsWithHugeGapsHaveNoEmptyOne) {
  make(
      "CREATE TABLE t (k bigint PRIMARY KEY); INSERT INTO t VALUES (-9223372036854775808), (0), (9223372036854775807)");
  EXPECT_THAT(counted(cut(rows_of(1))), testing::ElementsAre(1, 1, 1));
}

TEST_F(Ranges, FollowTheRowsThatAreLeftInAMostlyEmptyTable) {
  make(
      "CREATE TABLE t (k bigint PRIMARY KEY) WITH (fillfactor = 10, autovacuum_enabled = off);"
      "ALTER TABLE t ALTER k SET STATISTICS 0;"
      "INSERT INTO t SELECT generate_series(1, 120000); DELETE FROM t WHERE k <= 119000");
  connection_.query("VACUUM ANALYZE t");
  ASSERT_GT(page_count(), 2048);
  const std::vector<Range> ranges = cut(rows_of(50));
  EXPECT_THAT(statements_, testing::Contains(HasSubstr("OFFSET 50 LIMIT"))) << "the index was not walked";
  for (const std::int64_t rows : counted(ranges)) {
    EXPECT_LE(rows, 50);
  }
  EXPECT_LE(ranges.size(), 21U);
}

// ---- Bytes

constexpr std::string_view kTableWithLargeValues =
    "CREATE TABLE t (k int PRIMARY KEY, v text) WITH (fillfactor = 10); ALTER TABLE t ALTER v SET STORAGE EXTERNAL;"
    "INSERT INTO t SELECT g, CASE WHEN g BETWEEN 20000 AND 20499 THEN repeat('x', 200000) ELSE repeat('y', 50) END"
    " FROM generate_series(1, 40000) g; ANALYZE t";

TEST_F(Ranges, AreShorterWhereValuesAreToasted) {
  make(kTableWithLargeValues);
  ASSERT_GT(page_count(), 2048);
  SplitOptions options = rows_of(5000);
  options.range_bytes_max = 10'000'000;  // Fifty of the large rows.
  for (const SplitChoice choice : {SplitChoice::key, SplitChoice::ctid}) {
    const std::vector<Range> ranges = cut(options, choice);
    counted(ranges);
    for (const Range& range : ranges) {
      const Condition condition = between_sql(key_, range.lower, range.upper);
      const std::int64_t bytes =
          connection_
              .query("SELECT coalesce(sum(pg_column_size(v)), 0) FROM t WHERE " + condition.sql, condition.parameters)
              .integer(0, 0);
      EXPECT_LE(bytes, 20'000'000);
    }
    EXPECT_GE(ranges.size(), 10U);
    EXPECT_LE(ranges.size(), 30U);
  }
}

TEST_F(Ranges, SamplingReadsNoToastedValue) {
  make(kTableWithLargeValues);
  const TableFacts facts = read_table_facts(connection_, {"public", "t"});
  ASSERT_GT(facts.size.toast_bytes, 100'000'000);
  const std::string sql = samples_sql(facts, {{"source.k", "k1::text"}}, facts.size.page_count, 1);
  const pg::Result plan = connection_.query("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, SUMMARY OFF, FORMAT JSON) " + sql);
  const nlohmann::json top = nlohmann::json::parse(plan.text(0, 0)).at(0).at("Plan");
  const auto blocks =
      top.at("Shared Hit Blocks").get<std::int64_t>() + top.at("Shared Read Blocks").get<std::int64_t>();
  EXPECT_GE(blocks, facts.size.page_count);
  EXPECT_LE(blocks, facts.size.page_count + 100);
}

// ---- ctid

TEST_F(Ranges, ByCtidHoldTheSameNumberOfBlocks) {
  make("CREATE TABLE t (a int) WITH (fillfactor = 10); INSERT INTO t SELECT generate_series(1, 60000); ANALYZE t");
  const std::vector<Range> ranges = cut(rows_of(1000));
  EXPECT_TRUE(key_.is_ctid());
  EXPECT_TRUE(statements_.empty());
  expect_balanced(ranges, 60);
}

TEST_F(Ranges, ByCtidTakeRowsThatComeLater) {
  make("CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 5000); ANALYZE t");
  const std::vector<Range> ranges = cut(rows_of(1000));
  make("INSERT INTO t SELECT generate_series(1, 20000)");
  counted(ranges);
}

TEST_F(Ranges, ByKeyTakeRowsThatComeLater) {
  make("CREATE TABLE t (k int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 5000)");
  const std::vector<Range> ranges = cut(rows_of(1000));
  make("INSERT INTO t SELECT generate_series(-20000, 0); INSERT INTO t SELECT generate_series(5001, 9000)");
  counted(ranges);
}

// ---- Statistics

class RangesByStatistics : public Ranges {
 protected:
  bool histogram_is_offered() {
    const std::string oid = connection_.query("SELECT 't'::regclass::oid::int8").optional_text(0, 0).value();
    return connection_
               .query(pg::statement("key_histogram", connection_.server_major_version()), {oid, "public", "t", "k"})
               .row_count() == 1;
  }
  // Statistics of the cumulative system arrive with some delay.
  bool comes_true(const std::function<bool()>& condition) {
    for (int attempt = 0; attempt < 150; ++attempt) {
      if (condition()) {
        return true;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return false;
  }
  // Changes that are reported after ANALYZE would count as made after it.
  void analyze_after_changes(std::int64_t changes) {
    ASSERT_TRUE(comes_true([&] {
      return connection_.query("SELECT n_mod_since_analyze FROM pg_stat_user_tables WHERE relname = 't'")
                 .integer(0, 0) == changes;
    }));
    connection_.query("ANALYZE t");
    ASSERT_TRUE(comes_true([&] { return histogram_is_offered(); }));
  }
};

TEST_F(RangesByStatistics, AFineAndFreshHistogramIsEnough) {
  make(
      "CREATE TABLE t (k text PRIMARY KEY, a int) WITH (fillfactor = 10, autovacuum_enabled = off);"
      "ALTER TABLE t ALTER k SET STATISTICS 1000; INSERT INTO t SELECT md5(g::text) || '{\",\\', g FROM "
      "generate_series(1, 60000) g");
  analyze_after_changes(60000);
  const std::vector<Range> ranges = cut(rows_of(1000));
  EXPECT_THAT(statements_, Each(Not(HasSubstr("FROM ONLY")))) << "the table was read";
  expect_balanced(ranges, 60);
}

TEST_F(RangesByStatistics, ACoarseHistogramIsNotUsed) {
  make(
      "CREATE TABLE t (k int PRIMARY KEY) WITH (fillfactor = 10, autovacuum_enabled = off); INSERT INTO t SELECT "
      "generate_series(1, 60000)");
  analyze_after_changes(60000);
  const std::vector<Range> ranges = cut(rows_of(1000));
  EXPECT_THAT(statements_, testing::Contains(HasSubstr("FROM ONLY")));
  expect_balanced(ranges, 60);
}

TEST_F(RangesByStatistics, AStaleHistogramIsNotUsed) {
  make(
      "CREATE TABLE t (k int PRIMARY KEY) WITH (fillfactor = 10, autovacuum_enabled = off);"
      "ALTER TABLE t ALTER k SET STATISTICS 1000; INSERT INTO t SELECT generate_series(1, 60000)");
  analyze_after_changes(60000);
  make("INSERT INTO t SELECT generate_series(60001, 70000)");
  ASSERT_TRUE(comes_true([&] { return !histogram_is_offered(); }));
  expect_balanced(cut(rows_of(1000)), 70);
}

}  // namespace
}  // namespace pgsluice::planner

#include "planner/ranges.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "pg/failure.hpp"

namespace pgsluice::planner {
namespace {

using testing::HasSubstr;

// Keys 0, 1, 2, … of equal size.
std::vector<KeySample> even_samples(std::size_t count, std::uint64_t bytes = 100) {
  std::vector<KeySample> samples;
  for (std::size_t i = 0; i < count; ++i) {
    samples.push_back({{std::to_string(i)}, bytes});
  }
  return samples;
}

SplitOptions options_of(std::uint64_t rows, std::uint64_t bytes_max = std::uint64_t{1} << 40U,
                        std::uint32_t ranges_max = 20'000) {
  return {rows, bytes_max, ranges_max};
}

// R1, R2, and R3 but for the order, which only the server knows.
void expect_sound(const std::vector<Range>& ranges) {
  ASSERT_FALSE(ranges.empty());
  EXPECT_FALSE(ranges.front().lower.has_value());
  EXPECT_FALSE(ranges.back().upper.has_value());
  std::set<Key> bounds;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    EXPECT_EQ(ranges[i].index, i);
    if (i + 1 < ranges.size()) {
      ASSERT_TRUE(ranges[i].upper.has_value());
      EXPECT_EQ(ranges[i].upper, ranges[i + 1].lower);
      EXPECT_TRUE(bounds.insert(*ranges[i].upper).second) << "bound repeated";
    }
  }
}

// How many samples, and how many bytes, lie in each range; keys are numbers here.
struct Content {
  std::vector<std::size_t> rows;
  std::vector<std::uint64_t> bytes;
};

Content content_of(const std::vector<Range>& ranges, const std::vector<KeySample>& samples) {
  Content content;
  std::size_t next = 0;
  for (const Range& range : ranges) {
    content.rows.push_back(0);
    content.bytes.push_back(0);
    while (next < samples.size() &&
           (!range.upper || std::stoll(samples[next].key[0]) < std::stoll((*range.upper)[0]))) {
      ++content.rows.back();
      content.bytes.back() += samples[next++].bytes;
    }
  }
  EXPECT_EQ(next, samples.size());
  return content;
}

TEST(Split, WithoutSamplesIsOneOpenRange) {
  const std::vector<Range> ranges = split({}, 0, 0, {});
  ASSERT_EQ(ranges.size(), 1U);
  EXPECT_FALSE(ranges[0].lower.has_value());
  EXPECT_FALSE(ranges[0].upper.has_value());
  EXPECT_EQ(ranges[0].rows_estimate, 0U);
}

TEST(Split, OfOneSampleIsOneOpenRange) {
  EXPECT_EQ(split(even_samples(1), 1e9, 1e12, options_of(10)).size(), 1U);
}

TEST(Split, OfOneRepeatedKeyIsOneOpenRange) {
  const std::vector<KeySample> samples(1000, KeySample{{"7"}, 100});
  EXPECT_EQ(split(samples, 1000, 100'000, options_of(10)).size(), 1U);
}

TEST(Split, SharesRowsEvenlyWithoutARemnant) {
  const std::vector<KeySample> samples = even_samples(1001);
  const std::vector<Range> ranges = split(samples, 1001, 100'100, options_of(100));
  expect_sound(ranges);
  EXPECT_EQ(ranges.size(), 11U);
  for (const std::size_t rows : content_of(ranges, samples).rows) {
    EXPECT_EQ(rows, 91U);
  }
}

TEST(Split, SamplesStandForManyRows) {
  const std::vector<Range> ranges = split(even_samples(1000), 1'000'000, 1e8, options_of(100'000));
  expect_sound(ranges);
  ASSERT_EQ(ranges.size(), 10U);
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
  for (const Range& range : ranges) {
    EXPECT_EQ(range.rows_estimate, 100'000U);
    rows += range.rows_estimate;
    bytes += range.bytes_estimate;
  }
  EXPECT_EQ(rows, 1'000'000U);
  EXPECT_EQ(bytes, 100'000'000U);
}

TEST(Split, RangesAreEnoughForTrialsOfManySessionsButNotTiny) {
  const auto count = [](double rows) { return split(even_samples(20'000), rows, rows * 100, {}).size(); };
  EXPECT_EQ(count(20'000), 2U);  // At least 10,000 rows each.
  EXPECT_NEAR(static_cast<double>(count(10e6)), 256, 2);
  EXPECT_NEAR(static_cast<double>(count(50e6)), 1000, 10);  // Of 50,000 rows.
  EXPECT_NEAR(static_cast<double>(count(1e9)), 2048, 20);
  EXPECT_NEAR(static_cast<double>(count(5e9)), 5000, 50);  // At most 1,000,000 rows each.
}

TEST(Split, BytesShortenRangesOnlyWhereRowsAreLarge) {
  std::vector<KeySample> samples = even_samples(10'000);
  double bytes_total = 0;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    samples[i].bytes = i >= 5000 && i < 5100 ? 1'000'000 : 100;
    bytes_total += static_cast<double>(samples[i].bytes);
  }
  const std::vector<Range> ranges = split(samples, 10'000, bytes_total, options_of(1000, 10'000'000));
  expect_sound(ranges);
  const Content content = content_of(ranges, samples);
  for (const std::uint64_t bytes : content.bytes) {
    EXPECT_LE(bytes, 10'000'000U);
  }
  EXPECT_LE(ranges.size(), 22U);
  EXPECT_GE(ranges.size(), 20U);
}

TEST(Split, ARowLargerThanTheLimitStandsAlone) {
  std::vector<KeySample> samples = even_samples(5);
  samples[2].bytes = 1'000'000;
  const std::vector<Range> ranges = split(samples, 5, 1'000'400, options_of(100, 1000));
  expect_sound(ranges);
  EXPECT_EQ(content_of(ranges, samples).rows, (std::vector<std::size_t>{2, 1, 2}));
}

TEST(Split, AFrequentKeyKeepsToItself) {
  std::vector<KeySample> samples;
  for (int i = 0; i < 300; ++i) {
    const int key = i < 40 ? i : i < 260 ? 40 : i;
    samples.push_back({{std::to_string(key)}, 100});
  }
  const std::vector<Range> ranges = split(samples, 300, 30'000, options_of(50));
  expect_sound(ranges);
  const Content content = content_of(ranges, samples);
  EXPECT_EQ(content.rows, (std::vector<std::size_t>{40, 220, 40}));
}

TEST(Split, MakesNoMoreRangesThanAllowed) {
  EXPECT_LE(split(even_samples(50'000), 50'000, 5e6, options_of(1, 1, 1000)).size(), 1000U);
  EXPECT_LE(split(even_samples(50'000), 50'000, 5e6, options_of(1, std::uint64_t{1} << 40U, 1000)).size(), 1000U);
  EXPECT_EQ(split(even_samples(50'000), 50'000, 5e6, options_of(1, 1, 1)).size(), 1U);
}

TEST(Split, HoldsItsPromisesForRandomTables) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 300; ++round) {
    const auto below = [&](std::uint64_t limit) { return random() % limit; };
    const std::size_t count = below(3000);
    const bool is_unique = below(2) == 0;
    const bool has_large_rows = below(2) == 0;
    std::vector<KeySample> samples;
    double bytes_total = 0;
    std::int64_t key = static_cast<std::int64_t>(below(1000)) - 500;
    std::uint64_t largest = 0;
    for (std::size_t i = 0; i < count; ++i) {
      key += is_unique ? static_cast<std::int64_t>(1 + below(100)) : static_cast<std::int64_t>(below(3));
      const std::uint64_t bytes = has_large_rows && below(50) == 0 ? 100'000 + below(1'000'000) : 50 + below(200);
      largest = std::max(largest, bytes);
      samples.push_back({{std::to_string(key)}, bytes});
      bytes_total += static_cast<double>(bytes);
    }
    const std::uint64_t rows_max = 1 + below(500);
    const std::uint64_t bytes_max = 1000 + below(3'000'000);
    const std::vector<Range> ranges =
        split(samples, static_cast<double>(count), bytes_total, options_of(rows_max, bytes_max, 1'000'000));
    expect_sound(ranges);
    const Content content = content_of(ranges, samples);
    std::uint64_t rows_estimate = 0;
    for (std::size_t i = 0; i < ranges.size(); ++i) {
      rows_estimate += ranges[i].rows_estimate;
      EXPECT_EQ(ranges[i].rows_estimate, content.rows[i]);
      EXPECT_TRUE(count == 0 || content.rows[i] > 0) << "an empty range";
      if (is_unique) {
        EXPECT_LE(content.rows[i], rows_max);
        EXPECT_LE(content.bytes[i], std::max(bytes_max, largest));
      }
    }
    EXPECT_EQ(rows_estimate, count);
    if (testing::Test::HasFailure()) {
      FAIL() << "round " << round << ", " << count << " samples, rows_max " << rows_max << ", bytes_max " << bytes_max;
    }
  }
}

TEST(SplitBlocks, SharesBlocksEvenly) {
  const std::vector<Range> ranges = split_blocks(1'000'003, 100e6, 8e9, {});
  expect_sound(ranges);
  EXPECT_EQ(ranges.size(), 2000U);
  std::int64_t before = 0;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    const std::int64_t end = ranges[i].upper ? std::stoll((*ranges[i].upper)[0]) : 1'000'003;
    EXPECT_NEAR(static_cast<double>(end - before), 1'000'003.0 / 2000, 1);
    before = end;
  }
}

TEST(SplitBlocks, OfFewBlocksHasNoEmptyRange) {
  EXPECT_EQ(split_blocks(0, 0, 0, {}).size(), 1U);
  EXPECT_EQ(split_blocks(1, 1000, 8192, options_of(1)).size(), 1U);
  const std::vector<Range> ranges = split_blocks(3, 1000, 24'576, options_of(1));
  expect_sound(ranges);
  EXPECT_EQ(ranges.size(), 3U);
}

TEST(SplitBlocks, CountsToastedBytes) {
  EXPECT_EQ(split_blocks(1000, 1000, 1e9, options_of(1000, 100'000'000)).size(), 10U);
}

TEST(SplitChoiceName, IsReadOrRefused) {
  EXPECT_EQ(split_choice_named("auto"), SplitChoice::automatic);
  EXPECT_EQ(split_choice_named("key"), SplitChoice::key);
  EXPECT_EQ(split_choice_named("ctid"), SplitChoice::ctid);
  EXPECT_THROW(split_choice_named("KEY"), pg::Failure);
}

// ---- The key

constexpr int kNewServer = 15;

Column column_of(const std::string& name, const std::string& type, bool not_null = true) {
  Column column;
  column.name = name;
  column.type = type;
  column.not_null = not_null;
  return column;
}

Index unique_index(const std::string& name, std::vector<std::string> columns) {
  Index index;
  index.name = name;
  index.is_unique = true;
  index.key_columns = std::move(columns);
  index.access_method = "btree";
  return index;
}

TableFacts facts_with(std::vector<Index> indexes) {
  TableFacts facts;
  facts.name = {"public", "t"};
  facts.columns = {column_of("a", "bigint"), column_of("b", "text"), column_of("c", "uuid"),
                   column_of("n", "integer", false)};
  facts.indexes = std::move(indexes);
  return facts;
}

TEST(RangeKeyChoice, IsThePrimaryKeyEvenWhenAnotherIsShorter) {
  Index primary = unique_index("t_pkey", {"b", "a"});
  primary.is_primary = true;
  const RangeKey key =
      choose_range_key(facts_with({unique_index("t_c", {"c"}), primary}), SplitChoice::automatic, kNewServer, false);
  EXPECT_EQ(key.index, "t_pkey");
  ASSERT_EQ(key.columns.size(), 2U);
  EXPECT_EQ(key.columns[0].name, "b");
  EXPECT_EQ(key.columns[0].type, "text");
  EXPECT_EQ(key.columns[1].type, "bigint");
}

TEST(RangeKeyChoice, IsTheShortestUniqueIndexWithoutAPrimaryKey) {
  const TableFacts facts = facts_with({unique_index("t_ab", {"a", "b"}), unique_index("t_c", {"c"})});
  EXPECT_EQ(choose_range_key(facts, SplitChoice::key, kNewServer, false).index, "t_c");
}

TEST(RangeKeyChoice, PassesOverIndexesThatDoNotOrderEveryRow) {
  std::vector<Index> indexes(9, unique_index("i", {"a"}));
  indexes[0].is_unique = false;
  indexes[1].is_valid = false;
  indexes[2].is_partial = true;
  indexes[3].has_expressions = true;
  indexes[4].deferrable = true;
  indexes[5].access_method = "hash";
  indexes[6].default_order = false;
  indexes[7].key_columns = {"n"};
  indexes[8].key_columns = {""};
  for (const Index& index : indexes) {
    EXPECT_TRUE(choose_range_key(facts_with({index}), SplitChoice::automatic, kNewServer, false).is_ctid());
    EXPECT_THROW(choose_range_key(facts_with({index}), SplitChoice::key, kNewServer, false), pg::Failure);
  }
}

TEST(RangeKeyChoice, SaysOfEachIndexWhyItIsNoKey) {
  Index partial = unique_index("t_part", {"a"});
  partial.is_partial = true;
  try {
    choose_range_key(facts_with({unique_index("t_n", {"a", "n"}), partial}), SplitChoice::key, kNewServer, false);
    FAIL();
  } catch (const pg::Failure& failure) {
    EXPECT_EQ(failure.kind(), pg::FailureKind::refused);
    EXPECT_THAT(failure.detail(), HasSubstr("t_n: column n may be NULL"));
    EXPECT_THAT(failure.detail(), HasSubstr("t_part: does not cover all rows"));
    EXPECT_THAT(failure.hint(), HasSubstr("--split ctid"));
  }
}

TEST(RangeKeyChoice, IsCtidWhenAskedFor) {
  EXPECT_TRUE(
      choose_range_key(facts_with({unique_index("t_a", {"a"})}), SplitChoice::ctid, kNewServer, false).is_ctid());
}

TEST(RangeKeyChoice, NeedsAKeyBeforePostgresql14) {
  EXPECT_EQ(choose_range_key(facts_with({unique_index("t_a", {"a"})}), SplitChoice::automatic, 13, false).index, "t_a");
  EXPECT_THROW(choose_range_key(facts_with({unique_index("t_a", {"a"})}), SplitChoice::ctid, 13, false), pg::Failure);
  EXPECT_THROW(choose_range_key(facts_with({}), SplitChoice::automatic, 13, false), pg::Failure);
}

TEST(SampledBlocks, AreBoundedHoweverLargeTheTableIs) {
  TableSize size;
  size.page_count = 1'000'000'000;
  size.heap_bytes = size.page_count * 8192;
  for (const double rows_per_block : {0.0, 1.0, 30.0, 226.0}) {
    size.rows_estimate = rows_per_block * 1e9;
    for (const double pieces : {1.0, 256.0, 20'000.0}) {
      EXPECT_GE(sampled_block_count(size, pieces), 2'048);
      EXPECT_LE(sampled_block_count(size, pieces), 16'384);
    }
  }
}

}  // namespace
}  // namespace pgsluice::planner

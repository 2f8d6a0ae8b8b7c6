#include "planner/routing.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "planner/partition_hash.hpp"
#include "planner/routing_compare.hpp"
#include "tests/support/copy_row.hpp"

namespace pgsluice::planner {
namespace {

using tests::copy_row;
using tests::network_order;
using Kind = RangeBoundValue::Kind;

std::string int8_bytes(std::int64_t value) {
  return network_order(value);
}

RangeBoundValue at(std::int64_t value) {
  return {Kind::value, int8_bytes(value)};
}

const RangeBoundValue kMin{Kind::minvalue, {}};
const RangeBoundValue kMax{Kind::maxvalue, {}};

RoutedPartition range(std::size_t leaf, std::vector<RangeBoundValue> lower, std::vector<RangeBoundValue> upper) {
  RoutedPartition partition;
  partition.lower = std::move(lower);
  partition.upper = std::move(upper);
  partition.index = leaf;
  return partition;
}

RoutedPartition hash(std::size_t leaf, std::uint64_t modulus, std::uint64_t remainder) {
  RoutedPartition partition;
  partition.modulus = modulus;
  partition.remainder = remainder;
  partition.index = leaf;
  return partition;
}

RoutedPartition list(std::size_t leaf, std::vector<std::string> values, bool takes_null = false) {
  RoutedPartition partition;
  partition.values = std::move(values);
  partition.takes_null = takes_null;
  partition.index = leaf;
  return partition;
}

RoutedPartition other(std::size_t leaf) {
  RoutedPartition partition;
  partition.is_default = true;
  partition.index = leaf;
  return partition;
}

std::int32_t leaf_of(const Router& router, const std::vector<std::optional<std::string>>& fields) {
  return router.leaf_of(copy_row(fields));
}

constexpr std::int64_t kLowest = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kHighest = std::numeric_limits<std::int64_t>::max();

TEST(Routing, RangesAreHalfOpenAndGapsAndNullsGoToDefault) {
  const Router router(
      {{PartitionMethod::range,
        {{1, RoutingType::int8}},
        {range(2, {at(20)}, {kMax}), range(0, {kMin}, {at(0)}), range(1, {at(0)}, {at(10)}), other(3)}}});
  const auto leaf = [&](std::int64_t key) { return leaf_of(router, {"skipped", int8_bytes(key)}); };
  EXPECT_EQ(leaf(kLowest), 0);
  EXPECT_EQ(leaf(-1), 0);
  EXPECT_EQ(leaf(0), 1);
  EXPECT_EQ(leaf(9), 1);
  EXPECT_EQ(leaf(10), 3);
  EXPECT_EQ(leaf(19), 3);
  EXPECT_EQ(leaf(20), 2);
  EXPECT_EQ(leaf(kHighest), 2);
  EXPECT_EQ(leaf_of(router, {"skipped", std::nullopt}), 3);
}

TEST(Routing, ARowBelowTheFirstRangeHasNoLeafWithoutDefault) {
  const Router router({{PartitionMethod::range, {{0, RoutingType::int8}}, {range(0, {at(0)}, {at(10)})}}});
  EXPECT_EQ(leaf_of(router, {int8_bytes(-1)}), Router::kNoLeaf);
  EXPECT_EQ(leaf_of(router, {int8_bytes(10)}), Router::kNoLeaf);
  EXPECT_EQ(leaf_of(router, {std::nullopt}), Router::kNoLeaf);
}

TEST(Routing, RangesOfSeveralColumnsCompareColumnByColumnWithMinAndMaxWithin) {
  const Router router(
      {{PartitionMethod::range,
        {{0, RoutingType::int8}, {1, RoutingType::text}},
        {range(0, {kMin, kMin}, {at(5), {Kind::value, "m"}}), range(1, {at(5), {Kind::value, "m"}}, {at(5), kMax}),
         range(2, {at(6), kMin}, {kMax, kMax})}}});
  EXPECT_EQ(leaf_of(router, {int8_bytes(kLowest), "z"}), 0);
  EXPECT_EQ(leaf_of(router, {int8_bytes(5), "lzzz"}), 0);
  EXPECT_EQ(leaf_of(router, {int8_bytes(5), "m"}), 1);
  EXPECT_EQ(leaf_of(router, {int8_bytes(5), "\xff\xff"}), 1);
  EXPECT_EQ(leaf_of(router, {int8_bytes(6), ""}), 2);
  EXPECT_EQ(leaf_of(router, {int8_bytes(kHighest), "\xff"}), 2);
  EXPECT_EQ(leaf_of(router, {int8_bytes(5), std::nullopt}), Router::kNoLeaf);
}

TEST(Routing, ListTakesNullWhereAPartitionNamesItElseDefault) {
  const Router naming(
      {{PartitionMethod::list, {{0, RoutingType::text}}, {list(0, {"b", "a"}), list(1, {""}, true), other(2)}}});
  EXPECT_EQ(leaf_of(naming, {"a"}), 0);
  EXPECT_EQ(leaf_of(naming, {"b"}), 0);
  EXPECT_EQ(leaf_of(naming, {""}), 1);
  EXPECT_EQ(leaf_of(naming, {std::nullopt}), 1);
  EXPECT_EQ(leaf_of(naming, {"ab"}), 2);
  const Router plain({{PartitionMethod::list, {{0, RoutingType::int8}}, {list(0, {int8_bytes(7)}), other(1)}}});
  EXPECT_EQ(leaf_of(plain, {int8_bytes(7)}), 0);
  EXPECT_EQ(leaf_of(plain, {int8_bytes(8)}), 1);
  EXPECT_EQ(leaf_of(plain, {std::nullopt}), 1);
}

TEST(Routing, HashTakesEveryRemainderOfMixedModuli) {
  const Router router({{PartitionMethod::hash,
                        {{0, RoutingType::int8}},
                        {hash(0, 2, 0), hash(1, 4, 1), hash(2, 8, 3), hash(3, 8, 7)}}});
  for (std::int64_t key = -500; key < 500; ++key) {
    const std::uint64_t row_hash = combine_hashes(0, hash_value(RoutingType::int8, int8_bytes(key), kPartitionSeed));
    const std::int32_t expected = row_hash % 2 == 0 ? 0 : (row_hash % 4 == 1 ? 1 : (row_hash % 8 == 3 ? 2 : 3));
    EXPECT_EQ(leaf_of(router, {int8_bytes(key)}), expected) << key;
  }
}

// SELECT satisfies_hash_partition('t'::regclass, 4, r, NULL::int8, NULL::text) is true for remainder 0.
TEST(Routing, HashOfNothingButNullsIsZeroAndANullAmongOthersIsLeftOut) {
  const Router router({{PartitionMethod::hash,
                        {{0, RoutingType::int8}, {1, RoutingType::text}},
                        {hash(0, 4, 0), hash(1, 4, 1), hash(2, 4, 2), hash(3, 4, 3)}}});
  EXPECT_EQ(leaf_of(router, {std::nullopt, std::nullopt}), 0);
  const std::uint64_t alone = combine_hashes(0, hash_value(RoutingType::text, "x", kPartitionSeed));
  EXPECT_EQ(leaf_of(router, {std::nullopt, "x"}), static_cast<std::int32_t>(alone % 4));
}

TEST(Routing, AHashPartitionThatIsMissingHasNoLeaf) {
  const Router router({{PartitionMethod::hash, {{0, RoutingType::int8}}, {hash(0, 2, 0)}}});
  bool some_without = false;
  for (std::int64_t key = 0; key < 20; ++key) {
    some_without = some_without || leaf_of(router, {int8_bytes(key)}) == Router::kNoLeaf;
  }
  EXPECT_TRUE(some_without);
}

TEST(Routing, GoesDownEveryLevel) {
  RoutedPartition low = range(1, {kMin}, {at(0)});
  low.is_leaf = false;
  const Router router({{PartitionMethod::range, {{2, RoutingType::int8}}, {low, range(2, {at(0)}, {kMax})}},
                       {PartitionMethod::list, {{0, RoutingType::text}}, {list(0, {"a"}), other(1)}}});
  EXPECT_EQ(router.key_positions(), (std::vector<std::uint16_t>{0, 2}));
  EXPECT_EQ(leaf_of(router, {"a", "x", int8_bytes(-1)}), 0);
  EXPECT_EQ(leaf_of(router, {"b", "x", int8_bytes(-1)}), 1);
  EXPECT_EQ(leaf_of(router, {"a", "x", int8_bytes(0)}), 2);
}

TEST(Routing, BytesThatDoNotFitHaveNoLeaf) {
  const Router router({{PartitionMethod::hash, {{1, RoutingType::int8}}, {hash(0, 1, 0)}}});
  EXPECT_EQ(leaf_of(router, {"x", int8_bytes(1)}), 0);
  EXPECT_EQ(leaf_of(router, {"x", "four"}), Router::kNoLeaf);
  EXPECT_EQ(leaf_of(router, {"x"}), Router::kNoLeaf);
  const std::string whole = copy_row({"x", int8_bytes(1)});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(router.leaf_of(std::string(whole.substr(0, size))), Router::kNoLeaf) << size;
  }
}

TEST(RoutingCompare, FollowsTheTypesOwnOrder) {
  using std::string_literals::operator""s;
  struct Ascending {
    RoutingType type;
    std::vector<std::string> values;
  };
  const auto numeric = [](std::vector<int> shorts) {
    std::string bytes;
    for (const int value : shorts) bytes += network_order(static_cast<std::int16_t>(value));
    return bytes;
  };
  for (const Ascending& order : {
           Ascending{RoutingType::int2, {"\x80\x00"s, "\xff\xff"s, "\x00\x00"s, "\x7f\xff"s}},
           Ascending{RoutingType::oid, {"\0\0\0\0"s, "\x7f\xff\xff\xff"s, "\xff\xff\xff\xff"s}},
           Ascending{RoutingType::character, {"\0"s, "a", "\xff"}},
           Ascending{RoutingType::boolean, {"\0"s, "\1"}},
           Ascending{RoutingType::float4,
                     {"\xff\x80\0\0"s, "\xbf\x80\0\0"s, "\0\0\0\0"s, "\x7f\x80\0\0"s, "\x7f\xc0\0\0"s}},
           Ascending{RoutingType::text, {"", "A", "a", "ab", "\xc3\xbc"}},
           Ascending{RoutingType::bytea, {"", "\0"s, "\0\0"s, "\xff"}},
           // -Infinity, -10000, -1.5, -1, 0, 0.0001, 1, 1.5, 10000, Infinity, NaN
           Ascending{RoutingType::numeric,
                     {numeric({0, 0, 0xF000, 0}), numeric({1, 1, 0x4000, 0, 1}), numeric({2, 0, 0x4000, 1, 1, 5000}),
                      numeric({1, 0, 0x4000, 0, 1}), numeric({0, 0, 0, 0}), numeric({1, -1, 0, 4, 1}),
                      numeric({1, 0, 0, 0, 1}), numeric({2, 0, 0, 1, 1, 5000}), numeric({1, 1, 0, 0, 1}),
                      numeric({0, 0, 0xD000, 0}), numeric({0, 0, 0xC000, 0})}},
       }) {
    for (std::size_t i = 0; i < order.values.size(); ++i) {
      for (std::size_t j = 0; j < order.values.size(); ++j) {
        EXPECT_EQ(compare_values(order.type, order.values[i], order.values[j]), i <=> j)
            << static_cast<int>(order.type) << ": " << i << ", " << j;
      }
    }
  }
  EXPECT_EQ(compare_values(RoutingType::float8, "\x80\0\0\0\0\0\0\0"s, "\0\0\0\0\0\0\0\0"s), 0 <=> 0);
  EXPECT_EQ(compare_values(RoutingType::bpchar, "a  ", "a"), 0 <=> 0);
  EXPECT_EQ(compare_values(RoutingType::numeric, numeric({1, 0, 0, 0, 1}), numeric({2, 0, 0, 4, 1, 0})), 0 <=> 0);
}

}  // namespace
}  // namespace pgsluice::planner

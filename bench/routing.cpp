// What it costs to find a row's leaf: the walk through a binary COPY row to its key, and the routing. Rows are as wide
// as those of an event table (six columns, the key behind one or two others) and lie one after another, 16 MB of them,
// so that they come from memory as they do behind a socket. An iteration routes
// one row.
#include "planner/routing.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "tests/support/copy_row.hpp"

namespace {

using pgsluice::planner::PartitionMethod;
using pgsluice::planner::RangeBoundValue;
using pgsluice::planner::RoutedPartition;
using pgsluice::planner::RoutedTable;
using pgsluice::planner::Router;
using pgsluice::planner::RoutingType;
using pgsluice::tests::network_order;

constexpr std::size_t kRowsBytes = 16 * 1024 * 1024;
constexpr std::uint16_t kIdPosition = 0, kAccountPosition = 1, kTimePosition = 2, kNotePosition = 5;
constexpr std::int64_t kMonth = 30LL * 86400 * 1000000;
constexpr int kMonths = 24;

// bigint, bigint, timestamptz, int, numeric, text of 32 bytes.
struct Rows {
  std::string bytes;
  std::vector<std::span<const char>> rows;

  Rows() {
    std::mt19937_64 random(1);
    std::vector<std::size_t> begins;
    for (std::int64_t id = 0; bytes.size() < kRowsBytes; ++id) {
      begins.push_back(bytes.size());
      bytes += network_order(std::int16_t{6});
      const auto add = [&](const std::string& field) {
        bytes += network_order(static_cast<std::int32_t>(field.size())) + field;
      };
      add(network_order(id));
      add(network_order(static_cast<std::int64_t>(random() % 1000003)));
      add(network_order(static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(kMonths * kMonth))));
      add(network_order(std::int32_t{7}));
      add(network_order(std::int64_t{0x0002000000000002}) + network_order(std::int32_t{0x04D204D2}));
      std::string note;
      for (int i = 0; i < 32; ++i) {
        note.push_back(static_cast<char>('a' + random() % 16));
      }
      add(note);
    }
    begins.push_back(bytes.size());
    for (std::size_t i = 0; i + 1 < begins.size(); ++i) {
      rows.emplace_back(bytes.data() + begins[i], begins[i + 1] - begins[i]);
    }
  }
};

const Rows& all_rows() {
  static const Rows rows;
  return rows;
}

RoutedTable by_hash(std::uint16_t position, RoutingType type, std::uint64_t count, std::size_t first_leaf = 0) {
  RoutedTable table{PartitionMethod::hash, {{position, type}}, {}};
  for (std::uint64_t i = 0; i < count; ++i) {
    RoutedPartition partition;
    partition.modulus = count;
    partition.remainder = i;
    partition.index = first_leaf + i;
    table.partitions.push_back(partition);
  }
  return table;
}

RoutedTable by_month() {
  RoutedTable table{PartitionMethod::range, {{kTimePosition, RoutingType::timestamp}}, {}};
  for (int i = 0; i < kMonths; ++i) {
    RoutedPartition partition;
    partition.lower = {{RangeBoundValue::Kind::value, network_order(i * kMonth)}};
    partition.upper = {{RangeBoundValue::Kind::value, network_order((i + 1) * kMonth)}};
    partition.index = static_cast<std::size_t>(i);
    table.partitions.push_back(partition);
  }
  return table;
}

std::vector<RoutedTable> by_month_and_hash() {
  std::vector<RoutedTable> tables = {by_month()};
  for (std::size_t i = 0; i < tables[0].partitions.size(); ++i) {
    tables[0].partitions[i].is_leaf = false;
    tables[0].partitions[i].index = i + 1;
    tables.push_back(by_hash(kAccountPosition, RoutingType::int8, 4, 4 * i));
  }
  return tables;
}

void route(benchmark::State& state, std::vector<RoutedTable> tables) {
  const Router router(std::move(tables));
  const std::vector<std::span<const char>>& rows = all_rows().rows;
  std::int64_t sum = 0;
  std::size_t next = 0;
  for (auto _ : state) {
    sum += router.leaf_of(rows[next]);
    next = next + 1 == rows.size() ? 0 : next + 1;
  }
  benchmark::DoNotOptimize(sum);
}

BENCHMARK_CAPTURE(route, int8_hash_16, {by_hash(kIdPosition, RoutingType::int8, 16)});
BENCHMARK_CAPTURE(route, int8_hash_1024, {by_hash(kAccountPosition, RoutingType::int8, 1024)});
BENCHMARK_CAPTURE(route, timestamptz_range_24, {by_month()});
BENCHMARK_CAPTURE(route, text32_hash_16, {by_hash(kNotePosition, RoutingType::text, 16)});
BENCHMARK_CAPTURE(route, numeric_hash_16, {by_hash(4, RoutingType::numeric, 16)});
BENCHMARK_CAPTURE(route, two_levels_24_by_4, by_month_and_hash());

}  // namespace

BENCHMARK_MAIN();

#include "planner/routing.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "planner/partition_hash.hpp"
#include "planner/routing_compare.hpp"

namespace pgsluice::planner {

namespace {

// Trees are made by mover/leaf_routes.cpp from what the server said: one that does not fit is a programmer's error.
[[noreturn]] void die(const char* why) {
  std::fprintf(stderr, "pgsluice: internal error: routing: %s\n", why);
  std::abort();
}

using BoundKind = RangeBoundValue::Kind;

// -1, 0 or 1, as `left` stands to `right`.
int compare_bounds(const std::vector<RoutingType>& types, const std::vector<RangeBoundValue>& left,
                   const std::vector<RangeBoundValue>& right) {
  for (std::size_t i = 0; i < types.size(); ++i) {
    if (left[i].kind != right[i].kind) {
      return left[i].kind < right[i].kind ? -1 : 1;
    }
    if (left[i].kind != BoundKind::value) {
      return 0;  // What follows MINVALUE or MAXVALUE does not count.
    }
    const auto order = compare_values(types[i], left[i].bytes, right[i].bytes);
    if (order != 0) {
      return order < 0 ? -1 : 1;
    }
  }
  return 0;
}

// How many of the ascending values are not above `value`. Without branches: keys that come in no order would have each
// of them mispredicted.
std::size_t count_not_above(const std::vector<std::int64_t>& ascending, std::int64_t value) {
  if (ascending.empty()) {
    return 0;
  }
  const std::int64_t* first = ascending.data();
  std::size_t left = ascending.size();
  while (left > 1) {
    const std::size_t half = left / 2;
    first += first[half] <= value ? half : 0;
    left -= half;
  }
  return static_cast<std::size_t>(first - ascending.data()) + (*first <= value ? 1 : 0);
}

std::vector<RoutingType> types_of(const RoutedTable& table) {
  std::vector<RoutingType> types;
  for (const RoutingKey& key : table.keys) {
    types.push_back(key.type);
  }
  return types;
}

}  // namespace

Router::Target Router::target_of(const RoutedPartition& partition) {
  const auto index = static_cast<Target>(partition.index);
  return partition.is_leaf ? index : -2 - index;
}

Router::Router(std::vector<RoutedTable> tables) {
  for (const RoutedTable& table : tables) {
    for (const RoutingKey& key : table.keys) {
      positions_.push_back(key.position);
    }
  }
  std::sort(positions_.begin(), positions_.end());
  positions_.erase(std::unique(positions_.begin(), positions_.end()), positions_.end());
  if (tables.empty() || positions_.size() > kKeyColumnsMax) {
    die("a tree without a table, or with too many key columns");
  }
  for (const RoutedTable& table : tables) {
    tables_.push_back(made(table));
  }
}

Router::Table Router::made(const RoutedTable& routed) const {
  Table table;
  table.method = routed.method;
  table.is_ordinal = routed.keys.size() == 1 && is_ordinal(routed.keys[0].type);
  for (const RoutingKey& key : routed.keys) {
    const auto place = std::lower_bound(positions_.begin(), positions_.end(), key.position);
    table.keys.push_back({static_cast<std::uint16_t>(place - positions_.begin()), key.type});
  }
  for (const RoutedPartition& partition : routed.partitions) {
    if (partition.is_default) {
      table.without_match = target_of(partition);
    }
  }
  table.of_null = table.without_match;
  switch (routed.method) {
    case PartitionMethod::hash:
      make_hash(table, routed);
      break;
    case PartitionMethod::range:
      make_range(table, routed);
      break;
    case PartitionMethod::list:
      make_list(table, routed);
      break;
  }
  return table;
}

// Every modulus divides the greatest, so a partition owns each place that leaves its remainder.
void Router::make_hash(Table& table, const RoutedTable& routed) {
  std::uint64_t greatest = 0;
  for (const RoutedPartition& partition : routed.partitions) {
    greatest = std::max(greatest, partition.modulus);
  }
  table.by_remainder.assign(greatest, kNoLeaf);
  for (const RoutedPartition& partition : routed.partitions) {
    if (partition.modulus == 0 || partition.remainder >= partition.modulus) {
      die("a remainder is not below its modulus");
    }
    for (std::uint64_t place = partition.remainder; place < greatest; place += partition.modulus) {
      table.by_remainder[place] = target_of(partition);
    }
  }
}

void Router::make_range(Table& table, const RoutedTable& routed) {
  const std::vector<RoutingType> types = types_of(routed);
  for (const RoutedPartition& partition : routed.partitions) {
    if (partition.is_default) {
      continue;
    }
    if (partition.lower.size() != types.size() || partition.upper.size() != types.size()) {
      die("a bound has not as many values as the key has columns");
    }
    table.ranges.push_back({partition.lower, partition.upper, target_of(partition)});
  }
  std::sort(table.ranges.begin(), table.ranges.end(),
            [&](const Range& left, const Range& right) { return compare_bounds(types, left.lower, right.lower) < 0; });
  if (!table.is_ordinal) {
    return;
  }
  constexpr std::int64_t kLowest = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t kHighest = std::numeric_limits<std::int64_t>::max();
  for (const Range& range : table.ranges) {
    const RangeBoundValue& lower = range.lower[0];
    const RangeBoundValue& upper = range.upper[0];
    // Bounds are never empty ranges, so the value before `upper` exists.
    table.ordinals.push_back(lower.kind == BoundKind::value ? ordinal(types[0], lower.bytes) : kLowest);
    table.ordinal_ranges.push_back(
        {upper.kind == BoundKind::value ? ordinal(types[0], upper.bytes) - 1 : kHighest, range.target});
  }
}

void Router::make_list(Table& table, const RoutedTable& routed) {
  const RoutingType type = routed.keys[0].type;
  for (const RoutedPartition& partition : routed.partitions) {
    if (partition.takes_null) {
      table.of_null = target_of(partition);
    }
    for (const std::string& value : partition.values) {
      table.list.push_back({value, target_of(partition)});
    }
  }
  std::sort(table.list.begin(), table.list.end(), [&](const ListValue& left, const ListValue& right) {
    return compare_values(type, left.bytes, right.bytes) < 0;
  });
  if (table.is_ordinal) {
    for (const ListValue& value : table.list) {
      table.ordinals.push_back(ordinal(type, value.bytes));
      table.ordinal_targets.push_back(value.target);
    }
  }
}

std::int32_t Router::leaf_of(const pg::CopyField* fields) const {
  Target target = -2;
  while (target < kNoLeaf) {
    const Table& table = tables_[static_cast<std::size_t>(-2 - target)];
    for (const Key& key : table.keys) {
      if (!fields[key.field].is_null() && !is_well_formed(key.type, fields[key.field].view())) {
        return kNoLeaf;
      }
    }
    switch (table.method) {
      case PartitionMethod::hash:
        target = hash_target(table, fields);
        break;
      case PartitionMethod::range:
        target = range_target(table, fields);
        break;
      case PartitionMethod::list:
        target = list_target(table, fields);
        break;
    }
  }
  return target;
}

Router::Target Router::hash_target(const Table& table, const pg::CopyField* fields) {
  std::uint64_t hash = 0;
  for (const Key& key : table.keys) {
    const pg::CopyField& field = fields[key.field];
    if (!field.is_null()) {
      hash = combine_hashes(hash, hash_value(key.type, field.view(), kPartitionSeed));
    }
  }
  return table.by_remainder.empty() ? kNoLeaf : table.by_remainder[hash % table.by_remainder.size()];
}

// As the bound stands to the row's key.
int Router::compare_bound(const Table& table, const std::vector<RangeBoundValue>& bound, const pg::CopyField* fields) {
  for (std::size_t i = 0; i < bound.size(); ++i) {
    if (bound[i].kind != BoundKind::value) {
      return bound[i].kind == BoundKind::minvalue ? -1 : 1;
    }
    const auto order = compare_values(table.keys[i].type, bound[i].bytes, fields[table.keys[i].field].view());
    if (order != 0) {
      return order < 0 ? -1 : 1;
    }
  }
  return 0;
}

Router::Target Router::range_target(const Table& table, const pg::CopyField* fields) {
  for (const Key& key : table.keys) {
    if (fields[key.field].is_null()) {
      return table.without_match;
    }
  }
  if (table.is_ordinal) {
    const std::int64_t value = ordinal(table.keys[0].type, fields[table.keys[0].field].view());
    const std::size_t count = count_not_above(table.ordinals, value);
    if (count == 0) {
      return table.without_match;
    }
    const OrdinalRange& range = table.ordinal_ranges[count - 1];
    return value <= range.last ? range.target : table.without_match;
  }
  const auto after = std::partition_point(table.ranges.begin(), table.ranges.end(), [&](const Range& range) {
    return compare_bound(table, range.lower, fields) <= 0;
  });
  if (after == table.ranges.begin() || compare_bound(table, std::prev(after)->upper, fields) <= 0) {
    return table.without_match;
  }
  return std::prev(after)->target;
}

Router::Target Router::list_target(const Table& table, const pg::CopyField* fields) {
  const Key& key = table.keys[0];
  const pg::CopyField& field = fields[key.field];
  if (field.is_null()) {
    return table.of_null;
  }
  if (table.is_ordinal) {
    const std::int64_t value = ordinal(key.type, field.view());
    const std::size_t count = count_not_above(table.ordinals, value);
    return count > 0 && table.ordinals[count - 1] == value ? table.ordinal_targets[count - 1] : table.without_match;
  }
  const auto place = std::partition_point(table.list.begin(), table.list.end(), [&](const ListValue& value) {
    return compare_values(key.type, value.bytes, field.view()) < 0;
  });
  const bool is_there = place != table.list.end() && compare_values(key.type, place->bytes, field.view()) == 0;
  return is_there ? place->target : table.without_match;
}

}  // namespace pgsluice::planner

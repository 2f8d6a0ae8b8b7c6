// Which leaf a row belongs to, found from its bytes in COPY's binary form: HASH by PostgreSQL's own hash, RANGE and
// LIST by typed comparison, level by level. Pure; what it is made from is read from the server by
// mover/leaf_routes.cpp. A row that it cannot place (no such partition, bytes that do not fit) has no leaf, and is the
// server's to judge.
//
//   P1  A row whose key has a NULL: HASH leaves the NULL out of the hash; LIST takes the partition of NULL; RANGE, and
//       LIST without that partition, take DEFAULT.
//   P2  RANGE is half open: lower <= key < upper, column by column; MINVALUE is below and MAXVALUE above every value.
// Source: src/backend/executor/execPartition.c, get_partition_for_tuple; partitioning/partbounds.c,
// partition_rbound_datum_cmp.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "pg/binary_copy.hpp"
#include "planner/layout.hpp"
#include "planner/routing_type.hpp"

namespace pgsluice::planner {

// One column's part of a RANGE bound.
struct RangeBoundValue {
  enum class Kind : std::uint8_t { minvalue, value, maxvalue };
  Kind kind = Kind::value;
  std::string bytes;  // In binary form, for Kind::value.
};

// A partition as its parent sees it. What does not concern the parent's method is empty.
struct RoutedPartition {
  bool is_default = false;
  std::uint64_t modulus = 0, remainder = 0;   // HASH
  std::vector<RangeBoundValue> lower, upper;  // RANGE
  std::vector<std::string> values;            // LIST, in binary form
  bool takes_null = false;                    // LIST
  bool is_leaf = true;
  std::size_t index = 0;  // Of the leaf, or of the table in the list that the Router is made from.
};

struct RoutingKey {
  std::uint16_t position = 0;  // Of the column in the rows, 0-based.
  RoutingType type = RoutingType::int8;
};

// A table of the tree that is divided.
struct RoutedTable {
  PartitionMethod method = PartitionMethod::hash;
  std::vector<RoutingKey> keys;
  std::vector<RoutedPartition> partitions;
};

class Router {
 public:
  static constexpr std::int32_t kNoLeaf = -1;

  // The root is tables[0]; a partition that is no leaf names its own place in `tables`.
  explicit Router(std::vector<RoutedTable> tables);

  // The leaf of a binary row, or kNoLeaf. Thread: any.
  std::int32_t leaf_of(std::span<const char> row) const {
    pg::CopyField fields[kKeyColumnsMax];
    return pg::find_fields(row, positions_, fields) ? leaf_of(fields) : kNoLeaf;
  }

  // The same for the fields at key_positions().
  std::int32_t leaf_of(const pg::CopyField* fields) const;

  // Where the columns of every level's key stand in the rows; ascending, each once.
  const std::vector<std::uint16_t>& key_positions() const { return positions_; }

  // As many different key columns as a Router may have; a tree with more is the server's.
  static constexpr std::size_t kKeyColumnsMax = 64;

 private:
  // Leaves are 0, 1, …; tables are -2, -3, …; kNoLeaf lies between.
  using Target = std::int32_t;
  static Target target_of(const RoutedPartition& partition);

  struct Key {
    std::uint16_t field;  // Among the fields at key_positions().
    RoutingType type;
  };
  struct Range {
    std::vector<RangeBoundValue> lower, upper;
    Target target;
  };
  // The same for one key column that is ordered as integers. The last value of an open range is in it.
  struct OrdinalRange {
    std::int64_t last;
    Target target;
  };
  struct ListValue {
    std::string bytes;
    Target target;
  };
  struct Table {
    PartitionMethod method = PartitionMethod::hash;
    bool is_ordinal = false;  // One key column, ordered as integers.
    std::vector<Key> keys;
    Target without_match = kNoLeaf;  // DEFAULT.
    Target of_null = kNoLeaf;
    std::vector<Target> by_remainder;    // HASH: as many as the greatest modulus.
    std::vector<Range> ranges;           // RANGE, ascending.
    std::vector<std::int64_t> ordinals;  // Ordinal RANGE: first values, ascending; ordinal LIST: values, ascending.
    std::vector<OrdinalRange> ordinal_ranges;  // Beside `ordinals`.
    std::vector<Target> ordinal_targets;       // Beside `ordinals`.
    std::vector<ListValue> list;               // LIST, ascending.
  };

  Table made(const RoutedTable& routed) const;
  static void make_hash(Table& table, const RoutedTable& routed);
  static void make_range(Table& table, const RoutedTable& routed);
  static void make_list(Table& table, const RoutedTable& routed);
  static Target hash_target(const Table& table, const pg::CopyField* fields);
  static Target range_target(const Table& table, const pg::CopyField* fields);
  static Target list_target(const Table& table, const pg::CopyField* fields);
  static int compare_bound(const Table& table, const std::vector<RangeBoundValue>& bound, const pg::CopyField* fields);

  std::vector<std::uint16_t> positions_;
  std::vector<Table> tables_;
};

}  // namespace pgsluice::planner

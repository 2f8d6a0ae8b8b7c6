// Reads the table whose partition another one is. Asks only; what it means for a plan is split_planning.hpp's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pg/connection.hpp"
#include "planner/layout.hpp"
#include "planner/partition_parent.hpp"

namespace pgsluice::planner {

struct ParentFacts {
  PartitionParent parent;
  PartitionMethod method = PartitionMethod::range;
  std::vector<std::string> key_columns;  // Unquoted; an expression stands as an empty string.
  bool key_is_plain = false;             // Columns only, each with its default operator class and its own collation.
  bool key_is_collated = false;          // Some column of it has a collation.
  bool is_owned = false;                 // This role may alter the parent …
  bool default_is_owned = true;          // … and its DEFAULT partition.
  bool default_is_partitioned = false;
  bool is_partition = false;  // The parent is a partition itself.
  bool is_pending = false;    // The partition is being detached.
  // Publications of the parent that publish its partitions by their own names.
  std::vector<std::string> leafwise_publications;
  std::vector<std::string> incoming_keys;  // Foreign keys of whatever table that point to the parent.
  std::string lacks_index;                 // An index of the parent that the partition has no part of; empty: none.
};

struct SiblingBound {
  pg::QualifiedName name;
  std::string bound;
};

// Absent when the table of that oid is no partition. Works inside the transaction that is open, whose settings should
// be as catalog_settings.sql makes them. Fails: server, connection.
std::optional<ParentFacts> read_parent(pg::Connection& connection, std::uint32_t oid);

// Of the parent's other partitions. As read_parent().
std::vector<SiblingBound> read_sibling_bounds(pg::Connection& connection, const PartitionParent& parent,
                                              std::uint32_t oid);

}  // namespace pgsluice::planner

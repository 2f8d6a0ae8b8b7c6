// What becomes of the source's indexes, primary key and unique constraints on a partitioned target: the same, or
// widened by the columns of the partition key, because PostgreSQL keeps a partitioned table's uniqueness leaf by leaf.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "planner/layout.hpp"
#include "planner/table_facts.hpp"

namespace pgsluice::planner {

// One index of every node of the target.
struct TargetIndex {
  const Index* source = nullptr;  // Points into the facts it was made from.
  bool is_primary = false;        // False also for a primary key that had to become a unique constraint.
  bool is_constraint = false;
  std::vector<std::string> added_columns;     // Of the partition key, appended to the key.
  std::vector<std::string> key_columns;       // Of a constraint: all, with the added ones.
  std::vector<std::string> included_columns;  // Without those that became key columns.
  std::string body;                           // As Index::body, with the added columns.
};

// In the order of the facts. Invalid indexes and exclusion constraints have no counterpart and are left out.
// `columns_with_nulls` are partition key columns that no primary key can contain: it becomes a unique constraint.
std::vector<TargetIndex> target_indexes(const TableFacts& facts, const Layout& layout,
                                        const std::vector<std::string>& columns_with_nulls);

// Columns that the target's primary key makes NOT NULL; empty when it has none.
std::vector<std::string> primary_key_columns(const std::vector<TargetIndex>& indexes);

// The parts of an index's body, `btree (a, lower(b)) INCLUDE (c) WITH (…) WHERE (…)`. Respects quotes and parentheses.
struct IndexBody {
  std::string access_method;
  std::vector<std::string> items;     // `a DESC`, `lower(b)`
  std::vector<std::string> included;  // `c`, quoted where it was
  std::string rest;                   // From the blank after the lists on.
};

// Fails: refused, naming the text.
IndexBody parse_index_body(std::string_view body);
std::string to_text(const IndexBody& body);

}  // namespace pgsluice::planner

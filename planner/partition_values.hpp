// What the source's rows hold in one column that is to divide them: its type's abilities, the least and greatest value,
// NULLs, distinct values. Asks only; layout_design decides. An index that begins with the column answers at once, else
// it takes one scan.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pg/connection.hpp"
#include "planner/table_facts.hpp"
#include "planner/time_bounds.hpp"

namespace pgsluice::planner {

struct PartitionColumn {
  std::string name;        // Unquoted.
  std::string type;        // SQL text.
  std::string base_type;   // Under all domains: "timestamptz".
  bool is_domain = false;  // A domain may refuse values that its base type has.
  int modifier = -1;       // typmod.
  bool not_null = false;
  bool has_order = false;    // RANGE and LIST are possible.
  bool has_hash = false;     // HASH is possible.
  bool index_leads = false;  // An index begins with it.
  std::optional<TimeKind> time_kind() const;
  bool is_integer() const;
  bool is_float() const;
};

PartitionColumn read_partition_column(pg::Connection& source, const TableFacts& facts, const Column& column);

struct Extremes {
  std::optional<std::string> low;  // Finite. Over time: as parse_instant() reads it. Absent when there is no value.
  std::optional<std::string> high;
  std::uint64_t nulls = 0;    // Counted up to kNullsCounted + 1.
  bool has_infinite = false;  // ±infinity or NaN.
};
inline constexpr std::uint64_t kNullsCounted = 1'000;

// Of a column over time or an exact number.
Extremes read_extremes(pg::Connection& source, const TableFacts& facts, const PartitionColumn& column);
std::string extremes_sql(const TableFacts& facts, const PartitionColumn& column, int server_major_version);

// Rows with NULL, counted up to kNullsCounted + 1.
std::uint64_t read_null_count(pg::Connection& source, const TableFacts& facts, const PartitionColumn& column);
std::string null_count_sql(const TableFacts& facts, const PartitionColumn& column);

// The distinct values in their order, as literals read them; at most `limit`. NULL is none of them.
std::vector<std::string> read_distinct_values(pg::Connection& source, const TableFacts& facts,
                                              const PartitionColumn& column, std::size_t limit);
std::string distinct_values_sql(const TableFacts& facts, const PartitionColumn& column, std::size_t limit);

// The text of `value`, an SQL expression, as literal_text() reads it.
std::string value_text_sql(const PartitionColumn& column, const std::string& value);

// What value_text_sql() gave, as it stands in a literal: instants in UTC, all else as it is.
std::string literal_text(const PartitionColumn& column, std::string_view text);

}  // namespace pgsluice::planner

// Positions in the source table and the SQL that compares them. A key is a list of texts: the values of the key columns
// as the server prints them, or one place in the heap when ranges are cut by ctid: `block` (its first row) or
// `block,offset`. The server does every comparison; this file knows no types.
//
// Invariants:
//   K1  A range holds the rows with lower <= key < upper in the order of the key's index.
//   K2  No lower bound means from the first row, no upper bound to the last: also for rows that come later.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "pg/connection.hpp"

namespace pgsluice::planner {

using Key = std::vector<std::string>;

struct KeyColumn {
  std::string name;  // Unquoted.
  std::string type;  // SQL text for casts.
};

// How the source is cut: by the columns of a unique key, or by heap blocks (ctid) when `columns` is empty.
struct RangeKey {
  std::vector<KeyColumn> columns;
  std::string index;  // The index that orders the key; empty for ctid.
  bool is_ctid() const { return columns.empty(); }
};

// Rows with lower <= key < upper in the key's btree order.
struct Range {
  std::uint32_t index = 0;          // 0-based position in the plan; the id in checkpoint and ledger.
  std::optional<Key> lower;         // Included.
  std::optional<Key> upper;         // Excluded.
  std::uint64_t rows_estimate = 0;  // From samples; may be wrong, never used for safety.
  std::uint64_t bytes_estimate = 0;
};

// A WHERE condition (without WHERE; `true` when there is no bound) and its parameters, numbered from `first_parameter`.
struct Condition {
  std::string sql;
  pg::Parameters parameters;
};
Condition between_sql(const RangeKey& key, const std::optional<Key>& lower, const std::optional<Key>& upper,
                      int first_parameter = 1);

// The same with the values as literals, for statements that take no parameters (COPY).
std::string between_literals_sql(const RangeKey& key, const std::optional<Key>& lower, const std::optional<Key>& upper);

// The columns as a list, `"a", "b"`. Not for ctid.
std::string columns_sql(const RangeKey& key);

// The columns in their text form as a list, `"a"::text, "b"::text`: what a Key is made of. Not for ctid.
std::string columns_text_sql(const RangeKey& key);

// Asks for the key of the row that stands `offset` rows after the first one of [lower, upper): the upper bound of a
// batch of `offset` rows. No row means that fewer are left. `rows` stands behind FROM. Not for ctid.
Condition step_sql(const RangeKey& key, const std::string& rows, const std::optional<Key>& lower,
                   const std::optional<Key>& upper, std::uint64_t offset);

// `{"a","b"}`: a Key as the text of a text[] parameter, for the ledger.
std::string to_array_text(const Key& key);

// "(42, x)" for messages; "the beginning" / "the end" for an absent bound.
std::string display_lower(const std::optional<Key>& lower);
std::string display_upper(const std::optional<Key>& upper);

void to_json(nlohmann::json& json, const RangeKey& key);
void from_json(const nlohmann::json& json, RangeKey& key);
void to_json(nlohmann::json& json, const Range& range);
void from_json(const nlohmann::json& json, Range& range);

}  // namespace pgsluice::planner

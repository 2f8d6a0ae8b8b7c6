// A table that is hard to copy: a column of every type (every_type.hpp), columns dropped at its beginning, middle and
// end, generated, identity and serial columns, names of 63 bytes with quotes and letters beyond ASCII; and beside them
// columns that a primary key or a partition key may be made of, always the same, so that any key goes with any layout.
// It belongs to the role that makes it, which needs no privilege but CREATE on the database.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pg/connection.hpp"
#include "pg/identifier.hpp"
#include "tests/support/every_type.hpp"

namespace pgsluice::tests {

inline constexpr int kWideTableRows = 120;

// What identifies a row.
enum class KeyKind {
  bigint_key,
  extreme_int8,  // Both limits of int8, zero, negative, and gaps of 10^12.
  uuid,
  icu_text,     // COLLATE "de-x-icu", where a, ä, A, Z and ß are not in byte order.
  numeric,      // Fractions, 31 digits, NaN.
  timestamptz,  // Infinities and BC.
  composite,
  enumeration,
  late_columns,  // (last column, earlier column), neither the first.
  unique_index,  // No primary key, but a unique index over NOT NULL columns.
  none,
};

inline constexpr KeyKind kKeyKinds[] = {
    KeyKind::bigint_key,   KeyKind::extreme_int8, KeyKind::uuid,      KeyKind::icu_text,
    KeyKind::numeric,      KeyKind::timestamptz,  KeyKind::composite, KeyKind::enumeration,
    KeyKind::late_columns, KeyKind::unique_index, KeyKind::none,
};
std::string_view name_of(KeyKind kind);  // "bigint_key"

// Columns to partition by. None is NULL but kNullableColumn, in every fifth row.
inline constexpr std::string_view kHashColumn = "p_hash";  // text, 17 values.
inline constexpr std::string_view kTimeColumn =
    "p Time";  // timestamptz, December 2023 to April 2024, month's ends too.
inline constexpr std::string_view kIntegerColumn = "p_int";    // integer, -413 to 427 in steps of 7.
inline constexpr std::string_view kListColumn = "p_lišt";      // text: four values with quotes, commas, none at all.
inline constexpr std::string_view kNullableColumn = "p_null";  // integer, 1 to 120.

const pg::QualifiedName& wide_table_name();

// Settings that a cautious or careless DBA may have given to the database, each able to change the text form of a value
// or the meaning of a statement.
std::string hostile_settings_sql(const std::string& database);

// The schema and the types that the table's columns are of: what another database needs before it can take the rows.
void make_wide_table_types(pg::Connection& connection);

// Needs make_wide_table_types. The table has kWideTableRows rows, a secondary index and statistics.
void make_wide_table(pg::Connection& connection, KeyKind key, BinaryForms forms);

}  // namespace pgsluice::tests

// The only way a name or a literal becomes SQL text. Quoting is libpq's own (PQescapeIdentifier, PQescapeLiteral),
// asked without a server, so that SQL can be composed and tested by pure functions. It does not choose names: see
// planner/names.hpp.
#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

namespace pgsluice::pg {

inline constexpr std::size_t kNameBytesMax = 63;  // NAMEDATALEN - 1.

// A table, index, sequence or type: schema and name, both unquoted, exactly as the catalogue spells them.
struct QualifiedName {
  std::string schema;
  std::string name;
  auto operator<=>(const QualifiedName&) const = default;
};

// `"na""me"`. Fails: refused, if the name is empty, longer than 63 bytes, or holds a NUL byte.
std::string quoted(std::string_view name);

// `"schema"."name"`; `"name"` when the schema is empty.
std::string quoted(const QualifiedName& name);

// `"a", "b"`.
std::string quoted_list(const std::vector<std::string>& names);

// `'it''s'`, or ` E'…'` when a backslash is present: right whatever standard_conforming_strings says.
// Fails: refused, if the value holds a NUL byte.
std::string literal(std::string_view value);

// What a person reads: schema.name, with quotes only where a part needs them.
std::string display(const QualifiedName& name);
std::string display(std::string_view name);

// Splits `schema.table`, `table`, `"odd.schema"."ta""ble"` as psql would: unquoted parts are folded to lower case.
// An absent schema stays empty. Fails: refused, naming the text.
QualifiedName parse_qualified_name(std::string_view text);

// The same for a comma-separated list of plain names, `a, "B c"`.
std::vector<std::string> parse_name_list(std::string_view text);

}  // namespace pgsluice::pg

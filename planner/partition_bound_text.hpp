// Takes apart what pg_get_expr() says of a partition's bound (pg_class.relpartbound). The values stay the server's own
// SQL text, to be evaluated by the server that wrote them; nothing is interpreted here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgsluice::planner {

struct BoundText {
  enum class Kind { is_default, hash, range, list };
  struct Value {
    enum class Kind { literal, null, minvalue, maxvalue };
    Kind kind = Kind::literal;
    std::string sql;  // `'2024-01-01 00:00:00'`, `5`, `true`; empty unless a literal.
    bool operator==(const Value&) const = default;
  };
  Kind kind = Kind::is_default;
  std::uint64_t modulus = 0, remainder = 0;
  std::vector<Value> lower, upper;  // RANGE
  std::vector<Value> values;        // LIST
};

// `DEFAULT`, `FOR VALUES WITH (modulus 4, remainder 1)`, `FOR VALUES FROM ('a', MINVALUE) TO (MAXVALUE, 1)`,
// `FOR VALUES IN ('x', NULL)`. Nothing where the text is none of these.
std::optional<BoundText> parse_bound_text(std::string_view text);

}  // namespace pgsluice::planner

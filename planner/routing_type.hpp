// The types that rows can be routed by, and how their values stand in a binary row. A type that is not here is routed
// by the server.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace pgsluice::planner {

enum class RoutingType : std::uint8_t {
  boolean,
  character,  // "char", one byte.
  int2,
  int4,
  int8,
  oid,
  date,
  time,
  timestamp,  // With and without time zone: both are microseconds.
  float4,
  float8,
  numeric,
  text,  // And varchar.
  bpchar,
  bytea,
  uuid,
};

// The type that an operator class works on, by its OID (pg_opclass.opcintype); nothing where we cannot route by it.
// Source: src/include/catalog/pg_type.dat.
std::optional<RoutingType> routing_type(std::uint32_t operator_class_input);

// True for types whose values are ordered as integers: what ordinal() knows.
constexpr bool is_ordinal(RoutingType type) {
  return type <= RoutingType::timestamp;
}

// True where the order of two values, not their equality, is a matter of collation.
constexpr bool has_collation(RoutingType type) {
  return type == RoutingType::text || type == RoutingType::bpchar;
}

// True where the bytes are as long as the type asks for. The functions below may be asked about such bytes only.
bool is_well_formed(RoutingType type, std::string_view value);

// The value as an integer whose order is the type's. Only where is_ordinal().
std::int64_t ordinal(RoutingType type, std::string_view value);

// A char(n) value without the blanks at its end, which mean nothing.
std::string_view without_trailing_blanks(std::string_view value);

// The digits of a numeric in base 10,000, without zeros at either end.
// Layout of the binary form (network byte order, 2 bytes each): number of digits, weight of the first digit (its power
// of 10,000), sign, digits after the point that are shown, then the digits.
// Source: src/backend/utils/adt/numeric.c, numeric_send, init_var_from_num.
class NumericView {
 public:
  enum class Kind { minus_infinity, finite, infinity, not_a_number };  // In the order of their values.
  explicit NumericView(std::string_view value);                        // Needs is_well_formed().
  Kind kind() const { return kind_; }
  bool is_negative() const { return is_negative_; }
  int weight() const { return weight_; }  // Of the first digit that is not zero.
  int digit_count() const { return digit_count_; }
  std::int16_t digit(int index) const;

 private:
  Kind kind_ = Kind::finite;
  bool is_negative_ = false;
  int weight_ = 0;
  int digit_count_ = 0;
  const char* digits_ = nullptr;
};

}  // namespace pgsluice::planner

#include "planner/routing_type.hpp"

#include "pg/binary_copy.hpp"

namespace pgsluice::planner {

namespace {

constexpr std::size_t kNumericHeaderBytes = 8;
constexpr std::uint16_t kNumericNegative = 0x4000;
constexpr std::uint16_t kNumericNotANumber = 0xC000;
constexpr std::uint16_t kNumericInfinity = 0xD000;
constexpr std::uint16_t kNumericMinusInfinity = 0xF000;

bool is_well_formed_numeric(std::string_view value) {
  if (value.size() < kNumericHeaderBytes) {
    return false;
  }
  const auto digit_count = pg::big_endian<std::int16_t>(value.data());
  return digit_count >= 0 && value.size() == kNumericHeaderBytes + 2 * static_cast<std::size_t>(digit_count);
}

}  // namespace

std::optional<RoutingType> routing_type(std::uint32_t operator_class_input) {
  switch (operator_class_input) {
    case 16:
      return RoutingType::boolean;
    case 17:
      return RoutingType::bytea;
    case 18:
      return RoutingType::character;
    case 20:
      return RoutingType::int8;
    case 21:
      return RoutingType::int2;
    case 23:
      return RoutingType::int4;
    case 25:
      return RoutingType::text;
    case 26:
      return RoutingType::oid;
    case 700:
      return RoutingType::float4;
    case 701:
      return RoutingType::float8;
    case 1042:
      return RoutingType::bpchar;
    case 1082:
      return RoutingType::date;
    case 1083:
      return RoutingType::time;
    case 1114:
    case 1184:
      return RoutingType::timestamp;
    case 1700:
      return RoutingType::numeric;
    case 2950:
      return RoutingType::uuid;
    default:
      return std::nullopt;
  }
}

bool is_well_formed(RoutingType type, std::string_view value) {
  switch (type) {
    case RoutingType::boolean:
    case RoutingType::character:
      return value.size() == 1;
    case RoutingType::int2:
      return value.size() == 2;
    case RoutingType::int4:
    case RoutingType::oid:
    case RoutingType::date:
    case RoutingType::float4:
      return value.size() == 4;
    case RoutingType::int8:
    case RoutingType::time:
    case RoutingType::timestamp:
    case RoutingType::float8:
      return value.size() == 8;
    case RoutingType::uuid:
      return value.size() == 16;
    case RoutingType::numeric:
      return is_well_formed_numeric(value);
    case RoutingType::text:
    case RoutingType::bpchar:
    case RoutingType::bytea:
      return true;
  }
  return false;
}

std::int64_t ordinal(RoutingType type, std::string_view value) {
  switch (type) {
    case RoutingType::boolean:
      return value[0] != 0 ? 1 : 0;
    case RoutingType::character:
      return static_cast<unsigned char>(value[0]);  // Compared without a sign, though hashed with one.
    case RoutingType::int2:
      return pg::big_endian<std::int16_t>(value.data());
    case RoutingType::oid:
      return pg::big_endian<std::uint32_t>(value.data());
    case RoutingType::int4:
    case RoutingType::date:
      return pg::big_endian<std::int32_t>(value.data());
    default:
      return pg::big_endian<std::int64_t>(value.data());
  }
}

std::string_view without_trailing_blanks(std::string_view value) {
  while (!value.empty() && value.back() == ' ') {
    value.remove_suffix(1);
  }
  return value;
}

NumericView::NumericView(std::string_view value)
    : weight_(pg::big_endian<std::int16_t>(value.data() + 2)),
      digit_count_(pg::big_endian<std::int16_t>(value.data())),
      digits_(value.data() + kNumericHeaderBytes) {
  const auto sign = pg::big_endian<std::uint16_t>(value.data() + 4);
  if (sign == kNumericNotANumber || sign == kNumericInfinity || sign == kNumericMinusInfinity) {
    kind_ = sign == kNumericNotANumber ? Kind::not_a_number
            : sign == kNumericInfinity ? Kind::infinity
                                       : Kind::minus_infinity;
    digit_count_ = 0;
    return;
  }
  while (digit_count_ > 0 && digit(0) == 0) {
    digits_ += 2;
    --digit_count_;
    --weight_;
  }
  while (digit_count_ > 0 && digit(digit_count_ - 1) == 0) {
    --digit_count_;
  }
  is_negative_ = sign == kNumericNegative && digit_count_ > 0;
}

std::int16_t NumericView::digit(int index) const {
  return pg::big_endian<std::int16_t>(digits_ + 2 * static_cast<std::size_t>(index));
}

}  // namespace pgsluice::planner

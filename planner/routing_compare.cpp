#include "planner/routing_compare.hpp"

#include <bit>
#include <cmath>

#include "pg/binary_copy.hpp"

namespace pgsluice::planner {

namespace {

// std::string_view compares bytes without a sign, and a prefix comes first: memcmp and then the lengths.
std::strong_ordering compare_bytes(std::string_view left, std::string_view right) {
  return left.compare(right) <=> 0;
}

double as_double(RoutingType type, std::string_view value) {
  if (type == RoutingType::float4) {
    return static_cast<double>(std::bit_cast<float>(pg::big_endian<std::uint32_t>(value.data())));
  }
  return std::bit_cast<double>(pg::big_endian<std::uint64_t>(value.data()));
}

std::strong_ordering compare_doubles(double left, double right) {
  if (std::isnan(left) || std::isnan(right)) {
    return std::isnan(left) <=> std::isnan(right);
  }
  return left < right ? std::strong_ordering::less
                      : (left > right ? std::strong_ordering::greater : std::strong_ordering::equal);
}

std::strong_ordering compare_magnitudes(const NumericView& left, const NumericView& right) {
  if (left.digit_count() == 0 || right.digit_count() == 0) {
    return left.digit_count() <=> right.digit_count();
  }
  if (left.weight() != right.weight()) {
    return left.weight() <=> right.weight();
  }
  for (int i = 0; i < left.digit_count() && i < right.digit_count(); ++i) {
    if (left.digit(i) != right.digit(i)) {
      return left.digit(i) <=> right.digit(i);
    }
  }
  return left.digit_count() <=> right.digit_count();
}

std::strong_ordering compare_numerics(const NumericView& left, const NumericView& right) {
  if (left.kind() != right.kind()) {
    return left.kind() <=> right.kind();
  }
  if (left.kind() != NumericView::Kind::finite) {
    return std::strong_ordering::equal;
  }
  if (left.is_negative() != right.is_negative()) {
    return left.is_negative() ? std::strong_ordering::less : std::strong_ordering::greater;
  }
  return left.is_negative() ? compare_magnitudes(right, left) : compare_magnitudes(left, right);
}

}  // namespace

std::strong_ordering compare_values(RoutingType type, std::string_view left, std::string_view right) {
  switch (type) {
    case RoutingType::float4:
    case RoutingType::float8:
      return compare_doubles(as_double(type, left), as_double(type, right));
    case RoutingType::numeric:
      return compare_numerics(NumericView(left), NumericView(right));
    case RoutingType::bpchar:
      return compare_bytes(without_trailing_blanks(left), without_trailing_blanks(right));
    case RoutingType::text:
    case RoutingType::bytea:
    case RoutingType::uuid:
      return compare_bytes(left, right);
    default:
      return ordinal(type, left) <=> ordinal(type, right);
  }
}

}  // namespace pgsluice::planner

#include "planner/partition_hash.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

#include "pg/binary_copy.hpp"

namespace pgsluice::planner {

namespace {

// The three words of lookup3's state.
struct State {
  std::uint32_t a, b, c;

  State(std::size_t size, std::uint64_t seed) {
    a = b = c = 0x9e3779b9U + static_cast<std::uint32_t>(size) + 3923095U;
    if (seed != 0) {
      a += static_cast<std::uint32_t>(seed >> 32U);
      b += static_cast<std::uint32_t>(seed);
      mix();
    }
  }

  void mix() {
    a -= c, a ^= std::rotl(c, 4), c += b;
    b -= a, b ^= std::rotl(a, 6), a += c;
    c -= b, c ^= std::rotl(b, 8), b += a;
    a -= c, a ^= std::rotl(c, 16), c += b;
    b -= a, b ^= std::rotl(a, 19), a += c;
    c -= b, c ^= std::rotl(b, 4), b += a;
  }

  std::uint64_t result() {
    c ^= b, c -= std::rotl(b, 14);
    a ^= c, a -= std::rotl(c, 11);
    b ^= a, b -= std::rotl(a, 25);
    c ^= b, c -= std::rotl(b, 16);
    a ^= c, a -= std::rotl(c, 4);
    b ^= a, b -= std::rotl(a, 14);
    c ^= b, c -= std::rotl(b, 24);
    return static_cast<std::uint64_t>(b) << 32U | c;
  }
};

std::uint32_t little_endian(const char* bytes) {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes, sizeof(value));
  return std::endian::native == std::endian::little ? value : __builtin_bswap32(value);
}

// Fewer than four bytes, the first of them the lowest.
std::uint32_t little_endian_part(const char* bytes, std::size_t count) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    value |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i])) << 8U * i;
  }
  return value;
}

// hashint8extended: the upper half is folded in so that a number hashes as it would as int4.
std::uint64_t hash_int64(std::int64_t value, std::uint64_t seed) {
  const auto low = static_cast<std::uint32_t>(value);
  const auto high = static_cast<std::uint32_t>(static_cast<std::uint64_t>(value) >> 32U);
  return hash_uint32(low ^ (value >= 0 ? high : ~high), seed);
}

// hashfloat8extended: both zeros give the seed, every NaN is the one NaN, float4 is widened.
std::uint64_t hash_double(double value, std::uint64_t seed) {
  if (value == 0) {
    return seed;
  }
  const std::uint64_t bits =
      std::isnan(value) ? std::bit_cast<std::uint64_t>(std::nan("")) : std::bit_cast<std::uint64_t>(value);
  std::array<char, 8> bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<char>(bits >> 8U * i);
  }
  return hash_bytes({bytes.data(), bytes.size()}, seed);
}

// hash_numeric_extended: the digits as the server keeps them, then the weight.
std::uint64_t hash_numeric(std::string_view value, std::uint64_t seed) {
  const NumericView numeric(value);
  if (numeric.kind() != NumericView::Kind::finite) {
    return seed;
  }
  if (numeric.digit_count() == 0) {
    return seed - 1;
  }
  constexpr std::size_t kUsualDigits = 32;
  const auto count = static_cast<std::size_t>(numeric.digit_count());
  std::array<char, 2 * kUsualDigits> usual;
  std::vector<char> large;
  char* bytes = usual.data();
  if (count > kUsualDigits) {
    large.resize(2 * count);
    bytes = large.data();
  }
  for (std::size_t i = 0; i < count; ++i) {
    const auto digit = static_cast<std::uint16_t>(numeric.digit(static_cast<int>(i)));
    bytes[2 * i] = static_cast<char>(digit & 0xFFU);
    bytes[2 * i + 1] = static_cast<char>(digit >> 8U);
  }
  const auto weight = static_cast<std::uint64_t>(static_cast<std::int64_t>(numeric.weight()));
  return hash_bytes({bytes, 2 * count}, seed) ^ weight;
}

}  // namespace

std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t seed) {
  State state(bytes.size(), seed);
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 12; left -= 12, at += 12) {
    state.a += little_endian(at);
    state.b += little_endian(at + 4);
    state.c += little_endian(at + 8);
    state.mix();
  }
  // The last word's lowest byte stays free: in lookup3 it is the length's.
  if (left > 8) {
    state.c += little_endian_part(at + 8, left - 8) << 8U;
  }
  if (left >= 8) {
    state.b += little_endian(at + 4);
  } else if (left > 4) {
    state.b += little_endian_part(at + 4, left - 4);
  }
  if (left >= 4) {
    state.a += little_endian(at);
  } else {
    state.a += little_endian_part(at, left);
  }
  return state.result();
}

std::uint64_t hash_uint32(std::uint32_t value, std::uint64_t seed) {
  State state(sizeof(value), seed);
  state.a += value;
  return state.result();
}

std::uint64_t hash_value(RoutingType type, std::string_view value, std::uint64_t seed) {
  switch (type) {
    case RoutingType::character:
      return hash_uint32(static_cast<std::uint32_t>(static_cast<signed char>(value[0])), seed);
    case RoutingType::boolean:
    case RoutingType::int2:
    case RoutingType::int4:
    case RoutingType::oid:
    case RoutingType::date:
      return hash_uint32(static_cast<std::uint32_t>(ordinal(type, value)), seed);
    case RoutingType::int8:
    case RoutingType::time:
    case RoutingType::timestamp:
      return hash_int64(pg::big_endian<std::int64_t>(value.data()), seed);
    case RoutingType::float4:
      return hash_double(static_cast<double>(std::bit_cast<float>(pg::big_endian<std::uint32_t>(value.data()))), seed);
    case RoutingType::float8:
      return hash_double(std::bit_cast<double>(pg::big_endian<std::uint64_t>(value.data())), seed);
    case RoutingType::numeric:
      return hash_numeric(value, seed);
    case RoutingType::bpchar:
      return hash_bytes(without_trailing_blanks(value), seed);
    case RoutingType::text:
    case RoutingType::bytea:
    case RoutingType::uuid:
      return hash_bytes(value, seed);
  }
  return 0;
}

}  // namespace pgsluice::planner

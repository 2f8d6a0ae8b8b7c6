#include "planner/partition_hash.hpp"

#include <gtest/gtest.h>

#include <ostream>
#include <string>

namespace pgsluice::planner {
namespace {

// What PostgreSQL 15.x on x86-64 says. 8816678312871386365 is the seed of partitioning; for each type:
//   SELECT to_hex(hashint4extended(v, 8816678312871386365)), encode(int4send(v), 'hex') FROM …
// with hashtextextended, hash_numeric_extended and so on, and the type's send function for the bytes.
struct Known {
  RoutingType type;
  const char* value;  // For people.
  const char* bytes;  // In binary form, as hexadecimal digits.
  std::uint64_t hash;
};

void PrintTo(const Known& known, std::ostream* stream) {
  *stream << static_cast<int>(known.type) << " " << known.value;
}

constexpr Known kKnown[] = {
    {RoutingType::int4, "0", "00000000", 0xc2e34bda39f0f0cd},
    {RoutingType::int4, "1", "00000001", 0x52d621058124e6d5},
    {RoutingType::int4, "-1", "ffffffff", 0xba5fc748095606c2},
    {RoutingType::int4, "largest", "7fffffff", 0xac09237e4899f89c},
    {RoutingType::int4, "smallest", "80000000", 0x44893a0f1e949193},
    {RoutingType::int2, "0", "0000", 0xc2e34bda39f0f0cd},
    {RoutingType::int2, "-2", "fffe", 0x1dce30b74062c547},
    {RoutingType::int8, "0", "0000000000000000", 0xc2e34bda39f0f0cd},
    {RoutingType::int8, "-1, as int4 hashes it", "ffffffffffffffff", 0xba5fc748095606c2},
    {RoutingType::int8, "largest", "7fffffffffffffff", 0x44893a0f1e949193},
    {RoutingType::int8, "smallest", "8000000000000000", 0xac09237e4899f89c},
    {RoutingType::int8, "5000000000", "000000012a05f200", 0xd92628cc7493d6ed},
    {RoutingType::int8, "-5000000000", "fffffffed5fa0e00", 0xc1cc60e5d71103e8},
    {RoutingType::oid, "0", "00000000", 0xc2e34bda39f0f0cd},
    {RoutingType::oid, "4294967295", "ffffffff", 0xba5fc748095606c2},
    {RoutingType::character, "no letter", "00", 0xc2e34bda39f0f0cd},
    {RoutingType::character, "a", "61", 0x989bc5a31902ecec},
    {RoutingType::boolean, "false", "00", 0xc2e34bda39f0f0cd},
    {RoutingType::float4, "0", "00000000", 0x7a5b22367996dcfd},
    {RoutingType::float4, "-0", "80000000", 0x7a5b22367996dcfd},
    {RoutingType::float4, "1.5", "3fc00000", 0xd8c6ab5825f8a79e},
    {RoutingType::float4, "NaN", "7fc00000", 0xa62116ad7d2d4f85},
    {RoutingType::float4, "-Infinity", "ff800000", 0x6e02aad7b917576b},
    {RoutingType::float8, "-0", "8000000000000000", 0x7a5b22367996dcfd},
    {RoutingType::float8, "1.5", "3ff8000000000000", 0xd8c6ab5825f8a79e},
    {RoutingType::float8, "NaN", "7ff8000000000000", 0xa62116ad7d2d4f85},
    {RoutingType::float8, "1e+300", "7e37e43c8800759c", 0xda10bda2c48c2ef},
    {RoutingType::numeric, "0", "0000000000000000", 0x7a5b22367996dcfc},
    {RoutingType::numeric, "0.00", "0000000000000002", 0x7a5b22367996dcfc},
    {RoutingType::numeric, "1", "00010000000000000001", 0xd32735c3aa01325e},
    {RoutingType::numeric, "1.000", "00010000000000030001", 0xd32735c3aa01325e},
    {RoutingType::numeric, "1, with zeros around", "0003000100000003000000010000", 0xd32735c3aa01325e},
    {RoutingType::numeric, "10000", "00010001000000000001", 0xd32735c3aa01325f},
    {RoutingType::numeric, "-0.0001", "0001ffff400000040001", 0x2cd8ca3c55fecda1},
    {RoutingType::numeric, "123456789.987654321", "0006000200000009000109291a852694153803e8", 0xfd1d05041ee30217},
    {RoutingType::numeric, "NaN", "00000000c0000000", 0x7a5b22367996dcfd},
    {RoutingType::numeric, "Infinity", "00000000d0000020", 0x7a5b22367996dcfd},
    {RoutingType::numeric, "-Infinity", "00000000f0000020", 0x7a5b22367996dcfd},
    {RoutingType::numeric, "1e-20", "0001fffb000000140001", 0x2cd8ca3c55fecda5},
    {RoutingType::numeric, "10^200/7",
     "0036003100000010059416520b29059416520b29059416520b29059416520b29059416520b29059416520b29059416520b29059416520b29"
     "059416520b29059416520b29059416520b29059416520b29059416520b29059416520b29059416520b29059416520b29059416520b290594"
     "16520b29",
     0x14d9d1dbba63982e},
    {RoutingType::text, "", "", 0xb0e33d0b543fbfc3},
    {RoutingType::text, "a", "61", 0xa2f240f8823ba67b},
    {RoutingType::text, "abcd", "61626364", 0x37eb4043f6fdb06e},
    {RoutingType::text, "abcde", "6162636465", 0x42bdebaa1b2c17d9},
    {RoutingType::text, "8 bytes", "3132333435363738", 0xe1676e7d951b3cbb},
    {RoutingType::text, "9 bytes", "313233343536373839", 0xa36c2f487ac550fc},
    {RoutingType::text, "12 bytes", "313233343536373839303132", 0x6aa686322c4e1dda},
    {RoutingType::text, "13 bytes", "31323334353637383930313233", 0xe6480e73de944c13},
    {RoutingType::text, "not ASCII", "4772c3bcc39f65", 0x3bd6f18b872d32b9},
    {RoutingType::text, "32 bytes", "3031323334353637383961626364656630313233343536373839616263646566",
     0x1b2c581c5b84050f},
    {RoutingType::bpchar, "a, two blanks", "612020", 0xa2f240f8823ba67b},
    {RoutingType::bpchar, "three blanks", "202020", 0xb0e33d0b543fbfc3},
    {RoutingType::uuid, "00112233-…", "00112233445566778899aabbccddeeff", 0x874451fadcc360a3},
    {RoutingType::date, "1999-12-31", "ffffffff", 0xba5fc748095606c2},
    {RoutingType::time, "24:00", "000000141dd76000", 0x14f649cded2334e8},
    {RoutingType::timestamp, "1999-12-31 23:59:59.999999", "ffffffffffffffff", 0xba5fc748095606c2},
    {RoutingType::timestamp, "-infinity", "8000000000000000", 0xac09237e4899f89c},
    {RoutingType::timestamp, "2024-02-29", "0002b578b58c6000", 0x49628b833b6d7856},
};

std::string bytes_of(std::string_view digits) {
  std::string bytes;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

class PartitionHash : public testing::TestWithParam<Known> {};

TEST_P(PartitionHash, IsPostgreSQLs) {
  const std::string bytes = bytes_of(GetParam().bytes);
  ASSERT_TRUE(is_well_formed(GetParam().type, bytes));
  EXPECT_EQ(hash_value(GetParam().type, bytes, kPartitionSeed), GetParam().hash);
}

INSTANTIATE_TEST_SUITE_P(Known, PartitionHash, testing::ValuesIn(kKnown));

TEST(PartitionHashOfBytes, DoesNotDependOnWhereTheyLie) {
  const std::string text = "0123456789abcdef0123456789abcdef";
  for (std::size_t size = 0; size <= text.size(); ++size) {
    const std::uint64_t hash = hash_bytes(text.substr(0, size), kPartitionSeed);
    for (std::size_t shift = 1; shift < 8; ++shift) {
      const std::string shifted = std::string(shift, 'x') + text.substr(0, size);
      EXPECT_EQ(hash_bytes(std::string_view(shifted).substr(shift), kPartitionSeed), hash) << size << " " << shift;
    }
  }
}

}  // namespace
}  // namespace pgsluice::planner

// The hash by which PostgreSQL chooses a HASH partition: each key column's extended hash with a fixed seed, combined in
// key order; a NULL contributes nothing. Made anew from its description, for values in COPY's binary form, as a server
// of little-endian byte order computes it (others are found out by the check that precedes every use).
//
// Source: src/backend/partitioning/partbounds.c, compute_partition_hash_value; src/common/hashfn.c, after Bob Jenkins'
// lookup3; src/include/common/hashfn.h, hash_combine64; src/backend/access/hash/hashfunc.c, utils/adt/numeric.c,
// hash_numeric_extended.
#pragma once

#include <cstdint>
#include <string_view>

#include "planner/routing_type.hpp"

namespace pgsluice::planner {

inline constexpr std::uint64_t kPartitionSeed = 0x7A5B22367996DCFDULL;

// hash_any_extended: of bytes as they are.
std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t seed);

// hash_uint32_extended.
std::uint64_t hash_uint32(std::uint32_t value, std::uint64_t seed);

// The extended hash of one value by its type's default hash operator class. Needs is_well_formed().
std::uint64_t hash_value(RoutingType type, std::string_view value, std::uint64_t seed);

// hash_combine64: `hash` with the next column's.
constexpr std::uint64_t combine_hashes(std::uint64_t hash, std::uint64_t next) {
  return hash ^ (next + 0x49a0f4dd15e5a8e3ULL + (hash << 54U) + (hash >> 7U));
}

}  // namespace pgsluice::planner

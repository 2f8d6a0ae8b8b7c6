// The framing of COPY's binary and text formats: enough to find fields in a row and to take the last one off it. Knows
// no types.
//
// Layout of the binary format (network byte order):
//   header    11 bytes  "PGCOPY\n\377\r\n\0"
//              4 bytes  flags
//              4 bytes  size of the extension, E
//              E bytes  extension
//   row        2 bytes  number of fields, N
//              N times  4 bytes size (-1: NULL), then that many bytes
//   trailer    2 bytes  -1
// The server sends the header in front of the first message, then one row a message, then the trailer.
// Source: PostgreSQL manual, COPY, "Binary Format"; src/backend/commands/copyto.c.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace pgsluice::pg {

enum class CopyFormat { binary, text };

// What begins and ends a binary COPY whose rows are passed on without the header they came with.
inline constexpr std::string_view kBinaryHeader{"PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19};
inline constexpr std::string_view kBinaryTrailer{"\377\377", 2};

// An integer in network byte order. The bytes need no alignment.
template <std::integral Integer>
Integer big_endian(const char* bytes) {
  std::make_unsigned_t<Integer> value;
  std::memcpy(&value, bytes, sizeof(value));
  if constexpr (std::endian::native == std::endian::little) {
    if constexpr (sizeof(value) == 2) {
      value = __builtin_bswap16(value);
    } else if constexpr (sizeof(value) == 4) {
      value = __builtin_bswap32(value);
    } else if constexpr (sizeof(value) == 8) {
      value = __builtin_bswap64(value);
    }
  }
  return static_cast<Integer>(value);
}

// One value as it stands in a row; its size is -1 for NULL. Points into the row. Begins unset, so that room for many
// costs nothing.
struct CopyField {
  const char* bytes;
  std::int32_t size;
  bool is_null() const { return size < 0; }
  std::string_view view() const { return {bytes, static_cast<std::size_t>(size < 0 ? 0 : size)}; }
};

// Finds the fields at `positions` (0-based, ascending) of a binary row, one for each into `fields`, and walks no
// further than the last of them. Returns false, with `fields` unspecified, where the row has fewer fields or its bytes
// end early.
inline bool find_fields(std::span<const char> row, std::span<const std::uint16_t> positions, CopyField* fields) {
  if (positions.empty()) {
    return true;
  }
  if (row.size() < 2 || big_endian<std::int16_t>(row.data()) <= static_cast<int>(positions.back())) {
    return false;
  }
  const char* at = row.data() + 2;
  const char* const end = row.data() + row.size();
  std::uint16_t position = 0;
  for (const std::uint16_t wanted : positions) {
    while (true) {
      if (end - at < 4) {
        return false;
      }
      const auto size = big_endian<std::int32_t>(at);
      at += 4;
      if (end - at < size) {
        return false;
      }
      if (position++ == wanted) {
        *fields++ = CopyField{at, size < 0 ? -1 : size};
        at += size < 0 ? 0 : size;
        break;
      }
      at += size < 0 ? 0 : size;
    }
  }
  return true;
}

// Turns the messages of a binary COPY into rows: takes the header off the first, leaves the trailer out.
class BinaryRows {
 public:
  // The row within the message, header and trailer removed; empty where it holds none. Fails: aborts on a damaged
  // header.
  std::span<const char> row_of(std::span<const char> message);

 private:
  bool header_seen_ = false;
};

// A binary row whose last field is a bigint that is never NULL: appends the row without it to `bytes` and returns it.
// Fails: aborts on bytes that are no such row.
std::int64_t take_last_bigint(std::span<const char> row, std::string& bytes);

// Reads messages of a COPY whose last column is a bigint that is never NULL, and removes that column.
class LastFieldTaker {
 public:
  explicit LastFieldTaker(CopyFormat format) : format_(format) {}

  // Appends the message without its last field to `bytes` and returns that field. Header and trailer are appended as
  // they are and give nullopt. Fails: aborts on bytes that are no COPY row.
  std::optional<std::int64_t> take(std::span<const char> message, std::string& bytes);

 private:
  std::optional<std::int64_t> take_binary(std::span<const char> message, std::string& bytes);
  CopyFormat format_;
  bool header_seen_ = false;
};

}  // namespace pgsluice::pg

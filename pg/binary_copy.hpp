// The framing of COPY's binary and text formats: enough to take the last field off each row. Knows no types.
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

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace pgsluice::pg {

enum class CopyFormat { binary, text };

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

#include "pg/binary_copy.hpp"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace pgsluice::pg {

namespace {

constexpr std::size_t kHeaderFixedBytes = 11 + 4 + 4;
constexpr std::size_t kBigintFieldBytes = 4 + 8;

[[noreturn]] void die(const char* why) {
  std::fprintf(stderr, "pgsluice: internal error: COPY data from the server: %s\n", why);
  std::abort();
}

// The size of the header that the message begins with.
std::size_t header_bytes(std::span<const char> message) {
  if (message.size() < kHeaderFixedBytes) {
    die("the header is too short");
  }
  const std::size_t size = kHeaderFixedBytes + big_endian<std::uint32_t>(message.data() + kHeaderFixedBytes - 4);
  if (message.size() < size) {
    die("the header's extension is too short");
  }
  return size;
}

bool is_trailer(std::span<const char> message) {
  return message.size() >= kBinaryTrailer.size() && big_endian<std::int16_t>(message.data()) == -1;
}

}  // namespace

std::span<const char> BinaryRows::row_of(std::span<const char> message) {
  if (!header_seen_) {
    message = message.subspan(header_bytes(message));
    header_seen_ = true;
  }
  return is_trailer(message) ? std::span<const char>() : message;
}

std::int64_t take_last_bigint(std::span<const char> row, std::string& bytes) {
  if (row.size() < 2) {
    die("a row is too short");
  }
  const auto field_count = big_endian<std::int16_t>(row.data());
  if (field_count < 1 || row.size() < 2 + kBigintFieldBytes) {
    die("a row has no bigint at its end");
  }
  const auto last = row.last(kBigintFieldBytes);
  if (big_endian<std::uint32_t>(last.data()) != sizeof(std::int64_t)) {
    die("a row's last field is no bigint");
  }
  const auto fewer = static_cast<std::uint16_t>(field_count - 1);
  bytes.push_back(static_cast<char>(fewer >> 8U));
  bytes.push_back(static_cast<char>(fewer & 0xFFU));
  bytes.append(row.data() + 2, row.size() - 2 - kBigintFieldBytes);
  return big_endian<std::int64_t>(last.data() + 4);
}

std::optional<std::int64_t> LastFieldTaker::take_binary(std::span<const char> message, std::string& bytes) {
  if (!header_seen_) {
    const std::size_t size = header_bytes(message);
    bytes.append(message.data(), size);
    message = message.subspan(size);
    header_seen_ = true;
  }
  if (message.empty()) {
    return std::nullopt;
  }
  if (is_trailer(message)) {
    bytes.append(message.data(), message.size());
    return std::nullopt;
  }
  return take_last_bigint(message, bytes);
}

std::optional<std::int64_t> LastFieldTaker::take(std::span<const char> message, std::string& bytes) {
  if (format_ == CopyFormat::binary) {
    return take_binary(message, bytes);
  }
  const std::string_view line(message.data(), message.size());
  const std::size_t tab = line.rfind('\t');
  if (tab == std::string_view::npos || line.back() != '\n') {
    die("a line has no last field");
  }
  const std::string_view digits = line.substr(tab + 1, line.size() - tab - 2);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    die("a line's last field is no bigint");
  }
  bytes.append(line.substr(0, tab));
  bytes.push_back('\n');
  return value;
}

}  // namespace pgsluice::pg

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

template <typename Integer>
Integer big_endian(std::span<const char> bytes) {
  Integer value = 0;
  for (std::size_t i = 0; i < sizeof(Integer); ++i) {
    value = static_cast<Integer>(value << 8U | static_cast<unsigned char>(bytes[i]));
  }
  return value;
}

}  // namespace

std::optional<std::int64_t> LastFieldTaker::take_binary(std::span<const char> message, std::string& bytes) {
  if (!header_seen_) {
    if (message.size() < kHeaderFixedBytes) {
      die("the header is too short");
    }
    const std::size_t size = kHeaderFixedBytes + big_endian<std::uint32_t>(message.subspan(kHeaderFixedBytes - 4));
    if (message.size() < size) {
      die("the header's extension is too short");
    }
    bytes.append(message.data(), size);
    message = message.subspan(size);
    header_seen_ = true;
  }
  if (message.empty()) {
    return std::nullopt;
  }
  if (message.size() < 2) {
    die("a row is too short");
  }
  const auto field_count = static_cast<std::int16_t>(big_endian<std::uint16_t>(message));
  if (field_count == -1) {
    bytes.append(message.data(), message.size());
    return std::nullopt;
  }
  if (field_count < 1 || message.size() < 2 + kBigintFieldBytes) {
    die("a row has no bigint at its end");
  }
  const auto last = message.last(kBigintFieldBytes);
  if (big_endian<std::uint32_t>(last) != sizeof(std::int64_t)) {
    die("a row's last field is no bigint");
  }
  const auto fewer = static_cast<std::uint16_t>(field_count - 1);
  bytes.push_back(static_cast<char>(fewer >> 8U));
  bytes.push_back(static_cast<char>(fewer & 0xFFU));
  bytes.append(message.data() + 2, message.size() - 2 - kBigintFieldBytes);
  return static_cast<std::int64_t>(big_endian<std::uint64_t>(last.subspan(4)));
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

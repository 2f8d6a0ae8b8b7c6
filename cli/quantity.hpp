// Numbers as people write them (10M, 64MB, 5min) and as people read them (12.4 M, 1.2 GB, 00:12:31). No units are
// guessed: a duration without a unit is in milliseconds, a size without one in bytes.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace pgsluice::cli {

// "2500", "10k", "10M", "1G": powers of 1000. `name` is the option, for the message. Fails: refused.
std::uint64_t parse_count(std::string_view name, std::string_view text);

// "4096", "64kB", "64MB", "1GB", "2TB": powers of 1024, as in postgresql.conf. Fails: refused.
std::uint64_t parse_bytes(std::string_view name, std::string_view text);

// "200", "200ms", "5s", "5min", "1h". Fails: refused.
std::chrono::milliseconds parse_duration(std::string_view name, std::string_view text);

// "9,999", "12.4 k", "12.4 M", "1.24 G": three digits that matter.
std::string count_text(double count);

// "12,400,000": every digit.
std::string exact_count_text(std::uint64_t count);

// "512 B", "1.2 GB": powers of 1024.
std::string bytes_text(double bytes);

// "00:12:31", "3 d 04:05:06".
std::string duration_text(std::chrono::milliseconds duration);

}  // namespace pgsluice::cli

#include "planner/names.hpp"

#include <xxhash.h>

#include <cstdio>

#include "pg/identifier.hpp"

namespace pgsluice::planner {

namespace {

bool is_continuation_byte(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

std::string cut_between_characters(std::string_view text, std::size_t bytes_max) {
  std::size_t size = bytes_max;
  while (size > 0 && is_continuation_byte(text[size])) {
    --size;
  }
  return std::string(text.substr(0, size));
}

}  // namespace

std::string fitted_name(std::string_view text) {
  if (text.size() <= pg::kNameBytesMax) {
    return std::string(text);
  }
  constexpr std::size_t kHashBytes = 8;
  char hash[kHashBytes + 1];
  std::snprintf(hash, sizeof hash, "%08x", static_cast<unsigned>(XXH32(text.data(), text.size(), 0)));
  return cut_between_characters(text, pg::kNameBytesMax - kHashBytes - 1) + "_" + hash;
}

std::string NameAllocator::allocate(std::string_view wanted) {
  std::string name = fitted_name(wanted);
  for (int attempt = 1; !taken_.insert(name).second; ++attempt) {
    name = fitted_name(std::string(wanted) + "_" + std::to_string(attempt));
  }
  return name;
}

}  // namespace pgsluice::planner

// Rows in COPY's binary form, for tests of what reads them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pgsluice::tests {

template <typename Integer>
std::string network_order(Integer value) {
  std::string bytes;
  for (int shift = 8 * static_cast<int>(sizeof(value)) - 8; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<char>(static_cast<std::uint64_t>(value) >> static_cast<unsigned>(shift)));
  }
  return bytes;
}

// Each field in its type's binary form; nullopt is NULL.
inline std::string copy_row(const std::vector<std::optional<std::string>>& fields) {
  std::string row = network_order(static_cast<std::int16_t>(fields.size()));
  for (const auto& field : fields) {
    row += network_order(field ? static_cast<std::int32_t>(field->size()) : -1) + field.value_or("");
  }
  return row;
}

}  // namespace pgsluice::tests

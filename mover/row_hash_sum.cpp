#include "mover/row_hash_sum.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace pgsluice::mover {

void RowHashSum::add(std::string_view decimal) {
  const bool is_negative = decimal.starts_with('-');
  if (is_negative) {
    decimal.remove_prefix(1);
  }
  Wide value = 0;
  for (const char digit : decimal) {
    if (digit < '0' || digit > '9') {
      std::fprintf(stderr, "pgsluice: internal error: a checksum is no integer\n");
      std::abort();
    }
    value = value * 10 + (digit - '0');
  }
  sum_ += is_negative ? -value : value;
}

std::string RowHashSum::text() const {
  std::string digits;
  Wide rest = sum_;
  do {
    const int digit = static_cast<int>(rest % 10);
    digits.push_back(static_cast<char>('0' + (digit < 0 ? -digit : digit)));
    rest /= 10;
  } while (rest != 0);
  if (sum_ < 0) {
    digits.push_back('-');
  }
  std::reverse(digits.begin(), digits.end());
  return digits;
}

}  // namespace pgsluice::mover

#include "capacity/block_bootstrap.hpp"

#include <algorithm>
#include <cmath>

namespace pgsluice::capacity {

std::vector<std::size_t> BlockBootstrap::draw(std::size_t length) {
  const auto block = static_cast<std::size_t>(std::max(1LL, std::llround(std::cbrt(static_cast<double>(length)))));
  std::vector<std::size_t> indexes;
  indexes.reserve(length);
  while (indexes.size() < length) {
    const std::size_t begin = random_() % length;  // A length is so far below 2^64 that the remainder is even enough.
    for (std::size_t i = 0; i < block && indexes.size() < length; ++i) {
      indexes.push_back((begin + i) % length);
    }
  }
  return indexes;
}

double quantile(std::vector<double> values, double share) {
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
  const auto nth = values.begin() + static_cast<std::ptrdiff_t>(std::clamp<std::size_t>(rank, 1, values.size()) - 1);
  std::nth_element(values.begin(), nth, values.end());
  return *nth;
}

}  // namespace pgsluice::capacity

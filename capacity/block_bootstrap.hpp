// Resampling of a series whose neighbours are alike, as batches are (checkpoints, caches): not single values but blocks
// of consecutive ones are drawn, with replacement, from the series closed to a circle, until it is as long as before.
//
// Method: circular block bootstrap (Politis and Romano, 1992), blocks of about the cube root of the length.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace pgsluice::capacity {

class BlockBootstrap {
 public:
  // The same seed gives the same draws, on every platform.
  explicit BlockBootstrap(std::uint64_t seed) : random_(seed) {}

  // Indexes into a series of that length, as many as it is long.
  std::vector<std::size_t> draw(std::size_t length);

 private:
  std::mt19937_64 random_;
};

// The value below which a share of the values lies (nearest rank); `values` is not empty, `share` above 0 and at
// most 1.
double quantile(std::vector<double> values, double share);

}  // namespace pgsluice::capacity

// How many rows the next batch asks for: grows or shrinks towards a duration, or stays where the operator put it. Pure;
// time is an argument.
#pragma once

#include <chrono>
#include <cstdint>

namespace pgsluice::mover {

struct BatchSizerOptions {
  std::uint64_t rows_fixed = 0;  // 0: sized by time.
  std::chrono::milliseconds duration_target{500};
  double row_bytes = 100;                         // Expected; for the first batch and the limit by bytes.
  std::uint64_t bytes_max = 64ULL * 1024 * 1024;  // What one batch may be expected to hold.
};

class BatchSizer {
 public:
  explicit BatchSizer(const BatchSizerOptions& options);

  // At least 1.
  std::uint64_t rows() const { return rows_; }

  // A batch that asked for rows() was moved: it had this many rows and bytes and took this long.
  void moved(std::uint64_t row_count, std::uint64_t bytes, std::chrono::microseconds duration);

  // From now on this many rows; 0: sized by time, from where it stands.
  void fix(std::uint64_t rows);

  // The batch was too large for the buffer: half of it, whatever the operator fixed.
  void shrink();

 private:
  std::uint64_t limited(double rows) const;
  BatchSizerOptions options_;
  std::uint64_t rows_;
  double row_bytes_;
};

}  // namespace pgsluice::mover

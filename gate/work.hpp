// What the gate counts: the work that rows caused, and what that work costs a volume.
#pragma once

#include <optional>

namespace pgsluice::gate {

inline constexpr double kPageBytes = 8192;
// Written in order, so that a volume sees few, large operations of at most this size.
inline constexpr double kWalBytesPerOperation = 256.0 * 1024;

// What statements touched, as EXPLAIN (ANALYZE, BUFFERS, WAL) and pg_stat_statements count it.
struct Touched {
  double pages_read = 0;     // Not found in shared_buffers.
  double pages_dirtied = 0;  // Written later, by a checkpoint mostly.
  double wal_bytes = 0;
  double pages_grown = 0;  // Of the dirtied ones, so many made a file longer, as far as can be told.

  Touched& operator+=(const Touched& other) {
    pages_read += other.pages_read;
    pages_dirtied += other.pages_dirtied;
    wal_bytes += other.wal_bytes;
    pages_grown += other.pages_grown;
    return *this;
  }
  friend Touched operator-(Touched a, const Touched& b) {
    return {a.pages_read - b.pages_read, a.pages_dirtied - b.pages_dirtied, a.wal_bytes - b.wal_bytes,
            a.pages_grown - b.pages_grown};
  }
  friend Touched operator*(Touched a, double times) {
    return {a.pages_read * times, a.pages_dirtied * times, a.wal_bytes * times, a.pages_grown * times};
  }
};

// One batch.
struct Work {
  double rows = 0;
  std::optional<Touched> touched;  // Absent where the method cannot tell, as with COPY.
};

// I/O operations of the volume, and bytes.
struct Cost {
  double operations = 0;
  double bytes = 0;

  Cost& operator+=(const Cost& other) {
    operations += other.operations;
    bytes += other.bytes;
    return *this;
  }
  friend Cost operator-(Cost a, const Cost& b) { return {a.operations - b.operations, a.bytes - b.bytes}; }
  friend Cost operator*(Cost a, double times) { return {a.operations * times, a.bytes * times}; }
};

}  // namespace pgsluice::gate

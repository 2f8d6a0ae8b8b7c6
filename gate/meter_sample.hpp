// What a meter reads from the server: counters of everybody's I/O since they were last reset.
#pragma once

#include <cstdint>
#include <optional>

namespace pgsluice::gate {

struct MeterSample {
  double seconds = 0;            // When it was read, by the clock of the gate's `now`.
  std::int64_t stats_reset = 0;  // Any number that changes when the server resets its counters.
  std::uint64_t pages_read = 0;
  bool reads_hold_growth = false;   // A page by which a file grows counts as read.
  std::uint64_t pages_written = 0;  // By checkpoints, the background writer and backends.
  std::uint64_t wal_bytes = 0;
  std::optional<std::uint64_t> checkpoints_done;   // Counted when a checkpoint ends.
  std::optional<std::uint64_t> device_operations;  // Of the volume, where a device meter exists.
  std::optional<double> read_seconds;              // Spent on pages_read, with track_io_timing.
};

}  // namespace pgsluice::gate

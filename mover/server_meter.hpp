// The meter that asks the server by SQL: pages from the best view that this version has, WAL and checkpoints from
// wherever they are told, and, where a volume's own counter is at hand, that one beside them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "mover/disk_operations.hpp"
#include "mover/meter.hpp"

namespace pgsluice::mover {

struct MeterSource;  // One way to learn one thing; server_meter.cpp lists them.

class ServerMeter : public Meter {
 public:
  // `disk`: the volume, if it is of this machine. `may_use_extension`: the server's pg_proctab may tell, too.
  ServerMeter(std::optional<DiskOperations> disk, bool may_use_extension)
      : disk_(std::move(disk)), may_use_extension_(may_use_extension) {}

  void prepare(pg::Connection& connection) override;
  gate::MeterSample read(pg::Connection& connection) override;
  std::string description() const override;
  double delay_seconds() const override { return 1; }

 private:
  void read_checkpoints(pg::Connection& connection, gate::MeterSample& sample);

  const std::optional<DiskOperations> disk_;
  const bool may_use_extension_;

  // What prepare() found.
  int version_ = 0;
  const MeterSource* pages_ = nullptr;
  const MeterSource* wal_ = nullptr;          // Absent: nothing tells.
  const MeterSource* checkpoints_ = nullptr;  // Absent: nothing tells.
  std::string device_sql_;                    // Empty: pg_proctab is not used.
  bool has_read_time_ = false;
  bool has_requests_ = false;  // The server counts its requests to the kernel, or a device its operations.

  // Checkpoints are counted here where the server only tells where the last one ended.
  std::optional<std::int64_t> checkpoint_position_;
  std::uint64_t checkpoints_seen_ = 0;
};

}  // namespace pgsluice::mover

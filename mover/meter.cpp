#include "mover/meter.hpp"

#include <optional>

#include "mover/disk_operations.hpp"
#include "mover/server_meter.hpp"
#include "mover/target_session.hpp"
#include "pg/failure.hpp"

namespace pgsluice::mover {

MeterOptions parse_meter(std::string_view text) {
  constexpr std::string_view kDiskstats = "diskstats:";
  if (text == "auto") {
    return {};
  }
  if (text == "server") {
    return {MeterOptions::Kind::server, {}};
  }
  if (text == "none") {
    return {MeterOptions::Kind::none, {}};
  }
  if (text.starts_with(kDiskstats) && text.size() > kDiskstats.size()) {
    return {MeterOptions::Kind::diskstats, std::string(text.substr(kDiskstats.size()))};
  }
  throw pg::Failure(pg::FailureKind::refused, "there is no meter \"" + std::string(text) + "\"")
      .hint(
          "--meter takes auto, server, none, or diskstats:DEVICE with a device's name (nvme0n1) or a folder on it "
          "(/var/lib/postgresql).");
}

std::unique_ptr<Meter> make_meter(pg::Connection& connection, const MeterOptions& options) {
  if (options.kind == MeterOptions::Kind::none) {
    return nullptr;
  }
  std::optional<DiskOperations> disk;
  if (options.kind == MeterOptions::Kind::diskstats) {
    disk = DiskOperations::find(options.device);
  }
  auto meter = std::make_unique<ServerMeter>(std::move(disk), options.kind == MeterOptions::Kind::best);
  meter->prepare(connection);
  return meter;
}

void flush_own_statistics(pg::Connection& connection) {
  constexpr int kFirstVersion = 15;
  if (connection.server_major_version() >= kFirstVersion) {
    fixed_query(connection, "flush_own_statistics");
  }
}

}  // namespace pgsluice::mover

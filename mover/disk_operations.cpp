#include "mover/disk_operations.hpp"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <functional>
#include <sstream>

#include "pg/failure.hpp"

namespace pgsluice::mover {

namespace {

std::optional<DiskLine> first_line(const std::function<bool(const DiskLine&)>& is_wanted) {
  std::ifstream file("/proc/diskstats");
  for (std::string text; std::getline(file, text);) {
    if (std::optional<DiskLine> line = parse_disk_line(text); line && is_wanted(*line)) {
      return line;
    }
  }
  return std::nullopt;
}

pg::Failure refusal(const std::string& device, const std::string& why) {
  return pg::Failure(pg::FailureKind::refused, "--meter diskstats:" + device + ": " + why)
      .hint("Name a device of /proc/diskstats, or a folder on one, on the machine where the server keeps its data.");
}

}  // namespace

std::optional<DiskLine> parse_disk_line(std::string_view line) {
  std::istringstream fields{std::string(line)};
  DiskLine disk;
  std::uint64_t reads = 0;
  std::uint64_t reads_merged = 0;
  std::uint64_t sectors_read = 0;
  std::uint64_t read_ms = 0;
  std::uint64_t writes = 0;
  fields >> disk.number.major >> disk.number.minor >> disk.name >> reads >> reads_merged >> sectors_read >> read_ms >>
      writes;
  disk.operations = reads + writes;
  return fields ? std::optional(disk) : std::nullopt;
}

DiskOperations DiskOperations::find(const std::string& device) {
  if (device.find('/') == std::string::npos) {
    const auto line = first_line([&](const DiskLine& disk) { return disk.name == device; });
    if (!line) {
      throw refusal(device, "this machine has no such device");
    }
    return {line->number, line->name};
  }
  struct stat facts {};
  if (stat(device.c_str(), &facts) != 0) {
    throw refusal(device, std::strerror(errno));
  }
  const dev_t id = S_ISBLK(facts.st_mode) ? facts.st_rdev : facts.st_dev;
  const DeviceNumber number{major(id), minor(id)};
  const auto line = first_line([&](const DiskLine& disk) { return disk.number == number; });
  if (!line) {
    throw refusal(device, "it lies on no device that the kernel counts for, as is so with btrfs, overlays and NFS");
  }
  return {line->number, line->name};
}

std::uint64_t DiskOperations::read() const {
  const auto line = first_line([&](const DiskLine& disk) { return disk.number == number_ && disk.name == name_; });
  if (!line) {
    throw pg::Failure(pg::FailureKind::local, "the device " + name_ + " is gone from /proc/diskstats");
  }
  return line->operations;
}

}  // namespace pgsluice::mover

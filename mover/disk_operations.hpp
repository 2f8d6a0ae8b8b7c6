// How many operations a block device of this machine has done, as the kernel counts them in /proc/diskstats: the true
// I/O operations of a volume, where the server's data lie on this machine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pgsluice::mover {

struct DeviceNumber {
  unsigned major = 0;
  unsigned minor = 0;
  friend bool operator==(const DeviceNumber&, const DeviceNumber&) = default;
};

// One line of /proc/diskstats.
struct DiskLine {
  DeviceNumber number;
  std::string name;
  std::uint64_t operations = 0;  // Reads and writes completed.
};

// Nothing, if it is no such line.
// Source: Linux, Documentation/admin-guide/iostats.rst.
std::optional<DiskLine> parse_disk_line(std::string_view line);

class DiskOperations {
 public:
  // `device`: its name, or the path of anything that lies on it, or of the device itself.
  // Fails: refused, if there is no such device or the kernel does not count for it.
  static DiskOperations find(const std::string& device);

  const std::string& name() const { return name_; }
  // Since the machine started. Fails: local, if the device is gone.
  std::uint64_t read() const;

 private:
  DiskOperations(DeviceNumber number, std::string name) : number_(number), name_(std::move(name)) {}
  DeviceNumber number_;
  std::string name_;
};

}  // namespace pgsluice::mover

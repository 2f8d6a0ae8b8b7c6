// What the operator allows. Each limit that is absent does not limit.
#pragma once

#include <optional>

namespace pgsluice::gate {

struct Budget {
  std::optional<double> operations_per_second;         // --max-iops: pgsluice's own work.
  std::optional<double> bytes_per_second;              // --max-mbps: pgsluice's own work.
  std::optional<double> server_operations_per_second;  // --server-iops: everybody's; the application comes first.
};

// Whether there is any limit.
bool is_limited(const Budget& budget);

// Fails: refused, if a limit is not a positive, finite number.
void check(const Budget& budget);

// The slowest that anything but a brake makes pgsluice: a twentieth of the limit, at least 10 operations or 80 kB a
// second, never more than the limit itself.
double operations_floor(double operations_per_second);
double bytes_floor(double bytes_per_second);

// What is allowed while the meter is blind: a quarter of the limit, no less than its floor.
double blind_operations(double operations_per_second);
double blind_bytes(double bytes_per_second);

}  // namespace pgsluice::gate

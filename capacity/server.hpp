// A volume and an instance together: four limits, of which the lowest binds, and the credits that lift three of them
// for a while.
#pragma once

#include <array>
#include <cstddef>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

#include "capacity/instance.hpp"
#include "capacity/volume.hpp"

namespace pgsluice::capacity {

// What keeps work from going faster. The first four are the server's, the others come with a job.
enum class Limit {
  volume_ops,
  volume_bytes,
  instance_ops,
  instance_bytes,
  target_ops,  // --max-iops.
  wal_bytes,   // A rate of WAL that must not be passed.
  cpu,         // Every core, or every worker, computes.
  sessions,    // Every worker waits for its own statements; more workers would go faster.
  demand,      // It was not asked to go faster.
  nothing,     // There is nothing to do.
};
std::string_view name_of(Limit limit);  // "the volume's IOPS"

inline constexpr std::array kServerLimits = {Limit::volume_ops, Limit::volume_bytes, Limit::instance_ops,
                                             Limit::instance_bytes};

struct Server {
  Volume volume;
  std::optional<Instance> instance;  // Absent where none limits the storage.
};

// One limit as a bucket of credits. Using more than `base` a second takes the difference from the bucket; an empty
// bucket allows `base`. Using less puts the difference back, at most `refill_max` a second.
struct LimitBucket {
  Limit limit = Limit::nothing;
  double base = std::numeric_limits<double>::infinity();   // Operations or bytes a second.
  double burst = std::numeric_limits<double>::infinity();  // Equal to base without burst.
  double credits_max = 0;
  double refill_max = std::numeric_limits<double>::infinity();
  CreditShare credits_share = std::nullopt;  // At the start.

  bool counts_ops() const;  // Else bytes.
};

// The four limits of a server; two without an instance.
std::vector<LimitBucket> limits_of(const Server& server);

// What a server does, operations and bytes a second, and which of its limits says so.
struct Capacity {
  double ops = 0;
  Limit ops_limit = Limit::volume_ops;
  double bytes = 0;
  Limit bytes_limit = Limit::volume_bytes;
};
Capacity sustained_capacity(const Server& server);  // For ever: the baselines alone.
Capacity burst_capacity(const Server& server);      // While all credits last.

}  // namespace pgsluice::capacity

#include "capacity/server.hpp"

#include <algorithm>

namespace pgsluice::capacity {

namespace {

template <typename Rate>
Capacity lowest(const Server& server, Rate rate) {
  Capacity capacity;
  capacity.ops = std::numeric_limits<double>::infinity();
  capacity.bytes = std::numeric_limits<double>::infinity();
  for (const LimitBucket& bucket : limits_of(server)) {
    double& value = bucket.counts_ops() ? capacity.ops : capacity.bytes;
    if (rate(bucket) < value) {
      value = rate(bucket);
      (bucket.counts_ops() ? capacity.ops_limit : capacity.bytes_limit) = bucket.limit;
    }
  }
  return capacity;
}

LimitBucket instance_bucket(Limit limit, double base, double burst, CreditShare share) {
  const double credits = (burst - base) * kInstanceBurstSeconds;
  return {limit, base, burst, credits, credits / kInstanceRefillSeconds, share};
}

}  // namespace

std::string_view name_of(Limit limit) {
  switch (limit) {
    case Limit::volume_ops:
      return "the volume's IOPS";
    case Limit::volume_bytes:
      return "the volume's throughput";
    case Limit::instance_ops:
      return "the instance's IOPS";
    case Limit::instance_bytes:
      return "the instance's throughput";
    case Limit::target_ops:
      return "the limit on IOPS that was asked for";
    case Limit::wal_bytes:
      return "the limit on WAL that was asked for";
    case Limit::cpu:
      return "CPU";
    case Limit::sessions:
      return "the number of workers";
    case Limit::demand:
      return "the demand itself";
    case Limit::nothing:
      return "nothing";
  }
  return "";
}

bool LimitBucket::counts_ops() const {
  return limit == Limit::volume_ops || limit == Limit::instance_ops || limit == Limit::target_ops;
}

std::vector<LimitBucket> limits_of(const Server& server) {
  const Volume& volume = server.volume;
  std::vector<LimitBucket> limits;
  limits.push_back({.limit = Limit::volume_ops,
                    .base = volume.base_ops,
                    .burst = volume.burst_ops,
                    .credits_max = volume.credits_max,
                    .credits_share = volume.credits_share});
  // No bucket of its own: see gp2_volume().
  limits.push_back({.limit = Limit::volume_bytes, .base = volume.burst_bytes, .burst = volume.burst_bytes});
  if (server.instance) {
    const Instance& instance = *server.instance;
    limits.push_back(
        instance_bucket(Limit::instance_ops, instance.base_ops, instance.burst_ops, instance.ops_credits_share));
    limits.push_back(instance_bucket(Limit::instance_bytes, instance.base_bytes, instance.burst_bytes,
                                     instance.bytes_credits_share));
  }
  return limits;
}

Capacity sustained_capacity(const Server& server) {
  Capacity capacity = lowest(server, [](const LimitBucket& bucket) { return bucket.base; });
  if (server.volume.base_bytes < capacity.bytes) {
    capacity.bytes = server.volume.base_bytes;
    capacity.bytes_limit = Limit::volume_bytes;
  }
  return capacity;
}

Capacity burst_capacity(const Server& server) {
  return lowest(server, [](const LimitBucket& bucket) { return bucket.burst; });
}

}  // namespace pgsluice::capacity

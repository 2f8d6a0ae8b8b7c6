// The instance that a database runs on, as far as its I/O goes: what it lets through to all of its volumes together,
// from data/rds_ebs_limits.csv. Operations a second (of 16 KiB) and bytes a second each have a baseline, a maximum and
// a bucket of credits of their own.
//
// Units: throughput of instances is in MB/s of 10^6 bytes, while that of volumes is in MiB/s. Bytes here.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "capacity/volume.hpp"

namespace pgsluice::capacity {

struct Instance {
  std::string name;       // "db.r5.large"
  double memory_gib = 0;  // 0 when unknown.
  unsigned cores = 0;     // By Amazon's names: 2 up to large, 4 for xlarge, 4 N for Nxlarge. 0 when unknown.
  double base_ops = 0;    // A second.
  double burst_ops = 0;   // Equal to base_ops without burst.
  double base_bytes = 0;  // A second.
  double burst_bytes = 0;
  CreditShare ops_credits_share;    // At the start: CloudWatch's EBSIOBalance%.
  CreditShare bytes_credits_share;  // EBSByteBalance%.
};

// Credits for half an hour at the maximum; refilled at most once in a day.
// Source: Amazon EC2 user guide, "Amazon EBS-optimized instances": "maximum performance for 30 minutes at least once
// every 24 hours". How the buckets refill is not published; that both are linear is our assumption.
inline constexpr double kInstanceBurstSeconds = 1800;
inline constexpr double kInstanceRefillSeconds = 86'400;

// Figures that are known better than by our table; bytes and operations a second.
struct InstanceOverrides {
  std::optional<double> base_ops;
  std::optional<double> burst_ops;
  std::optional<double> base_bytes;
  std::optional<double> burst_bytes;
};

// The class of that name, with or without "db.". Where EC2's and the RDS guide's maxima differ, the smaller one. A
// baseline given above the maximum raises the maximum. A class that is not in the table is taken if both baselines are
// given. Fails: refused, for an unknown class (the hint lists near names) and for figures that are no positive numbers.
Instance instance_named(std::string_view name, const InstanceOverrides& overrides = {});

// The larger classes of the same family, in ascending order.
std::vector<Instance> larger_instances(const Instance& instance);

}  // namespace pgsluice::capacity

// The storage below a database, as `--volume` names it: what it sustains, what it reaches while its credits last.
//
//   gp2:2000                     RDS, 2000 GiB; nothing is known of its I/O credits
//   gp2:2000:full                all credits are there, as in a new or restored volume; also empty, unknown, or a share
//                                such as 40% (CloudWatch's BurstBalance)
//   gp3:2000                     RDS, with what the size includes
//   gp3:2000:16000iops:1000mbps  with what was provisioned, either or both
//   io1:2000:20000iops           RDS; io2 likewise
//   gp2:750:ebs                  one EBS volume of one's own on EC2, which is not striped as RDS does; after any type
//   custom:5000iops:250mbps      any other disk, without burst; one of the two may be missing
//
// Sizes are whole GiB, or TiB when they end so (2TiB). "mbps" here means MiB/s, as in Amazon's consoles for storage.
#pragma once

#include <limits>
#include <string>
#include <string_view>

#include "capacity/volume_wish.hpp"

namespace pgsluice::capacity {

struct Volume {
  StorageType type = StorageType::custom;
  double size_gib = 0;   // 0 with custom.
  unsigned volumes = 1;  // All alike and used evenly, so they drain together.
  bool is_rds = false;
  bool is_unverified = false;  // See StorageOffer.

  // A second, all volumes together; infinite where custom storage does not limit it.
  double base_ops = std::numeric_limits<double>::infinity();
  double burst_ops = std::numeric_limits<double>::infinity();  // Equal to base_ops without burst.
  double base_bytes = std::numeric_limits<double>::infinity();
  double burst_bytes = std::numeric_limits<double>::infinity();

  double credits_max = 0;  // I/O credits, all volumes together; 0 without burst. One pays for one operation above base.
  CreditShare credits_share;

  double operation_bytes_max = std::numeric_limits<double>::infinity();  // A larger operation counts as several.

  bool can_burst() const { return credits_max > 0; }
};

// Fails: refused, for a text of no such form and for what Amazon would not sell: a size, IOPS or throughput outside the
// offer, too many or few IOPS for the size, provisioning where it is not possible, credits of storage that has none.
Volume parse_volume(std::string_view text);

// The same notation: parse_volume(volume_text(v)) is v.
std::string volume_text(const Volume& volume);

}  // namespace pgsluice::capacity

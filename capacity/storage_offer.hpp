// What Amazon sells as block storage, as far as a database's speed goes: the rules of one EBS volume, and of the
// volumes that RDS stripes a PostgreSQL database's storage over. Ages and sources: data/README.md.
//
// Units: IOPS are operations a second; EBS throughput is in MiB/s (2^20 bytes), while that of instances is in MB/s.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace pgsluice::capacity {

inline constexpr double kMib = 1024.0 * 1024.0;

// EBS splits a larger operation and, with luck, merges smaller ones up to this size.
// Source: Amazon EC2 user guide, "I/O characteristics and monitoring".
inline constexpr double kEbsOperationBytesMax = 256.0 * 1024.0;

// I/O credits of one gp2 volume; a new volume has all of them.
inline constexpr double kGp2Credits = 5.4e6;
inline constexpr double kGp2BurstIops = 3000;

enum class StorageType { gp2, gp3, io1, io2, custom };
std::string_view name_of(StorageType type);

// One span of sizes of one type, with what may be provisioned in it, all volumes together.
struct StorageOffer {
  StorageType type = StorageType::gp2;
  double size_gib_min = 0;
  double size_gib_max = 0;
  unsigned volumes = 1;        // Of equal size.
  bool is_unverified = false;  // Its rules under RDS are taken from EBS.
  double iops_min = 0;         // What may be provisioned; both 0 with gp2.
  double iops_max = 0;
  double iops_included = 0;  // Of gp3, when nothing is provisioned; 0 with io1 and io2, where IOPS must be said.
  double iops_per_gib_min = 0;
  double iops_per_gib_max = 0;
  double mib_included = 0;  // Of gp3; 0 where throughput follows from the IOPS.
  double mib_max = 0;       // What may be provisioned, or is reached.
};

// Of RDS for PostgreSQL, from data/rds_storage_limits.csv, ascending by size. Fails: corrupt.
std::vector<StorageOffer> rds_offers(StorageType type);
// Of one EBS volume attached to an instance of one's own.
StorageOffer ebs_offer(StorageType type);

// What one gp2 volume does. Base IOPS 3 a GiB, from 100 to 16,000; bursts to 3,000 while its credits last, unless its
// base is that high. At most 128 MiB/s up to 170 GiB, 250 MiB/s above.
//
// Source: Amazon EC2 user guide, "General Purpose SSD volumes". Its rule that volumes of 171 to 333 GiB reach 250 MiB/s
// only "if burst credits are available" needs no state of its own: without credits the IOPS allow no more than 256 KiB
// each.
struct Gp2Volume {
  double base_iops = 0;
  double burst_iops = 0;  // Equal to base_iops where it does not burst.
  double base_mib = 0;    // Without credits.
  double burst_mib = 0;
  double credits = 0;  // 0 where it does not burst.
};
Gp2Volume gp2_volume(double size_gib);

// MiB/s of one io1 volume. Up to 32,000 IOPS each may be of 256 KiB, to 500 MiB/s; above, each counts 16 KiB, to 1,000
// MiB/s. Source: Amazon EC2 user guide, "Provisioned IOPS SSD volumes".
double io1_mib(double iops);

// MiB/s of io2 Block Express: 0.256 for each IOPS, to 4,000. Source: as above.
double io2_mib(double iops);

// MiB/s that may be provisioned with so many IOPS on gp3: a quarter. Source: "General Purpose SSD volumes".
inline constexpr double kGp3MibPerIops = 0.25;

}  // namespace pgsluice::capacity

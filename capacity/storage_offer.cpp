#include "capacity/storage_offer.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include "capacity/tables.hpp"
#include "pg/failure.hpp"

namespace pgsluice::capacity {

namespace {

constexpr double kGp2IopsPerGib = 3;
constexpr double kGp2IopsMin = 100;
constexpr double kGp2IopsMax = 16'000;
constexpr double kIo1IopsPerGibMin = 0.5;
constexpr double kIo1IopsPerGibMax = 50;
constexpr double kIo2IopsPerGibMax = 1000;
constexpr double kGp3IopsPerGibMax = 500;
constexpr double kProvisionedIopsMin = 100;  // EBS's own; RDS asks for more with io1.

// The whole numbers in a cell such as "12000-64000 provisioned"; none in "by rule".
std::vector<double> numbers_in(std::string_view cell) {
  std::vector<double> numbers;
  const char* const end = cell.data() + cell.size();
  for (const char* at = cell.data(); at != end;) {
    std::uint64_t number = 0;
    const auto [rest, error] = std::from_chars(at, end, number);
    if (error == std::errc()) {
      numbers.push_back(static_cast<double>(number));
      at = rest;
    } else {
      ++at;
    }
  }
  return numbers;
}

class OfferRow {
 public:
  OfferRow(const CsvTable& table, std::size_t row) : table_(table), row_(row) {}

  double number(std::string_view column) const { return one(column, table_.number(row_, column)); }
  double lowest(std::string_view column) const { return one(column, edge(column, true)); }
  double highest(std::string_view column) const { return one(column, edge(column, false)); }

 private:
  std::optional<double> edge(std::string_view column, bool is_lowest) const {
    const std::vector<double> found = numbers_in(table_.text(row_, column));
    if (found.empty()) {
      return std::nullopt;
    }
    const auto [low, high] = std::minmax_element(found.begin(), found.end());
    return is_lowest ? *low : *high;
  }

  double one(std::string_view column, std::optional<double> value) const {
    if (!value) {
      throw pg::Failure(pg::FailureKind::corrupt, "data/rds_storage_limits.csv has no number in column \"" +
                                                      std::string(column) + "\" of row " + std::to_string(row_ + 1));
    }
    return *value;
  }

  const CsvTable& table_;
  std::size_t row_;
};

}  // namespace

std::string_view name_of(StorageType type) {
  switch (type) {
    case StorageType::gp2:
      return "gp2";
    case StorageType::gp3:
      return "gp3";
    case StorageType::io1:
      return "io1";
    case StorageType::io2:
      return "io2";
    case StorageType::custom:
      return "custom";
  }
  return "";
}

std::vector<StorageOffer> rds_offers(StorageType type) {
  const CsvTable limits = table("rds_storage_limits");
  std::vector<StorageOffer> offers;
  for (std::size_t row = 0; row < limits.row_count(); ++row) {
    if (limits.text(row, "storage_type") != name_of(type)) {
      continue;
    }
    const OfferRow cells(limits, row);
    StorageOffer offer;
    offer.type = type;
    offer.size_gib_min = cells.number("size_gib_min");
    offer.size_gib_max = cells.number("size_gib_max");
    offer.is_unverified = limits.text(row, "volumes") == "unverified";
    offer.volumes = offer.is_unverified ? 1 : static_cast<unsigned>(cells.number("volumes"));
    offer.mib_max = cells.highest("max_mib_s");
    if (type == StorageType::gp3) {
      offer.iops_included = cells.lowest("base_iops");
      offer.iops_min = offer.iops_included;
      offer.iops_max = cells.highest("burst_or_max_iops");
      offer.iops_per_gib_max = kGp3IopsPerGibMax;
      offer.mib_included = cells.lowest("base_mib_s");
    } else if (type == StorageType::io1) {
      offer.iops_min = cells.lowest("base_iops");
      offer.iops_max = cells.highest("base_iops");
      offer.iops_per_gib_min = kIo1IopsPerGibMin;
      offer.iops_per_gib_max = kIo1IopsPerGibMax;
    } else if (type == StorageType::io2) {
      offer.iops_min = kProvisionedIopsMin;
      offer.iops_max = cells.highest("base_iops");
      offer.iops_per_gib_max = kIo2IopsPerGibMax;
    }
    offers.push_back(offer);
  }
  std::sort(offers.begin(), offers.end(),
            [](const StorageOffer& a, const StorageOffer& b) { return a.size_gib_min < b.size_gib_min; });
  return offers;
}

// Source: Amazon EC2 user guide, "General Purpose SSD volumes" and "Provisioned IOPS SSD volumes", June 2023.
StorageOffer ebs_offer(StorageType type) {
  switch (type) {
    case StorageType::gp2:
      return {.type = type, .size_gib_min = 1, .size_gib_max = 16'384, .mib_max = 250};
    case StorageType::gp3:
      return {.type = type,
              .size_gib_min = 1,
              .size_gib_max = 16'384,
              .iops_min = 3000,
              .iops_max = 16'000,
              .iops_included = 3000,
              .iops_per_gib_max = kGp3IopsPerGibMax,
              .mib_included = 125,
              .mib_max = 1000};
    case StorageType::io1:
      return {.type = type,
              .size_gib_min = 4,
              .size_gib_max = 16'384,
              .iops_min = kProvisionedIopsMin,
              .iops_max = 64'000,
              .iops_per_gib_max = kIo1IopsPerGibMax,
              .mib_max = 1000};
    case StorageType::io2:
      return {.type = type,
              .size_gib_min = 4,
              .size_gib_max = 65'536,
              .iops_min = kProvisionedIopsMin,
              .iops_max = 256'000,
              .iops_per_gib_max = kIo2IopsPerGibMax,
              .mib_max = 4000};
    case StorageType::custom:
      break;
  }
  std::fprintf(stderr, "pgsluice: EBS does not offer custom storage\n");
  std::abort();
}

Gp2Volume gp2_volume(double size_gib) {
  constexpr double kSmallGib = 170;
  constexpr double kSmallMib = 128;
  constexpr double kLargeMib = 250;
  Gp2Volume volume;
  volume.base_iops = std::clamp(kGp2IopsPerGib * size_gib, kGp2IopsMin, kGp2IopsMax);
  volume.burst_iops = std::max(volume.base_iops, kGp2BurstIops);
  volume.credits = volume.burst_iops > volume.base_iops ? kGp2Credits : 0;
  volume.burst_mib = size_gib <= kSmallGib ? kSmallMib : kLargeMib;
  volume.base_mib = std::clamp(volume.base_iops * kEbsOperationBytesMax / kMib, kSmallMib, volume.burst_mib);
  return volume;
}

double io1_mib(double iops) {
  constexpr double kSmallOperationsFrom = 32'000;
  constexpr double kMibAtThirtyTwoThousand = 500;
  constexpr double kMibMax = 1000;
  constexpr double kSmallOperationMib = 16.0 / 1024;
  return iops <= kSmallOperationsFrom ? std::min(iops * kEbsOperationBytesMax / kMib, kMibAtThirtyTwoThousand)
                                      : std::min(iops * kSmallOperationMib, kMibMax);
}

double io2_mib(double iops) {
  constexpr double kMibPerIops = 0.256;
  constexpr double kMibMax = 4000;
  return std::min(iops * kMibPerIops, kMibMax);
}

}  // namespace pgsluice::capacity

// The notation of `--volume` (see capacity/volume.hpp): a text becomes a wish. Whether anybody sells that is not asked
// here.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "capacity/storage_offer.hpp"
#include "pg/failure.hpp"

namespace pgsluice::capacity {

// Burst credits at the start, as a share of what can be saved, 0 to 1; absent when nobody knows.
using CreditShare = std::optional<double>;

// "full", "empty", "unknown" or "40%". Fails: refused.
CreditShare parse_credits(std::string_view text);

struct VolumeWish {
  std::string text;  // As it was written.
  StorageType type = StorageType::custom;
  double size_gib = 0;  // 0 with custom.
  bool is_ebs = false;  // One volume of one's own.
  std::optional<double> iops;
  std::optional<double> mib;  // MiB/s.
  bool says_credits = false;
  CreditShare credits;

  // To be thrown with a hint.
  pg::Failure refusal(const std::string& why) const;
};

// Fails: refused, for a text of no such form.
VolumeWish parse_wish(std::string_view text);

}  // namespace pgsluice::capacity

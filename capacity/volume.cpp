#include "capacity/volume.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace pgsluice::capacity {

namespace {

constexpr double kPercent = 100;

// "2,000" of 2000.
std::string grouped(double value) {
  std::string text = std::to_string(std::llround(value));
  for (std::ptrdiff_t at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3) {
    text.insert(static_cast<std::size_t>(at), 1, ',');
  }
  return text;
}

Volume custom_volume(const VolumeWish& wish) {
  if (wish.says_credits) {
    throw wish.refusal("custom storage has no burst credits").hint("Give what it sustains.");
  }
  if ((!wish.iops && !wish.mib) || wish.iops == 0.0 || wish.mib == 0.0) {
    throw wish.refusal("it would do nothing").hint("Give IOPS, throughput or both: custom:5000iops:250mbps.");
  }
  Volume volume;
  if (wish.iops) {
    volume.base_ops = volume.burst_ops = *wish.iops;
  }
  if (wish.mib) {
    volume.base_bytes = volume.burst_bytes = *wish.mib * kMib;
  }
  return volume;
}

std::string seller(const VolumeWish& wish) {
  return wish.is_ebs ? "EBS" : "RDS";
}

StorageOffer offer_for(const VolumeWish& wish) {
  const std::vector<StorageOffer> offers = wish.is_ebs ? std::vector{ebs_offer(wish.type)} : rds_offers(wish.type);
  double size_max = 0;
  for (const StorageOffer& offer : offers) {
    if (wish.size_gib >= offer.size_gib_min && wish.size_gib <= offer.size_gib_max) {
      return offer;
    }
    size_max = std::max(size_max, offer.size_gib_max);
  }
  throw wish
      .refusal(seller(wish) + " does not sell " + std::string(name_of(wish.type)) + " of " + grouped(wish.size_gib) +
               " GiB")
      .detail("It sells " + grouped(offers.front().size_gib_min) + " to " + grouped(size_max) + " GiB.")
      .hint("The size is what is allocated, not what is used.");
}

void check_iops(const VolumeWish& wish, const StorageOffer& offer, double iops) {
  const double low = std::max(offer.iops_min, std::ceil(offer.iops_per_gib_min * wish.size_gib));
  const double high = std::max(offer.iops_min, std::min(offer.iops_max, offer.iops_per_gib_max * wish.size_gib));
  if (iops < low || iops > high) {
    throw wish.refusal(seller(wish) + " does not sell " + grouped(iops) + " IOPS with it")
        .detail(std::string(name_of(wish.type)) + " of " + grouped(wish.size_gib) + " GiB has " + grouped(low) +
                " to " + grouped(high) + " IOPS.")
        .hint("Give the provisioned IOPS as the console shows them, of all volumes together.");
  }
}

void refuse_provisioning(const VolumeWish& wish, const std::string& why, const std::string& hint) {
  throw wish.refusal(why).hint(hint);
}

Volume gp2(const VolumeWish& wish, const StorageOffer& offer) {
  if (wish.iops || wish.mib) {
    refuse_provisioning(wish, "IOPS and throughput of gp2 follow from its size", "Leave them out: gp2:2000.");
  }
  const double count = offer.volumes;
  const Gp2Volume one = gp2_volume(wish.size_gib / count);
  Volume volume;
  volume.base_ops = count * one.base_iops;
  volume.burst_ops = count * one.burst_iops;
  volume.burst_bytes = std::min(count * one.burst_mib, offer.mib_max) * kMib;
  volume.base_bytes = std::min(count * one.base_mib * kMib, volume.burst_bytes);
  volume.credits_max = count * one.credits;
  volume.credits_share = wish.credits;
  return volume;
}

Volume gp3(const VolumeWish& wish, const StorageOffer& offer) {
  const double iops = wish.iops.value_or(offer.iops_included);
  const double mib = wish.mib.value_or(offer.mib_included);
  const bool is_provisionable = offer.iops_max > offer.iops_included;
  if (!is_provisionable && (iops != offer.iops_included || mib != offer.mib_included)) {
    throw wish.refusal("RDS does not provision gp3 of less than 400 GiB")
        .detail("It has " + grouped(offer.iops_included) + " IOPS and " + grouped(offer.mib_included) + " MiB/s.")
        .hint("Leave both out, or give 400 GiB or more.");
  }
  check_iops(wish, offer, iops);
  const double mib_max = std::min(offer.mib_max, std::max(offer.mib_included, kGp3MibPerIops * iops));
  if (mib < offer.mib_included || mib > mib_max) {
    throw wish.refusal(seller(wish) + " does not sell " + grouped(mib) + " MiB/s with it")
        .detail("With " + grouped(iops) + " IOPS it has " + grouped(offer.mib_included) + " to " + grouped(mib_max) +
                " MiB/s.")
        .hint("A quarter of the IOPS is the most in MiB/s.");
  }
  Volume volume;
  volume.base_ops = iops;
  volume.base_bytes = mib * kMib;
  return volume;
}

Volume provisioned(const VolumeWish& wish, const StorageOffer& offer) {
  const std::string name(name_of(wish.type));
  if (!wish.iops) {
    throw wish.refusal("the provisioned IOPS are missing")
        .hint("Write them behind the size: " + name + ":2000:20000iops.");
  }
  if (wish.mib) {
    refuse_provisioning(wish, "throughput of " + name + " follows from its IOPS", "Leave it out.");
  }
  check_iops(wish, offer, *wish.iops);
  const double count = offer.volumes;
  const double each = *wish.iops / count;
  Volume volume;
  volume.base_ops = *wish.iops;
  volume.base_bytes =
      std::min(count * (wish.type == StorageType::io1 ? io1_mib(each) : io2_mib(each)), offer.mib_max) * kMib;
  return volume;
}

}  // namespace

Volume parse_volume(std::string_view text) {
  const VolumeWish wish = parse_wish(text);
  if (wish.type == StorageType::custom) {
    return custom_volume(wish);
  }
  const StorageOffer offer = offer_for(wish);
  Volume volume;
  if (wish.type == StorageType::gp2) {
    volume = gp2(wish, offer);
  } else {
    volume = wish.type == StorageType::gp3 ? gp3(wish, offer) : provisioned(wish, offer);
    volume.burst_ops = volume.base_ops;
    volume.burst_bytes = volume.base_bytes;
  }
  if (wish.says_credits && !volume.can_burst()) {
    throw wish.refusal("it has no burst credits")
        .detail("It sustains " + grouped(volume.base_ops) + " IOPS.")
        .hint("Leave the state of the credits out.");
  }
  volume.type = wish.type;
  volume.size_gib = wish.size_gib;
  volume.volumes = offer.volumes;
  volume.is_rds = !wish.is_ebs;
  volume.is_unverified = offer.is_unverified;
  volume.operation_bytes_max = kEbsOperationBytesMax;
  return volume;
}

std::string volume_text(const Volume& volume) {
  const auto whole = [](double value) { return std::to_string(std::llround(value)); };
  std::string text(name_of(volume.type));
  if (volume.type != StorageType::custom) {
    text += ":" + whole(volume.size_gib);
  }
  if (volume.type != StorageType::gp2 && std::isfinite(volume.base_ops)) {
    text += ":" + whole(volume.base_ops) + "iops";
  }
  if ((volume.type == StorageType::gp3 || volume.type == StorageType::custom) && std::isfinite(volume.base_bytes)) {
    text += ":" + whole(volume.base_bytes / kMib) + "mbps";
  }
  if (volume.type != StorageType::custom && !volume.is_rds) {
    text += ":ebs";
  }
  if (volume.can_burst() && volume.credits_share) {
    const double share = *volume.credits_share;
    text += share == 1 ? ":full" : share == 0 ? ":empty" : ":" + whole(share * kPercent) + "%";
  }
  return text;
}

}  // namespace pgsluice::capacity

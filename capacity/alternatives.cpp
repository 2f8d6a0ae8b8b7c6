#include "capacity/alternatives.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

namespace pgsluice::capacity {

namespace {

constexpr std::size_t kInstancesMax = 2;

std::vector<StorageOffer> offers_of(const Volume& volume) {
  return volume.is_rds ? rds_offers(volume.type) : std::vector{ebs_offer(volume.type)};
}

Volume with(StorageType type, double size_gib, std::optional<double> iops, std::optional<double> mib, bool is_rds) {
  const auto whole = [](double value) { return std::to_string(std::llround(value)); };
  std::string text = std::string(name_of(type)) + ":" + whole(size_gib);
  text += iops ? ":" + whole(*iops) + "iops" : "";
  text += mib ? ":" + whole(*mib) + "mbps" : "";
  return parse_volume(text + (is_rds ? "" : ":ebs"));
}

std::vector<Volume> larger_gp2(const Volume& volume) {
  const std::vector<StorageOffer> offers = offers_of(volume);
  std::vector<double> sizes;
  for (const StorageOffer& offer : offers) {
    if (sizes.empty() && offer.size_gib_min > volume.size_gib) {
      sizes.push_back(offer.size_gib_min);
    }
  }
  const double twice = 2 * volume.size_gib;
  if (sizes.empty() || sizes.front() != twice) {
    sizes.push_back(twice);
  }
  std::sort(sizes.begin(), sizes.end());
  std::vector<Volume> larger;
  for (const double size_gib : sizes) {
    if (size_gib <= offers.back().size_gib_max) {
      larger.push_back(with(volume.type, size_gib, std::nullopt, std::nullopt, volume.is_rds));
      larger.back().credits_share = volume.credits_share;
    }
  }
  larger.push_back(with(StorageType::gp3, volume.size_gib, std::nullopt, std::nullopt, volume.is_rds));
  return larger;
}

std::vector<Volume> more_provisioned(const Volume& volume) {
  for (const StorageOffer& offer : offers_of(volume)) {
    if (volume.size_gib < offer.size_gib_min || volume.size_gib > offer.size_gib_max) {
      continue;
    }
    if (volume.type == StorageType::gp3 && offer.iops_max <= offer.iops_included) {
      return {with(volume.type, offer.size_gib_max + 1, std::nullopt, std::nullopt, volume.is_rds)};
    }
    const double iops = std::min({2 * volume.base_ops, offer.iops_max,
                                  std::max(offer.iops_min, std::floor(offer.iops_per_gib_max * volume.size_gib))});
    if (volume.type != StorageType::gp3) {
      return iops > volume.base_ops ? std::vector{with(volume.type, volume.size_gib, iops, std::nullopt, volume.is_rds)}
                                    : std::vector<Volume>();
    }
    const double mib = std::min(
        {2 * volume.base_bytes / kMib, offer.mib_max, std::max(offer.mib_included, std::floor(kGp3MibPerIops * iops))});
    if (iops > volume.base_ops || mib > volume.base_bytes / kMib) {
      return {with(volume.type, volume.size_gib, iops, mib, volume.is_rds)};
    }
  }
  return {};
}

Job on_class(const Job& job, const Server& before, const Instance& after) {
  Job moved = job;
  const unsigned cores_before = before.instance ? before.instance->cores : 0;
  if (job.cores && cores_before > 0 && after.cores > 0) {
    moved.cores = std::max(1U, *job.cores * after.cores / cores_before);
  }
  return moved;
}

}  // namespace

std::vector<Volume> larger_volumes(const Volume& volume) {
  switch (volume.type) {
    case StorageType::gp2:
      return larger_gp2(volume);
    case StorageType::gp3:
    case StorageType::io1:
    case StorageType::io2:
      return more_provisioned(volume);
    case StorageType::custom:
      return {};
  }
  return {};
}

std::vector<Alternative> alternatives(const Server& server, const Job& job) {
  std::vector<Alternative> found;
  const auto add = [&](const Server& other, const std::string& change, Job moved) {
    moved.resamples = 0;
    const Prediction prediction = predict(other, moved);
    found.push_back({other, change, prediction.duration.expected_seconds, prediction.limit});
  };
  std::vector<Instance> instances;
  if (server.instance) {
    instances = larger_instances(*server.instance);
    instances.resize(std::min(instances.size(), kInstancesMax));
  }
  for (Instance& instance : instances) {
    instance.ops_credits_share = server.instance->ops_credits_share;
    instance.bytes_credits_share = server.instance->bytes_credits_share;
    add({server.volume, instance}, instance.name, on_class(job, server, instance));
  }
  const std::vector<Volume> volumes = larger_volumes(server.volume);
  for (const Volume& volume : volumes) {
    add({volume, server.instance}, volume_text(volume), job);
  }
  if (!instances.empty() && !volumes.empty()) {
    const Instance& instance = instances.front();
    const Volume& volume = volumes.front();
    add({volume, instance}, instance.name + " and " + volume_text(volume), on_class(job, server, instance));
  }
  return found;
}

}  // namespace pgsluice::capacity

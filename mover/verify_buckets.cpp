#include "mover/verify_buckets.hpp"

#include <chrono>
#include <mutex>
#include <nlohmann/json.hpp>

namespace pgsluice::mover {

namespace {

constexpr std::chrono::seconds kRecordInterval{5};
constexpr const char* kSourceSetting = "verify.source-buckets";
constexpr const char* kTargetSetting = "verify.target-buckets";

// What is added up of one side.
struct SideSums {
  const char* setting = nullptr;
  HeapParts heaps;
  std::vector<bool> is_done;  // By part.
  std::vector<RowTally> buckets = std::vector<RowTally>(kBucketCount);
};

nlohmann::json to_json(const SideSums& sums) {
  std::string done;
  for (const bool is_done : sums.is_done) {
    done.push_back(is_done ? '1' : '0');
  }
  nlohmann::json buckets = nlohmann::json::array();
  for (const RowTally& bucket : sums.buckets) {
    buckets.push_back({bucket.rows, bucket.checksum.text()});
  }
  return {{"parts", sums.heaps.fingerprint}, {"done", done}, {"buckets", buckets}};
}

void restore(SideSums& sums, const planner::Checkpoint& checkpoint) {
  sums.is_done.assign(sums.heaps.parts.size(), false);
  const auto kept = checkpoint.settings().find(sums.setting);
  if (kept == checkpoint.settings().end()) {
    return;
  }
  const nlohmann::json json = nlohmann::json::parse(kept->second);
  if (json.at("parts") != sums.heaps.fingerprint) {
    return;
  }
  const std::string done = json.at("done");
  for (std::size_t part = 0; part < sums.is_done.size(); ++part) {
    sums.is_done[part] = done.at(part) == '1';
  }
  for (std::uint32_t bucket = 0; bucket < kBucketCount; ++bucket) {
    sums.buckets[bucket].rows = json.at("buckets").at(bucket).at(0);
    sums.buckets[bucket].checksum.add(json.at("buckets").at(bucket).at(1).get<std::string>());
  }
}

struct Unit {
  SideSums* sums;
  std::size_t part;
};

std::vector<Unit> missing_units(SideSums& source, SideSums& target) {
  std::vector<Unit> units;
  for (SideSums* sums : {&source, &target}) {
    for (std::size_t part = 0; part < sums->is_done.size(); ++part) {
      if (!sums->is_done[part]) {
        units.push_back({sums, part});
      }
    }
  }
  return units;
}

}  // namespace

std::optional<BucketSums> sum_buckets(const Comparison& comparison, planner::Checkpoint& checkpoint,
                                      VerifyWorkers& workers, Observer& observer) {
  SideSums source;
  SideSums target;
  source.setting = kSourceSetting;
  target.setting = kTargetSetting;
  workers.on_source(0, "reading the source's size", [&](pg::Connection& connection) {
    source.heaps = read_heap_parts(connection, comparison.plan->source.name, comparison.source);
  });
  workers.on_target(0, "reading the target's size", [&](pg::Connection& connection) {
    target.heaps = read_heap_parts(connection, comparison.plan->layout.root.name, comparison.target);
  });
  restore(source, checkpoint);
  restore(target, checkpoint);

  std::mutex mutex;  // Guards the sums, the checkpoint and the progress.
  const std::vector<Unit> units = missing_units(source, target);
  Progress progress;
  progress.workers = workers.count();
  progress.units_total = source.is_done.size() + target.is_done.size();
  progress.units_done = progress.units_total - units.size();
  if (progress.units_done > 0) {
    observer.noted(std::to_string(progress.units_done) + " of " + std::to_string(progress.units_total) +
                   " parts of the tables were read before; --again reads them again");
  }
  observer.phase_began("comparing", "parts");

  auto recorded_at = std::chrono::steady_clock::now();
  const auto record = [&] {
    checkpoint.record_setting(kSourceSetting, to_json(source).dump());
    checkpoint.record_setting(kTargetSetting, to_json(target).dump());
    recorded_at = std::chrono::steady_clock::now();
  };
  const auto sum_part = [&](unsigned worker, std::size_t index) {
    SideSums& sums = *units[index].sums;
    const HeapPart& part = sums.heaps.parts[units[index].part];
    std::vector<RowTally> found;
    const auto read = [&](pg::Connection& connection) {
      found.assign(kBucketCount, {});
      const pg::Result classes = connection.query(hash_classes_sql(comparison, part, kBucketCount - 1));
      const int class_column = classes.column("class");
      for (int i = 0; i < classes.row_count(); ++i) {
        found.at(static_cast<std::size_t>(classes.integer(i, class_column))) = row_tally_at(classes, i);
      }
    };
    const std::string what = "comparing " + part.side->name;
    if (&sums == &source) {
      workers.on_source(worker, what, read);
    } else {
      workers.on_target(worker, what, read);
    }
    const std::lock_guard lock(mutex);
    for (std::uint32_t bucket = 0; bucket < kBucketCount; ++bucket) {
      sums.buckets[bucket].add(found[bucket]);
      progress.rows_done += found[bucket].rows;
    }
    sums.is_done[units[index].part] = true;
    ++progress.units_done;
    progress.fraction = static_cast<double>(progress.units_done) / static_cast<double>(progress.units_total);
    observer.progressed(progress);
    if (std::chrono::steady_clock::now() - recorded_at > kRecordInterval) {
      record();
    }
  };
  bool is_whole = false;
  try {
    is_whole = workers.run(units.size(), sum_part);
  } catch (...) {
    record();
    throw;
  }
  record();
  return is_whole ? std::optional(BucketSums{source.buckets, target.buckets}) : std::nullopt;
}

void forget_bucket_sums(planner::Checkpoint& checkpoint) {
  for (const char* setting : {kSourceSetting, kTargetSetting}) {
    if (checkpoint.settings().contains(setting)) {
      checkpoint.record_setting(setting, "");
    }
  }
}

}  // namespace pgsluice::mover

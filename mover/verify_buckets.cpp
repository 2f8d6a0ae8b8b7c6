#include "mover/verify_buckets.hpp"

#include <chrono>
#include <mutex>
#include <nlohmann/json.hpp>

namespace pgsluice::mover {

namespace {

constexpr std::chrono::seconds kRecordInterval{5};

// What is added up, and where it is kept.
struct Division {
  std::uint32_t bucket_count;
  const char* source_setting;
  const char* target_setting;
};
constexpr Division kByBucket = {kBucketCount, "verify.source-buckets", "verify.target-buckets"};
constexpr Division kInTotal = {1, "verify.source-total", "verify.target-total"};

// What is added up of one side.
struct SideSums {
  SideSums(const char* kept_as, std::uint32_t bucket_count) : setting(kept_as), buckets(bucket_count) {}
  const char* setting;
  HeapParts heaps;
  std::vector<bool> is_done;  // By part.
  std::vector<RowTally> buckets;
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
  for (std::size_t bucket = 0; bucket < sums.buckets.size(); ++bucket) {
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

std::optional<BucketSums> sum(const Division& division, const Comparison& comparison, planner::Checkpoint& checkpoint,
                              VerifyWorkers& workers, Observer& observer, SidesSummed sides) {
  SideSums source(division.source_setting, division.bucket_count);
  SideSums target(division.target_setting, division.bucket_count);
  const std::optional<std::uint64_t> pages_max = workers.pages_per_unit();
  if (sides == SidesSummed::both) {
    workers.on_source(0, "reading the source's size", [&](pg::Connection& connection) {
      source.heaps = read_heap_parts(connection, comparison.plan->source.name, comparison.source, pages_max);
    });
  }
  workers.on_target(0, "reading the target's size", [&](pg::Connection& connection) {
    target.heaps = read_heap_parts(connection, comparison.plan->layout.root.name, comparison.target, pages_max);
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
    checkpoint.record_setting(source.setting, to_json(source).dump());
    checkpoint.record_setting(target.setting, to_json(target).dump());
    recorded_at = std::chrono::steady_clock::now();
  };
  const auto sum_part = [&](unsigned worker, std::size_t index) {
    SideSums& sums = *units[index].sums;
    const HeapPart& part = sums.heaps.parts[units[index].part];
    std::vector<RowTally> found;
    const auto read = [&](pg::Connection& connection) {
      found.assign(division.bucket_count, {});
      const pg::Result classes = connection.query(hash_classes_sql(comparison, part, division.bucket_count - 1));
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
    for (std::uint32_t bucket = 0; bucket < division.bucket_count; ++bucket) {
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
    is_whole = workers.run(units.size(), sum_part, [&](std::size_t index) {
      return static_cast<double>(units[index].sums->heaps.parts[units[index].part].page_count);
    });
  } catch (...) {
    record();
    throw;
  }
  record();
  return is_whole ? std::optional(BucketSums{source.buckets, target.buckets}) : std::nullopt;
}

}  // namespace

std::optional<BucketSums> sum_buckets(const Comparison& comparison, planner::Checkpoint& checkpoint,
                                      VerifyWorkers& workers, Observer& observer) {
  return sum(kByBucket, comparison, checkpoint, workers, observer, SidesSummed::both);
}

std::optional<TotalSums> sum_totals(const Comparison& comparison, planner::Checkpoint& checkpoint,
                                    VerifyWorkers& workers, Observer& observer, SidesSummed sides) {
  const std::optional<BucketSums> sums = sum(kInTotal, comparison, checkpoint, workers, observer, sides);
  return sums ? std::optional(TotalSums{sums->source.front(), sums->target.front()}) : std::nullopt;
}

bool has_bucket_sums(const planner::Checkpoint& checkpoint) {
  return checkpoint.settings().contains(kByBucket.source_setting);
}

void forget_sums(planner::Checkpoint& checkpoint) {
  for (const Division& division : {kByBucket, kInTotal}) {
    for (const char* setting : {division.source_setting, division.target_setting}) {
      if (checkpoint.settings().contains(setting)) {
        checkpoint.record_setting(setting, "");
      }
    }
  }
}

}  // namespace pgsluice::mover

#include "cli/estimate.hpp"

#include <algorithm>
#include <cmath>

#include "cli/quantity.hpp"

namespace pgsluice::cli {

namespace {

constexpr std::size_t kSamplesForAChange = 15;  // See capacity/change_points.hpp.
constexpr double kGibi = 1024.0 * 1024 * 1024;
constexpr double kStripedFromGib = 400;

void add_of_reading(std::vector<std::string>& list) {
  list.emplace_back(
      "Only reading was tried: writing the rows, their WAL, the indexes and the processor time of inserting are not "
      "known, and usually take longer than reading. A trial on a fork knows them.");
}

void add_of_writing(const mover::Findings& findings, std::vector<std::string>& list) {
  if (!findings.ended_with_checkpoint) {
    list.emplace_back(
        "This role may not send CHECKPOINT, so deferred writes were not waited for: what is written counts as what the "
        "target occupies. From PostgreSQL 15 on, members of pg_checkpoint may.");
  }
  list.emplace_back(
      "Not measured: validation of foreign keys, verify, autovacuum and freezing later, replicas and archiving of WAL. "
      "Index builds and ANALYZE were measured but once, so they count from 0.7 to 1.5 times in the range, indexes more "
      "where a partition will be larger than in the trial.");
}

void add_of_assumptions(const mover::Extrapolation& made, std::vector<std::string>& list) {
  if (!made.not_reached.empty()) {
    std::string names;
    for (const std::string& name : made.not_reached) {
      names += (names.empty() ? "" : "; ") + name;
    }
    list.push_back("The trial ended before it reached these kinds of rows, which count as the others' mean: " + names +
                   ". Let it go on for longer (--for).");
  }
  if (made.reads_are_assumed) {
    list.emplace_back(
        "The table is larger than the server's cache (effective_cache_size), and parts of the sample were in it: the "
        "job "
        "is taken to read the whole table from the volume.");
  }
  if (made.rereads_are_assumed) {
    list.emplace_back(
        "The target will be larger than the cache: building indexes is taken to read it once more, and to write it "
        "once "
        "more, because its rows are marked as committed when they are first read.");
  }
  if (made.sorts_are_assumed) {
    list.emplace_back(
        "A partition's indexes will be larger than maintenance_work_mem: sorting them is taken to write and read "
        "temporary files of their size.");
  }
}

// The range of the duration comes from the spread of passes.
bool has_few_passes(const mover::Extrapolation& made) {
  constexpr std::size_t kFew = 4;
  const auto begin = made.job.strata.begin() + static_cast<std::ptrdiff_t>(made.first_kind);
  return std::any_of(begin, begin + static_cast<std::ptrdiff_t>(made.kind_count),
                     [](const capacity::Stratum& kind) { return kind.batches.size() < kFew; });
}

void add_of_trial(const Estimate& estimate, std::vector<std::string>& list) {
  const TriedCombination& chosen = estimate.chosen();
  if (has_few_passes(chosen.extrapolation)) {
    list.emplace_back(
        "Of some kinds of rows there were fewer than four passes, whose spread gives the range of the duration: the "
        "truth "
        "may well lie outside of it.");
  }
  if (chosen.findings.seconds.size() < kSamplesForAChange) {
    list.push_back("The trial took " + span_text(chosen.findings.moving.seconds) +
                   ": in less than 15 seconds neither a warm-up nor the end of a burst can be seen.");
  }
  list.emplace_back(
      "The range holds the spread between passes and what is unknown of credits and of merged operations. The load of "
      "others during the job, and what is not measured, are not in it: a short job on a busy server takes longer.");
  if (!estimate.server) {
    list.emplace_back(
        "Nothing was said of volume and instance, so the pace of the trial is taken to last. It may not: volumes and "
        "instances with burst credits keep it for half an hour to two hours, and a restored snapshot has all of them. "
        "Name them: --volume gp3:2000 --instance db.r6g.2xlarge.");
  }
  if (estimate.is_live) {
    list.emplace_back(
        "What the application changes meanwhile is brought over again, one more read and write for each changed key; "
        "nobody writes in a trial. Foreign keys are made in the cutover and validated after it.");
  }
  list.emplace_back(
      "A volume restored from a snapshot reads each block from afar the first time: such a trial is too slow, and its "
      "reading says little.");
}

void add_of_volume(const Estimate& estimate, std::vector<std::string>& list) {
  if (!estimate.server) {
    return;
  }
  const capacity::Volume& volume = estimate.server->volume;
  if (volume.is_rds && volume.size_gib > 0 && volume.size_gib < kStripedFromGib) {
    list.push_back(
        "RDS copies a volume to four new ones when it grows to 400 GiB or beyond, which takes hours of I/O: the "
        "job adds " +
        bytes_text(estimate.chosen().prediction.totals.space_bytes) + " to a volume of " +
        bytes_text(volume.size_gib * kGibi) + ".");
  }
  if (volume.is_unverified) {
    list.emplace_back("The limits of this volume are from tables that were not verified for RDS.");
  }
}

}  // namespace

std::size_t best_of(const std::vector<TriedCombination>& tried) {
  const auto shortest =
      std::min_element(tried.begin(), tried.end(), [](const TriedCombination& a, const TriedCombination& b) {
        return a.prediction.duration.expected_seconds < b.prediction.duration.expected_seconds;
      });
  return static_cast<std::size_t>(shortest - tried.begin());
}

std::vector<std::string> caveats(const Estimate& estimate) {
  std::vector<std::string> list;
  add_of_trial(estimate, list);
  add_of_volume(estimate, list);
  add_of_assumptions(estimate.chosen().extrapolation, list);
  estimate.only_read() ? add_of_reading(list) : add_of_writing(estimate.chosen().findings, list);
  if (!estimate.chosen().findings.device_operations) {
    list.emplace_back(
        "Operations of the volume cannot be counted by SQL. The expected time takes each page as one, which is the "
        "safe "
        "side; the least takes pages merged as well as can be.");
  }
  return list;
}

std::string span_text(double seconds) {
  if (!std::isfinite(seconds)) {
    return "never";
  }
  constexpr double kMinute = 60;
  constexpr double kHour = 3600;
  constexpr double kDay = 86'400;
  constexpr double kShort = 10;
  const auto whole = [](double value) { return std::to_string(std::llround(value)); };
  if (seconds < kShort) {
    const std::string tenths = whole(seconds * 10);
    return (tenths.size() == 1 ? "0." + tenths : tenths.substr(0, tenths.size() - 1) + "." + tenths.back()) + " s";
  }
  if (std::round(seconds) < 2 * kMinute) {
    return whole(seconds) + " s";
  }
  const auto two = [&](double large, double small, const char* large_name, const char* small_name) {
    const double units = std::round(seconds / small);
    const double per_large = std::round(large / small);
    const double rest = std::fmod(units, per_large);
    return whole(std::floor(units / per_large)) + large_name + (rest > 0 ? " " + whole(rest) + small_name : "");
  };
  if (seconds < kHour) {
    return two(kMinute, 1, " min", " s");
  }
  return seconds < 2 * kDay ? two(kHour, kMinute, " h", " min") : two(kDay, kHour, " d", " h");
}

}  // namespace pgsluice::cli

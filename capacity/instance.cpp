#include "capacity/instance.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <utility>

#include "capacity/tables.hpp"
#include "pg/failure.hpp"

namespace pgsluice::capacity {

namespace {

constexpr std::string_view kPrefix = "db.";
constexpr double kBytesPerMegabit = 1e6 / 8;

// "r5" and "large" of "db.r5.large".
std::pair<std::string, std::string> family_and_size(std::string_view name) {
  name.remove_prefix(name.starts_with(kPrefix) ? kPrefix.size() : 0);
  const std::size_t dot = name.find('.');
  return dot == std::string_view::npos ? std::pair(std::string(name), std::string())
                                       : std::pair(std::string(name.substr(0, dot)), std::string(name.substr(dot + 1)));
}

unsigned cores_of(std::string_view size) {
  if (size == "micro" || size == "small" || size == "medium" || size == "large") {
    return 2;
  }
  constexpr unsigned kCoresOfXlarge = 4;
  constexpr unsigned kTimesMax = 1000;
  unsigned times = 1;
  const auto [rest, error] = std::from_chars(size.data(), size.data() + size.size(), times);
  const bool is_xlarge = std::string_view(rest, static_cast<std::size_t>(size.data() + size.size() - rest)) == "xlarge";
  return is_xlarge && times <= kTimesMax ? times * kCoresOfXlarge : 0;
}

std::vector<Instance> all_instances() {
  const CsvTable limits = table("rds_ebs_limits");
  std::vector<Instance> all;
  for (std::size_t row = 0; row < limits.row_count(); ++row) {
    const auto number = [&](std::string_view column) {
      const std::optional<double> value = limits.number(row, column);
      if (!value || *value <= 0) {
        throw pg::Failure(pg::FailureKind::corrupt, "data/rds_ebs_limits.csv has no positive number in column \"" +
                                                        std::string(column) + "\" of row " + std::to_string(row + 1));
      }
      return *value;
    };
    Instance instance;
    instance.name = limits.text(row, "db_class");
    instance.memory_gib = number("mem_gib");
    instance.cores = cores_of(family_and_size(instance.name).second);
    instance.base_ops = number("base_iops_16k");
    instance.burst_ops = number("max_iops_16k");
    const double max_mbps =
        std::min(number("max_mbps"), limits.number(row, "rds_doc_max_mbps").value_or(number("max_mbps")));
    instance.base_bytes = std::min(number("base_mbps"), max_mbps) * kBytesPerMegabit;
    instance.burst_bytes = max_mbps * kBytesPerMegabit;
    all.push_back(std::move(instance));
  }
  return all;
}

// How many characters must be put in, left out or changed to make one text of the other (Levenshtein).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

std::string near_names(const std::string& name, std::vector<Instance> all) {
  constexpr std::size_t kNamesMax = 4;
  constexpr std::size_t kLengthMax = 64;  // Longer texts are no names; comparing them would take long.
  const std::string_view wanted = std::string_view(name).substr(0, kLengthMax);
  std::stable_sort(all.begin(), all.end(), [&](const Instance& a, const Instance& b) {
    return distance(a.name, wanted) < distance(b.name, wanted);
  });
  std::string names;
  for (std::size_t i = 0; i < std::min(kNamesMax, all.size()); ++i) {
    names += (names.empty() ? "" : ", ") + all[i].name;
  }
  return names;
}

void check(const std::optional<double>& value, const char* what) {
  if (value && !(std::isfinite(*value) && *value > 0)) {
    throw pg::Failure(pg::FailureKind::refused, std::string("the instance's ") + what + " must be a positive number");
  }
}

void override_with(const InstanceOverrides& overrides, Instance& instance) {
  check(overrides.base_ops, "baseline of IOPS");
  check(overrides.burst_ops, "maximum of IOPS");
  check(overrides.base_bytes, "baseline of throughput");
  check(overrides.burst_bytes, "maximum of throughput");
  const auto settle = [](double& low, double& high, const std::optional<double>& base,
                         const std::optional<double>& burst) {
    if (base && burst && *base > *burst) {
      throw pg::Failure(pg::FailureKind::refused, "the instance's baseline is above its maximum");
    }
    low = base.value_or(low);
    high = burst.value_or(std::max(low, high));
    low = std::min(low, high);
  };
  settle(instance.base_ops, instance.burst_ops, overrides.base_ops, overrides.burst_ops);
  settle(instance.base_bytes, instance.burst_bytes, overrides.base_bytes, overrides.burst_bytes);
}

}  // namespace

Instance instance_named(std::string_view name, const InstanceOverrides& overrides) {
  std::string wanted(name);
  std::transform(wanted.begin(), wanted.end(), wanted.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (!wanted.starts_with(kPrefix)) {
    wanted.insert(0, kPrefix);
  }
  std::vector<Instance> all = all_instances();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Instance& candidate) { return candidate.name == wanted; });
  Instance instance;
  if (found != all.end()) {
    instance = *found;
  } else if (overrides.base_ops && overrides.base_bytes) {
    instance.name = wanted;
    instance.cores = cores_of(family_and_size(wanted).second);
  } else {
    const std::size_t count = all.size();
    throw pg::Failure(pg::FailureKind::refused, "the instance class \"" + std::string(name) + "\" is not known")
        .detail("The table of " + std::to_string(count) + " classes is of June 2023.")
        .hint("Near names: " + near_names(wanted, std::move(all)) +
              ". A class that is not in the table needs its baselines of IOPS and throughput.");
  }
  override_with(overrides, instance);
  return instance;
}

std::vector<Instance> larger_instances(const Instance& instance) {
  const std::string family = family_and_size(instance.name).first;
  std::vector<Instance> larger;
  for (Instance& candidate : all_instances()) {
    if (family_and_size(candidate.name).first == family && candidate.memory_gib > instance.memory_gib) {
      larger.push_back(std::move(candidate));
    }
  }
  std::stable_sort(larger.begin(), larger.end(),
                   [](const Instance& a, const Instance& b) { return a.memory_gib < b.memory_gib; });
  return larger;
}

}  // namespace pgsluice::capacity

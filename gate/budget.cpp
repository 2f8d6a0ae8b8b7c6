#include "gate/budget.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "gate/work.hpp"
#include "pg/failure.hpp"

namespace pgsluice::gate {

namespace {

constexpr double kFloorShare = 0.05;
constexpr double kFloorOperations = 10;
constexpr double kBlindShare = 0.25;

void check_limit(const char* option, const std::optional<double>& limit) {
  if (limit && !(std::isfinite(*limit) && *limit > 0)) {
    throw pg::Failure(pg::FailureKind::refused, std::string(option) + " must be more than 0")
        .hint("Leave the option out for no limit; a pause stops the rows.");
  }
}

}  // namespace

bool is_limited(const Budget& budget) {
  return budget.operations_per_second || budget.bytes_per_second || budget.server_operations_per_second;
}

void check(const Budget& budget) {
  check_limit("--max-iops", budget.operations_per_second);
  check_limit("--max-mbps", budget.bytes_per_second);
  check_limit("--server-iops", budget.server_operations_per_second);
}

double operations_floor(double operations_per_second) {
  return std::min(operations_per_second, std::max(kFloorOperations, kFloorShare * operations_per_second));
}

double bytes_floor(double bytes_per_second) {
  return std::min(bytes_per_second, std::max(kFloorOperations * kPageBytes, kFloorShare * bytes_per_second));
}

double blind_operations(double operations_per_second) {
  return std::max(operations_floor(operations_per_second), kBlindShare * operations_per_second);
}

double blind_bytes(double bytes_per_second) {
  return std::max(bytes_floor(bytes_per_second), kBlindShare * bytes_per_second);
}

}  // namespace pgsluice::gate

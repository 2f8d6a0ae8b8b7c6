#include "cli/pacing_options.hpp"

#include <chrono>

#include "pg/failure.hpp"

namespace pgsluice::cli {

void add_limits(const Options& options, mover::GivenSettings& given) {
  for (const char* name : {"max-iops", "max-mbps", "server-iops"}) {
    if (!options.has(name)) {
      continue;
    }
    if (options.text(name) == "none") {
      given[name] = std::nullopt;
      continue;
    }
    const std::uint64_t limit = options.count(name, 0);
    if (limit == 0) {
      throw pg::Failure(pg::FailureKind::refused, "--" + std::string(name) + " is a limit and cannot be 0")
          .hint("Leave it out, or say none, for no limit; `pgsluice control pause` stops a run for a while.");
    }
    given[name] = static_cast<double>(limit);
  }
}

mover::PacingOptions pacing_options(const Options& options, const mover::ControlState& state) {
  mover::PacingOptions wanted;
  wanted.budget = mover::budget_of(state);
  wanted.meter = mover::parse_meter(options.text("meter", "auto"));
  wanted.is_meter_asked_for = options.has("meter");
  mover::BrakeOptions& brakes = wanted.brakes;
  if (options.has("max-lag")) {
    brakes.lag_seconds_max = std::chrono::duration<double>(options.duration("max-lag", {})).count();
  }
  if (options.has("max-wal-lag")) {
    brakes.slot_wal_bytes_max = options.bytes("max-wal-lag", 0);
  }
  if (options.has("max-lock-waits")) {
    brakes.lock_waits_max = static_cast<unsigned>(options.count("max-lock-waits", 0));
  }
  if (options.has("min-free")) {
    brakes.free_bytes_min = options.bytes("min-free", 0);
  }
  brakes.pause_query = options.text("pause-query");
  brakes.pause_file = options.text("pause-file");
  brakes.window = options.text("window");
  return wanted;
}

}  // namespace pgsluice::cli

#include "mover/pacing.hpp"

#include <algorithm>

namespace pgsluice::mover {

namespace {

constexpr const char* kPause = "pause";

bool is_limited(const gate::Budget& budget) {
  return budget.operations_per_second || budget.bytes_per_second || budget.server_operations_per_second;
}

bool is_empty(const Brakes& brakes) {
  return brakes.of_server.empty() && brakes.of_machine.empty();
}

}  // namespace

gate::Budget budget_of(const ControlState& state) {
  constexpr double kMega = 1e6;
  gate::Budget budget;
  budget.operations_per_second = state.max_iops;
  budget.bytes_per_second = state.max_mbps ? std::optional(*state.max_mbps * kMega) : std::nullopt;
  budget.server_operations_per_second = state.server_iops;
  return budget;
}

Pacing::Pacing(const Sessions& sessions, const PacingOptions& options, ControlSettings* control,
               const StopRequest& stop, Observer& observer) {
  const auto open = [&sessions] { return sessions.open_target("meter"); };
  std::optional<pg::Connection> first;
  std::unique_ptr<Meter> meter;
  Brakes brakes;
  const bool needs_meter = is_limited(options.budget) || options.is_meter_asked_for;
  const BrakeOptions& wanted = options.brakes;
  const bool has_brakes = wanted.lag_seconds_max || wanted.slot_wal_bytes_max || wanted.lock_waits_max ||
                          wanted.free_bytes_min || !wanted.pause_query.empty() || !wanted.pause_file.empty() ||
                          !wanted.window.empty();
  gate::Options settings;
  settings.budget = options.budget;
  settings.has_meter = false;
  if (needs_meter || has_brakes) {
    first.emplace(open());
    if (needs_meter) {
      meter = make_meter(*first, options.meter);
    }
    brakes = make_brakes(*first, wanted);
    if (meter) {
      settings.has_meter = true;
      settings.meter_delay_seconds = meter->delay_seconds();
      observer.noted(meter->description());
    }
    for (const std::string& description : brakes.descriptions()) {
      observer.noted(description);
    }
  }
  keeper_.emplace(settings, stop);
  keeper_->with(
      [](gate::Gate& gate, double) { gate.add(gate::Brake::when_on(kPause, "paused by `pgsluice control`")); });
  if (meter || !is_empty(brakes)) {
    watch_.emplace(*keeper_, std::move(*first), open, std::move(meter), std::move(brakes),
                   [&observer](const std::string& text) { observer.noted(text); });
  }
  if (control != nullptr) {
    listening_.emplace(control->listen([this](const ControlState& state) {
      keeper_->with([&](gate::Gate& gate, double now) {
        gate.set(now, budget_of(state));
        gate.turn(kPause, state.is_paused);
      });
    }));
  }
}

std::vector<std::pair<std::string, double>> Pacing::seconds_waited() {
  const std::map<std::string, double> by_reason = keeper_->status().seconds_waited;
  std::vector<std::pair<std::string, double>> list;
  for (const auto& [reason, seconds] : by_reason) {
    if (seconds > 0) {
      list.emplace_back(reason, seconds);
    }
  }
  std::stable_sort(list.begin(), list.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  return list;
}

}  // namespace pgsluice::mover

#include "mover/pacing.hpp"

#include <algorithm>

namespace pgsluice::mover {

namespace {

constexpr const char* kPause = "pause";

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
  const bool needs_meter = gate::is_limited(options.budget) || options.is_meter_asked_for;
  gate::Options settings;
  settings.budget = options.budget;
  settings.has_meter = false;
  if (needs_meter || !options.brakes.is_empty()) {
    first.emplace(open());
    if (needs_meter) {
      meter = make_meter(*first, options.meter);
    }
    brakes = make_brakes(*first, options.brakes);
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
  if (meter || !brakes.is_empty()) {
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

// What a gate says of itself: why somebody waits, and the figures for a progress display.
#include <cmath>

#include "gate/gate.hpp"

namespace pgsluice::gate {

namespace {

constexpr double kOwnRateSeconds = 10;
constexpr double kMegabyte = 1'000'000;

std::string operations_text(double rate) {
  return std::to_string(std::llround(rate)) + " operations/s";
}

}  // namespace

Gate::Binding Gate::binding(bool waits_for_bytes) const {
  return is_blind_            ? Binding::blind
         : guard_.is_active() ? Binding::guard
         : waits_for_bytes    ? Binding::bytes
         : is_server_binding_ ? Binding::server
                              : Binding::operations;
}

std::string Gate::text(Binding binding, double now) const {
  const std::string rates = std::isfinite(operations_.rate())
                                ? operations_text(operations_.rate())
                                : std::to_string(std::llround(bytes_.rate() / kMegabyte)) + " MB/s";
  switch (binding) {
    case Binding::operations:
      return "the budget of " + operations_text(*options_.budget.operations_per_second) + " is in use";
    case Binding::bytes:
      return "the budget of " + std::to_string(std::llround(*options_.budget.bytes_per_second / kMegabyte)) +
             " MB/s is in use";
    case Binding::server:
      return foreground_.text() + ": " + rates + " are left of " +
             operations_text(*options_.budget.server_operations_per_second);
    case Binding::guard:
      return guard_.text() + ": slowed to " + rates;
    case Binding::blind:
      return "no news from the I/O meter for " + std::to_string(std::llround(meter_.age_seconds(now))) +
             " s: slowed to " + rates;
  }
  return {};
}

Status Gate::status(double now) {
  adjust(now);
  Status status;
  status.allowance = {operations_.rate(), bytes_.rate()};
  status.own_rate = (own_.total().charged - own_.at(now - kOwnRateSeconds).charged) * (1 / kOwnRateSeconds);
  status.per_row = model_.per_row();
  status.trust = model_.trust();
  status.written_per_dirtied = model_.written_per_dirtied();
  status.operations_per_page = model_.operations_per_page();
  status.trim_operations = trim_operations_.factor();
  status.trim_bytes = trim_bytes_.factor();
  status.guard = guard_.factor();
  status.pressure = guard_.pressure(now);
  status.foreground_live = foreground_.live();
  status.foreground_believed = foreground_.believed();
  status.foreground_text = foreground_.text();
  status.is_blind = is_blind_;
  status.meter_age_seconds = meter_.age_seconds(now);
  status.meter_epochs = meter_.epochs();
  status.waiting_for = now - waited_at_ <= kAskAgainSeconds ? waiting_for_ : "";
  status.seconds_waited = waits_.seconds(now);
  return status;
}

}  // namespace pgsluice::gate

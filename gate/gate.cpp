#include "gate/gate.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "pg/failure.hpp"

namespace pgsluice::gate {

namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr double kDepthSeconds = 0.4;  // With the batches in flight, no second sees twice the rate.
constexpr double kWaitSecondsMin = 0.001;
constexpr double kShortestLookSeconds = 2;  // At the application.

double or_infinite(const std::optional<double>& limit) {
  return limit.value_or(kInfinite);
}

}  // namespace

Gate::Gate(Options options, double now)
    : options_(std::move(options)),
      model_(options_.assumed_per_row),
      operations_(kInfinite, kDepthSeconds, now),
      bytes_(kInfinite, kDepthSeconds, now),
      trim_operations_(options_.meter_delay_seconds),
      trim_bytes_(options_.meter_delay_seconds),
      foreground_(options_.meter_delay_seconds),
      meter_(std::max(options_.blind_seconds, 3 * options_.meter_delay_seconds), now) {
  check(options_.budget);
  adjust(now);
}

void Gate::check(const Budget& budget) const {
  gate::check(budget);
  if (budget.server_operations_per_second && !options_.has_meter) {
    throw pg::Failure(pg::FailureKind::refused, "--server-iops needs a meter of the server's I/O")
        .detail("Nothing tells how much the application does.")
        .hint("Limit pgsluice's own work with --max-iops.");
  }
}

void Gate::set(double now, const Budget& budget) {
  check(budget);
  options_.budget = budget;
  trim_operations_.freeze();
  trim_bytes_.freeze();
  adjust(now);
}

bool Gate::is_limited() const {
  return gate::is_limited(options_.budget);
}

double Gate::limit_operations() const {
  return std::min(or_infinite(options_.budget.operations_per_second),
                  or_infinite(options_.budget.server_operations_per_second));
}

void Gate::adjust(double now) {
  guard_.observe(now);
  is_blind_ = options_.has_meter && meter_.is_blind(now);
  const double limit = limit_operations();
  double operations = or_infinite(options_.budget.operations_per_second);
  double bytes = or_infinite(options_.budget.bytes_per_second);
  is_server_binding_ = false;
  is_at_floor_ = false;
  if (options_.budget.server_operations_per_second) {
    const double total = *options_.budget.server_operations_per_second;
    const std::optional<double> application = foreground_.believed();
    const double room = application ? std::max(operations_floor(total), total - *application) : blind_operations(total);
    is_server_binding_ = room < operations;
    is_at_floor_ = is_server_binding_ && room <= operations_floor(total);
    operations = std::min(operations, room);
  }
  if (is_blind_) {
    operations = std::isfinite(limit) ? std::min(operations, blind_operations(limit)) : operations;
    bytes = std::isfinite(bytes) ? blind_bytes(bytes) : bytes;
  }
  target_ = {operations, bytes};
  const auto rate = [&](double target, double floor, const Trim& trim) {
    return std::max(std::min(floor, target), target * trim.factor() * guard_.factor());
  };
  operations_.set_rate(
      now, std::isfinite(operations) ? rate(operations, operations_floor(limit), trim_operations_) : kInfinite);
  bytes_.set_rate(now, std::isfinite(bytes)
                           ? rate(bytes, bytes_floor(or_infinite(options_.budget.bytes_per_second)), trim_bytes_)
                           : kInfinite);
}

Decision Gate::next(double now, unsigned workers, std::uint64_t rows_wanted) {
  constexpr std::array kNames = {"operations", "bytes", "server", "guard", "blind"};
  adjust(now);
  Decision decision;
  for (const Brake& brake : brakes_) {
    if (brake.is_on()) {
      decision.wait_seconds = kAskAgainSeconds;
      decision.reason += (decision.reason.empty() ? "" : "; ") + brake.reason();
      waits_.add(now, brake.name(), kAskAgainSeconds);
    }
  }
  if (decision.wait_seconds == 0) {
    const double for_operations = operations_.wait_seconds(now);
    const double for_bytes = bytes_.wait_seconds(now);
    const double wait = std::max(for_operations, for_bytes);
    if (wait > 0) {
      const Binding reason = binding(for_bytes > for_operations);
      decision.wait_seconds = std::clamp(wait, kWaitSecondsMin, kAskAgainSeconds);
      decision.reason = text(reason, now);
      waits_.add(now, kNames[static_cast<std::size_t>(reason)], decision.wait_seconds);
    }
  }
  if (decision.wait_seconds > 0) {
    waiting_for_ = decision.reason;
    waited_at_ = now;
    return decision;
  }
  Permit permit;
  const Cost per_row = model_.per_row();
  permit.rows_max = std::min(rows_wanted, batch_limit_.next(per_row, {operations_.rate(), bytes_.rate()}, workers));
  permit.reserved = per_row * static_cast<double>(permit.rows_max);
  operations_.reserve(now, permit.reserved.operations);
  bytes_.reserve(now, permit.reserved.bytes);
  decision.permit = permit;
  return decision;
}

void Gate::charge(double now, const Permit& permit, const Work& work) {
  const Cost cost = model_.cost(work);
  operations_.settle(now, permit.reserved.operations, cost.operations);
  bytes_.settle(now, permit.reserved.bytes, cost.bytes);
  own_.add(now, {work.rows, work.touched.value_or(Touched{}), cost});
  model_.learn(work);
}

template <typename Change>
void Gate::change_model(Change change) {
  const Cost before = model_.per_row();
  change();
  const Cost after = model_.per_row();
  if (before.operations > 0 && before.bytes > 0) {
    trim_operations_.cost_changed(after.operations / before.operations);
    trim_bytes_.cost_changed(after.bytes / before.bytes);
  }
}

void Gate::observe_commit(double now, double seconds) {
  guard_.add_commit(now, seconds);
  adjust(now);
}

void Gate::observe(double now, const MeterSample& sample) {
  constexpr double kReadsMin = 20;  // Fewer tell nothing of the volume.
  const std::optional<MeterSample> last = meter_.last();
  const MeterHealth::Verdict verdict = meter_.add(now, sample, own_.total().charged.operations);
  if (verdict == MeterHealth::Verdict::ignored) {
    return;
  }
  if (verdict == MeterHealth::Verdict::new_epoch) {
    history_.begin_anew();
    trim_operations_.freeze();
    trim_bytes_.freeze();
  } else if (last && last->read_seconds && sample.read_seconds) {
    const auto reads = static_cast<double>(sample.pages_read - last->pages_read);
    if (reads >= kReadsMin) {
      guard_.add_read(now, (*sample.read_seconds - *last->read_seconds) / reads);
    }
  }
  // Spikes are told from load by the largest load that we can do something about.
  const std::optional<double> written_per_dirtied =
      history_.add(sample, own_.at(sample.seconds - options_.meter_delay_seconds / 2), limit_operations(),
                   model_.written_per_dirtied());
  if (written_per_dirtied) {
    change_model([&] { model_.learn_written_per_dirtied(*written_per_dirtied); });
  }
  watch_application(now);
  learn(now);
  trim(now);
  adjust(now);
}

void Gate::watch_application(double now) {
  const double delay = options_.meter_delay_seconds;
  const auto latest = history_.latest();
  const auto smoothed = history_.window(std::max(Foreground::kSmoothedSeconds, 4 * delay));
  const auto of_late = history_.window(std::max(kShortestLookSeconds, 2 * delay));
  if (!latest || !of_late) {
    return;
  }
  ForegroundSeen seen;
  seen.seconds = latest->seconds;
  seen.operations = history_.application(*latest, model_).operations;
  const auto rate = [&](const ServerHistory::Window& window) {
    return history_.application(window, model_).operations / window.seconds;
  };
  seen.rate_of_late = rate(*of_late);
  seen.rate = rate(smoothed.value_or(*of_late));
  const double own_seconds = std::max(1.0, delay);
  seen.own_rate = (own_.total().charged - own_.at(now - own_seconds).charged).operations / own_seconds;
  const double limit = limit_operations();
  const double scale =
      std::isfinite(limit) ? limit : history_.everybody(*of_late, model_).operations / of_late->seconds;
  foreground_.observe(now, seen, scale, guard_.pressure(now));
}

void Gate::learn(double now) {
  constexpr double kLearnSeconds = 10;
  constexpr double kDeviceSeconds = 60;  // Long enough for what was dirtied to be written.
  constexpr double kDeviceSecondsFirst = 15;
  constexpr double kRowsMin = 100;
  if (learned_at_ && now >= *learned_at_ && now - *learned_at_ < kLearnSeconds) {
    return;
  }
  learned_at_ = now;
  const auto long_window = history_.window(kDeviceSeconds);
  if (const auto window = long_window ? long_window : history_.window(kDeviceSecondsFirst);
      window && window->device_operations) {
    const double for_pages = *window->device_operations - window->wal_bytes / kWalBytesPerOperation;
    const ServerHistory::Pages pages = history_.pages(*window, model_);
    change_model([&] { model_.learn_operations_per_page(std::max(0.0, for_pages), pages.own, pages.others); });
  }
  const auto window = history_.window(std::max(kLearnSeconds, 2 * options_.meter_delay_seconds));
  if (model_.trust() != Trust::measured && window && window->own.rows >= kRowsMin) {
    // All that is more than what the application usually does.
    const Cost everybody = history_.everybody(*window, model_);
    const double usual = foreground_.baseline_median().value_or(0) * window->seconds;
    const double own = std::max(0.0, everybody.operations - usual);
    const double share = everybody.operations > 0 ? own / everybody.operations : 0;
    model_.learn_per_row(everybody * (share / window->own.rows));
  }
}

void Gate::trim(double now) {
  const bool is_useless = is_blind_ || is_braked() || guard_.is_active() || is_at_floor_ ||
                          model_.trust() != Trust::measured ||
                          (options_.budget.server_operations_per_second && !foreground_.believed());
  const auto step = [&](Trim& trim, double target, double allowance, double charged, double measured) {
    if (is_useless || !std::isfinite(target)) {
      trim.freeze();
    } else {
      trim.observe(now, charged, measured, target, allowance);
    }
  };
  const OwnTotals& own = own_.total();
  const Cost measured = model_.cost(own.touched);
  step(trim_operations_, target_.operations, operations_.rate(), own.charged.operations, measured.operations);
  step(trim_bytes_, target_.bytes, bytes_.rate(), own.charged.bytes, measured.bytes);
}

void Gate::add(Brake added) {
  for (const Brake& brake : brakes_) {
    if (brake.name() == added.name()) {
      throw pg::Failure(pg::FailureKind::refused, "there are two brakes called \"" + added.name() + "\"");
    }
  }
  brakes_.push_back(std::move(added));
}

Brake& Gate::brake(const std::string& name) {
  const auto found =
      std::find_if(brakes_.begin(), brakes_.end(), [&](const Brake& brake) { return brake.name() == name; });
  if (found == brakes_.end()) {
    std::fprintf(stderr, "pgsluice: there is no brake called \"%s\"\n", name.c_str());
    std::abort();
  }
  return *found;
}

bool Gate::is_braked() const {
  return std::any_of(brakes_.begin(), brakes_.end(), [](const Brake& brake) { return brake.is_on(); });
}

void Gate::measure(const std::string& name, double value) {
  brake(name).measure(value);
}

void Gate::turn(const std::string& name, bool is_on) {
  brake(name).turn(is_on);
}

void Gate::describe(const std::string& name, std::string text) {
  brake(name).describe(std::move(text));
}

}  // namespace pgsluice::gate

#include "mover/meter_watch.hpp"

#include <algorithm>
#include <cmath>
#include <exception>
#include <string_view>
#include <utility>

#include "mover/target_session.hpp"
#include "pg/failure.hpp"

namespace pgsluice::mover {

namespace {

bool breaks_session(const pg::Failure& failure) {
  return failure.kind() == pg::FailureKind::connection || failure.kind() == pg::FailureKind::in_doubt;
}

}  // namespace

MeterWatch::MeterWatch(GateKeeper& keeper, pg::Connection first, std::function<pg::Connection()> open,
                       std::unique_ptr<Meter> meter, Brakes brakes, std::function<void(const std::string&)> note,
                       WatchOptions options)
    : keeper_(keeper),
      open_(std::move(open)),
      meter_(std::move(meter)),
      brakes_(std::move(brakes)),
      note_(std::move(note)),
      options_(options),
      description_(meter_ ? meter_->description() : ""),
      answered_at_(brakes_.of_server.size(), keeper.now()),
      reconnect_pause_(options.reconnect_pause_min) {
  adopt(std::move(first));
  keeper_.with([&](gate::Gate& gate, double) {
    for (const auto& brake : brakes_.of_server) {
      gate.add(brake->brake());
    }
    for (const auto& brake : brakes_.of_machine) {
      gate.add(brake->brake());
    }
    if (!brakes_.of_server.empty()) {
      gate.add(gate::Brake::when_on(kUnreadBrake, "brakes could not be read"));
    }
  });
  read_local_brakes();
  read_brakes();
  read_meter();
  thread_ = std::jthread([this](const std::stop_token& stop) { watch(stop); });
}

void MeterWatch::adopt(pg::Connection connection) {
  connection_ = std::move(connection);
  {
    const std::lock_guard lock(mutex_);
    canceller_ = connection_->canceller();
  }
  fixed_query(*connection_, "meter_session");
}

void MeterWatch::watch(const std::stop_token& stop) {
  const std::stop_callback cancel_what_runs(stop, [this] {
    const std::lock_guard lock(mutex_);
    if (canceller_) {
      canceller_->cancel();
    }
  });
  Clock::time_point next_meter = Clock::now() + options_.meter_period;
  Clock::time_point next_brakes = Clock::now() + options_.brake_period;
  Clock::time_point next_attempt = Clock::now();
  while (true) {
    {
      std::unique_lock lock(mutex_);
      ended_.wait_until(lock, stop, std::min(next_brakes, connection_ ? next_meter : next_attempt),
                        [] { return false; });
    }
    if (stop.stop_requested()) {
      return;
    }
    const Clock::time_point now = Clock::now();
    try {
      if (!connection_ && now >= next_attempt) {
        next_attempt = now + reconnect_pause_;
        reconnect_pause_ = std::min(2 * reconnect_pause_, options_.reconnect_pause_max);
        connect();
      }
      if (connection_ && now >= next_meter) {
        read_meter();
        next_meter = Clock::now() + options_.meter_period;
      }
      if (connection_ && now >= next_brakes) {
        read_brakes();
      }
    } catch (const pg::Failure& failure) {
      if (!stop.stop_requested()) {
        lose(failure.what(), &failure);
      }
    } catch (const std::exception& failure) {  // Out of memory, say: the workers will meet it, too.
      lose(failure.what(), nullptr);
    }
    if (now >= next_brakes) {
      read_local_brakes();
      judge_unread();
      next_brakes = Clock::now() + options_.brake_period;
    }
  }
}

void MeterWatch::connect() {
  adopt(open_());
  meter_fails_ = true;  // It is to be prepared anew.
  read_brakes();
  read_meter();
  if (is_lost_) {
    note_("the meter's session is back");
  }
  is_lost_ = false;
  reconnect_pause_ = options_.reconnect_pause_min;
  if (meter_ && !meter_fails_ && meter_->description() != description_) {
    description_ = meter_->description();
    note_(description_);
  }
}

void MeterWatch::lose(const std::string& why, const pg::Failure* failure) {
  connection_.reset();
  {
    const std::lock_guard lock(mutex_);
    canceller_.reset();
  }
  unread_because_ = why;
  if (!is_lost_) {
    note_("the meter's session is lost, and will be opened again: " + why);
  }
  is_lost_ = true;
  std::vector<Named> readings;
  for (const auto& brake : brakes_.of_server) {
    if (const auto reading = failure != nullptr ? brake->when_unanswered(*failure) : std::nullopt) {
      readings.push_back({brake->brake().name(), *reading});
    }
  }
  apply(readings);
}

void MeterWatch::read_meter() {
  if (!meter_) {
    return;
  }
  try {
    if (meter_fails_) {
      meter_->prepare(*connection_);
    }
    const double before = keeper_.now();
    gate::MeterSample sample = meter_->read(*connection_);
    sample.seconds = (before + keeper_.now()) / 2;
    keeper_.with([&](gate::Gate& gate, double now) { gate.observe(now, sample); });
    meter_fails_ = false;
  } catch (const pg::Failure& failure) {
    if (breaks_session(failure)) {
      throw;
    }
    if (!std::exchange(meter_fails_, true)) {
      note_("the meter cannot be read: " + std::string(failure.what()));
    }
  }
}

void MeterWatch::read_brakes() {
  std::vector<Named> readings;
  for (std::size_t i = 0; i < brakes_.of_server.size(); ++i) {
    ServerBrake& brake = *brakes_.of_server[i];
    try {
      readings.push_back({brake.brake().name(), brake.read(*connection_, keeper_.now())});
      answered_at_[i] = keeper_.now();
    } catch (const pg::Failure& failure) {
      if (breaks_session(failure)) {
        throw;
      }
      unread_because_ = failure.what();
      if (const auto reading = brake.when_unanswered(failure)) {
        readings.push_back({brake.brake().name(), *reading});
      }
    }
  }
  apply(readings);
}

void MeterWatch::read_local_brakes() {
  std::vector<Named> readings;
  for (const auto& brake : brakes_.of_machine) {
    readings.push_back({brake->brake().name(), brake->read()});
  }
  apply(readings);
}

void MeterWatch::apply(const std::vector<Named>& readings) {
  if (readings.empty()) {
    return;
  }
  keeper_.with([&](gate::Gate& gate, double) {
    for (const auto& [brake, reading] : readings) {
      if (!reading.text.empty()) {
        gate.describe(brake, reading.text);
      }
      if (const bool* is_on = std::get_if<bool>(&reading.state)) {
        gate.turn(brake, *is_on);
      } else {
        gate.measure(brake, std::get<double>(reading.state));
      }
    }
  });
}

void MeterWatch::judge_unread() {
  const auto oldest = std::min_element(answered_at_.begin(), answered_at_.end());
  if (oldest == answered_at_.end()) {
    return;
  }
  const double age = keeper_.now() - *oldest;
  const bool was_unread = std::exchange(is_unread_, age > options_.patience_seconds);
  if (!is_unread_ && !was_unread) {
    return;
  }
  const auto position = static_cast<std::size_t>(oldest - answered_at_.begin());
  const std::string name = brakes_.of_server[position]->brake().name();
  keeper_.with([&](gate::Gate& gate, double) {
    gate.describe(kUnreadBrake, "\"" + name + "\" could not be read for " + std::to_string(std::llround(age)) +
                                    " s: " + unread_because_);
    gate.turn(kUnreadBrake, is_unread_);
  });
}

}  // namespace pgsluice::mover

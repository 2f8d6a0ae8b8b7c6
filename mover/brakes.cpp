// Which brakes there are. Those that look at replication and locks are in brakes_of_server.cpp; the operator's own in
// brakes_of_operator.cpp; the free space in brake_of_space.cpp.
#include "mover/brakes.hpp"

#include <cstdio>

namespace pgsluice::mover {

bool BrakeOptions::is_empty() const {
  return !lag_seconds_max && !slot_wal_bytes_max && !lock_waits_max && !free_bytes_min && pause_query.empty() &&
         pause_file.empty() && window.empty();
}

std::vector<std::string> Brakes::descriptions() const {
  std::vector<std::string> all;
  for (const auto& brake : of_server) {
    all.push_back(brake->description());
  }
  for (const auto& brake : of_machine) {
    all.push_back(brake->description());
  }
  return all;
}

Brakes make_brakes(pg::Connection& connection, const BrakeOptions& options) {
  Brakes brakes;
  if (options.lag_seconds_max) {
    brakes.of_server.push_back(make_lag_brake(connection, *options.lag_seconds_max));
  }
  if (options.slot_wal_bytes_max) {
    brakes.of_server.push_back(make_slot_brake(connection, *options.slot_wal_bytes_max));
  }
  if (options.lock_waits_max) {
    brakes.of_server.push_back(make_lock_brake(connection, *options.lock_waits_max));
  }
  if (!options.pause_query.empty()) {
    brakes.of_server.push_back(make_query_brake(connection, options.pause_query));
  }
  if (!options.window.empty()) {
    brakes.of_server.push_back(make_window_brake(connection, options.window));
  }
  if (options.free_bytes_min) {
    brakes.of_machine.push_back(make_space_brake(connection, *options.free_bytes_min));
  }
  if (!options.pause_file.empty()) {
    brakes.of_machine.push_back(make_file_brake(options.pause_file));
  }
  return brakes;
}

std::string gigabytes_text(double bytes) {
  constexpr double kGigabyte = 1e9;
  constexpr std::size_t kBytesMax = 48;
  char text[kBytesMax];
  std::snprintf(text, sizeof text, "%.3g GB", bytes / kGigabyte);
  return text;
}

}  // namespace pgsluice::mover

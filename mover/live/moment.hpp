// A moment that an operator names, `03:00 Europe/Berlin` or `2026-12-01 03:00`: what it means is the server's business,
// which knows the zones and their summers.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "pg/connection.hpp"

namespace pgsluice::mover {

struct Moment {
  std::optional<std::string> date;  // Absent: the next time that clocks show it.
  std::string time;                 // "03:00"
  std::string zone = "UTC";
};

// [YYYY-MM-DD ]HH:MM[:SS][ ZONE]. Fails: refused, naming the text.
Moment parse_moment(std::string_view text);

// Fails: refused, when the server knows no such time or zone, or when the moment is over.
std::chrono::milliseconds read_time_until(pg::Connection& connection, const Moment& moment);

}  // namespace pgsluice::mover

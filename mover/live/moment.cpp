#include "mover/live/moment.hpp"

#include <algorithm>
#include <cctype>
#include <sstream>
#include <vector>

#include "mover/target_session.hpp"
#include "pg/failure.hpp"

namespace pgsluice::mover {

namespace {

pg::Failure not_a_moment(std::string_view text) {
  return pg::Failure(pg::FailureKind::refused, "\"" + std::string(text) + "\" is no moment")
      .hint("Write \"03:00 Europe/Berlin\", or \"2026-12-01 03:00 UTC\".");
}

// Digits with one separator between groups: `03:00`, `2026-12-01`.
bool is_made_of(std::string_view word, char separator) {
  return !word.empty() && std::isdigit(static_cast<unsigned char>(word.front())) != 0 &&
         word.find(separator) != std::string_view::npos && std::all_of(word.begin(), word.end(), [&](char c) {
           return c == separator || std::isdigit(static_cast<unsigned char>(c)) != 0;
         });
}

}  // namespace

Moment parse_moment(std::string_view text) {
  std::istringstream stream{std::string(text)};
  std::vector<std::string> words;
  for (std::string word; stream >> word;) {
    words.push_back(word);
  }
  Moment moment;
  std::size_t at = 0;
  if (at < words.size() && is_made_of(words[at], '-')) {
    moment.date = words[at++];
  }
  if (at == words.size() || !is_made_of(words[at], ':')) {
    throw not_a_moment(text);
  }
  moment.time = words[at++];
  if (at < words.size()) {
    moment.zone = words[at++];
  }
  if (at != words.size()) {
    throw not_a_moment(text);
  }
  return moment;
}

std::chrono::milliseconds read_time_until(pg::Connection& connection, const Moment& moment) {
  const std::string shown = (moment.date ? *moment.date + " " : "") + moment.time + " " + moment.zone;
  std::int64_t milliseconds = 0;
  try {
    milliseconds = fixed_query(connection, "milliseconds_until", {moment.date, moment.time, moment.zone}).integer(0, 0);
  } catch (const pg::Failure& failure) {
    if (failure.kind() != pg::FailureKind::server) {
      throw;
    }
    throw not_a_moment(shown).detail(failure.what());
  }
  if (milliseconds < 0) {
    throw pg::Failure(pg::FailureKind::refused, shown + " is over").status("nothing was changed");
  }
  return std::chrono::milliseconds(milliseconds);
}

}  // namespace pgsluice::mover

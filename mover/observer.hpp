// What the mover tells whoever watches it: the command line draws it, tests collect it. The mover never prints or logs
// by itself.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace pgsluice::mover {

// A running job in numbers. Units of work are ranges while rows move, indexes while indexes are built, and so on.
struct Progress {
  std::uint64_t units_total = 0;
  std::uint64_t units_done = 0;
  double fraction = 0;  // 0 to 1, from units done and the part of those in flight; never from row estimates alone.
  std::uint64_t rows_done = 0;  // In this run and in earlier ones.
  std::uint64_t rows_planned = 0;
  std::uint64_t bytes_done = 0;
  std::uint64_t rows_this_run = 0;
  std::uint64_t bytes_this_run = 0;
  std::uint64_t retries = 0;
  unsigned workers_busy = 0;
  unsigned workers = 0;
};

// Thread: every function may be called from any thread, also at once.
class Observer {
 public:
  virtual ~Observer() = default;
  // A phase begins ("moving rows", "building indexes"); `unit` names what units_total counts ("ranges").
  virtual void phase_began(std::string_view phase, std::string_view unit) = 0;
  virtual void progressed(const Progress& progress) = 0;
  // Something the operator may want to know; not an error.
  virtual void noted(std::string_view text) = 0;
  // Something failed and will be tried again after a pause.
  virtual void retrying(std::string_view what, std::string_view why, std::chrono::milliseconds pause) = 0;
  // A range was given up; others go on. The text is pg::to_text()'s.
  virtual void range_failed(std::uint32_t range, std::string_view text) = 0;
};

}  // namespace pgsluice::mover

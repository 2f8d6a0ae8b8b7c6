// Opens the mover's sessions on source and target, all with the same settings, so that a value has one text form and a
// wait one limit.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pg/connection.hpp"

namespace pgsluice::mover {

struct SessionsOptions {
  std::string source_conninfo;  // Empty: libpq's environment.
  std::string target_conninfo;  // Empty: the same as the source.
  std::string migration_id;     // The guard lets sessions through that carry it.
  std::chrono::milliseconds lock_timeout{200};
  bool read_only = false;  // The server itself rejects every change: for planning and for looking.
  std::function<void(const pg::StatementEvent&)> statement_observer;
};

class Sessions {
 public:
  explicit Sessions(SessionsOptions options) : options_(std::move(options)) {}
  // `purpose` shows in pg_stat_activity: "pgsluice worker". Fails: connection, refused (see pg::Connection).
  // `settings` are applied after the common ones.
  using Settings = std::vector<std::pair<std::string, std::string>>;
  pg::Connection open_source(std::string_view purpose, const Settings& settings = {}) const;
  pg::Connection open_target(std::string_view purpose, const Settings& settings = {}) const;
  const SessionsOptions& options() const { return options_; }

  // What every session has, but for its patience.
  static const Settings& common_settings();

 private:
  SessionsOptions options_;
};

}  // namespace pgsluice::mover

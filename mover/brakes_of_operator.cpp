// The brakes that the operator makes: a query, a file, the hours.
#include <charconv>
#include <cmath>
#include <filesystem>
#include <map>

#include "mover/brakes.hpp"
#include "mover/target_session.hpp"
#include "mover/time_windows.hpp"
#include "planner/result_row.hpp"

namespace pgsluice::mover {

namespace {

constexpr const char* kQueryTimeout = "3s";

class QueryBrake : public ServerBrake {
 public:
  explicit QueryBrake(std::string query) : query_(std::move(query)) {}

  gate::Brake brake() const override { return gate::Brake::when_on("pause query", "the pause query says so"); }
  std::string description() const override {
    return "stops while the pause query is true, fails, or takes more than " + std::string(kQueryTimeout);
  }

  BrakeReading read(pg::Connection& connection, double /*now*/) override {
    try {
      return ask(connection);
    } catch (const pg::Failure& failure) {
      if (failure.kind() != pg::FailureKind::server) {
        throw;
      }
      return {true, "the pause query fails: " + std::string(failure.what())};
    }
  }

  std::optional<BrakeReading> when_unanswered(const pg::Failure& failure) const override {
    return BrakeReading{true, "the pause query cannot be asked: " + std::string(failure.what())};
  }

  // Fails: as a query does.
  BrakeReading ask(pg::Connection& connection) {
    connection.begin("READ ONLY");
    try {
      set_for_transaction(connection, "statement_timeout", kQueryTimeout);
      const pg::Result result = connection.query(query_);
      const bool has_value = result.row_count() > 0 && result.column_count() > 0 && !result.is_null(0, 0);
      const std::string value(has_value ? result.text(0, 0) : "f");
      connection.rollback();
      const std::optional<bool> pauses = means_pause(value);
      return pauses ? BrakeReading{*pauses, "the pause query answers " + value}
                    : BrakeReading{true, "the pause query answers \"" + value + "\", neither true, false nor a number"};
    } catch (...) {
      connection.rollback();
      throw;
    }
  }

 private:
  const std::string query_;
};

class WindowBrake : public ServerBrake {
 public:
  explicit WindowBrake(TimeWindows windows) : windows_(std::move(windows)) {}

  gate::Brake brake() const override {
    return gate::Brake::when_on("window", "outside of the hours " + windows_.text());
  }
  std::string description() const override { return "moves only within the hours " + windows_.text(); }

  BrakeReading read(pg::Connection& connection, double /*now*/) override {
    std::map<std::string, LocalTime> times;
    std::string clocks;
    for (const std::string& zone : windows_.zones()) {
      const pg::Result result = fixed_query(connection, "local_time", {zone});
      const planner::ResultRow row(result, 0);
      times[zone] = {static_cast<int>(row.integer("weekday")), static_cast<int>(row.integer("minute"))};
      clocks += (clocks.empty() ? "" : ", ") + to_text(times[zone]) + " in " + zone;
    }
    return {!windows_.are_open(times), "outside of the hours " + windows_.text() + ": it is " + clocks};
  }

 private:
  const TimeWindows windows_;
};

class FileBrake : public LocalBrake {
 public:
  explicit FileBrake(std::filesystem::path file) : file_(std::move(file)) {}

  gate::Brake brake() const override {
    return gate::Brake::when_on("pause file", "the pause file " + file_.string() + " exists");
  }
  std::string description() const override { return "stops while the file " + file_.string() + " exists"; }

  BrakeReading read() override {
    std::error_code error;
    const bool exists = std::filesystem::exists(file_, error);
    if (error) {
      return {true, "whether the pause file " + file_.string() + " exists cannot be told: " + error.message()};
    }
    return {exists, "the pause file " + file_.string() + " exists"};
  }

 private:
  const std::filesystem::path file_;
};

}  // namespace

std::optional<bool> means_pause(std::string_view value) {
  if (value == "t" || value == "true" || value == "f" || value == "false") {
    return value.front() == 't';
  }
  double number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size() || std::isnan(number)) {
    return std::nullopt;
  }
  return number != 0;
}

std::unique_ptr<ServerBrake> make_query_brake(pg::Connection& connection, const std::string& query) {
  constexpr std::string_view kSyntaxOrAccess = "42";
  auto brake = std::make_unique<QueryBrake>(query);
  try {
    brake->ask(connection);
  } catch (const pg::Failure& failure) {
    if (failure.kind() != pg::FailureKind::server) {
      throw;
    }
    if (failure.sqlstate().starts_with(kSyntaxOrAccess)) {
      throw pg::Failure(pg::FailureKind::refused, "--pause-query: " + std::string(failure.what()))
          .detail(failure.detail())
          .hint("Give one query that this role may run, whose first value is true, or not 0, to pause.");
    }
  }
  return brake;
}

std::unique_ptr<ServerBrake> make_window_brake(pg::Connection& connection, const std::string& window) {
  TimeWindows windows = TimeWindows::parse(window);
  for (const std::string& zone : windows.zones()) {
    if (!fixed_query(connection, "time_zone_is_known", {zone}).boolean(0, 0)) {
      throw pg::Failure(pg::FailureKind::refused, "--window: the server knows no time zone \"" + zone + "\"")
          .hint("pg_timezone_names lists them: Europe/Berlin, America/New_York, UTC.");
    }
  }
  return std::make_unique<WindowBrake>(std::move(windows));
}

std::unique_ptr<LocalBrake> make_file_brake(const std::string& file) {
  const std::filesystem::path path = std::filesystem::absolute(file);
  std::error_code error;
  if (!std::filesystem::is_directory(path.parent_path(), error)) {
    throw pg::Failure(pg::FailureKind::refused, "--pause-file: there is no folder " + path.parent_path().string());
  }
  return std::make_unique<FileBrake>(path);
}

}  // namespace pgsluice::mover

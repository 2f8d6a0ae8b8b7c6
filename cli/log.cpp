#include "cli/log.hpp"

#include <fcntl.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <nlohmann/json.hpp>

#include "cli/options.hpp"
#include "pg/failure.hpp"

namespace pgsluice::cli {

namespace {

constexpr std::array<std::string_view, 5> kLevelNames = {"trace", "debug", "info", "warn", "error"};

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::trace:
      return spdlog::level::trace;
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warn:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

class TerminalSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit TerminalSink(Terminal& terminal) : terminal_(terminal) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    std::string_view text(line.data(), line.size());
    while (text.ends_with('\n')) {
      text.remove_suffix(1);
    }
    terminal_.line(text);
  }
  void flush_() override {}

 private:
  Terminal& terminal_;
};

// The file is made here, so that no moment exists in which others may read it.
void make_private_file(const std::string& path) {
  constexpr mode_t kOwnerOnly = 0600;
  const int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, kOwnerOnly);
  if (descriptor < 0) {
    throw pg::Failure(pg::FailureKind::refused, "the log file " + path + " cannot be opened: " + std::strerror(errno))
        .hint("It is the value of --log-file.");
  }
  close(descriptor);
}

std::string line_of(const std::string& time_less_message, const nlohmann::json& fields, bool json, LogLevel level) {
  if (json) {
    nlohmann::ordered_json object;
    object["level"] = kLevelNames[static_cast<std::size_t>(level)];
    object["message"] = time_less_message;
    object.update(fields);
    const std::string text = object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    return text.substr(1);  // The pattern has written "{" and the time.
  }
  std::string text = time_less_message;
  for (const auto& [name, value] : fields.items()) {
    text += " " + name + "=" + (value.is_string() ? value.get<std::string>() : value.dump());
  }
  return text;
}

bool is_word_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

}  // namespace

LogOptions log_options(const Options& options) {
  LogOptions chosen;
  const std::string level = options.choice("log-level", {"info", "error", "warn", "debug", "trace"});
  for (std::size_t i = 0; i < kLevelNames.size(); ++i) {
    if (kLevelNames[i] == level) {
      chosen.level = static_cast<LogLevel>(i);
    }
  }
  chosen.file = options.text("log-file");
  chosen.json = options.choice("log-format", {"text", "json"}) == "json";
  return chosen;
}

struct Log::Sinks {
  std::shared_ptr<spdlog::logger> logger;
  bool json = false;
};

Log::Log(Terminal& terminal, const LogOptions& options) : sinks_(std::make_unique<Sinks>()) {
  const auto to_terminal = std::make_shared<TerminalSink>(terminal);
  std::vector<spdlog::sink_ptr> sinks = {to_terminal};
  if (!options.file.empty()) {
    make_private_file(options.file);
    const auto to_file = std::make_shared<spdlog::sinks::basic_file_sink_mt>(options.file);
    to_file->set_level(to_spdlog(options.level));
    sinks.push_back(to_file);
    to_terminal->set_level(spdlog::level::warn);
  }
  sinks_->json = options.json;
  sinks_->logger = std::make_shared<spdlog::logger>("pgsluice", sinks.begin(), sinks.end());
  sinks_->logger->set_level(to_spdlog(options.level));
  sinks_->logger->flush_on(spdlog::level::trace);
  const std::string pattern = options.json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ",%v)" : "%Y-%m-%d %H:%M:%S.%eZ %-7l %v";
  sinks_->logger->set_formatter(std::make_unique<spdlog::pattern_formatter>(pattern, spdlog::pattern_time_type::utc));
}

Log::Log(Log&&) noexcept = default;
Log::~Log() = default;

void Log::write(LogLevel level, std::string_view message) {
  const spdlog::level::level_enum at = to_spdlog(level);
  if (sinks_->logger->should_log(at)) {
    sinks_->logger->log(
        at, spdlog::string_view_t(line_of(std::string(message), nlohmann::json::object(), sinks_->json, level)));
  }
}

void Log::statement(const pg::StatementEvent& event) {
  const LogLevel level = changes_something(event.command_tag, event.sql) ? LogLevel::debug : LogLevel::trace;
  if (!sinks_->logger->should_log(to_spdlog(level))) {
    return;
  }
  const std::string tag = event.failed ? "statement failed" : std::string(event.command_tag);
  const nlohmann::json fields = {{"ms", static_cast<double>(event.duration.count()) / 1000},
                                 {"backend", event.backend_pid},
                                 {"sql", one_line(event.sql)}};
  sinks_->logger->log(to_spdlog(level), spdlog::string_view_t(line_of(tag, fields, sinks_->json, level)));
}

bool changes_something(std::string_view command_tag, std::string_view sql) {
  const std::string_view verb = command_tag.substr(0, command_tag.find(' '));
  for (const std::string_view harmless : {"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "SET", "RESET", "SHOW",
                                          "PREPARE", "DEALLOCATE", "DISCARD", "LISTEN", "FETCH", "EXPLAIN"}) {
    if (verb == harmless) {
      return false;
    }
  }
  if (!verb.empty() && verb != "SELECT" && verb != "WITH") {
    return true;
  }
  constexpr std::array<std::string_view, 14> kVerbs = {"insert", "update",  "delete", "merge",  "truncate",
                                                       "copy",   "setval",  "create", "alter",  "drop",
                                                       "grant",  "comment", "lock",   "analyze"};
  std::string word;
  for (std::size_t i = 0; i <= sql.size(); ++i) {
    if (i < sql.size() && is_word_character(sql[i])) {
      word.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(sql[i]))));
      continue;
    }
    for (const std::string_view changing : kVerbs) {
      if (word == changing) {
        return true;
      }
    }
    word.clear();
  }
  return false;
}

std::string one_line(std::string_view sql) {
  // The files of sql/ begin with a comment.
  while (sql.starts_with("--")) {
    sql.remove_prefix(std::min(sql.find('\n'), sql.size() - 1) + 1);
  }
  std::string line;
  for (const char c : sql) {
    const bool is_space = std::isspace(static_cast<unsigned char>(c)) != 0;
    if (!is_space) {
      line.push_back(c);
    } else if (!line.empty() && line.back() != ' ') {
      line.push_back(' ');
    }
  }
  while (line.ends_with(' ')) {
    line.pop_back();
  }
  return line;
}

}  // namespace pgsluice::cli

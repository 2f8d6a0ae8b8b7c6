// The log of a command: lines of text or of JSON, to standard error (through the terminal, so that they never mix with
// the live block) or to a file that only its owner may read. Statements are logged by their text, which holds names and
// no values; parameters and passwords never come here.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "cli/terminal.hpp"
#include "pg/connection.hpp"

namespace pgsluice::cli {

class Options;

enum class LogLevel { trace, debug, info, warn, error };

struct LogOptions {
  LogLevel level = LogLevel::info;
  std::string file;  // Empty: standard error. Else standard error gets warnings and errors only.
  bool json = false;
};

// Reads --log-level, --log-file and --log-format.
LogOptions log_options(const Options& options);

// Thread: every function may be called from any thread, also at once.
class Log {
 public:
  // Fails: refused, when the file cannot be opened.
  Log(Terminal& terminal, const LogOptions& options);
  Log(Log&&) noexcept;
  ~Log();

  void write(LogLevel level, std::string_view message);
  // At debug when the statement changes something, at trace otherwise.
  void statement(const pg::StatementEvent& event);

 private:
  struct Sinks;
  std::unique_ptr<Sinks> sinks_;
};

// True for a statement that changes the database: by its command tag, and by its words where the tag cannot tell (a
// SELECT around an INSERT or around setval, and a statement that failed). Rather once too often than once too few.
bool changes_something(std::string_view command_tag, std::string_view sql);

// One line: without the comment at its head, runs of white space as one space.
std::string one_line(std::string_view sql);

}  // namespace pgsluice::cli

// Runs the real pgsluice, or any other program, as a person would: arguments, environment, input; and sees what a
// person sees: output, exit code, signals, and what it cost. A program can never hang a test: when its time is up it is
// killed and says so.
//
//   Outcome outcome = run_pgsluice({"plan", "--table", "public.t", "--source", database.conninfo()});
//   EXPECT_EQ(outcome.exit_code, 0) << outcome;
//
//   Program run(pgsluice_with({"run", "--yes"}));           // Starts it.
//   if (!run.ends_within(300ms)) run.send(SIGKILL);
//   Outcome killed = run.wait();
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <iosfwd>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace pgsluice::tests {

struct ProgramOptions {
  std::filesystem::path program;
  std::vector<std::string> arguments;
  // Added to this process's environment, from which PG* and PGSLUICE_* are taken out first.
  std::map<std::string, std::string> environment;
  std::filesystem::path folder;  // Empty: this process's own.
  std::string input;             // Standard input, then end of file.
  // Standard input is a terminal at which `input` was typed; standard error is one too, and its text is captured as
  // usual.
  bool terminal = false;
  std::chrono::milliseconds time_max = std::chrono::seconds(120);
};

struct Outcome {
  int exit_code = -1;  // -1 when a signal ended it.
  int signal = 0;
  bool timed_out = false;  // Killed by us after time_max.
  std::string output;      // Standard output.
  std::string errors;      // Standard error.
  std::chrono::microseconds elapsed{0};
  std::chrono::microseconds user_cpu{0};
  std::chrono::microseconds system_cpu{0};
  // Resident; never less than what the test itself held when it started the program, because the kernel inherits the
  // figure.
  std::int64_t peak_memory_bytes = 0;
};

// For a failed expectation: how it ended, and all it said.
std::ostream& operator<<(std::ostream& stream, const Outcome& outcome);

// Thread: one at a time.
class Program {
 public:
  explicit Program(ProgramOptions options);  // Starts it. Fails: std::runtime_error.
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program();  // Kills it if it still runs.

  pid_t pid() const { return pid_; }
  void send(int signal);
  bool ends_within(std::chrono::milliseconds time);
  // What it has written so far.
  std::string output() const;
  std::string errors() const;
  // Waits until standard error holds the text; false when the program ended or the time passed without it.
  bool says_on_errors(const std::string& text, std::chrono::milliseconds time);
  // Waits for its end; kills it when time_max, counted from the start, has passed.
  Outcome wait();

 private:
  void start();
  void reap(bool timed_out);

  ProgramOptions options_;
  std::chrono::steady_clock::time_point begun_;
  pid_t pid_ = 0;
  int process_ = -1;  // A pidfd: readable when the program has ended.
  int output_ = -1;   // Memory files.
  int errors_ = -1;
  int terminal_ = -1;  // The person's side of the terminal.
  std::thread terminal_reader_;
  bool ended_ = false;
  Outcome outcome_;
};

// The pgsluice of this build.
ProgramOptions pgsluice_with(std::vector<std::string> arguments);
Outcome run(ProgramOptions options);
Outcome run_pgsluice(std::vector<std::string> arguments, std::map<std::string, std::string> environment = {});

}  // namespace pgsluice::tests

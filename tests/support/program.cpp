// Starts a program, watches it and collects what it said and used.
#include "tests/support/program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ostream>
#include <stdexcept>

namespace pgsluice::tests {

namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

int memory_file(const char* name) {
  const int file = memfd_create(name, MFD_CLOEXEC);
  if (file < 0) fail("cannot make a memory file");
  return file;
}

void write_all(int file, const char* text, std::size_t bytes) {
  while (bytes > 0) {
    const ssize_t count = write(file, text, bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("cannot write");
    text += count;
    bytes -= static_cast<std::size_t>(count);
  }
}

std::string text_of(int file) {
  std::string text;
  std::array<char, 65536> buffer{};
  for (ssize_t count = 0; (count = pread(file, buffer.data(), buffer.size(), static_cast<off_t>(text.size()))) > 0;) {
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return text;
}

std::vector<std::string> environment_of(const std::map<std::string, std::string>& added) {
  std::map<std::string, std::string> all;
  for (char** variable = environ; *variable; ++variable) {
    const std::string text = *variable;
    const std::size_t equals = text.find('=');
    if (text.starts_with("PG") || equals == std::string::npos) continue;
    all[text.substr(0, equals)] = text.substr(equals + 1);
  }
  for (const auto& [name, value] : added) all[name] = value;
  std::vector<std::string> lines;
  for (const auto& [name, value] : all) lines.push_back(name + "=" + value);
  return lines;
}

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

std::chrono::microseconds to_microseconds(const timeval& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
}

}  // namespace

std::ostream& operator<<(std::ostream& stream, const Outcome& outcome) {
  if (outcome.timed_out) {
    stream << "killed because its time was up";
  } else if (outcome.signal != 0) {
    stream << "ended by signal " << outcome.signal;
  } else {
    stream << "exit code " << outcome.exit_code;
  }
  return stream << "\n--- output\n" << outcome.output << "\n--- errors\n" << outcome.errors << "\n---\n";
}

Program::Program(ProgramOptions options) : options_(std::move(options)), begun_(std::chrono::steady_clock::now()) {
  start();
}

void Program::start() {
  // Everything that allocates happens before the fork: this process may have threads.
  std::vector<std::string> arguments = options_.arguments;
  arguments.insert(arguments.begin(), options_.program.string());
  const std::vector<char*> argv = pointers_to(arguments);
  const std::vector<std::string> environment = environment_of(options_.environment);
  const std::vector<char*> envp = pointers_to(environment);
  output_ = memory_file("output");
  errors_ = memory_file("errors");
  int input = -1;
  if (options_.terminal) {
    if (openpty(&terminal_, &input, nullptr, nullptr, nullptr) != 0) fail("cannot make a terminal");
    fcntl(terminal_, F_SETFD, FD_CLOEXEC);
    fcntl(input, F_SETFD, FD_CLOEXEC);
    termios modes{};
    tcgetattr(input, &modes);
    modes.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    modes.c_oflag &= ~static_cast<tcflag_t>(OPOST);
    tcsetattr(input, TCSANOW, &modes);
    write_all(terminal_, options_.input.data(), options_.input.size());
  } else {
    input = memory_file("input");
    write_all(input, options_.input.data(), options_.input.size());
    lseek(input, 0, SEEK_SET);
  }

  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) fail("cannot fork");
  if (pid_ == 0) {
    dup2(input, STDIN_FILENO);
    dup2(output_, STDOUT_FILENO);
    dup2(options_.terminal ? input : errors_, STDERR_FILENO);
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // It does not outlive a test that is killed.
    if (getppid() != parent) _exit(127);
    if (!options_.folder.empty() && chdir(options_.folder.c_str()) != 0) _exit(126);
    for (const int signal : {SIGPIPE, SIGINT, SIGTERM}) std::signal(signal, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    execve(argv[0], argv.data(), envp.data());
    _exit(127);
  }
  close(input);
  process_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  if (process_ < 0) fail("cannot watch process " + std::to_string(pid_));
  if (options_.terminal) {
    terminal_reader_ = std::thread([from = terminal_, to = errors_] {
      std::array<char, 4096> buffer{};
      for (ssize_t count = 0; (count = read(from, buffer.data(), buffer.size())) > 0;) {
        write_all(to, buffer.data(), static_cast<std::size_t>(count));
      }
    });
  }
}

Program::~Program() {
  if (!ended_) {
    kill(pid_, SIGKILL);
    reap(false);
  }
  for (const int file : {process_, output_, errors_, terminal_}) {
    if (file >= 0) close(file);
  }
}

void Program::send(int signal) {
  if (!ended_) kill(pid_, signal);
}

bool Program::ends_within(std::chrono::milliseconds time) {
  if (ended_) return true;
  pollfd ended = {process_, POLLIN, 0};
  const auto deadline = std::chrono::steady_clock::now() + time;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    const int count = poll(&ended, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (count > 0) return true;
    if (count == 0) return false;
    if (errno != EINTR) fail("cannot wait for process " + std::to_string(pid_));
  }
}

std::string Program::output() const {
  return text_of(output_);
}

std::string Program::errors() const {
  return text_of(errors_);
}

bool Program::says_on_errors(const std::string& text, std::chrono::milliseconds time) {
  const auto deadline = std::chrono::steady_clock::now() + time;
  for (;;) {
    const bool ended = ends_within(std::chrono::milliseconds(5));
    if (errors().find(text) != std::string::npos) return true;
    if (ended || std::chrono::steady_clock::now() > deadline) return false;
  }
}

Outcome Program::wait() {
  if (!ended_) {
    const auto used = std::chrono::steady_clock::now() - begun_;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(options_.time_max - used);
    const bool in_time = ends_within(std::max(left, std::chrono::milliseconds(0)));
    if (!in_time) kill(pid_, SIGKILL);
    reap(!in_time);
  }
  return outcome_;
}

void Program::reap(bool timed_out) {
  int status = 0;
  rusage usage{};
  while (wait4(pid_, &status, 0, &usage) < 0 && errno == EINTR) {
  }
  ended_ = true;
  if (terminal_reader_.joinable())
    terminal_reader_.join();  // Reading fails when the last holder of the terminal is gone.
  outcome_.timed_out = timed_out;
  outcome_.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  outcome_.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  outcome_.output = output();
  outcome_.errors = errors();
  outcome_.elapsed = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begun_);
  outcome_.user_cpu = to_microseconds(usage.ru_utime);
  outcome_.system_cpu = to_microseconds(usage.ru_stime);
  outcome_.peak_memory_bytes = usage.ru_maxrss * 1024;
}

ProgramOptions pgsluice_with(std::vector<std::string> arguments) {
  ProgramOptions options;
  options.program = PGSLUICE_PROGRAM;
  options.arguments = std::move(arguments);
  return options;
}

Outcome run(ProgramOptions options) {
  return Program(std::move(options)).wait();
}

Outcome run_pgsluice(std::vector<std::string> arguments, std::map<std::string, std::string> environment) {
  ProgramOptions options = pgsluice_with(std::move(arguments));
  options.environment = std::move(environment);
  return run(std::move(options));
}

}  // namespace pgsluice::tests

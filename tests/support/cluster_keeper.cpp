// cluster_keeper start FILE: starts a cluster in the background, writes its address into FILE and returns when it is
// ready. cluster_keeper stop FILE: stops it, removes it and returns when it is gone. The keeper also ends by itself
// when the process that called `start` (ctest) ends, so that a killed run leaves nothing behind.
#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <string>
#include <string_view>
#include <thread>

#include "tests/support/cluster.hpp"
#include "tests/support/shared_server.hpp"

namespace {

using pgsluice::tests::Cluster;

// Readable when the process has ended.
int open_process(pid_t pid) {
  return static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
}

// The background process: holds the cluster until it is told to stop or `run` has ended.
int keep(const std::filesystem::path& file, pid_t run, int ready_pipe) {
  setsid();
  const int log = open((file.string() + ".log").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  dup2(log, STDOUT_FILENO);  // ctest waits until nobody holds its pipes any more.
  dup2(log, STDERR_FILENO);
  sigset_t ends;
  sigemptyset(&ends);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&ends, signal);
  sigprocmask(SIG_BLOCK, &ends, nullptr);
  std::array<pollfd, 2> events{};
  events[0] = {signalfd(-1, &ends, SFD_CLOEXEC), POLLIN, 0};
  events[1] = {open_process(run), POLLIN, 0};
  try {
    Cluster cluster;
    write_server_file(file, cluster.address(), getpid());
    if (write(ready_pipe, "1", 1) != 1) return 1;
    close(ready_pipe);
    while (poll(events.data(), events.size(), -1) <= 0) {
    }
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    [[maybe_unused]] const auto ignored = write(ready_pipe, error.what(), std::strlen(error.what()));
    return 1;
  }
  std::filesystem::remove(file);
  return 0;
}

int stop(const std::filesystem::path& file) {
  const pid_t keeper = pgsluice::tests::read_keeper_pid(file);
  if (keeper <= 0) return 0;
  pollfd ended = {open_process(keeper), POLLIN, 0};
  if (ended.fd < 0) {  // It was killed; the next cluster sweeps its folder away.
    std::filesystem::remove(file);
    return 0;
  }
  kill(keeper, SIGTERM);
  if (poll(&ended, 1, 90'000) == 1) return 0;
  std::cerr << "the keeper of the shared test server, process " << keeper << ", does not end\n";
  return 1;
}

int start(const std::filesystem::path& file) {
  if (stop(file) != 0) return 1;  // Of a run that was killed a moment ago.
  std::array<int, 2> ready{};
  if (pipe2(ready.data(), O_CLOEXEC) != 0) return 1;
  const pid_t run = getppid();
  const pid_t keeper = fork();
  if (keeper < 0) return 1;
  if (keeper == 0) {
    close(ready[0]);
    const int code = keep(file, run, ready[1]);
    std::cerr.flush();
    _exit(code);
  }
  close(ready[1]);
  std::string answer;
  std::array<char, 4096> buffer{};
  for (ssize_t count = 0; (count = read(ready[0], buffer.data(), buffer.size())) > 0;) {
    answer.append(buffer.data(), static_cast<std::size_t>(count));
  }
  if (answer == "1") return 0;
  std::cerr << "the shared test server did not start:\n" << answer << "\n";
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view verb = argc == 3 ? argv[1] : "";
  if (verb == "start") return start(argv[2]);
  if (verb == "stop") return stop(argv[2]);
  std::cerr << "usage: cluster_keeper start|stop FILE\n";
  return 2;
}

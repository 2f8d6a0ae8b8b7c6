// Finds PostgreSQL and starts its programs as an unprivileged user.
#include "tests/support/installation.hpp"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <stdexcept>

namespace pgsluice::tests {

namespace fs = std::filesystem;

namespace {

// "/usr/lib/postgresql/17/bin" for the highest number below `root`; empty when there is none.
fs::path newest_bin_folder(const fs::path& root) {
  fs::path newest;
  int newest_version = 0;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(root / "usr/lib/postgresql", error)) {
    const int version = std::atoi(entry.path().filename().c_str());
    if (version > newest_version && fs::exists(entry.path() / "bin/initdb")) {
      newest_version = version;
      newest = "/usr/lib/postgresql/" + entry.path().filename().string() + "/bin";
    }
  }
  return newest;
}

// What pg_config says, where a server is installed beside it; empty otherwise.
fs::path configured_bin_folder() {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen("pg_config --bindir 2>/dev/null", "re"), pclose);
  std::array<char, 4096> line{};
  if (!pipe || !fgets(line.data(), static_cast<int>(line.size()), pipe.get())) return {};
  std::string folder = line.data();
  while (!folder.empty() && folder.back() == '\n') folder.pop_back();
  return fs::exists(fs::path(folder) / "initdb") ? fs::path(folder) : fs::path();
}

// The postgres line of root's own passwd file: another suite may number its users differently.
void read_user(Installation& installation) {
  std::ifstream users(installation.root / "etc/passwd");
  for (std::string line; std::getline(users, line);) {
    if (!line.starts_with("postgres:")) continue;
    std::istringstream fields(line);
    std::string name;
    std::string password;
    std::string user;
    std::string group;
    std::getline(fields, name, ':');
    std::getline(fields, password, ':');
    std::getline(fields, user, ':');
    std::getline(fields, group, ':');
    installation.user = static_cast<uid_t>(std::stoul(user));
    installation.group = static_cast<gid_t>(std::stoul(group));
    return;
  }
  throw std::runtime_error("no user postgres in " + (installation.root / "etc/passwd").string());
}

[[noreturn]] void die_in_child(const char* what) {
  const char* reason = std::strerror(errno);
  [[maybe_unused]] auto ignored = write(STDERR_FILENO, what, std::strlen(what));
  ignored = write(STDERR_FILENO, ": ", 2);
  ignored = write(STDERR_FILENO, reason, std::strlen(reason));
  ignored = write(STDERR_FILENO, "\n", 1);
  _exit(127);
}

}  // namespace

std::string Installation::inside(const fs::path& path) const {
  return is_chroot() ? "/" + path.lexically_relative(root).string() : path.string();
}

Installation find_installation() {
  Installation found;
  if (const char* root = std::getenv("PGSLUICE_TEST_CHROOT"); root && *root) {
    if (geteuid() != 0) throw std::runtime_error("PGSLUICE_TEST_CHROOT needs root, because it calls chroot(2)");
    found.root = fs::canonical(root);
  }
  if (const char* folder = std::getenv("PGSLUICE_TEST_PGBIN"); folder && *folder) {
    found.bin_folder = folder;
  } else {
    if (!found.is_chroot()) found.bin_folder = configured_bin_folder();
    if (found.bin_folder.empty()) found.bin_folder = newest_bin_folder(found.root);
  }
  if (!fs::exists(found.root / found.bin_folder.relative_path() / "initdb")) {
    throw std::runtime_error("no initdb in '" + (found.root / found.bin_folder.relative_path()).string() +
                             "': run scripts/setup, or set PGSLUICE_TEST_PGBIN to PostgreSQL's bin folder");
  }
  found.changes_user = geteuid() == 0;
  if (found.changes_user) {
    read_user(found);
  } else {
    found.user = geteuid();
    found.group = getegid();
  }
  return found;
}

pid_t start_program(const Installation& installation, const std::string& program,
                    const std::vector<std::string>& arguments, const fs::path& log) {
  // Everything that allocates happens before the fork: the parent may have threads.
  const std::string path = (installation.bin_folder / program).string();
  std::vector<char*> argv = {const_cast<char*>(path.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const std::string search_path = "PATH=" + installation.bin_folder.string() + ":/usr/bin:/bin";
  std::array<char*, 4> environment = {const_cast<char*>(search_path.c_str()), const_cast<char*>("HOME=/"),
                                      const_cast<char*>("LANG=C.UTF-8"), nullptr};
  const int output = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (output < 0) throw std::runtime_error("cannot write " + log.string() + ": " + std::strerror(errno));
  const int input = open("/dev/null", O_RDONLY | O_CLOEXEC);

  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error(std::string("cannot fork: ") + std::strerror(errno));
  if (child > 0) {
    close(output);
    close(input);
    return child;
  }
  dup2(input, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  setsid();  // A Ctrl-C at the terminal is the test's to handle; the server ends with the test in any case.
  if (installation.is_chroot() && chroot(installation.root.c_str()) != 0) die_in_child("chroot");
  if (chdir("/") != 0) die_in_child("chdir");
  if (installation.changes_user) {
    if (setgroups(0, nullptr) != 0) die_in_child("setgroups");
    if (setgid(installation.group) != 0) die_in_child("setgid");
    if (setuid(installation.user) != 0) die_in_child("setuid");
  }
  // After setuid, which clears it. SIGQUIT is PostgreSQL's immediate shutdown.
  if (prctl(PR_SET_PDEATHSIG, SIGQUIT) != 0) die_in_child("prctl");
  if (getppid() != parent) _exit(127);
  signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execve(path.c_str(), argv.data(), environment.data());
  die_in_child(path.c_str());
}

void run_program(const Installation& installation, const std::string& program,
                 const std::vector<std::string>& arguments, const fs::path& log) {
  const pid_t child = start_program(installation, program, arguments, log);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  throw std::runtime_error(program + " failed:\n" + file_text(log));
}

std::string file_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace pgsluice::tests

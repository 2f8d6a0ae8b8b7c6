#include "cli/hooks.hpp"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "pg/failure.hpp"
#include "pg/identifier.hpp"

namespace pgsluice::cli {

namespace {

using pg::Failure;
using pg::FailureKind;

// The exit code of /bin/sh -c command; 128 + the signal that ended it.
int run_in_shell(const std::string& command, const std::vector<std::string>& more_environment) {
  std::vector<std::string> variables = more_environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    variables.emplace_back(*variable);
  }
  std::vector<char*> environment;
  for (std::string& variable : variables) {
    environment.push_back(variable.data());
  }
  environment.push_back(nullptr);
  std::string shell = "/bin/sh";
  std::string flag = "-c";
  std::string text = command;
  std::array<char*, 4> arguments = {shell.data(), flag.data(), text.data(), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  // Standard output is for our own result.
  posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
  pid_t child = 0;
  const int error = posix_spawn(&child, shell.c_str(), &actions, nullptr, arguments.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    throw Failure(FailureKind::local, "a hook cannot be started: " + std::string(std::strerror(error)));
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  constexpr int kSignalBase = 128;
  return WIFEXITED(status) ? WEXITSTATUS(status) : kSignalBase + WTERMSIG(status);
}

}  // namespace

Hooks::Hooks(const std::vector<std::string>& texts, const std::vector<std::string_view>& moments) {
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    const std::string moment = text.substr(0, equals);
    if (equals == std::string::npos || equals + 1 == text.size() ||
        std::find(moments.begin(), moments.end(), moment) == moments.end()) {
      std::string list;
      for (const std::string_view each : moments) {
        list += (list.empty() ? "" : ", ") + std::string(each);
      }
      throw Failure(FailureKind::refused, "--hook is MOMENT=COMMAND, not \"" + text + "\"")
          .hint("Moments are " + list + ".");
    }
    commands_.emplace(moment, text.substr(equals + 1));
  }
}

void Hooks::run(std::string_view moment, const planner::Checkpoint& checkpoint) const {
  const auto [begin, end] = commands_.equal_range(moment);
  for (auto hook = begin; hook != end; ++hook) {
    const planner::Plan& plan = checkpoint.plan();
    const int code =
        run_in_shell(hook->second, {"PGSLUICE_MOMENT=" + std::string(moment), "PGSLUICE_MIGRATION=" + plan.migration_id,
                                    "PGSLUICE_SOURCE=" + pg::display(plan.source.name),
                                    "PGSLUICE_TARGET=" + pg::display(plan.layout.root.name),
                                    "PGSLUICE_CHECKPOINT=" + checkpoint.path().string()});
    if (code != 0) {
      throw Failure(FailureKind::local,
                    "the hook " + std::string(moment) + " ended with exit code " + std::to_string(code))
          .detail(hook->second);
    }
  }
}

}  // namespace pgsluice::cli

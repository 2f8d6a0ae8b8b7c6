#include "cli/commands.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <nlohmann/json.hpp>

#include "cli/help.hpp"
#include "cli/options.hpp"
#include "cli/result.hpp"
#include "pg/failure.hpp"

namespace pgsluice::cli {

namespace {

struct Command {
  std::string_view name;
  int (*act)(const Options& options);
};

constexpr std::array<Command, 9> kCommands = {{{"plan", plan_command},
                                               {"estimate", estimate_command},
                                               {"run", run_command},
                                               {"status", status_command},
                                               {"control", control_command},
                                               {"verify", verify_command},
                                               {"cutover", cutover_command},
                                               {"finish", finish_command},
                                               {"rollback", rollback_command}}};

bool is_help(const std::string& argument) {
  return argument == "--help" || argument == "-h" || argument == "help";
}

int act(const std::vector<std::string>& arguments) {
  if (arguments.empty()) {
    print_error_text(overview_help());
    return pg::exit_code(pg::FailureKind::refused);
  }
  const std::string& name = arguments.front();
  const std::vector<std::string> rest(arguments.begin() + 1, arguments.end());
  if (is_help(name)) {
    print_result(rest.empty() ? overview_help() : command_help(rest.front()));
    return 0;
  }
  if (name == "--version" || name == "-V" || name == "version") {
    print_result("pgsluice " + std::string(version()) + "\n");
    return 0;
  }
  for (const Command& command : kCommands) {
    if (command.name != name) {
      continue;
    }
    if (std::any_of(rest.begin(), rest.end(),
                    [](const std::string& word) { return word == "--help" || word == "-h"; })) {
      print_result(command_help(name));
      return 0;
    }
    return command.act(Options::parse(name, rest));
  }
  refuse_unknown_command(name);
}

// The options may be what failed, so this looks at the words themselves.
bool wants_json(const std::vector<std::string>& arguments) {
  return std::find(arguments.begin(), arguments.end(), "--json") != arguments.end();
}

}  // namespace

int act_on(const std::vector<std::string>& arguments) {
  try {
    return act(arguments);
  } catch (const pg::Failure& failure) {
    return tell(failure, wants_json(arguments));
  } catch (const std::bad_alloc&) {
    return tell(pg::Failure(pg::FailureKind::local, "out of memory"), wants_json(arguments));
  } catch (const std::exception& error) {
    return tell(pg::Failure(pg::FailureKind::local, error.what()), wants_json(arguments));
  }
}

std::string_view version() {
  return PGSLUICE_VERSION;
}

}  // namespace pgsluice::cli

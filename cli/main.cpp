// argv -> one command -> exit code.
#include <string>
#include <vector>

#include "cli/commands.hpp"

int main(int argc, char** argv) {
  return pgsluice::cli::act_on(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc));
}

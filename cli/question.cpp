#include "cli/question.hpp"

#include <unistd.h>

#include <iostream>

#include "cli/result.hpp"

namespace pgsluice::cli {

bool can_ask() {
  return isatty(STDIN_FILENO) != 0;
}

bool says_yes(const std::string& question) {
  print_error_text(question + " [y/N] ");
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes" || answer == "Yes" || answer == "YES";
}

}  // namespace pgsluice::cli

// The one question that a command may ask.
#pragma once

#include <string>

namespace pgsluice::cli {

// True when somebody sits at standard input.
bool can_ask();

// Asks on standard error and reads one line. True for y or yes.
bool says_yes(const std::string& question);

}  // namespace pgsluice::cli

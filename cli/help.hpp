// What `pgsluice help` teaches: what a command does, what it changes, its options, examples, and what to type next. The
// options' own texts are in cli/options.cpp.
#pragma once

#include <string>
#include <string_view>

namespace pgsluice::cli {

// No line is wider than this.
inline constexpr std::size_t kHelpColumns = 96;

// `pgsluice help`.
std::string overview_help();

// `pgsluice help plan`. Fails: refused, naming the nearest command, when there is none of that name.
std::string command_help(std::string_view command);

// Answers a command that does not exist: refused, naming the nearest one.
[[noreturn]] void refuse_unknown_command(std::string_view command);

// Breaks a text into lines of at most `columns` characters between words; every line after the first begins with
// `indent` spaces.
std::string wrapped(std::string_view text, std::size_t columns, std::size_t indent);

}  // namespace pgsluice::cli

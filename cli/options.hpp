// What the operator asked for, option by option: from the command line, and from the file of --config where the command
// line is silent. One table says which options exist, for which command, and what help says of them. It reads values;
// it does not judge whether they fit together (the commands and the planner do).
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgsluice::cli {

// In the current folder.
inline constexpr std::string_view kDefaultCheckpoint = "pgsluice.checkpoint";

struct OptionSpec {
  std::string_view name;      // Without dashes.
  std::string_view value;     // What stands for the value in help: "N". Empty for a switch.
  std::string_view commands;  // "plan run"; empty for every command.
  std::string_view group;     // Heading in help.
  std::string_view text;      // What help says.
  bool repeatable = false;
  bool on_command_line_only = false;
  bool takes_words = false;  // Its value may be several words, up to the next option.

  bool is_switch() const { return value.empty(); }
  bool belongs_to(std::string_view command) const;
};

// In the order in which help shows them.
const std::vector<OptionSpec>& option_specs();

class Options {
 public:
  // `arguments`: what follows the command's name. Reads the file of --config. Fails: refused, naming the nearest option
  // that exists, when one is unknown, incomplete, given twice, or no option at all where the command takes nothing
  // else; when a password stands on the command line, where every user of the machine can read it, or in a
  // configuration file that others may read.
  static Options parse(std::string_view command, const std::vector<std::string>& arguments);

  const std::string& command() const { return command_; }
  // What is no option, in order: for commands that take words.
  const std::vector<std::string>& words() const { return words_; }
  bool has(std::string_view name) const;
  bool is_on(std::string_view name) const { return has(name); }  // For switches.

  // Each: the value, or `fallback`. Fails: refused, when the value cannot be read.
  std::string text(std::string_view name, std::string_view fallback = "") const;
  std::uint64_t count(std::string_view name, std::uint64_t fallback) const;
  std::uint64_t bytes(std::string_view name, std::uint64_t fallback) const;
  std::chrono::milliseconds duration(std::string_view name, std::chrono::milliseconds fallback) const;
  // One of `choices`; the first is the default.
  std::string choice(std::string_view name, const std::vector<std::string>& choices) const;
  bool on_off(std::string_view name, bool fallback) const;
  // The elements of a repeatable option, each of which may be a comma list.
  std::vector<std::string> list(std::string_view name) const;
  // The values of a repeatable option, each as it was written.
  std::vector<std::string> texts(std::string_view name) const;

  // The options that say where the migration is (--source, --target, --checkpoint, --config), as they were typed and
  // quoted for a shell, each with a space before it: what the next command needs too. Holds no password.
  std::string whereabouts() const;

 private:
  const std::vector<std::string>* values(std::string_view name) const;

  std::string command_;
  std::vector<std::string> words_;
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
  std::map<std::string, std::vector<std::string>, std::less<>> typed_;  // From the command line alone.
};

// The candidate that differs from `text` by the fewest letters; nothing when none is near.
std::optional<std::string_view> nearest(std::string_view text, const std::vector<std::string_view>& candidates);

}  // namespace pgsluice::cli

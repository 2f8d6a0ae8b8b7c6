// `pgsluice control`: asks the mover that runs in another terminal how it is, and steers it.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/control_text.hpp"
#include "cli/options.hpp"
#include "cli/result.hpp"
#include "mover/control_client.hpp"
#include "mover/control_settings.hpp"
#include "pg/failure.hpp"

namespace pgsluice::cli {

namespace {

using mover::ControlAction;
using pg::Failure;
using pg::FailureKind;

constexpr std::string_view kForms =
    "Write `pgsluice control [FILE] status|pause|resume|stop|cutover|set NAME=VALUE …|get [NAME …]`.";

Failure refused(const std::string& message) {
  return Failure(FailureKind::refused, message);
}

Failure unknown_action(const std::string& word) {
  const std::optional<std::string_view> guess = nearest(word, mover::control_action_names());
  return refused("\"" + word + "\" is no action of control")
      .hint((guess ? "Did you mean " + std::string(*guess) + "? " : "") + std::string(kForms));
}

struct Wish {
  std::filesystem::path checkpoint;
  ControlAction action;
  std::vector<std::string> words;
};

// The first word is an action or the checkpoint's file; a file that is called like an action can be named by
// --checkpoint.
Wish wish_in(const Options& options) {
  std::vector<std::string> words = options.words();
  std::string checkpoint = options.text("checkpoint", kDefaultCheckpoint);
  if (!words.empty() && !mover::control_action_named(words.front())) {
    const bool has_action = words.size() > 1 && mover::control_action_named(words[1]);
    if (!has_action && !std::filesystem::exists(words.front())) {
      throw unknown_action(words.front());
    }
    if (options.has("checkpoint")) {
      throw refused("the checkpoint is named twice: " + words.front() + " and " + checkpoint);
    }
    checkpoint = words.front();
    words.erase(words.begin());
  }
  if (words.empty()) {
    throw refused("control is not told what to do").hint(std::string(kForms));
  }
  const std::optional<ControlAction> action = mover::control_action_named(words.front());
  if (!action) {
    throw unknown_action(words.front());
  }
  words.erase(words.begin());
  return {checkpoint, *action, words};
}

// What the mover would refuse in any case is refused without it.
void check_words(const Wish& wish) {
  mover::ControlSettings any;
  if (wish.action == ControlAction::set) {
    any.set(wish.words, [](const std::string&) {});
  } else if (wish.action == ControlAction::get) {
    any.values(wish.words);
  } else if (!wish.words.empty()) {
    throw refused(std::string(name_of(wish.action)) + " takes nothing more, not \"" + wish.words.front() + "\"")
        .hint(std::string(kForms));
  }
}

}  // namespace

int control_command(const Options& options) {
  const Wish wish = wish_in(options);
  check_words(wish);
  const nlohmann::ordered_json result = mover::ask_mover(wish.checkpoint, wish.action, wish.words);
  if (options.is_on("json")) {
    print_result(result);
  } else {
    print_result(control_text(wish.action, result));
  }
  return 0;
}

}  // namespace pgsluice::cli

#include "mover/control_target.hpp"

#include <array>
#include <nlohmann/json.hpp>

namespace pgsluice::mover {

namespace {

using nlohmann::ordered_json;
using pg::Failure;
using pg::FailureKind;

constexpr std::array<std::pair<ControlAction, std::string_view>, 7> kActions = {{{ControlAction::status, "status"},
                                                                                 {ControlAction::pause, "pause"},
                                                                                 {ControlAction::resume, "resume"},
                                                                                 {ControlAction::stop, "stop"},
                                                                                 {ControlAction::cutover, "cutover"},
                                                                                 {ControlAction::set, "set"},
                                                                                 {ControlAction::get, "get"}}};

// On one line, whatever bytes a request or a server's message held.
std::string line(const ordered_json& document) {
  return document.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

ordered_json result_of(ControlAction action, const std::vector<std::string>& words, ControlTarget& target) {
  switch (action) {
    case ControlAction::status:
      return target.status();
    case ControlAction::pause:
    case ControlAction::resume: {
      const bool is_paused = action == ControlAction::pause;
      const bool has_changed = target.pause(is_paused);
      return {{"paused", is_paused}, {"changed", has_changed}};
    }
    case ControlAction::stop:
      return {{"urgent", target.stop()}};
    case ControlAction::cutover:
      return {{"changed", target.cut_over()}};
    case ControlAction::set: {
      ordered_json changes = ordered_json::array();
      for (const ControlChange& change : target.set(words)) {
        changes.push_back({{"name", change.name}, {"from", change.from}, {"to", change.to}, {"effect", change.effect}});
      }
      return {{"changes", changes}};
    }
    case ControlAction::get: {
      ordered_json settings = ordered_json::array();
      for (const ControlValue& value : target.get(words)) {
        settings.push_back({{"name", value.name}, {"value", value.value}, {"origin", name_of(value.origin)}});
      }
      return {{"settings", settings}};
    }
  }
  return {};
}

std::optional<std::string> text_in(const ordered_json& document, const char* name) {
  const auto found = document.find(name);
  return found != document.end() && found->is_string() ? std::optional(found->get<std::string>()) : std::nullopt;
}

}  // namespace

std::string_view name_of(ControlAction action) {
  for (const auto& [known, name] : kActions) {
    if (known == action) {
      return name;
    }
  }
  return "";
}

std::optional<ControlAction> control_action_named(std::string_view name) {
  for (const auto& [action, known] : kActions) {
    if (known == name) {
      return action;
    }
  }
  return std::nullopt;
}

std::vector<std::string_view> control_action_names() {
  std::vector<std::string_view> names;
  for (const auto& [action, name] : kActions) {
    names.push_back(name);
  }
  return names;
}

std::string refusal(const Failure& failure) {
  return line({{"error",
                {{"kind", failure.kind() == FailureKind::refused ? "refused" : "local"},
                 {"message", failure.what()},
                 {"detail", failure.detail()},
                 {"hint", failure.hint()},
                 {"status", failure.status()}}}});
}

std::string answer_to(std::string_view request, ControlTarget& target) {
  try {
    const ordered_json document = ordered_json::parse(request);
    const std::optional<std::string> name = document.is_object() ? text_in(document, "action") : std::nullopt;
    const std::optional<ControlAction> action = name ? control_action_named(*name) : std::nullopt;
    if (!action) {
      return refusal(Failure(FailureKind::refused, "the request names no action that this pgsluice knows")
                         .hint("Use the `pgsluice control` of the same version."));
    }
    const std::vector<std::string> words = document.value("words", std::vector<std::string>());
    return line({{"ok", result_of(*action, words, target)}});
  } catch (const Failure& failure) {
    return refusal(failure);
  } catch (const nlohmann::json::exception&) {
    return refusal(Failure(FailureKind::refused, "the request is not understood")
                       .detail("It has to be one line of JSON, of an object with an action and words."));
  } catch (const std::exception& error) {
    return refusal(Failure(FailureKind::local, error.what()));
  }
}

std::string request_text(ControlAction action, const std::vector<std::string>& words) {
  ordered_json request = {{"action", name_of(action)}};
  if (!words.empty()) {
    request["words"] = words;
  }
  return line(request);
}

ordered_json result_in(std::string_view answer) {
  const ordered_json document = ordered_json::parse(answer, nullptr, false);
  if (document.is_object() && document.contains("ok")) {
    return document["ok"];
  }
  if (!document.is_object() || !document.contains("error") || !document["error"].is_object()) {
    throw Failure(FailureKind::local, "the mover's answer is not understood")
        .detail("It begins with: " + std::string(answer.substr(0, 80)))
        .hint("Use the `pgsluice control` of the same version.");
  }
  const ordered_json& error = document["error"];
  const auto text = [&](const char* name) { return text_in(error, name).value_or(""); };
  throw Failure(text("kind") == "refused" ? FailureKind::refused : FailureKind::local, text("message"))
      .detail(text("detail"))
      .hint(text("hint"))
      .status(text("status"));
}

}  // namespace pgsluice::mover

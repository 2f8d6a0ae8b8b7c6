// What can be asked of a running mover, and the words in which it is asked: one JSON object a request, one an answer.
//
//   {"action": "status"}                                   {"ok": {"phase": "moving rows", …}}
//   {"action": "pause"}, {"action": "resume"}              {"ok": {"paused": true, "changed": true}}
//   {"action": "stop"}                                     {"ok": {"urgent": false}}
//   {"action": "cutover"}                                  {"ok": {"changed": true}}
//   {"action": "set", "words": ["max-iops=8000", …]}       {"ok": {"changes": [{"name": …, "from": …, "to": …,
//                                                                               "effect": …}, …]}}
//   {"action": "get", "words": ["max-iops"]}               {"ok": {"settings": [{"name": …, "value": …,
//                                                                                "origin": …}, …]}}
//   anything else                                          {"error": {"kind": "refused", "message": …, "detail": …,
//                                                                     "hint": …, "status": …}}
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mover/control_settings.hpp"
#include "pg/failure.hpp"

namespace pgsluice::mover {

enum class ControlAction { status, pause, resume, stop, cutover, set, get };
std::string_view name_of(ControlAction action);
std::optional<ControlAction> control_action_named(std::string_view name);
std::vector<std::string_view> control_action_names();

// Thread: called by one thread, which is not the mover's own.
class ControlTarget {
 public:
  virtual ~ControlTarget() = default;
  virtual nlohmann::ordered_json status() = 0;
  // Returns whether that was a change.
  virtual bool pause(bool is_paused) = 0;
  // As an interrupt from the keyboard. Returns whether it was urgent: a stop had been asked for before, so that what
  // runs is cancelled now.
  virtual bool stop() = 0;
  // Lets a cutover that holds ready begin. Returns whether that was a change. Fails: refused, where none does.
  virtual bool cut_over() = 0;
  // Both: as ControlSettings.
  virtual std::vector<ControlChange> set(const std::vector<std::string>& assignments) = 0;
  virtual std::vector<ControlValue> get(const std::vector<std::string>& names) = 0;
};

// The answer to a request, both without a line feed. Whatever the request is, there is an answer.
std::string answer_to(std::string_view request, ControlTarget& target);
std::string refusal(const pg::Failure& failure);

std::string request_text(ControlAction action, const std::vector<std::string>& words);
// What is in an answer's "ok". Fails: as its "error" says; local, when it is no answer.
nlohmann::ordered_json result_in(std::string_view answer);

}  // namespace pgsluice::mover

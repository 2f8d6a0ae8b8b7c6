#include "mover/control_settings.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "pg/failure.hpp"

namespace pgsluice::mover {

namespace {

using pg::Failure;
using pg::FailureKind;

constexpr double kCountMax = 1e15;  // Exact as a double.

struct Setting {
  std::string_view name;
  std::string_view absent;  // The word for no value.
  bool may_be_absent;       // By set().
  bool is_whole;
  double max;
  std::string_view takes;
  std::string_view effect;
  std::optional<double> (*get)(const ControlState& state);
  void (*put)(ControlState& state, std::optional<double> value);
};

template <typename Number>
std::optional<double> as_double(const std::optional<Number>& value) {
  return value ? std::optional(static_cast<double>(*value)) : std::nullopt;
}

std::optional<std::uint64_t> as_count(const std::optional<double>& value) {
  return value ? std::optional(static_cast<std::uint64_t>(*value)) : std::nullopt;
}

constexpr std::string_view kOfLimits = "from the next batch on";

const std::array<Setting, 5> kSettings = {{
    {"max-iops", "none", true, false, kCountMax, "I/O operations a second that pgsluice may use, or none", kOfLimits,
     [](const ControlState& state) { return state.max_iops; },
     [](ControlState& state, std::optional<double> value) { state.max_iops = value; }},
    {"max-mbps", "none", true, false, kCountMax, "MB a second that pgsluice may use, or none", kOfLimits,
     [](const ControlState& state) { return state.max_mbps; },
     [](ControlState& state, std::optional<double> value) { state.max_mbps = value; }},
    {"server-iops", "none", true, false, kCountMax, "I/O operations a second of the whole server, or none", kOfLimits,
     [](const ControlState& state) { return state.server_iops; },
     [](ControlState& state, std::optional<double> value) { state.server_iops = value; }},
    {"workers", "auto", false, true, kControlWorkersMax, "a whole number from 1 to 64",
     "as workers come to their next batch", [](const ControlState& state) { return as_double(state.workers); },
     [](ControlState& state, std::optional<double> value) { state.workers = as_count(value); }},
    {"batch-rows", "auto", true, true, kCountMax, "a whole number of rows, or auto", kOfLimits,
     [](const ControlState& state) { return as_double(state.batch_rows); },
     [](ControlState& state, std::optional<double> value) { state.batch_rows = as_count(value); }},
}};

std::string names_hint() {
  std::string names;
  for (const Setting& setting : kSettings) {
    names += (names.empty() ? "" : ", ") + std::string(setting.name);
  }
  return "Settings are " + names + ".";
}

const Setting& setting_named(std::string_view name) {
  for (const Setting& setting : kSettings) {
    if (setting.name == name) {
      return setting;
    }
  }
  throw Failure(FailureKind::refused, "there is no setting \"" + std::string(name) + "\"").hint(names_hint());
}

std::string number_text(double number) {
  std::array<char, 400> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, std::chars_format::fixed).ptr;
  return {digits.data(), end};
}

std::string text_of(const Setting& setting, const ControlState& state) {
  const std::optional<double> value = setting.get(state);
  return value ? number_text(*value) : std::string(setting.absent);
}

// "8000", "8k", "12.5": a positive number, with powers of 1000.
std::optional<double> number_in(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, double>, 4> kUnits = {{{"", 1}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}}};
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const auto* found =
      std::find_if(kUnits.begin(), kUnits.end(), [&](const auto& known) { return known.first == unit; });
  if (error != std::errc() || found == kUnits.end() || !std::isfinite(number) || number <= 0) {
    return std::nullopt;
  }
  return number * found->second;
}

std::optional<double> value_of(const Setting& setting, std::string_view text) {
  if (setting.may_be_absent && text == setting.absent) {
    return std::nullopt;
  }
  const std::optional<double> number = number_in(text);
  if (!number || *number > setting.max || (setting.is_whole && std::floor(*number) != *number)) {
    throw Failure(FailureKind::refused, std::string(setting.name) + " cannot be \"" + std::string(text) + "\"")
        .hint("It takes " + std::string(setting.takes) + ".");
  }
  return number;
}

struct Assignment {
  const Setting& setting;
  std::optional<double> value;
};

Assignment assignment_in(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos) {
    throw Failure(FailureKind::refused, "\"" + text + "\" sets nothing")
        .hint("Write NAME=VALUE, like max-iops=8000. " + names_hint());
  }
  const Setting& setting = setting_named(std::string_view(text).substr(0, equals));
  return {setting, value_of(setting, std::string_view(text).substr(equals + 1))};
}

}  // namespace

std::string_view name_of(ControlOrigin origin) {
  switch (origin) {
    case ControlOrigin::standard:
      return "default";
    case ControlOrigin::command_line:
      return "command line";
    case ControlOrigin::operator_now:
      return "control";
    case ControlOrigin::operator_before:
      return "control, in an earlier run";
  }
  return "";
}

std::vector<std::string_view> control_setting_names() {
  std::vector<std::string_view> names;
  for (const Setting& setting : kSettings) {
    names.push_back(setting.name);
  }
  return names;
}

ControlSettings::ControlSettings(const GivenSettings& given, const std::optional<std::string>& remembered) {
  if (remembered) {
    try {
      remembered_ = nlohmann::json::parse(*remembered).get<std::map<std::string, std::string>>();
      for (const auto& [name, text] : remembered_) {
        const Setting& setting = setting_named(name);
        setting.put(state_, value_of(setting, text));
        origins_[name] = ControlOrigin::operator_before;
      }
    } catch (const Failure& failure) {
      throw Failure(failure).detail("The checkpoint remembers it, from `pgsluice control` during an earlier run.");
    } catch (const nlohmann::json::exception&) {
      throw Failure(FailureKind::refused, "the checkpoint remembers settings in a form that is not known here")
          .detail("They read: " + *remembered)
          .hint("Use the pgsluice that recorded them.");
    }
  }
  for (const auto& [name, value] : given) {
    setting_named(name).put(state_, value);
    origins_[name] = ControlOrigin::command_line;
  }
}

ControlState ControlSettings::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

std::vector<ControlValue> ControlSettings::values(const std::vector<std::string>& names) const {
  std::set<std::string_view> wanted;
  for (const std::string& name : names) {
    wanted.insert(setting_named(name).name);
  }
  const std::lock_guard lock(mutex_);
  std::vector<ControlValue> values;
  for (const Setting& setting : kSettings) {
    if (!wanted.empty() && !wanted.contains(setting.name)) {
      continue;
    }
    const auto origin = origins_.find(setting.name);
    values.push_back({std::string(setting.name), text_of(setting, state_),
                      origin == origins_.end() ? ControlOrigin::standard : origin->second});
  }
  return values;
}

std::vector<ControlChange> ControlSettings::set(const std::vector<std::string>& assignments,
                                                const std::function<void(const std::string& remembered)>& record) {
  if (assignments.empty()) {
    throw Failure(FailureKind::refused, "nothing is to be set")
        .hint("Write NAME=VALUE, like max-iops=8000. " + names_hint());
  }
  const std::lock_guard changing(changing_);
  ControlState next = state_;
  std::map<std::string, std::string> remembered = remembered_;
  std::map<std::string, ControlOrigin, std::less<>> origins = origins_;
  std::set<std::string_view> named;
  std::vector<ControlChange> changes;
  for (const std::string& text : assignments) {
    const Assignment assignment = assignment_in(text);
    const Setting& setting = assignment.setting;
    if (!named.insert(setting.name).second) {
      throw Failure(FailureKind::refused, std::string(setting.name) + " is given twice");
    }
    setting.put(next, assignment.value);
    const std::string name(setting.name);
    remembered[name] = text_of(setting, next);
    origins[name] = ControlOrigin::operator_now;
    changes.push_back({name, text_of(setting, state_), text_of(setting, next), std::string(setting.effect)});
  }
  change(next, [&] { record(nlohmann::json(remembered).dump()); });
  const std::lock_guard lock(mutex_);
  remembered_ = std::move(remembered);
  origins_ = std::move(origins);
  return changes;
}

bool ControlSettings::pause(bool is_paused) {
  const std::lock_guard changing(changing_);
  if (state_.is_paused == is_paused) {
    return false;
  }
  ControlState next = state_;
  next.is_paused = is_paused;
  change(next, [] {});
  return true;
}

void ControlSettings::tell(const ControlState& state) {
  for (const auto& listener : listeners_) {
    listener(state);
  }
}

// The caller holds changing_.
void ControlSettings::change(const ControlState& next, const std::function<void()>& commit) {
  try {
    tell(next);
    commit();
  } catch (...) {
    tell(state_);  // Nobody refuses what was taken before.
    throw;
  }
  const std::lock_guard lock(mutex_);
  state_ = next;
}

ControlSettings::Listening ControlSettings::listen(std::function<void(const ControlState&)> tell) {
  const std::lock_guard changing(changing_);
  tell(state_);
  return {*this, listeners_.insert(listeners_.end(), std::move(tell))};
}

ControlSettings::Listening::Listening(Listening&& other) noexcept
    : settings_(std::exchange(other.settings_, nullptr)), place_(other.place_) {}

ControlSettings::Listening::~Listening() {
  if (settings_ != nullptr) {
    const std::lock_guard changing(settings_->changing_);
    settings_->listeners_.erase(place_);
  }
}

}  // namespace pgsluice::mover

// A reason to stop altogether: a measured value that is too high, or something that is simply so (a pause file exists,
// the time window is closed). A measured one stops at its threshold and lets go at 0.8 of it, so that it does not
// chatter.
#pragma once

#include <optional>
#include <string>
#include <utility>

namespace pgsluice::gate {

class Brake {
 public:
  // Stops while it is on. `text`: why, for a person: "the pause file exists".
  static Brake when_on(std::string name, std::string text);
  // Stops at `threshold`, in any unit. `text` is what is measured, `unit` follows the figures: "a replica lags by 12 s
  // (limit 10 s)".
  // Fails: refused, if the threshold is not a positive, finite number.
  static Brake at(std::string name, std::string text, double threshold, std::string unit);

  // For brakes made by at(); not a number: nothing is known anew.
  void measure(double value);
  // For brakes made by when_on().
  void turn(bool is_on) { is_on_ = is_on; }
  // Another text, for what has a name or figures of its own: "replica db2 lags by".
  void describe(std::string text) { text_ = std::move(text); }

  bool is_on() const { return is_on_; }
  const std::string& name() const { return name_; }
  std::string reason() const;

 private:
  Brake(std::string name, std::string text) : name_(std::move(name)), text_(std::move(text)) {}
  std::string name_;
  std::string text_;
  std::string unit_;
  std::optional<double> threshold_;
  double value_ = 0;
  bool is_on_ = false;
};

}  // namespace pgsluice::gate

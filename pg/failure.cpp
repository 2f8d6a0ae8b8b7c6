#include "pg/failure.hpp"

#include <array>

namespace pgsluice::pg {

Failure& Failure::detail(std::string text) {
  detail_ = std::move(text);
  return *this;
}

Failure& Failure::hint(std::string text) {
  hint_ = std::move(text);
  return *this;
}

Failure& Failure::status(std::string text) {
  status_ = std::move(text);
  return *this;
}

Failure& Failure::sqlstate(std::string code) {
  sqlstate_ = std::move(code);
  return *this;
}

Failure& Failure::step(std::size_t position) {
  step_ = position;
  return *this;
}

bool Failure::is_transient() const {
  if (kind_ != FailureKind::server) {
    return false;
  }
  constexpr std::array<std::string_view, 7> kTransient = {
      "40001",  // serialization_failure
      "40P01",  // deadlock_detected
      "55P03",  // lock_not_available (lock_timeout)
      "57P01",  // admin_shutdown
      "57P02",  // crash_shutdown
      "57P03",  // cannot_connect_now
      "53300",  // too_many_connections
  };
  for (const std::string_view code : kTransient) {
    if (sqlstate_ == code) {
      return true;
    }
  }
  return false;
}

bool Failure::is_data_error() const {
  return kind_ == FailureKind::server && (sqlstate_.starts_with("22") || sqlstate_.starts_with("23"));
}

int exit_code(FailureKind kind) {
  switch (kind) {
    case FailureKind::refused:
      return 2;
    case FailureKind::mismatch:
      return 3;
    case FailureKind::connection:
    case FailureKind::in_doubt:
    case FailureKind::interrupted:
      return 4;
    case FailureKind::corrupt:
      return 5;
    case FailureKind::server:
    case FailureKind::local:
      return 1;
  }
  return 1;
}

namespace {

void append_line(std::string& text, std::string_view label, std::string_view line) {
  constexpr std::size_t kLabelWidth = 8;
  if (line.empty()) {
    return;
  }
  text.append(label);
  text.append(kLabelWidth - label.size(), ' ');
  for (const char c : line) {
    text.push_back(c);
    if (c == '\n') {
      text.append(kLabelWidth, ' ');  // A text of several lines stays in its column.
    }
  }
  text.push_back('\n');
}

}  // namespace

std::string to_text(const Failure& failure) {
  std::string text;
  append_line(text, "error:", failure.what());
  append_line(text, "detail:", failure.detail());
  append_line(text, "hint:", failure.hint());
  const std::string code = "exit " + std::to_string(exit_code(failure.kind()));
  append_line(text, "status:", failure.status().empty() ? code : failure.status() + " (" + code + ")");
  return text;
}

}  // namespace pgsluice::pg

#include "planner/refusals.hpp"

namespace pgsluice::planner {

namespace {

constexpr const char* kInsufficientPrivilege = "42501";
constexpr const char* kStatus = "nothing was changed";

void append_indented(std::string& text, const std::string& lines) {
  if (lines.empty()) {
    return;
  }
  text += "\n   ";
  for (const char c : lines) {
    text += c;
    if (c == '\n') {
      text += "   ";
    }
  }
}

}  // namespace

void Refusals::add(pg::Failure refusal) {
  refusals_.push_back(std::move(refusal));
}

bool Refusals::attempt(const std::function<void()>& step) {
  try {
    step();
    return true;
  } catch (const pg::Failure& failure) {
    const bool is_denied = failure.kind() == pg::FailureKind::server && failure.sqlstate() == kInsufficientPrivilege;
    if (failure.kind() != pg::FailureKind::refused && !is_denied) {
      throw;
    }
    add(failure);
    return false;
  }
}

void Refusals::throw_if_any() const {
  if (refusals_.empty()) {
    return;
  }
  if (refusals_.size() == 1) {
    const pg::Failure& only = refusals_.front();
    throw pg::Failure(pg::FailureKind::refused, only.what())
        .detail(only.detail())
        .hint(only.hint())
        .sqlstate(only.sqlstate())
        .status(only.status().empty() ? kStatus : only.status());
  }
  std::string reasons;
  for (std::size_t i = 0; i < refusals_.size(); ++i) {
    reasons += (i == 0 ? "" : "\n") + std::to_string(i + 1) + ". " + refusals_[i].what();
    append_indented(reasons, refusals_[i].detail());
    append_indented(reasons, refusals_[i].hint());
  }
  throw pg::Failure(pg::FailureKind::refused,
                    "this cannot be planned, for " + std::to_string(refusals_.size()) + " reasons")
      .detail(reasons)
      .status(kStatus);
}

}  // namespace pgsluice::planner

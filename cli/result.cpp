#include "cli/result.hpp"

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "cli/terminal.hpp"

namespace pgsluice::cli {

void print_result(const std::string& text) {
  write_all(STDOUT_FILENO, text);
}

void print_result(const nlohmann::ordered_json& document) {
  constexpr int kIndent = 2;
  // Names come from the server and may be of any encoding.
  print_result(document.dump(kIndent, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

void print_error_text(const std::string& text) {
  write_all(STDERR_FILENO, text);
}

nlohmann::ordered_json to_document(const pg::Failure& failure) {
  nlohmann::ordered_json document = {{"message", failure.what()}};
  const auto add = [&](const char* name, const std::string& text) {
    if (!text.empty()) {
      document[name] = text;
    }
  };
  add("detail", failure.detail());
  add("hint", failure.hint());
  add("status", failure.status());
  add("sqlstate", failure.sqlstate());
  return document;
}

int tell(const pg::Failure& told, bool json) {
  pg::Failure failure = told;
  if (failure.kind() == pg::FailureKind::refused && failure.status().empty()) {
    failure.status("nothing was changed");
  }
  const int code = pg::exit_code(failure.kind());
  print_error_text(pg::to_text(failure));
  if (json) {
    print_result(nlohmann::ordered_json{{"error", to_document(failure)}, {"exit_code", code}});
  }
  return code;
}

}  // namespace pgsluice::cli

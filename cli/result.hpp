// What a command leaves behind: its result on standard output, as text or as one JSON document, and a failure on
// standard error.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "pg/failure.hpp"

namespace pgsluice::cli {

// Standard output. A closed pipe is not an error.
void print_result(const std::string& text);
void print_result(const nlohmann::ordered_json& document);

// Standard error.
void print_error_text(const std::string& text);

// {"message": …, "detail": …, "hint": …, "status": …, "sqlstate": …}; texts that are empty are left out.
nlohmann::ordered_json to_document(const pg::Failure& failure);

// Tells of a failure that ended a command: its text, and with `json` the document {"error": …, "exit_code": …}. Returns
// the exit code.
int tell(const pg::Failure& failure, bool json);

}  // namespace pgsluice::cli

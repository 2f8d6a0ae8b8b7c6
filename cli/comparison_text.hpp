// What a comparison of source and target found, as a person and as a program read it: `verify` ends with it, and `run`
// where it verifies.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "mover/verify.hpp"
#include "pg/failure.hpp"
#include "planner/plan.hpp"

namespace pgsluice::cli {

// "equal: 20 of 20 ranges equal; …", then a line for each difference.
std::string comparison_text(const planner::Plan& plan, const mover::VerifySummary& summary);
nlohmann::ordered_json comparison_document(const mover::VerifySummary& summary);

// The failure that a comparison ends with when source and target differ. `way_to_find` is the command that names the
// rows; empty when they are named.
pg::Failure mismatch(const mover::VerifySummary& summary, const std::string& way_to_find);

// True where no guard kept writers away from a source that keeps its rows: somebody may have changed a row meanwhile,
// and then no change is too small to be told.
bool needs_exact_verify(const planner::Plan& plan);

}  // namespace pgsluice::cli

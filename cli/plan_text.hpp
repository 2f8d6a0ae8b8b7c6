// The plan as a careful engineer reads it before saying yes, and as a JSON document. What stops the application stands
// first. It only writes down what was decided; see planner/planning.hpp.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "planner/catalog.hpp"
#include "planner/plan.hpp"
#include "planner/statement.hpp"

namespace pgsluice::cli {

struct PlanTextOptions {
  std::vector<planner::Privilege> privileges;
  planner::Statements statements;  // Of the whole migration, in order.
  bool in_full = false;            // Every leaf and every statement, uncut.
  std::string written;             // The folder of files that say the same; empty for none.
  std::string next;                // What to type next.
};

std::string plan_text(const planner::Plan& plan, const PlanTextOptions& options);
nlohmann::ordered_json plan_document(const planner::Plan& plan, const PlanTextOptions& options);

// Statements that differ in names, values and numbers only, as one.
struct StatementGroup {
  planner::Statement first;
  std::size_t count = 0;
};
std::vector<StatementGroup> folded(const planner::Statements& statements);

// "15.18", "9.6.24" is never seen.
std::string server_version_text(int version);

}  // namespace pgsluice::cli

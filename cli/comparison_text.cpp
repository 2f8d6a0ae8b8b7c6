#include "cli/comparison_text.hpp"

#include <nlohmann/json.hpp>

#include "cli/quantity.hpp"

namespace pgsluice::cli {

namespace {

using mover::VerifySummary;

std::string count_of(std::uint64_t count, const std::string& unit) {
  return exact_count_text(count) + " " + unit;
}

}  // namespace

std::string comparison_text(const planner::Plan& plan, const VerifySummary& summary) {
  const std::string source = empties_source(plan.method) ? "rows left the source" : "rows in the source";
  std::string text = std::string(summary.is_equal() ? "equal: " : "DIFFERENT: ") +
                     count_of(summary.units_equal, "of " + count_of(summary.units_total, summary.unit) + " equal");
  text += summary.is_equal() ? "" : ", " + exact_count_text(summary.units_differing) + " differ";
  text +=
      "; " + count_of(summary.rows_source, source) + ", " + count_of(summary.rows_target, "rows in the target") + "\n";
  for (const std::string& unit : summary.differing_units) {
    text += "differs: " + unit + "\n";
  }
  for (const mover::Difference& difference : summary.differences) {
    text += std::string(name_of(difference.kind)) + ": " + difference.key + ", in " + difference.where + "\n";
  }
  return text + (summary.differences_truncated ? "more rows differ than are shown\n" : "");
}

nlohmann::ordered_json comparison_document(const VerifySummary& summary) {
  nlohmann::ordered_json document = {{"equal", summary.is_equal()},
                                     {"unit", summary.unit},
                                     {"units_total", summary.units_total},
                                     {"units_equal", summary.units_equal},
                                     {"units_differing", summary.units_differing},
                                     {"rows_source", summary.rows_source},
                                     {"rows_target", summary.rows_target},
                                     {"differing_units", summary.differing_units},
                                     {"differences", nlohmann::ordered_json::array()},
                                     {"differences_truncated", summary.differences_truncated}};
  for (const mover::Difference& difference : summary.differences) {
    document["differences"].push_back(
        {{"where", difference.where}, {"key", difference.key}, {"kind", name_of(difference.kind)}});
  }
  return document;
}

pg::Failure mismatch(const VerifySummary& summary, const std::string& way_to_find) {
  pg::Failure failure(pg::FailureKind::mismatch, "source and target differ in " +
                                                     exact_count_text(summary.units_differing) + " of " +
                                                     count_of(summary.units_total, summary.unit));
  if (!way_to_find.empty()) {
    failure.hint(way_to_find + " names the rows.");
  }
  return failure.status("nothing was changed; do not use the target before you know why");
}

bool needs_exact_verify(const planner::Plan& plan) {
  return !plan.guard && !empties_source(plan.method);
}

}  // namespace pgsluice::cli

#include "cli/cutover_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/migration_state.hpp"
#include "cli/quantity.hpp"
#include "planner/swap_sql.hpp"

namespace pgsluice::cli {

namespace {

constexpr double kMicrosecondsPerMillisecond = 1000;

double lock_milliseconds(const mover::CutoverSummary& summary) {
  return static_cast<double>(summary.lock_held.count()) / kMicrosecondsPerMillisecond;
}

}  // namespace

bool is_blocked(const std::vector<mover::Finding>& findings) {
  return std::any_of(findings.begin(), findings.end(), [](const mover::Finding& finding) { return finding.blocks; });
}

std::string preflight_text(const std::vector<mover::Finding>& findings) {
  if (findings.empty()) {
    return "nothing stands in the way\n";
  }
  std::string text;
  for (const mover::Finding& finding : findings) {
    text += (finding.blocks ? "BLOCKS  " : "note    ") + finding.what + "\n";
    text += finding.detail.empty() ? "" : "        " + finding.detail + "\n";
    text += finding.hint.empty() ? "" : "        " + finding.hint + "\n";
  }
  return text + (is_blocked(findings) ? "the tables cannot be exchanged now\n" : "nothing blocks\n");
}

nlohmann::ordered_json preflight_document(const std::vector<mover::Finding>& findings) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const mover::Finding& finding : findings) {
    list.push_back(
        {{"what", finding.what}, {"detail", finding.detail}, {"hint", finding.hint}, {"blocks", finding.blocks}});
  }
  return {{"findings", list}, {"blocked", is_blocked(findings)}};
}

std::string lock_text(const mover::CutoverSummary& summary) {
  return fmt::format("the lock was held for {:.1f} ms (attempt {}), in which {} changes were brought over",
                     lock_milliseconds(summary), summary.attempts, summary.rows_refreshed);
}

std::string cutover_text(const planner::Plan& plan, const mover::CutoverSummary& summary,
                         const std::string& whereabouts) {
  const std::string source = pg::display(plan.source.name);
  const std::string now = plan.parent ? source + " is split: " + std::to_string(leaves(plan.layout).size()) +
                                            " partitions of " + pg::display(plan.parent->name) + " have its place now"
                                      : source + " is the partitioned table now";
  std::string text = summary.was_done_before
                         ? source + " was cut over before; what had been left to do after it is done\n"
                         : now + "; " + lock_text(summary) + "\n";
  text += "The old " + std::string(plan.parent ? "partition" : "table") + " is " +
          pg::display(planner::name_after_swap(plan)) + (plan.parent ? ", a table of its own," : "") +
          " and its changes are captured.\n\n";
  text += "next: when all is well\n    pgsluice finish" + whereabouts + "\n";
  return text + "or back, without losing a write\n    pgsluice rollback" + whereabouts + "\n";
}

nlohmann::ordered_json cutover_document(const mover::CutoverSummary& summary) {
  return {{"was_done_before", summary.was_done_before},
          {"attempts", summary.attempts},
          {"lock_ms", lock_milliseconds(summary)},
          {"rows_refreshed", summary.rows_refreshed},
          {"seconds", std::chrono::duration<double>(summary.duration).count()}};
}

}  // namespace pgsluice::cli

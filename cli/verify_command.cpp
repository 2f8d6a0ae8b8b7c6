// `pgsluice verify`: compares what arrived with what left. Equal: exit 0. Different: exit 3, with the ranges named.
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "cli/command_sessions.hpp"
#include "cli/commands.hpp"
#include "cli/log.hpp"
#include "cli/migration_state.hpp"
#include "cli/progress.hpp"
#include "cli/quantity.hpp"
#include "cli/result.hpp"
#include "cli/stop_signals.hpp"
#include "mover/verify.hpp"
#include "pg/failure.hpp"
#include "planner/checkpoint.hpp"

namespace pgsluice::cli {

namespace {

using mover::VerifySummary;

std::string count_of(std::uint64_t count, const std::string& unit) {
  return exact_count_text(count) + " " + unit;
}

std::string summary_text(const planner::Plan& plan, const VerifySummary& summary) {
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

nlohmann::ordered_json summary_document(const planner::Plan& plan, const VerifySummary& summary, int code) {
  nlohmann::ordered_json document = {{"migration", plan.migration_id},
                                     {"equal", summary.is_equal()},
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
  document["exit_code"] = code;
  return document;
}

pg::Failure mismatch(const Options& options, const VerifySummary& summary) {
  pg::Failure failure(pg::FailureKind::mismatch, "source and target differ in " +
                                                     exact_count_text(summary.units_differing) + " of " +
                                                     count_of(summary.units_total, summary.unit));
  if (!options.is_on("find")) {
    failure.hint("pgsluice verify --find" + options.whereabouts() + " names the rows.");
  }
  return failure.status("nothing was changed; do not use the target before you know why");
}

}  // namespace

int verify_command(const Options& options) {
  Terminal terminal(STDERR_FILENO);
  Log log(terminal, log_options(options));
  planner::Checkpoint checkpoint = planner::Checkpoint::open(options.text("checkpoint", kDefaultCheckpoint));
  const mover::Sessions sessions(sessions_options(options, log, checkpoint.plan().migration_id));
  mover::VerifyOptions wanted;
  wanted.find = options.is_on("find");
  wanted.again = options.is_on("again");
  wanted.exact = options.is_on("exact");
  wanted.retry = retry_options(options);
  wanted.workers = worker_count(options, reach_both(sessions, "verify"));

  VerifySummary summary;
  {
    mover::StopRequest stop;
    const StopSignals signals(stop);
    ProgressDisplay display(terminal, log, progress_mode(options, terminal));
    summary = mover::verify(checkpoint, sessions, wanted, stop, display);
  }

  const int code = pg::exit_code(pg::FailureKind::mismatch);
  if (options.is_on("json")) {
    print_result(summary_document(checkpoint.plan(), summary, summary.is_equal() ? 0 : code));
  } else {
    print_result(summary_text(checkpoint.plan(), summary));
  }
  return summary.is_equal() ? 0 : tell(mismatch(options, summary), false);
}

}  // namespace pgsluice::cli

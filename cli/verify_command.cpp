// `pgsluice verify`: compares what arrived with what left. Equal: exit 0. Different: exit 3, with the ranges named.
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "cli/command_sessions.hpp"
#include "cli/commands.hpp"
#include "cli/comparison_text.hpp"
#include "cli/log.hpp"
#include "cli/migration_state.hpp"
#include "cli/pacing_options.hpp"
#include "cli/progress.hpp"
#include "cli/result.hpp"
#include "cli/stop_signals.hpp"
#include "mover/verify.hpp"
#include "pg/failure.hpp"
#include "planner/checkpoint.hpp"

namespace pgsluice::cli {

using mover::VerifySummary;

int verify_command(const Options& options) {
  Terminal terminal(STDERR_FILENO);
  Log log(terminal, log_options(options));
  planner::Checkpoint checkpoint = planner::Checkpoint::open(options.text("checkpoint", kDefaultCheckpoint));
  const mover::Sessions sessions(sessions_options(options, log, checkpoint.plan().migration_id));
  mover::VerifyOptions wanted;
  wanted.find = options.is_on("find");
  wanted.again = options.is_on("again");
  wanted.exact = options.is_on("exact") || needs_exact_verify(checkpoint.plan());
  wanted.retry = retry_options(options);
  wanted.workers = worker_count(options, reach_both(sessions, "verify"));

  VerifySummary summary;
  {
    mover::StopRequest stop;
    const StopSignals signals(stop);
    ProgressDisplay display(terminal, log, progress_mode(options, terminal));
    mover::GivenSettings limits;
    add_limits(options, limits);
    const mover::ControlSettings settings(limits, std::nullopt);
    mover::Pacing pacing(sessions, pacing_options(options, settings.state()), nullptr, stop, display);
    wanted.gate = &pacing.keeper();
    const ProgressDisplay::Following following(display, pacing.keeper());
    summary = mover::verify(checkpoint, sessions, wanted, stop, display);
  }

  const int code = pg::exit_code(pg::FailureKind::mismatch);
  if (options.is_on("json")) {
    nlohmann::ordered_json document = {{"migration", checkpoint.plan().migration_id}};
    document.update(comparison_document(summary));
    document["exit_code"] = summary.is_equal() ? 0 : code;
    print_result(document);
  } else {
    print_result(comparison_text(checkpoint.plan(), summary));
  }
  return summary.is_equal()
             ? 0
             : tell(mismatch(summary, options.is_on("find") ? "" : "pgsluice verify --find" + options.whereabouts()),
                    false);
}

}  // namespace pgsluice::cli

#include "mover/verify_workers.hpp"

namespace pgsluice::mover {

namespace {

SessionsOptions read_only(SessionsOptions options) {
  options.read_only = true;
  return options;
}

}  // namespace

VerifyWorkers::VerifyWorkers(const Sessions& sessions, const RetryContext& context, const VerifyWorkersOptions& options)
    : context_(context), sessions_(read_only(sessions.options())), units_(options.workers, context.stop) {
  // One session is one worker: the operator asked for so many, no more.
  Sessions::Settings settings = {{"max_parallel_workers_per_gather", "0"}};
  if (options.by_index) {
    settings.emplace_back("enable_seqscan", "off");
  }
  for (unsigned worker = 0; worker < units_.workers(); ++worker) {
    sources_.emplace_back(units_.cancellable([this, settings] { return sessions_.open_source("verify", settings); }));
    targets_.emplace_back(units_.cancellable([this, settings] { return sessions_.open_target("verify", settings); }));
  }
}

}  // namespace pgsluice::mover

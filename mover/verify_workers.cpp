#include "mover/verify_workers.hpp"

#include <algorithm>

#include "mover/target_session.hpp"

namespace pgsluice::mover {

namespace {

SessionsOptions read_only(SessionsOptions options) {
  options.read_only = true;
  return options;
}

}  // namespace

VerifyWorkers::VerifyWorkers(const Sessions& sessions, const RetryContext& context, const VerifyWorkersOptions& options)
    : context_(context),
      gate_(options.gate),
      sessions_(read_only(sessions.options())),
      units_(options.workers, context.stop) {
  if (gate_ != nullptr) {
    gate_->workers_are(units_.workers());
  }
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

bool VerifyWorkers::run(std::size_t unit_count, const std::function<void(unsigned worker, std::size_t unit)>& work,
                        const std::function<double(std::size_t unit)>& pages) {
  return units_.run(unit_count, [&](unsigned worker, std::size_t unit) {
    if (gate_ != nullptr && !gate_->enter_unpaced()) {
      leave_if_stopped(context_, "comparing");
    }
    work(worker, unit);
    if (gate_ != nullptr) {
      gate_->leave_unpaced({pages(unit), 0, 0});
    }
  });
}

std::optional<std::uint64_t> VerifyWorkers::pages_per_unit() const {
  if (gate_ == nullptr || !gate_->is_limited()) {
    return std::nullopt;
  }
  constexpr double kSeconds = 2;
  constexpr double kPagesMin = 2048;  // Or a large table falls into too many parts to remember.
  const gate::Cost allowance = gate_->status().allowance;
  const double pages = std::min(allowance.operations, allowance.bytes / gate::kPageBytes) * kSeconds;
  constexpr double kPagesMax = 1e9;
  return static_cast<std::uint64_t>(std::clamp(pages, kPagesMin, kPagesMax));
}

}  // namespace pgsluice::mover

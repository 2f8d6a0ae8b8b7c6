// The threads of a comparison with their sessions, one pair each. Every statement is a read-only transaction of its own
// and is repeated when the server goes away.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "mover/gate_keeper.hpp"
#include "mover/parallel_units.hpp"
#include "mover/retry.hpp"
#include "mover/sessions.hpp"

namespace pgsluice::mover {

struct VerifyWorkersOptions {
  unsigned workers = 4;
  bool by_index =
      false;  // Statements ask for ranges: the server is to use an index even where it has no statistics yet.
  GateKeeper* gate = nullptr;  // Units wait for it, one by one; a unit in hand is not paced.
};

// Thread: the functions that name a worker, from one thread a worker at a time.
class VerifyWorkers {
 public:
  // `context` must outlive it.
  VerifyWorkers(const Sessions& sessions, const RetryContext& context, const VerifyWorkersOptions& options);

  // As ParallelUnits::run. `pages`: how many a unit reads at most, for the gate.
  bool run(std::size_t unit_count, const std::function<void(unsigned worker, std::size_t unit)>& work,
           const std::function<double(std::size_t unit)>& pages);
  unsigned count() const { return units_.workers(); }
  // How many pages a unit may read without a burst that the budget would feel for long; absent where nothing limits.
  std::optional<std::uint64_t> pages_per_unit() const;
  const RetryContext& context() const { return context_; }

  using Body = std::function<void(pg::Connection&)>;
  void on_source(unsigned worker, std::string_view what, const Body& body) {
    repeat_until_done(sources_.at(worker), context_, what, body);
  }
  void on_target(unsigned worker, std::string_view what, const Body& body) {
    repeat_until_done(targets_.at(worker), context_, what, body);
  }

 private:
  const RetryContext& context_;
  GateKeeper* gate_;
  Sessions sessions_;
  ParallelUnits units_;
  std::vector<Session> sources_;
  std::vector<Session> targets_;
};

}  // namespace pgsluice::mover

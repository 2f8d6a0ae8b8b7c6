// The threads of a comparison with their sessions, one pair each. Every statement is a read-only transaction of its own
// and is repeated when the server goes away.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "mover/parallel_units.hpp"
#include "mover/retry.hpp"
#include "mover/sessions.hpp"

namespace pgsluice::mover {

struct VerifyWorkersOptions {
  unsigned workers = 4;
  bool by_index =
      false;  // Statements ask for ranges: the server is to use an index even where it has no statistics yet.
};

// Thread: the functions that name a worker, from one thread a worker at a time.
class VerifyWorkers {
 public:
  // `context` must outlive it.
  VerifyWorkers(const Sessions& sessions, const RetryContext& context, const VerifyWorkersOptions& options);

  // As ParallelUnits::run.
  bool run(std::size_t unit_count, const std::function<void(unsigned worker, std::size_t unit)>& work) {
    return units_.run(unit_count, work);
  }
  unsigned count() const { return units_.workers(); }
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
  Sessions sessions_;
  ParallelUnits units_;
  std::vector<Session> sources_;
  std::vector<Session> targets_;
};

}  // namespace pgsluice::mover

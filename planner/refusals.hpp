// Collects the reasons against a plan, so that the operator reads all of them at once and not one after each attempt.
#pragma once

#include <functional>
#include <vector>

#include "pg/failure.hpp"

namespace pgsluice::planner {

class Refusals {
 public:
  void add(pg::Failure refusal);

  // Runs `step`. A refusal, or the server's word that a privilege is missing, is kept and false returned; every other
  // failure goes on its way.
  bool attempt(const std::function<void()>& step);

  bool empty() const { return refusals_.empty(); }

  // Fails: refused, when there was a refusal: the only one as it was, several as a numbered list.
  void throw_if_any() const;

 private:
  std::vector<pg::Failure> refusals_;
};

}  // namespace pgsluice::planner

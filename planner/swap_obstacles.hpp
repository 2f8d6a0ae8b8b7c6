// What a swap cannot carry along, and what forbids it: said before the first attempt.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "planner/plan.hpp"
#include "planner/surroundings.hpp"
#include "planner/swap_sql.hpp"

namespace pgsluice::planner {

struct Obstacle {
  std::string what;     // "view app.totals"
  std::string instead;  // Why, and what becomes of it.
  std::string hint;     // What to do about it; may be empty.
  bool blocks = false;  // The swap must not be tried.
  bool operator==(const Obstacle&) const = default;
};

// Names that are taken in the source's schema.
struct TakenInSchema {
  std::set<std::string> relations;
  std::set<std::string> statistics;
  std::set<QualifiedName> for_views;  // Those of names_for_views() that are taken.
};

// Names that materialized views will need, in whatever schema.
std::vector<QualifiedName> names_for_views(const Surroundings& around, SwapDirection direction);

// Blocking is what would end the attempt with an error, and what would let an application's write end in a table that
// nobody reads any more.
std::vector<Obstacle> swap_obstacles(const Plan& plan, const Surroundings& around, SwapDirection direction,
                                     TakenInSchema taken, const std::vector<Dependent>& row_type_users);

}  // namespace pgsluice::planner

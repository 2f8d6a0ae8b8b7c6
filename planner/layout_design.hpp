// Designs a new target: which tables, with which bounds and names, for one or two levels of HASH, RANGE or LIST. What
// the bounds must cover is asked of the source, by reading statements only. It writes no DDL (see prepare) and knows
// nothing of an existing target.
//
// Invariants:
//   L1  Every row that the source holds now has exactly one leaf; where that cannot be, the design is refused.
//   L2  Bounds of one level are the same under every parent.
//   L3  Bounds over timestamptz are in UTC, whatever the session's time zone.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pg/connection.hpp"
#include "planner/layout.hpp"
#include "planner/level_spec.hpp"
#include "planner/names.hpp"
#include "planner/table_facts.hpp"

namespace pgsluice::planner {

inline constexpr std::size_t kLeavesMax = 10'000;
inline constexpr std::size_t kListValuesMax = 1'000;

// The layout of `target` for one level or two, the second under every part of the first. Names are taken from `names`,
// which must know those of the target's schema; the target's own name is used as it is, and its partitions' names begin
// with it, or with `name_prefix`. Fails: refused, when a level cannot be made of this table, its types or its rows;
// server, connection.
Layout design_layout(pg::Connection& source, const TableFacts& facts, const pg::QualifiedName& target,
                     const std::vector<LevelSpec>& levels, NameAllocator& names, const std::string& name_prefix = "");

// A value as a part of a name: letters, digits and all beyond ASCII stay (in lower case), the rest becomes "_".
std::string value_name(std::string_view value);

}  // namespace pgsluice::planner

// The order of values in COPY's binary form, as the default btree operator class of their type has it; texts by their
// bytes, which is the order of collation "C" and, for equality, of every deterministic collation.
#pragma once

#include <compare>
#include <string_view>

#include "planner/routing_type.hpp"

namespace pgsluice::planner {

// Both values need is_well_formed(). Every NaN equals every other and is above all numbers, as the server has it.
std::strong_ordering compare_values(RoutingType type, std::string_view left, std::string_view right);

}  // namespace pgsluice::planner

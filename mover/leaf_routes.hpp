// How the rows of a COPY reach the target's leaves without the parent: read from the target's catalogue, with the
// bounds' values evaluated by the server and taken in COPY's binary form, just as rows come. Says why where it cannot
// be done. Nothing here is trusted before routing_check.hpp has compared it with the server's own answers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pg/connection.hpp"
#include "planner/plan.hpp"
#include "planner/routing.hpp"

namespace pgsluice::mover {

// A key column of some level, as the check needs it.
struct RoutedColumn {
  std::string name;       // Unquoted.
  std::string type;       // SQL text, without modifier.
  std::string collation;  // SQL text; empty when the type has none.
  planner::RoutingType routing_type = planner::RoutingType::int8;
  bool is_domain = false;           // It may reject values that its type takes.
  std::vector<std::string> bounds;  // The server's own literals.
};

struct LeafRoutes {
  planner::Router router;
  std::vector<std::string> leaves;    // Quoted names, by the router's numbers.
  std::vector<RoutedColumn> columns;  // Beside router.key_positions().
};

struct LeafRoutesAnswer {
  std::optional<LeafRoutes> routes;
  std::string why_not;  // Where there are none: "…, because "
};

// Ensures: a tree whose leaves would treat a row otherwise than their parent (own defaults, statement triggers,
// row security) gives no routes.
// Fails: server, connection. Runs in the session's transaction, if it has one.
LeafRoutesAnswer read_leaf_routes(pg::Connection& target, const planner::Plan& plan);

// COPY of the plan's columns, in binary form, into the leaf of that quoted name.
std::string leaf_copy_in_sql(const planner::Plan& plan, std::string_view leaf);

// The values of a binary COPY's only column. `sql` gives them.
std::vector<std::string> read_binary_values(pg::Connection& connection, const std::string& sql);

// An SQL text[] of these elements, for a statement's parameter.
std::string text_array(const std::vector<std::string>& elements);

}  // namespace pgsluice::mover

// Compares our routing with the server's before it is used: on rows of the source, on the bounds and their neighbours,
// and on values that each type is known for. The server judges each row by the partition constraint of the leaf that we
// chose; since no two leaves' constraints hold for one row, that leaf is right if its constraint holds.
#pragma once

#include <optional>
#include <string>

#include "mover/leaf_routes.hpp"
#include "pg/connection.hpp"
#include "planner/plan.hpp"

namespace pgsluice::mover {

// What disagrees, in words; nothing when all rows go where the server would send them. Changes nothing on either side.
// `source` may be the same session as `target`, and then takes part in its transaction.
// Fails: server, connection.
std::optional<std::string> find_wrong_route(pg::Connection& target, pg::Connection& source, const planner::Plan& plan,
                                            const LeafRoutes& routes);

// The routes, read and found right, or why there are none. In the open transaction of `target`, behind a savepoint: a
// server that will not answer must not cost the batch, since the parent can always take it.
// Fails: connection; server, when the failure is transient.
LeafRoutesAnswer read_checked_routes(pg::Connection& target, pg::Connection& source, const planner::Plan& plan);

}  // namespace pgsluice::mover

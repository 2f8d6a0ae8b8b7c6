// What stands in the way of a cutover, each thing with what to do about it. Looks alone; nobody waits for a look.
#pragma once

#include <vector>

#include "mover/live/cutover_state.hpp"

namespace pgsluice::mover {

// Everything. Fails: server, connection.
std::vector<Finding> look_around(Cutover& cutover);

// What would make the exchange itself wrong or impossible: to be looked at again before each attempt, because hours may
// have passed. Fails: as look_around().
std::vector<Finding> look_at_tables(Cutover& cutover);

// Tells what does not block. Fails: refused, with all that does.
void refuse_if_blocked(const Cutover& cutover, const std::vector<Finding>& findings);

}  // namespace pgsluice::mover

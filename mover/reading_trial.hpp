// A trial that changes nothing: sampled ranges are read from the source through COPY and thrown away. It tells how fast
// the rows can be read, and nothing of writing them, so it may be used on the real source.
#pragma once

#include <string>

#include "mover/rehearsal.hpp"

namespace pgsluice::mover {

// `sessions` should be read-only. Fails: interrupted, when asked to stop; server, connection.
Findings read_sample(const planner::Plan& plan, const Sessions& sessions, const RehearsalOptions& options,
                     const StopRequest& stop, Observer& observer);

// All columns that would travel, of the rows of one range.
std::string read_range_sql(const planner::Plan& plan, const planner::Range& range);

}  // namespace pgsluice::mover

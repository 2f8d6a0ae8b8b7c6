// For `--guard off`: notices afterwards that somebody wrote to the source while it was being moved. It reads the
// server's counters, which are late by up to a minute and forget the moments before a crash, so it can say "written to"
// for certain, but "not written to" only as far as the counters know.
#pragma once

#include "pg/connection.hpp"
#include "planner/checkpoint.hpp"

namespace pgsluice::mover {

// Remembers the counters in the checkpoint, once.
void remember_source_writes(planner::Checkpoint& checkpoint, pg::Connection& source);

// True when rows were inserted or updated since, or, for methods that do not delete themselves, deleted.
bool source_was_written(const planner::Checkpoint& checkpoint, pg::Connection& source);

}  // namespace pgsluice::mover

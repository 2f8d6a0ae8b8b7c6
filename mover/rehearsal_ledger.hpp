// What a trial of `estimate` leaves in the databases while it lives, and how it is removed: entry in the ledger,
// scratch target, and whatever a killed trial left behind.
//
// A trial's row in the ledger has the strategy `rehearsal`, and a session holds the claim on it as long as the trial
// lives: so whoever comes later knows it from a migration, and a dead one from one that runs.
#pragma once

#include <cstddef>
#include <string>

#include "mover/retry.hpp"
#include "mover/sessions.hpp"
#include "pg/connection.hpp"
#include "planner/plan.hpp"

namespace pgsluice::mover {

// `sources` gives `sources_estimate`, fitted into 63 bytes.
pg::QualifiedName rehearsal_target_name(const pg::QualifiedName& source);

// Nobody moves this table, or has moved it without an end: a trial would disturb it and measure it. `table`: the
// source. Fails: refused, naming the migration; server, connection.
void refuse_beside_migration(pg::Connection& connection, const pg::QualifiedName& table);

// Makes the ledger if need be, enters the trial and claims it for this session. Fails: refused, when it is claimed
// already; server, connection.
void register_rehearsal(pg::Connection& target, const planner::Plan& plan);

// Drops the scratch target and the trial's rows of the ledger; the ledger too, when nothing else is in it. Repeatable.
// Fails: as remove_target().
void remove_rehearsal(const planner::Plan& plan, const Sessions& sessions, const RetryContext& context);

// Removes what killed trials left in this database, whatever table they were of. Returns how many there were.
// Fails: refused, when a trial of `table` runs now; as remove_target().
std::size_t remove_dead_rehearsals(const pg::QualifiedName& table, const Sessions& sessions,
                                   const RetryContext& context);

}  // namespace pgsluice::mover

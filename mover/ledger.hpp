// The ledger: schema `pgsluice` of the target database. A batch counts as done if and only if its ledger row is
// committed, and that row is committed in the batch's own transaction.
//
//   pgsluice.migration   one row a migration: id, source, target, plan digest, strategy, method, phase, timestamps
//   pgsluice.batch_done  one row a range: up_to (the key below which rows are moved), complete, rows, bytes, checksum,
//                        and how many rows are in the checksum and were compared with it as they arrived
//
// Invariants:
//   L1  up_to of a range only grows; a range is complete at most once.
//   L2  A batch's ledger row is written with the position that the mover believes in as a condition. When another
//       session moved on meanwhile (a COMMIT whose answer was lost, a second mover), the server refuses the row, never
//       reaches the COMMIT behind it, and the batch is rolled back.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pg/connection.hpp"
#include "planner/key.hpp"
#include "planner/phase.hpp"
#include "planner/plan.hpp"

namespace pgsluice::mover {

struct LedgerEntry {
  std::uint32_t range = 0;
  std::optional<planner::Key> up_to;  // Absent when complete.
  bool complete = false;
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
  // Sum of the rows' 64-bit hashes (checksum.hpp) as decimal text (numeric), taken in the source.
  std::string checksum = "0";
  std::uint64_t rows_summed =
      0;  // Rows that are in it: all, of methods that empty the source; else as the run was told.
  std::uint64_t rows_checked = 0;  // Rows whose sum was compared with the target's as they arrived.
};

// Makes schema and tables where they are missing. Repeatable. Fails: server (42501 without CREATE on the database).
void create_ledger(pg::Connection& target);
bool ledger_exists(pg::Connection& target);

// Enters the migration, phase `preparing`, if it is not there. Fails: refused, when the ledger holds this id with
// another plan, or another unfinished migration has the same target.
void register_migration(pg::Connection& target, const planner::Plan& plan);

// The phase in the ledger; `planned` when the migration (or the ledger) is not there.
planner::Phase read_phase(pg::Connection& target, const std::string& migration_id);
// Fails: refused, when the migration is not in the ledger or a rollback of it has begun.
void write_phase(pg::Connection& target, const std::string& migration_id, planner::Phase phase);

// All entries of a migration, by range. Ranges without a batch have none.
std::map<std::uint32_t, LedgerEntry> read_ledger(pg::Connection& target, const std::string& migration_id);
std::optional<LedgerEntry> read_ledger_entry(pg::Connection& target, const std::string& migration_id,
                                             std::uint32_t range);

// Ends the transaction of a batch, in one round trip: adds its rows, bytes and checksums, moves up_to from `before`
// (absent: no batch yet) to the batch's own, commits, and gives the claim back if the range is complete. Returns false,
// with everything rolled back, when the entry is not at `before` (L2).
// Fails: in_doubt; server, also when no more than the claim could not be given back: what counts is in the ledger, and
// a claim ends with its session.
bool commit_batch(pg::Connection& target, const std::string& migration_id, const std::optional<planner::Key>& before,
                  const LedgerEntry& batch);

// Removes the migration's rows; drops the tables and the schema when nothing else is in them and we made them.
void remove_from_ledger(pg::Connection& target, const std::string& migration_id);

// A range is claimed by a session-level advisory lock, which the server gives back when the session ends, however it
// ends.
struct RangeClaim {
  bool is_mine = false;
  std::optional<LedgerEntry> entry;  // Read behind the claim, so that nobody else moves it on.
  std::vector<pg::Result> answers;   // To the questions that travelled along.
};
// Tries to claim a range, reads its entry and asks the questions, in one round trip. After a failure the claim may be
// held, so the session should be closed. Fails: server, connection.
RangeClaim claim_range(pg::Connection& target, const std::string& migration_id, std::uint32_t range,
                       const std::vector<pg::Step>& questions = {});
void release_range(pg::Connection& target, const std::string& migration_id, std::uint32_t range);
// The claim on everything that is not a range: preparing, indexes, rollback. Only one mover does these.
bool try_claim_migration(pg::Connection& target, const std::string& migration_id);
void release_migration(pg::Connection& target, const std::string& migration_id);

}  // namespace pgsluice::mover

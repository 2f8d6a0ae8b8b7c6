// The swap: the source steps aside, the target takes its name, its indexes' and sequences' names and everything that
// others have tied to it; and the way back. Changes of the catalogue only: no statement reads a row. One set of rules
// for both directions, composed for the surroundings as they were read.
//
// Letters cited by tests:
//   W1  Names: what answers to the source's name has the source's names of indexes, constraints, statistics objects and
//       sequences, too. What steps aside is called NAME_old (fitted into 63 bytes); leaves keep their names.
//   W2  Only the table in use has foreign keys and active triggers. The other one follows it with a lag: a row that is
//       gone already would still forbid the application to delete what it points to, and its triggers would fire for
//       our own writes.
//   W3  Foreign keys come NOT VALID, so that no row is read under the lock; settling validates those that were valid.
//   W4  The old table carries the mark from the swap on, and loses it on the way back.
//
// Triggers of the target are made inside the swap, not before it and disabled: a row-level trigger is cloned to every
// leaf, and switching the clones on takes the same lock on every leaf and two thirds of the time of making them (1,024
// leaves: 0.11 s against 0.17 s; 16 leaves: 2.5 ms against 2.7 ms), for which there would be one more state to keep,
// and before PostgreSQL 15 switching does not reach every clone.
//
// Materialized views are not among this: they are rebuilt after the swap, from the table that has the name by then,
// while the old ones still read a table that is kept up to date (see mover/live/swap.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "planner/plan.hpp"
#include "planner/statement.hpp"
#include "planner/surroundings.hpp"
#include "planner/swap_names_sql.hpp"

namespace pgsluice::planner {

enum class SwapDirection { forward, back };

// Where the tables must stand before that swap.
Standing standing_before(SwapDirection direction);

struct SwapOptions {
  // So many numbers are left out of every sequence that is carried over.
  std::int64_t sequence_gap = 0;
  // Up to so many foreign keys are made on leaves inside the swap, the others while settling: each more makes the next
  // slower (measured: 16 take 5 ms, 1,024 take 2 s), and the application waits.
  std::size_t leaf_keys_inside_max = 256;
};

// Every lock that the swap will take and that can be asked for beforehand, in the order in which the application's own
// statements take theirs: views, tables that point to ours, the table in use, the waiting one, its leaves, tables that
// ours points to. For the transaction of the swap.
Statements swap_locks_sql(const Plan& plan, const Surroundings& around, SwapDirection direction);

// The swap itself, for the same transaction. search_path must be pg_catalog alone: the definitions name everything in
// full.
Statements swap_sql(const Plan& plan, const Surroundings& around, SwapDirection direction,
                    const SwapOptions& options = {});

// A lock that no reader or writer waits for, but that nobody can have who vacuums or analyzes the table.
Statement lock_against_vacuum_sql(const QualifiedName& table);

// A view itself: LOCK TABLE would lock every table that it reads, too.
Statement lock_view_sql(const DependentView& view);

// Gives the view its query anew, by names, so that it reads whatever has them now. Its privileges, owner, comment,
// defaults, rules and triggers stay.
Statement replace_view_sql(const DependentView& view);

// Whether the waiting table has a key that this foreign key may point to.
bool can_be_re_aimed(const Surroundings& around, const IncomingKey& incoming);

// Foreign keys of the source that are made on leaves while settling, not inside the swap.
bool makes_leaf_keys_later(const Plan& plan, const SwapOptions& options);

// The swap as a person can do it with psql, when nobody writes: names and sequences only, for one transaction, bounded
// by a short lock timeout. Empty when source and target are in two databases, where there is nothing to swap.
Statements swap_by_hand_sql(const Plan& plan);
// What stands in that transaction, for one that is begun elsewhere.
Statements names_by_hand_sql(const Plan& plan);

}  // namespace pgsluice::planner

// The part of keep.hpp that asks whether the tables themselves allow a migration: the source by what it is, an existing
// target by whether the source's rows fit into it.
#pragma once

#include "planner/keep.hpp"
#include "planner/table_facts.hpp"

namespace pgsluice::planner {

// Adds a refusal for everything that the source is and must not be: foreign, a view, temporary, unlogged, a system
// table, part of an inheritance tree, without columns, one that hides rows from this role; or partitioned, where
// `empties_source`, or in a way that cannot be followed. And notices about its partitions.
void judge_source(const TableFacts& source, bool empties_source, bool is_cut_over, Verdict& verdict);

// Adds a refusal for every column that keeps the source's rows from fitting into the target, and a notice for what may
// surprise.
void judge_existing_target(const TableFacts& source, const TableFacts& target, Verdict& verdict);

}  // namespace pgsluice::planner

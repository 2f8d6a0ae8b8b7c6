// The SQL that brings materialized views along with a swap. A materialized view cannot be given another query, so a
// twin is made: empty, inside the swap, because only then the names in its query mean the new table; filled and
// exchanged with the old one afterwards. Until then readers have the old one, whose table is kept up to date.
//
// The old one is called NAME_old and carries the mark until it is dropped or restored; the twin is called NAME_new
// until it takes the name, and carries the mark until the migration is finished.
#pragma once

#include <string>
#include <vector>

#include "planner/statement.hpp"
#include "planner/surroundings.hpp"
#include "planner/table_facts.hpp"

namespace pgsluice::planner {

// `NAME_new` and `NAME_old`, fitted: of a materialized view and of its indexes.
std::string twin_name(const std::string& name);
std::string old_view_name(const std::string& name);

// Whether it is one that a swap brings along.
bool gets_twin(const DependentView& view);

// Empty, with the mark. No row is read.
Statements create_twin_sql(const DependentView& view, const std::string& migration_id);

// Indexes (those that `present` does not name), statistics targets, comments of columns and indexes, privileges. `view`
// are the facts of the old one. Harmless when repeated.
Statements complete_twin_sql(const TableFacts& view, const std::vector<std::string>& present);

Statement fill_view_sql(const QualifiedName& view);

// For one short transaction: the twin takes the name, and every view upon the old one reads the twin; and back.
// `upon` are read before it.
Statements exchange_view_sql(const TableFacts& view, const std::vector<DependentView>& upon,
                             const std::string& migration_id);
// `old` is the view that gets its name back, `twin` the one that has it; the twin is dropped.
Statements restore_view_sql(const TableFacts& old, const TableFacts& twin, const std::vector<DependentView>& upon,
                            const std::string& migration_id);

Statement drop_view_sql(const QualifiedName& view);

}  // namespace pgsluice::planner

// How rows of the catalogue's readings become facts, for those who read a part of a table's facts only. Each takes a
// row of the statement that it names.
#pragma once

#include "planner/result_row.hpp"
#include "planner/table_facts.hpp"

namespace pgsluice::planner {

ForeignKey make_foreign_key(const ResultRow& row);   // table_foreign_keys.sql
Publication make_publication(const ResultRow& row);  // table_publications.sql

}  // namespace pgsluice::planner

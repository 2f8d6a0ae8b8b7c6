// How the rows of the source are named in a query: a plain table's alone, without those of inheritance children; a
// partitioned one's through itself, since it has none of its own.
#pragma once

#include <string>

#include "planner/table_facts.hpp"

namespace pgsluice::planner {

// `ONLY "s"."t"`, or `"s"."t"`: what stands behind FROM.
std::string source_rows_sql(const TableFacts& facts);

}  // namespace pgsluice::planner

// The largest value that a sample of the source holds: one value must fit into memory several times, on the server and,
// when rows travel through us, here. A sample may miss it; nothing is decided by it.
#pragma once

#include <cstdint>
#include <string>

#include "pg/connection.hpp"
#include "planner/table_facts.hpp"

namespace pgsluice::planner {

struct LargestValue {
  std::string column;
  std::int64_t bytes = 0;  // As stored, so maybe compressed.
};

// Reads about a thousand blocks of a table that has TOASTed values, and nothing of others. Fails: server, connection.
LargestValue read_largest_value(pg::Connection& source, const TableFacts& facts);

// One column for each stored column of the source: the largest stored size in about `percent` of the heap's blocks.
std::string largest_values_sql(const TableFacts& facts, double percent);

}  // namespace pgsluice::planner

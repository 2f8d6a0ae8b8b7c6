// The rows of a table as a multiset that can be compared with another table's, in another database too, without any of
// the product's own means: each row is the text of its columns, in the order of their names.
#pragma once

#include <string>
#include <vector>

#include "pg/connection.hpp"

namespace pgsluice::tests {

// Sorted. A row longer than a few thousand characters stands as its beginning and a hash of the whole.
using RowSet = std::vector<std::string>;

// `table`: SQL text, `"s"."t"` or `ONLY "s"."t"`.
RowSet read_rows(pg::Connection& connection, const std::string& table);

// Empty when both are equal; else how many rows differ, and the first of them.
std::string difference(const RowSet& expected, const RowSet& actual);

}  // namespace pgsluice::tests

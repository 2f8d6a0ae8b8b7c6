// The order-independent checksum over every column of every type: a 64-bit hash of each row, summed exactly. Two sets
// of rows with the same count and the same sum are taken for equal; that another row gives the same hash has a chance
// of 2^-64. SQL text only; who compares is verify.hpp, who adds up while rows leave the source is the moving methods.
//
// A row enters as its binary form, record_send(), because that exists for types that have no hash function (json, xml,
// point, bit, …) and keeps apart what `=` does not (0.0 and -0.0, 1.0 and 1.00). It holds the columns' type OIDs, which
// are the same everywhere only for built-in types. Columns of a user's type (OID >= 16384), of a type without a
// binary form and of one whose binary form holds OIDs (regclass) enter together as one text, the output of their
// record: also right where somebody made a cast to text that is lossy.
//
// Invariants:
//   H1  The same row has the same hash in every table, database, encoding and server version from 13 on, whatever the
//       order of the table's columns: they are taken by name, in the source's order. Generated columns are in it.
//   H2  The text forms depend on DateStyle, IntervalStyle, TimeZone, extra_float_digits, bytea_output, lc_monetary,
//       search_path and client_encoding, so both sessions must have the same; sessions.hpp fixes them.
//   H3  A row may be as large as one field may be, 1 GB in binary form: the server builds it in one piece.
// Source: PostgreSQL src/backend/utils/adt/rowtypes.c (record_send), src/backend/access/hash/hashfunc.c.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "planner/table_facts.hpp"

namespace pgsluice::mover {

// The names of columns that a table holds in another type than the source; they enter cast to the source's type.
using CastColumns = std::set<std::string, std::less<>>;

// An expression of type bigint, never NULL: the hash of the row of `alias`, a table or alias of the query, unquoted. It
// has the source's columns in the target too.
std::string row_hash_sql(const planner::TableFacts& source, std::string_view alias, const CastColumns& cast = {});

// A select list of two columns: `rows` (bigint) and `checksum` (numeric, exact; 0 where there is no row).
std::string count_and_sum_sql(const planner::TableFacts& source, std::string_view alias, const CastColumns& cast = {});

}  // namespace pgsluice::mover

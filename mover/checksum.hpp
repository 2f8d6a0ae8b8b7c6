// The order-independent checksum over every column of every type: a 64-bit hash of each row, summed exactly. Two sets
// of rows with the same count and the same sum are taken for equal; that another row gives the same hash has a chance
// of 2^-64. SQL text only; who compares is verify.hpp, who adds up while rows leave the source is the moving methods.
//
// The quick form asks each column's own type for a hash, seeded by the column's position so that two columns cannot
// change places, and mixes their XOR: two to five times as fast as the exact one. PostgreSQL's hash functions serve
// `=`, so what `=` does not tell apart is added where a type's own does not see it: the sign of a numeric, the sign of
// a float's zero, the scale of a numeric without one. 64-bit integers and timestamps do not go through their own hash,
// which folds them to 32 bits. Types whose hash sees too little (interval, arrays, ranges, …) or that have none enter
// together in the exact form.
//
// jsonb alone is weaker in it: its text costs three times its hash, and that is blind to the sign and the scale of a
// number inside, to where an inner array or object ends, to values 32 places apart that change alike or change places,
// and to which of the two an empty array or object is. The exact form sees these too.
//
// In the exact form a row enters as its binary form, record_send(), because that exists for types that have no hash
// function (json, xml, point, bit, …) and keeps apart what `=` does not. It holds the columns' type OIDs, which are the
// same everywhere only for built-in types. Columns of a user's type (OID >= 16384), of a type without a binary form and
// of one whose binary form holds OIDs (regclass) enter together as one text, the output of their record: also right
// where somebody made a cast to text that is lossy.
//
// Invariants:
//   H1  The same row has the same hash in every table, database and server version from 13 on, whatever the order of
//       the table's columns: they are taken by name, in the source's order. Generated columns are in it. The quick form
//       needs machines of one byte order, and one encoding unless it is told that there are two.
//   H2  The text forms depend on DateStyle, IntervalStyle, TimeZone, extra_float_digits, bytea_output, lc_monetary,
//       search_path and client_encoding, so both sessions must have the same; sessions.hpp fixes them.
//   H3  What enters in the exact form may be as large as one field may be, 1 GB in binary form: the server builds it in
//       one piece.
// Source: PostgreSQL src/backend/utils/adt/rowtypes.c (record_send), numeric.c (hash_numeric_extended), jsonb_util.c
// (JsonbHashScalarValueExtended), src/backend/access/hash/hashfunc.c, src/common/hashfn.c.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "planner/table_facts.hpp"

namespace pgsluice::mover {

// The names of columns that a table holds in another type than the source; they enter cast to the source's type.
using CastColumns = std::set<std::string, std::less<>>;

// Sums of different forms cannot be compared.
struct RowHashForm {
  bool exact = false;
  // Both databases store text in the same encoding, so that its bytes may enter as they are.
  bool one_encoding = true;
  bool operator==(const RowHashForm&) const = default;
};

// An expression of type bigint, never NULL: the hash of the row of `alias`, a table or alias of the query, unquoted. It
// has the source's columns in the target too.
std::string row_hash_sql(const planner::TableFacts& source, std::string_view alias, const CastColumns& cast = {},
                         const RowHashForm& form = {});

// A select list of two columns: `rows` (bigint) and `checksum` (numeric, exact; 0 where there is no row).
std::string count_and_sum_sql(const planner::TableFacts& source, std::string_view alias, const CastColumns& cast = {},
                              const RowHashForm& form = {});

// The names of columns that the form compares by a hash which sees less than their text does: jsonb.
std::vector<std::string> loosely_hashed_columns(const planner::TableFacts& source, const RowHashForm& form);

}  // namespace pgsluice::mover

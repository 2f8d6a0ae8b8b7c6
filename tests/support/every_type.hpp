// A column of every type that the server knows and a table may hold: base types, ranges, multiranges, arrays of all of
// them, and types that users make. Types are read from pg_type, so a newer server's types come in by themselves; values
// stand here, chosen for what breaks copies: infinity, NaN, -0.0, BC dates, empty and NULL elements, odd array bounds.
#pragma once

#include <string>
#include <vector>

#include "pg/connection.hpp"

namespace pgsluice::tests {

struct TypedColumn {
  std::string name;                  // Unquoted; among them are quotes, newlines, letters beyond ASCII, and 63 bytes.
  std::string type;                  // SQL text.
  std::vector<std::string> samples;  // Literals without quotes or cast. Empty where the type takes no input: NULL only.
};

enum class BinaryForms {
  only,  // Leaves out types that COPY cannot carry in binary form (aclitem, gtsvector).
  any,
};

// Makes the users' types that the columns below are of: an enum, domains, composites, a range, in the schema given.
std::string user_types_sql(const std::string& schema);

// One column for every built-in type of this server, then one for each of the users' types and their arrays.
std::vector<TypedColumn> columns_of_every_type(pg::Connection& connection, const std::string& schema,
                                               BinaryForms forms);

// Built-in types that take input but have no sample here. Empty, unless a newer server brought one.
std::vector<std::string> types_without_samples(pg::Connection& connection);

// `"name" type, …` for CREATE TABLE, `"name", …`, and a list of expressions that give row `i` of a query its values:
// each column goes through its samples and NULL, out of step with its neighbours.
std::string definitions_sql(const std::vector<TypedColumn>& columns);
std::string names_sql(const std::vector<TypedColumn>& columns);
std::string values_sql(const std::vector<TypedColumn>& columns);

}  // namespace pgsluice::tests

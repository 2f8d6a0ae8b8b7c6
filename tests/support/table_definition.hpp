// What a table is, by the catalogue alone: one line of text for each column, constraint, index, trigger, policy, grant,
// statistics object, publication and so on, with the table's own name and the names of its indexes left out, so that
// two tables that mean the same have the same lines. Reads the catalogue by its own queries, none of the product's. And
// what a whole database is, by pg_dump.
#pragma once

#include <set>
#include <string>

#include "pg/connection.hpp"
#include "tests/support/database.hpp"

namespace pgsluice::tests {

using Definition = std::set<std::string>;

// `table`: SQL text. Marks that pgsluice puts into comments are left out.
Definition read_definition(pg::Connection& connection, const std::string& table);

// Storage parameters, those of TOAST too: of a leaf, since a partitioned table has none.
Definition read_storage_parameters(pg::Connection& connection, const std::string& table);

// "- line" for what is only expected, "+ line" for what is only there; empty when both are equal.
std::string difference(const Definition& expected, const Definition& actual);

// pg_dump --schema-only of the whole database, as a superuser sees it.
std::string schema_dump(const Database& database);

}  // namespace pgsluice::tests

// Reads rows as texts and says how two sets of them differ.
#include "tests/support/row_set.hpp"

#include <algorithm>
#include <iterator>

#include "pg/identifier.hpp"

namespace pgsluice::tests {

namespace {

constexpr std::size_t kRowCharactersMax = 4000;

std::string columns_by_name(pg::Connection& connection, const std::string& table) {
  const std::string name = table.starts_with("ONLY ") ? table.substr(5) : table;
  const pg::Result columns = connection.query(
      "SELECT attname FROM pg_catalog.pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped "
      "ORDER BY attname",
      {name});
  std::string list;
  for (int row = 0; row < columns.row_count(); ++row) {
    list += (list.empty() ? "" : ", ") + pg::quoted(columns.text(row, 0));
  }
  return list;
}

std::string first_of(const RowSet& rows) {
  constexpr std::size_t kShown = 1500;
  return rows.empty() ? "" : "\n  " + rows.front().substr(0, kShown);
}

}  // namespace

RowSet read_rows(pg::Connection& connection, const std::string& table) {
  // Whatever the database is set to, texts are exact and the same everywhere.
  connection.run_script(
      "SET extra_float_digits = 3; SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres'; "
      "SET bytea_output = 'hex'");
  const std::string maximum = std::to_string(kRowCharactersMax);
  const pg::Result result =
      connection.query("SELECT CASE WHEN length(r) > " + maximum + " THEN left(r, " + maximum +
                       ") || ' ' || md5(r) ELSE r END FROM (SELECT (ROW(" + columns_by_name(connection, table) +
                       "))::text FROM " + table + ") AS rows (r)");
  RowSet rows;
  for (int row = 0; row < result.row_count(); ++row) rows.emplace_back(result.text(row, 0));
  std::sort(rows.begin(), rows.end());
  return rows;
}

std::string difference(const RowSet& expected, const RowSet& actual) {
  RowSet missing;
  RowSet extra;
  std::set_difference(expected.begin(), expected.end(), actual.begin(), actual.end(), std::back_inserter(missing));
  std::set_difference(actual.begin(), actual.end(), expected.begin(), expected.end(), std::back_inserter(extra));
  if (missing.empty() && extra.empty()) return "";
  return std::to_string(missing.size()) + " of " + std::to_string(expected.size()) + " rows are missing" +
         first_of(missing) + "\n" + std::to_string(extra.size()) + " of " + std::to_string(actual.size()) +
         " rows should not be there" + first_of(extra) + "\n";
}

}  // namespace pgsluice::tests

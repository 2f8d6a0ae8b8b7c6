// The wide table itself: what other tests believe to be in it must be there.
#include "tests/support/wide_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/database.hpp"
#include "tests/support/row_set.hpp"

namespace pgsluice::tests {
namespace {

TEST(EveryType, HasSamplesOfEveryBuiltInTypeThatTakesInput) {
  Database database;
  pg::Connection connection = database.connect();
  EXPECT_THAT(types_without_samples(connection), testing::IsEmpty());
}

TEST(WideTable, HasAColumnOfEveryBuiltInTypeAndRowsThatAllDiffer) {
  Database database;
  pg::Connection connection = database.connect();
  make_wide_table_types(connection);
  make_wide_table(connection, KeyKind::none, BinaryForms::any);
  const auto absent = connection.query(
      "SELECT typname FROM pg_type t WHERE typnamespace = 'pg_catalog'::regnamespace AND typisdefined AND typtype IN "
      "('b', 'r', 'm') AND NOT EXISTS (SELECT FROM pg_type e WHERE e.oid = t.typelem AND e.typtype IN ('c', 'p')) "
      "AND NOT EXISTS (SELECT FROM pg_attribute a WHERE attrelid = $1::regclass AND atttypid = t.oid)",
      {pg::quoted(wide_table_name())});
  for (int row = 0; row < absent.row_count(); ++row) ADD_FAILURE() << "no column of type " << absent.text(row, 0);
  RowSet rows = read_rows(connection, pg::quoted(wide_table_name()));
  EXPECT_EQ(rows.size(), std::size_t{kWideTableRows});
  EXPECT_EQ(std::unique(rows.begin(), rows.end()), rows.end());
}

TEST(WideTable, TakesEveryKindOfKey) {
  Database database;
  for (const KeyKind key : kKeyKinds) {
    pg::Connection connection = database.connect();
    make_wide_table_types(connection);
    make_wide_table(connection, key, BinaryForms::only);
    connection.run_script("SET client_min_messages = error; DROP SCHEMA " + pg::quoted(wide_table_name().schema) +
                          " CASCADE");
  }
}

TEST(RowSet, SaysWhichRowsAreMissingAndWhichShouldNotBeThere) {
  EXPECT_EQ(difference({"a", "b", "b"}, {"a", "b", "b"}), "");
  const std::string text = difference({"a", "b", "b"}, {"b", "c"});
  EXPECT_THAT(text, testing::HasSubstr("2 of 3 rows are missing\n  a"));
  EXPECT_THAT(text, testing::HasSubstr("1 of 2 rows should not be there\n  c"));
}

}  // namespace
}  // namespace pgsluice::tests

// Every row arrives, unchanged, once: for each method, layout and kind of key, on the table that is hard to copy. Rows
// are compared as texts, without the product's own checksum. Each key meets each layout; methods go round, so that each
// method meets each key and each layout too. Everything is done by an owner who is no superuser, in databases whose
// settings are hostile.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <tuple>

#include "tests/support/database.hpp"
#include "tests/support/migration.hpp"
#include "tests/support/row_set.hpp"
#include "tests/support/wide_table.hpp"

namespace pgsluice::tests {
namespace {

enum class LayoutKind {
  hash,
  month,
  integer_step,
  list,
  two_levels,
  buckets,       // RANGE, cut every so many rows; then HASH over two columns.
  null_keys,     // A DEFAULT leaf takes the rows whose key is NULL.
  existing_tree  // Made by the user beforehand: three levels deep, columns in another order.
};
constexpr LayoutKind kLayoutKinds[] = {LayoutKind::hash,      LayoutKind::month,        LayoutKind::integer_step,
                                       LayoutKind::list,      LayoutKind::two_levels,   LayoutKind::buckets,
                                       LayoutKind::null_keys, LayoutKind::existing_tree};

enum class Way { insert, move, stream, stream_move, stream_to_another_database };
constexpr std::size_t kWayCount = 5;

struct Combination {
  Way way;
  LayoutKind layout;
  KeyKind key;
  BinaryForms forms;
};

std::string_view name_of(LayoutKind kind) {
  constexpr std::string_view kNames[] = {"hash",       "month",   "integer_step", "list",
                                         "two_levels", "buckets", "null_keys",    "existing_tree"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string_view name_of(Way way) {
  constexpr std::string_view kNames[] = {"insert", "move", "stream", "stream_move", "stream_to_another_database"};
  return kNames[static_cast<std::size_t>(way)];
}

// Every key with every layout. A step of one in the layout and of two in the key leads to every way from each of them.
std::vector<Combination> combinations() {
  std::vector<Combination> all;
  for (std::size_t layout = 0; layout < std::size(kLayoutKinds); ++layout) {
    for (std::size_t key = 0; key < std::size(kKeyKinds); ++key) {
      const auto way = static_cast<Way>((layout + 2 * key) % kWayCount);
      const BinaryForms forms = (layout + key) % 3 == 0 ? BinaryForms::any : BinaryForms::only;
      all.push_back({way, kLayoutKinds[layout], kKeyKinds[key], forms});
    }
  }
  return all;
}

std::string test_name(const testing::TestParamInfo<Combination>& info) {
  return std::string(name_of(info.param.way)) + "_to_" + std::string(name_of(info.param.layout)) + "_by_" +
         std::string(name_of(info.param.key)) + (info.param.forms == BinaryForms::any ? "_text_only_types_too" : "");
}

void PrintTo(const Combination& combination, std::ostream* stream) {
  *stream << name_of(combination.way) << " " << name_of(combination.layout) << " " << name_of(combination.key);
}

const pg::QualifiedName kExisting = {"made before", "Existing \"tree\""};

// The columns of the wide table from the last to the first, in a tree of RANGE, LIST and HASH.
std::string existing_tree_sql(pg::Connection& source) {
  const pg::Result columns = source.query(
      "SELECT quote_ident(attname) || ' ' || format_type(atttypid, atttypmod) || "
      "CASE WHEN attcollation NOT IN (0, 100, 950) THEN (SELECT ' COLLATE ' || quote_ident(collname) FROM pg_collation "
      "WHERE oid = attcollation) ELSE '' END || "
      "CASE WHEN attgenerated = 's' THEN ' GENERATED ALWAYS AS (' || pg_get_expr(adbin, adrelid) || ') STORED' "
      "ELSE '' END FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum "
      "WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum DESC",
      {pg::quoted(wide_table_name())});
  std::string list;
  for (int row = 0; row < columns.row_count(); ++row)
    list += (row == 0 ? "" : ", ") + std::string(columns.text(row, 0));
  const std::string schema = pg::quoted(kExisting.schema) + ".";
  std::string sql = "CREATE SCHEMA " + pg::quoted(kExisting.schema) + "; CREATE TABLE " + pg::quoted(kExisting) + " (" +
                    list + ") PARTITION BY RANGE (p_int);";
  for (const auto& [half, bounds] : {std::pair{"low", "FROM (MINVALUE) TO (0)"}, {"high", "FROM (0) TO (MAXVALUE)"}}) {
    const std::string branch = schema + half;
    sql += "CREATE TABLE " + branch + " PARTITION OF " + pg::quoted(kExisting) + " FOR VALUES " + bounds +
           " PARTITION BY LIST (" + pg::quoted(kListColumn) + ");";
    for (const auto& [part, values] : {std::pair{"_a", "FOR VALUES IN ('Süd', '')"}, {"_b", "DEFAULT"}}) {
      const std::string twig = branch + part;
      sql += "CREATE TABLE " + twig + " PARTITION OF " + branch + " " + values + " PARTITION BY HASH (k_uuid);";
      for (const char* remainder : {"0", "1"}) {
        sql += "CREATE TABLE " + twig + remainder + " PARTITION OF " + twig +
               " FOR VALUES WITH (MODULUS 2, REMAINDER " + remainder + ");";
      }
    }
  }
  return sql;
}

std::vector<std::string> layout_arguments(LayoutKind layout) {
  switch (layout) {
    case LayoutKind::hash:
      return {"--by", "HASH (p_hash)", "--partitions", "5"};
    case LayoutKind::month:
      return {"--by", "RANGE (\"p Time\")", "--interval", "1 month", "--premake", "1"};
    case LayoutKind::integer_step:
      return {"--by", "RANGE (p_int)", "--interval", "100", "--premake", "0"};
    case LayoutKind::list:
      return {"--by", "LIST (\"p_lišt\")"};
    case LayoutKind::two_levels:
      return {"--by", "LIST (\"p_lišt\")", "--then", "HASH (p_int)", "--then-partitions", "2", "--default"};
    case LayoutKind::buckets:
      return {
          "--by", "RANGE (p_int)", "--bucket-rows", "50", "--then", "HASH (p_hash, \"p Time\")", "--then-partitions",
          "3"};
    case LayoutKind::null_keys:
      return {"--by", "RANGE (p_null)", "--interval", "50", "--default"};
    case LayoutKind::existing_tree:
      return {"--into", pg::quoted(kExisting)};
  }
  return {};
}

bool empties_source(Way way) {
  return way == Way::move || way == Way::stream_move;
}

std::string method_of(Way way) {
  if (way == Way::stream_to_another_database) return "stream";
  return way == Way::stream_move ? "stream-move" : std::string(name_of(way));
}

class Rows : public testing::TestWithParam<Combination> {};

TEST_P(Rows, ArriveOnceAndUnchangedAndComeBack) {
  const Combination& combination = GetParam();
  Database source;
  std::unique_ptr<Database> other;
  pg::Connection in_source = source.connect();
  if (combination.key == KeyKind::none && in_source.server_major_version() < kCtidRangesSince) {
    GTEST_SKIP() << "no ranges of heap blocks before 14";
  }
  make_wide_table_types(in_source);
  make_wide_table(in_source, combination.key, combination.forms);
  if (combination.way == Way::stream_to_another_database) {
    other = std::make_unique<Database>();
    pg::Connection in_other = other->connect();
    make_wide_table_types(in_other);
  }
  pg::Connection in_target = (other ? *other : source).connect();
  const std::string source_table = pg::quoted(wide_table_name());
  if (combination.layout == LayoutKind::existing_tree) in_target.run_script(existing_tree_sql(in_source));
  for (const Database* database : {&source, other.get()}) {
    if (database) database->connect_as_superuser().run_script(hostile_settings_sql(database->name()));
  }
  const RowSet before = read_rows(in_source, source_table);
  ASSERT_EQ(before.size(), std::size_t{kWideTableRows});

  Migration migration(source.conninfo(), other ? other->conninfo() : "");
  std::vector<std::string> arguments = layout_arguments(combination.layout);
  const std::vector<std::string> always = {"--table",      source_table, "--method", method_of(combination.way),
                                           "--range-rows", "25",         "--json"};
  arguments.insert(arguments.end(), always.begin(), always.end());
  arguments.insert(arguments.end(), {"--split", combination.key == KeyKind::none ? "ctid" : "key"});
  const Outcome planned = migration.plan(arguments);
  ASSERT_EQ(planned.exit_code, 0) << planned;
  const nlohmann::json plan = nlohmann::json::parse(planned.output);
  EXPECT_EQ(plan["ranges"]["by"], combination.key == KeyKind::none ? "ctid" : "key");
  EXPECT_GT(plan["ranges"]["count"], 2);
  const std::string target_table = plan["target"]["layout"]["name"];

  const Outcome moved = migration.run({"--workers", "2", "--batch-rows", "7"});
  ASSERT_EQ(moved.exit_code, 0) << moved;
  EXPECT_EQ(difference(before, read_rows(in_target, target_table)), "");
  const RowSet left = read_rows(in_source, "ONLY " + source_table);
  EXPECT_EQ(difference(empties_source(combination.way) ? RowSet{} : before, left), "");

  const Outcome verified = migration.verify({"--workers", "2"});
  EXPECT_EQ(verified.exit_code, 0) << verified;

  const Outcome undone = migration.rollback({"--workers", "2"});
  ASSERT_EQ(undone.exit_code, 0) << undone;
  EXPECT_EQ(difference(before, read_rows(in_source, source_table)), "");
  if (combination.layout == LayoutKind::existing_tree) {
    EXPECT_THAT(read_rows(in_target, target_table), testing::IsEmpty());
  } else {
    EXPECT_EQ(in_target.query("SELECT to_regclass($1)", {target_table}).text(0, 0), "") << "the target is still there";
  }
}

INSTANTIATE_TEST_SUITE_P(All, Rows, testing::ValuesIn(combinations()), test_name);

}  // namespace
}  // namespace pgsluice::tests

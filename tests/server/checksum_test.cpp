// The row hash on a real server: every type has one, and nothing that a row holds escapes it.
#include "mover/checksum.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "mover/row_tally.hpp"
#include "mover/sessions.hpp"
#include "pg/failure.hpp"
#include "pg/identifier.hpp"
#include "planner/catalog.hpp"
#include "tests/support/database.hpp"
#include "tests/support/every_type.hpp"

namespace pgsluice::mover {
namespace {

using tests::Database;

class ChecksumOnAServer : public testing::Test {
 protected:
  // A session of the mover, after a role default that must not matter.
  pg::Connection open(const std::vector<std::string>& defaults = {}) {
    pg::Connection superuser = database_.connect_as_superuser();
    for (const std::string& setting : defaults) {
      superuser.query("ALTER ROLE owner IN DATABASE " + database_.name() + " SET " + setting);
    }
    SessionsOptions options;
    options.source_conninfo = database_.conninfo();
    return Sessions(options).open_source("checksum test");
  }

  RowTally tally(pg::Connection& connection, const std::string& table, const planner::TableFacts& facts,
                 const CastColumns& cast = {}) {
    return row_tally_at(
        connection.query("SELECT " + count_and_sum_sql(facts, "t", cast, form_) + " FROM " + table + " AS t"), 0);
  }
  RowTally tally(pg::Connection& connection, const std::string& table) {
    return tally(connection, table, planner::read_table_facts(connection, {"public", table}));
  }
  // The hash of one row of a one-column table.
  std::string hash_of(const std::string& type, const std::string& value) {
    connection_.query("DROP TABLE IF EXISTS one");
    connection_.query("CREATE TABLE one (a " + type + ")");
    connection_.query("INSERT INTO one VALUES (" + value + ")");
    return tally(connection_, "one").checksum.text();
  }

  Database database_;
  pg::Connection connection_ = open();
  RowHashForm form_;
};

class BothForms : public ChecksumOnAServer, public testing::WithParamInterface<bool> {
 protected:
  BothForms() { form_.exact = GetParam(); }
};
INSTANTIATE_TEST_SUITE_P(Forms, BothForms, testing::Bool(),
                         [](const testing::TestParamInfo<bool>& exact) { return exact.param ? "exact" : "quick"; });

TEST_P(BothForms, KeepsApartWhatEqualityDoesNot) {
  EXPECT_NE(hash_of("float8", "0.0::float8"), hash_of("float8", "'-0'::float8"));
  EXPECT_NE(hash_of("numeric", "1.0"), hash_of("numeric", "1.00"));
  EXPECT_NE(hash_of("text", "NULL"), hash_of("text", "''"));
  EXPECT_NE(hash_of("json", "'{\"a\":1}'"), hash_of("json", "'{\"a\": 1}'"));
  EXPECT_NE(hash_of("interval", "'1 month'"), hash_of("interval", "'30 days'"));
  EXPECT_NE(hash_of("int4[]", "'{1,NULL}'"), hash_of("int4[]", "'{1}'"));
  EXPECT_NE(hash_of("int4[]", "'{1,2}'"), hash_of("int4[]", "'[0:1]={1,2}'"));
  EXPECT_NE(hash_of("bit varying", "B'1'"), hash_of("bit varying", "B'10'"));
  EXPECT_NE(hash_of("float4", "0.0::float4"), hash_of("float4", "'-0'::float4"));
  EXPECT_NE(hash_of("numeric[]", "'{1.0}'"), hash_of("numeric[]", "'{1.00}'"));
  EXPECT_NE(hash_of("text", "'a'"), hash_of("text", "'a '"));
  EXPECT_NE(hash_of("bpchar", "'a'"), hash_of("bpchar", "'a '"));
  EXPECT_NE(hash_of("timetz", "'12:00+00'"), hash_of("timetz", "'13:00+01'"));
  EXPECT_NE(hash_of("inet", "'10.0.0.1/8'"), hash_of("inet", "'10.0.0.1'"));
}

// What PostgreSQL's hash functions do not see, although `=` does.
TEST_P(BothForms, KeepsApartWhatTheTypesOwnHashDoesNot) {
  for (const std::string type : {"numeric", "numeric(9,2)"}) {
    EXPECT_NE(hash_of(type, "5.5"), hash_of(type, "-5.5"));
    EXPECT_NE(hash_of(type, "0"), hash_of(type, "'NaN'"));
    EXPECT_NE(hash_of(type, "1"), hash_of(type, "10000"));
  }
  // Both halves of 64 bits changed alike.
  EXPECT_NE(hash_of("int8", "1"), hash_of("int8", "4294967296"));
  EXPECT_NE(hash_of("int8", "-1"), hash_of("int8", "0"));
  EXPECT_NE(hash_of("timestamptz", "'2000-01-01 00:00:00.000001+00'"),
            hash_of("timestamptz", "'2000-01-01 01:11:34.967296+00'"));
  // As doubles these would be the same.
  for (const std::string type : {"timestamp", "timestamptz"}) {
    EXPECT_NE(hash_of(type, "'9999-12-31 23:59:59.999999'"), hash_of(type, "'10000-01-01'"));
    EXPECT_NE(hash_of(type, "'0001-01-01'"), hash_of(type, "'0001-01-01 00:00:00.000001'"));
    EXPECT_NE(hash_of(type, "'2199-12-31 23:59:59.999998'"), hash_of(type, "'2199-12-31 23:59:59.999999'"));
    EXPECT_NE(hash_of(type, "'1800-01-01 00:00:00.000001'"), hash_of(type, "'1800-01-01'"));
  }
}

TEST_P(BothForms, TwoColumnsThatChangeAlikeDoNotHideEachOther) {
  connection_.run_script(
      "CREATE TABLE a (x numeric(9,2), y numeric(9,2), z int, w int, t text, u text, j jsonb, k jsonb);"
      "CREATE TABLE b (LIKE a); INSERT INTO a VALUES (1, 1, 7, 7, 'q', 'q', '[1]', '[1]')");
  for (const std::string change : {"10000, 10000, 7, 7, 'q', 'q', '[1]', '[1]'", "1, 1, 8, 8, 'q', 'q', '[1]', '[1]'",
                                   "1, 1, 7, 7, 'r', 'r', '[1]', '[1]'", "1, 1, NULL, NULL, 'q', 'q', '[1]', '[1]'",
                                   "1, 1, 7, 7, NULL, NULL, '[1]', '[1]'", "1, 1, 7, 7, 'q', 'q', '[10000]', '[10000]'",
                                   "1, 1, 7, 7, 'q', 'q', NULL, NULL"}) {
    connection_.run_script("TRUNCATE b; INSERT INTO b VALUES (" + change + ")");
    EXPECT_NE(tally(connection_, "a"), tally(connection_, "b")) << change;
  }
}

TEST_P(BothForms, ValuesThatChangePlacesBetweenTwoRowsAreSeenInEveryColumn) {
  connection_.run_script(
      "CREATE TABLE a (id int, b bool, c \"char\", n name, i2 int2, i4 int4, i8 int8, o oid, r float4, d float8,"
      "  m numeric, p numeric(9,3), v varchar(9), f char(5), l bpchar, x bytea, u uuid, dt date, t time, tz timetz,"
      "  ts timestamp, tt timestamptz, iv interval, j jsonb, js json, ia int[], rg int4range, ip inet);"
      "INSERT INTO a SELECT g, g = 1, chr(64 + g)::\"char\", 'n' || g, g, g, g, g, g, g, g, g, 'v' || g, 'f' || g, 'l' "
      "|| g,"
      "  decode('0' || g, 'hex'), ('00000000-0000-4000-8000-00000000000' || g)::uuid, date '2020-01-01' + g,"
      "  time '12:00' + g * interval '1 s', timetz '12:00+00' + g * interval '1 s', now()::timestamp + g * interval '1 "
      "us',"
      "  now() + g * interval '1 us', g * interval '1 s', to_jsonb(g), to_json(g), ARRAY[g], int4range(g, g + 1),"
      "  '10.0.0.0'::inet + g FROM generate_series(1, 2) g");
  const planner::TableFacts facts = planner::read_table_facts(connection_, {"public", "a"});
  const RowTally before = tally(connection_, "a", facts);
  for (const planner::Column& column : facts.columns) {
    const std::string name = pg::quoted(column.name);
    connection_.begin();
    connection_.query("UPDATE a SET " + name + " = other." + name + " FROM a AS other WHERE other.id <> a.id");
    const RowTally swapped = tally(connection_, "a", facts);
    connection_.query("UPDATE a SET " + name + " = NULL WHERE id IS NULL OR id = 1");
    EXPECT_NE(tally(connection_, "a", facts), swapped) << column.name << " became NULL";
    connection_.rollback();
    EXPECT_NE(swapped, before) << column.name << " changed places";
    EXPECT_EQ(swapped.rows, 2U);
  }
}

TEST_P(BothForms, TextUnderANondeterministicCollationEntersByItsBytes) {
  connection_.query("CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level1', deterministic = false)");
  EXPECT_NE(hash_of("text COLLATE blind", "'a'"), hash_of("text COLLATE blind", "'A'"));
  EXPECT_NE(hash_of("varchar(3) COLLATE blind", "'a'"), hash_of("varchar(3) COLLATE blind", "'ä'"));
}

TEST_P(BothForms, EveryDateAndTimeHasAHash) {
  for (const std::string type : {"date", "timestamp", "timestamptz"}) {
    std::set<std::string> hashes;
    const std::vector<std::string> values = {"'-infinity'",  "'infinity'",   "'4714-11-24 BC'", "'1800-01-01'",
                                             "'1970-01-01'", "'2200-01-01'", "'294276-12-31'",  "NULL"};
    for (const std::string& value : values) {
      hashes.insert(hash_of(type, value));
    }
    EXPECT_EQ(hashes.size(), values.size()) << type;
  }
  EXPECT_NE(hash_of("date", "'5874897-12-31'"), hash_of("date", "'5874897-12-30'"));
}

TEST_P(BothForms, RandomChangesOfRandomRowsAreSeen) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const std::vector<tests::TypedColumn> columns =
      tests::columns_of_every_type(connection_, "public", tests::BinaryForms::any);
  connection_.run_script(tests::user_types_sql("public"));
  connection_.run_script("CREATE TABLE a (" + tests::definitions_sql(columns) + ");" + "INSERT INTO a SELECT " +
                         tests::values_sql(columns) + " FROM generate_series(1, 12) i");
  const planner::TableFacts facts = planner::read_table_facts(connection_, {"public", "a"});
  const RowTally before = tally(connection_, "a", facts);
  EXPECT_EQ(before.rows, 12U);
  int changed = 0;
  for (const tests::TypedColumn& column : columns) {
    if (column.samples.empty()) {
      continue;
    }
    const std::string name = pg::quoted(column.name);
    const int row = std::uniform_int_distribution<int>(0, 11)(random);
    const std::string place = "(SELECT ctid FROM a OFFSET " + std::to_string(row) + " LIMIT 1)";
    connection_.begin();
    const bool was_null = connection_.query("SELECT " + name + " IS NULL FROM a WHERE ctid = " + place).boolean(0, 0);
    const std::string type = column.type.substr(0, column.type.find(" COLLATE"));
    connection_.query("UPDATE a SET " + name + " = " +
                      (was_null ? "CAST(" + pg::literal(column.samples.front()) + " AS " + type + ")" : "NULL") +
                      " WHERE ctid = " + place);
    EXPECT_NE(tally(connection_, "a", facts), before) << column.name;
    connection_.rollback();
    ++changed;
  }
  EXPECT_GT(changed, 150);
  EXPECT_EQ(tally(connection_, "a", facts), before);
}

TEST_F(ChecksumOnAServer, TheQuickFormIsBlindInJsonbOnlyAsItsHeaderSays) {
  const std::vector<std::pair<std::string, std::string>> alike = {
      {"'{\"a\": 1.0}'", "'{\"a\": 1.00}'"},
      {"'[5]'", "'[-5]'"},
      {"'[[1], 2]'", "'[[1, 2]]'"},
      {"'{}'", "'[]'"},
      {"(SELECT jsonb_agg(0) FROM generate_series(1, 64))", "(SELECT jsonb_agg(1) FROM generate_series(1, 64))"}};
  for (const auto& [one, other] : alike) {
    EXPECT_EQ(hash_of("jsonb", one), hash_of("jsonb", other)) << one;
  }
  const std::vector<std::pair<std::string, std::string>> apart = {{"'{\"a\": 1}'", "'{\"b\": 1}'"},
                                                                  {"'[1, 2]'", "'[2, 1]'"},
                                                                  {"'\"1\"'", "'1'"},
                                                                  {"'null'", "NULL"},
                                                                  {"'true'", "'false'"},
                                                                  {"'[{}]'", "'[[]]'"}};
  for (const auto& [one, other] : apart) {
    EXPECT_NE(hash_of("jsonb", one), hash_of("jsonb", other)) << one;
  }
  form_.exact = true;
  for (const auto& [one, other] : alike) {
    EXPECT_NE(hash_of("jsonb", one), hash_of("jsonb", other)) << one;
  }
}

TEST_P(BothForms, SeesSwappedColumnsAndASwappedNull) {
  connection_.run_script(
      "CREATE TABLE a (x int, y int, z text, w text); CREATE TABLE b (LIKE a);"
      "INSERT INTO a VALUES (1, 2, NULL, 'q'); INSERT INTO b VALUES (2, 1, NULL, 'q')");
  EXPECT_NE(tally(connection_, "a"), tally(connection_, "b"));
  connection_.run_script("TRUNCATE b; INSERT INTO b VALUES (1, 2, 'q', NULL)");
  EXPECT_NE(tally(connection_, "a"), tally(connection_, "b"));
  connection_.run_script("TRUNCATE b; INSERT INTO b SELECT * FROM a");
  EXPECT_EQ(tally(connection_, "a"), tally(connection_, "b"));
}

TEST_P(BothForms, SeesOneFlippedBitOfAToastedValue) {
  connection_.run_script(
      "CREATE TABLE a (id int, b bytea); ALTER TABLE a ALTER b SET STORAGE external;"
      "INSERT INTO a SELECT 1, decode(repeat('00', 10000000), 'hex')");
  const RowTally before = tally(connection_, "a");
  connection_.query("UPDATE a SET b = set_bit(b, 79999999, 1)");
  EXPECT_NE(tally(connection_, "a"), before);
  connection_.query("UPDATE a SET b = set_bit(b, 79999999, 0)");
  EXPECT_EQ(tally(connection_, "a"), before);
}

TEST_P(BothForms, IsIndifferentToCompressionAndToTheOrderOfRowsAndColumns) {
  connection_.run_script(
      "CREATE TABLE a (x text, y int); CREATE TABLE b (y int, gone int, x text); ALTER TABLE b DROP gone;"
      "ALTER TABLE b ALTER x SET STORAGE external;"
      "INSERT INTO a SELECT repeat(i::text, 3000), i FROM generate_series(1, 200) i;"
      "INSERT INTO b (x, y) SELECT x, y FROM a ORDER BY y DESC");
  const planner::TableFacts facts = planner::read_table_facts(connection_, {"public", "a"});
  EXPECT_EQ(tally(connection_, "a", facts), tally(connection_, "b", facts));
}

TEST_P(BothForms, EveryTypeOfTheServerHasAHash) {
  // Every type of pg_catalog that a table's column can have, one column each, with the text of a value that suits it.
  const pg::Result types = connection_.query(
      "SELECT format_type(t.oid, NULL) FROM pg_type t LEFT JOIN pg_type e ON e.oid = t.typelem "
      "WHERE t.typnamespace = 'pg_catalog'::regnamespace AND t.typtype IN ('b', 'r', 'm') AND t.typcategory <> 'P' "
      "AND t.oid <> 'unknown'::regtype AND coalesce(e.typtype NOT IN ('c', 'p'), true) ORDER BY t.oid");
  ASSERT_GT(types.row_count(), 140);
  std::string columns;
  for (int i = 0; i < types.row_count(); ++i) {
    columns += (i == 0 ? "c" : ", c") + std::to_string(i) + " " + std::string(types.text(i, 0));
  }
  connection_.query("CREATE TABLE every_type (" + columns + ")");
  connection_.query("INSERT INTO every_type DEFAULT VALUES");
  RowTally last = tally(connection_, "every_type");
  EXPECT_EQ(last.rows, 1U);
  const std::vector<std::string> values = {"1",
                                           "a",
                                           "t",
                                           "(1,2)",
                                           "12:00",
                                           "2020-01-01",
                                           "{}",
                                           "empty",
                                           "10.0.0.1",
                                           "08:00:2b:01:02:03",
                                           "08:00:2b:01:02:03:04:05",
                                           "((0,0),(1,1))",
                                           "{1,2,3}",
                                           "<(0,0),1>",
                                           "00000000-0000-4000-8000-000000000001",
                                           "$.a",
                                           "0/1",
                                           "10:20:10,14,15",
                                           "owner=r/owner",
                                           "pg_class",
                                           "int4pl",
                                           "int4pl(int4,int4)",
                                           "+(int4,int4)",
                                           "int4",
                                           "english",
                                           "simple",
                                           "owner",
                                           "pg_catalog",
                                           "C",
                                           "1 2"};
  int filled = 0;
  for (int i = 0; i < types.row_count(); ++i) {
    for (const std::string& value : values) {
      try {
        connection_.query(
            "UPDATE every_type SET c" + std::to_string(i) + " = " + "$1::text::" + std::string(types.text(i, 0)),
            {value});
      } catch (const pg::Failure&) {
        continue;
      }
      const RowTally now = tally(connection_, "every_type");
      EXPECT_NE(now, last) << "a value of type " << types.text(i, 0) << " is not in the hash";
      last = now;
      ++filled;
      break;
    }
  }
  EXPECT_GT(filled, types.row_count() - 12) << "too few types have a value here";
}

TEST_P(BothForms, TypesOfUsersAndExtensionsHaveTheSameHashInAnotherDatabase) {
  Database other;
  database_.connect_as_superuser().query("CREATE EXTENSION hstore");
  SessionsOptions options;
  options.source_conninfo = other.conninfo();
  pg::Connection elsewhere = Sessions(options).open_source("checksum test");
  elsewhere.query("CREATE TYPE shifts_the_oids AS (x int)");
  other.connect_as_superuser().query("CREATE EXTENSION hstore");
  const std::string ddl =
      "CREATE TYPE mood AS ENUM ('so', 'la');"
      "CREATE TYPE pair AS (x int, at timestamptz, b bytea, m money);"
      "CREATE DOMAIN positive AS float8 CHECK (VALUE > 0);"
      "CREATE TYPE spans AS RANGE (subtype = float8);"
      "CREATE TABLE t (id int, h hstore, m mood, p pair, d positive, s spans, ms mood[], ps pair[], hs hstore[]);"
      "INSERT INTO t VALUES (1, 'a=>1,b=>NULL', 'so', ROW(1, '2020-01-01 12:00+02', '\\x00ff', 12.5), 0.1, '[0.1,3)',"
      "  '{so,la}', ARRAY[ROW(1, 'infinity', NULL, NULL)::pair], '{\"a=>1\"}');INSERT INTO t (id) VALUES (2);";
  connection_.run_script(ddl);
  elsewhere.run_script(ddl);
  EXPECT_EQ(tally(connection_, "t"), tally(elsewhere, "t"));
  elsewhere.query("UPDATE t SET m = 'la' WHERE id = 1");
  EXPECT_NE(tally(connection_, "t"), tally(elsewhere, "t"));
}

TEST_P(BothForms, ALossyCastToTextOfAUserHidesNothing) {
  connection_.run_script(
      "CREATE TYPE pair AS (x int, y int);"
      "CREATE FUNCTION shown(pair) RETURNS text LANGUAGE sql AS $$SELECT 'a pair'$$;"
      "CREATE CAST (pair AS text) WITH FUNCTION shown(pair)");
  EXPECT_NE(hash_of("pair", "ROW(1, 2)"), hash_of("pair", "ROW(1, 3)"));
}

TEST_P(BothForms, TextColumnsHaveTheSameHashInAnotherEncoding) {
  Database latin(tests::shared_server(), {"LATIN1", "C"});
  SessionsOptions options;
  options.source_conninfo = latin.conninfo();
  pg::Connection elsewhere = Sessions(options).open_source("checksum test");
  for (pg::Connection* connection : {&connection_, &elsewhere}) {
    connection->query("CREATE TABLE t (a text, b name, c xml, d jsonb, e varchar(9)[], f char(9))");
    connection->query("INSERT INTO t VALUES ($1, $1::text::name, $2, $3, $4, $1)",
                      {"Grüße", "<a>ß</a>", "{\"ü\": 1}", "{ä}"});
  }
  form_.one_encoding = GetParam();  // The exact form need not be told.
  EXPECT_EQ(tally(connection_, "t"), tally(elsewhere, "t"));
}

TEST_P(BothForms, DefaultsOfTheRoleDoNotMatter) {
  connection_.run_script(
      "CREATE TYPE all_forms AS (a timestamptz, b interval, c float8, d bytea, e date, f money, g timestamp, h float4);"
      "CREATE TABLE t (id int, f all_forms, at timestamptz, i interval, d float8);"
      "INSERT INTO t SELECT i, ROW(now(), i * interval '1.5 days', 1 / 3.0, '\\x01'::bytea, now()::date, 12.34::money,"
      "  now()::timestamp, 0.1)::all_forms, now(), i * interval '1 month', i / 3.0 FROM generate_series(1, 100) i");
  const RowTally plain = tally(connection_, "t");
  pg::Connection strange =
      open({"DateStyle = 'SQL, DMY'", "IntervalStyle = sql_standard", "TimeZone = 'Asia/Kathmandu'",
            "extra_float_digits = 0", "bytea_output = escape", "xmlbinary = hex", "lc_monetary = 'C'"});
  EXPECT_EQ(tally(strange, "t"), plain);
}

TEST_P(BothForms, NarrowAndWideRowsHaveAHash) {
  EXPECT_NE(hash_of("int", "NULL"), "0");
  connection_.run_script("CREATE TABLE none (); INSERT INTO none DEFAULT VALUES");
  EXPECT_EQ(tally(connection_, "none").rows, 1U);

  // As wide as a table may be: 1,600 columns; and with half of them of a type that enters as text.
  for (const std::string type : {"bool", "mood"}) {
    connection_.run_script("DROP TYPE IF EXISTS mood; CREATE TYPE mood AS ENUM ('so')");
    std::string columns;
    for (int i = 0; i < 1600; ++i) {
      columns += (i == 0 ? "c" : ", c") + std::to_string(i) + " " + (i % 2 == 0 ? "bool" : type);
    }
    connection_.query("CREATE TABLE wide (" + columns + ")");
    connection_.run_script("INSERT INTO wide DEFAULT VALUES");
    const RowTally before = tally(connection_, "wide");
    connection_.query("UPDATE wide SET c1598 = true");
    EXPECT_NE(tally(connection_, "wide"), before);
    connection_.query("DROP TABLE wide");
  }
}

TEST_P(BothForms, GeneratedColumnsAreInIt) {
  connection_.run_script(
      "CREATE TABLE a (x int, y int GENERATED ALWAYS AS (x * 2) STORED);"
      "CREATE TABLE b (x int, y int); INSERT INTO a VALUES (1); INSERT INTO b VALUES (1, 2)");
  const planner::TableFacts facts = planner::read_table_facts(connection_, {"public", "a"});
  EXPECT_EQ(tally(connection_, "a", facts), tally(connection_, "b", facts));
  connection_.query("UPDATE b SET y = 3");
  EXPECT_NE(tally(connection_, "a", facts), tally(connection_, "b", facts));
}

TEST_P(BothForms, AWiderTypeThatHoldsTheSameValuesHasTheSameHashWhenCast) {
  connection_.run_script(
      "CREATE TABLE a (x int, y varchar(5), z date); CREATE TABLE b (x bigint, y text, z timestamptz);"
      "INSERT INTO a VALUES (1, 'a', '2020-01-01'), (NULL, NULL, NULL); INSERT INTO b SELECT * FROM a");
  const planner::TableFacts facts = planner::read_table_facts(connection_, {"public", "a"});
  if (form_.exact) {  // The quick form asks for functions of the source's types.
    EXPECT_NE(tally(connection_, "a", facts), tally(connection_, "b", facts));
  }
  EXPECT_EQ(tally(connection_, "a", facts), tally(connection_, "b", facts, {"x", "y", "z"}));
}

TEST_P(BothForms, AnEmptyTableHasNothing) {
  connection_.query("CREATE TABLE a (x int)");
  EXPECT_EQ(tally(connection_, "a"), RowTally{});
}

}  // namespace
}  // namespace pgsluice::mover

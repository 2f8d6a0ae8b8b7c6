// verify finds what was planted behind pgsluice's back: exit code 3, the range is named, --find names the key. For keys
// of ranges and of heap blocks, for types without a hash function, and for methods that emptied the source.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/database.hpp"
#include "tests/support/migration.hpp"

namespace pgsluice::tests {
namespace {

using testing::HasSubstr;

struct Planted {
  const char* name;
  const char* sql;   // On the target, whose name is things_partitioned.
  const char* key;   // Of the row.
  const char* kind;  // As --find calls it.
};

constexpr Planted kPlanted[] = {
    {"deleted_row", "DELETE FROM things_partitioned WHERE id = 777", "777", "missing"},
    {"added_row", "INSERT INTO things_partitioned (id, region, amount) VALUES (777777, 'r1', 1)", "777777", "extra"},
    {"changed_text", "UPDATE things_partitioned SET note = note || ' ' WHERE id = 777", "777", "changed"},
    {"null_for_empty", "UPDATE things_partitioned SET note = NULL WHERE id = 778", "778", "changed"},
    {"scale_of_a_numeric", "UPDATE things_partitioned SET amount = amount::numeric(10,2) WHERE id = 777", "777",
     "changed"},
    {"sign_of_zero", "UPDATE things_partitioned SET speed = '-0' WHERE id = 777", "777", "changed"},
    {"spaces_in_json", "UPDATE things_partitioned SET document = '{\"a\":  1}' WHERE id = 777", "777", "changed"},
    {"xml", "UPDATE things_partitioned SET page = '<a> </a>' WHERE id = 777", "777", "changed"},
    {"point", "UPDATE things_partitioned SET place = '(1,2.0000000000000004)' WHERE id = 777", "777", "changed"},
    {"access_list", "UPDATE things_partitioned SET access = 'postgres=r/postgres' WHERE id = 777", "777", "changed"},
};

struct Case {
  const char* method;
  bool has_key;
  Planted planted;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  std::size_t turn = 0;
  constexpr const char* kMethods[] = {"insert", "move", "stream", "stream-move"};
  for (const Planted& planted : kPlanted) {
    all.push_back({kMethods[turn % 4], true, planted});
    all.push_back({kMethods[(turn + 2) % 4], false, planted});
    ++turn;
  }
  return all;
}

std::string test_name(const testing::TestParamInfo<Case>& info) {
  std::string name = std::string(info.param.planted.name) + "_after_" + info.param.method +
                     (info.param.has_key ? "_by_key" : "_by_ctid");
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

void PrintTo(const Case& value, std::ostream* stream) {
  *stream << value.planted.name << " after " << value.method;
}

constexpr const char* kThings =
    "CREATE TABLE things (id bigint NOT NULL, region text NOT NULL, amount numeric, note text, speed float8, document "
    "json, page xml, "
    "place point, access aclitem);"
    "INSERT INTO things SELECT i, 'r' || i % 5, i / 7.0, CASE WHEN i % 2 = 0 THEN '' ELSE 'note' END, 0, '{\"a\": 1}', "
    "'<a/>', '(1,2)', 'postgres=w/postgres' FROM generate_series(1, 2000) i;";

class Verify : public testing::TestWithParam<Case> {
 protected:
  Outcome prepare(const char* method, bool has_key) {
    connection_.run_script(kThings);
    if (has_key) connection_.query("ALTER TABLE things ADD PRIMARY KEY (id)");
    connection_.query("ANALYZE things");
    const Outcome planned = migration_.plan({"--table", "things", "--by", "LIST (region)", "--range-rows", "200",
                                             "--method", method, "--split", has_key ? "key" : "ctid"});
    if (planned.exit_code != 0) return planned;
    return migration_.run();
  }

  Database database_;
  pg::Connection connection_ = database_.connect();
  Migration migration_{database_};
};

TEST_P(Verify, FindsWhatWasPlantedAndForgetsItWhenItIsMended) {
  const Case& planted = GetParam();
  if (!planted.has_key && connection_.server_major_version() < kCtidRangesSince) {
    GTEST_SKIP() << "no ranges of heap blocks before 14";
  }
  const Outcome moved = prepare(planted.method, planted.has_key);
  ASSERT_EQ(moved.exit_code, 0) << moved;
  const Outcome before = migration_.verify();
  ASSERT_EQ(before.exit_code, 0) << before;
  connection_.run_script("CREATE TABLE kept AS TABLE things_partitioned;");
  ASSERT_EQ(connection_.query(planted.planted.sql).affected_rows(), 1U);

  const Outcome after = migration_.verify({"--again", "--json"});
  EXPECT_EQ(after.exit_code, 3) << after;
  const nlohmann::json result = nlohmann::json::parse(after.output);
  const nlohmann::json& differing = result["differing_units"];
  if (planted.has_key) {
    ASSERT_EQ(result["unit"], "ranges");
    ASSERT_EQ(differing.size(), 1U) << "no other range is accused";
    const bool is_last = std::string(planted.planted.key) == "777777";
    EXPECT_THAT(differing[0].get<std::string>(),
                testing::MatchesRegex(is_last ? "range 9, .* to the end: .*" : "range 3, [(]60.[)] to .*: .*"));
  } else {
    EXPECT_THAT(result["unit"].get<std::string>(), testing::AnyOf("buckets", "tables"));
    EXPECT_THAT(differing.size(), testing::AllOf(testing::Ge(1U), testing::Le(2U)));
  }
  const bool empties_source = std::string(planted.method).find("move") != std::string::npos;

  const Outcome found = migration_.verify({"--find"});
  EXPECT_EQ(found.exit_code, 3) << found;
  if (!empties_source && planted.has_key) {
    EXPECT_THAT(found.output, HasSubstr(planted.planted.kind)) << found;
    EXPECT_THAT(found.output, HasSubstr(planted.planted.key)) << found;
  }

  connection_.run_script("TRUNCATE things_partitioned; INSERT INTO things_partitioned SELECT * FROM kept");
  const Outcome mended = migration_.verify({"--again"});
  EXPECT_EQ(mended.exit_code, 0) << mended;
}

INSTANTIATE_TEST_SUITE_P(That, Verify, testing::ValuesIn(cases()), test_name);

class VerifyOnce : public Verify {};

TEST_F(VerifyOnce, FindsARowThatIsThereTwice) {
  if (connection_.server_major_version() < kCtidRangesSince) GTEST_SKIP() << "no ranges of heap blocks before 14";
  ASSERT_EQ(prepare("insert", false).exit_code, 0);
  connection_.query("INSERT INTO things_partitioned SELECT * FROM things WHERE id = 777");
  EXPECT_EQ(migration_.verify().exit_code, 3);
}

TEST_F(VerifyOnce, FindsTwoRowsThatChangedPlaces) {
  ASSERT_EQ(prepare("insert", true).exit_code, 0);
  connection_.query(
      "UPDATE things_partitioned SET amount = CASE id WHEN 10 THEN 11 / 7.0 ELSE 10 / 7.0 END WHERE id IN (10, 11)");
  const Outcome outcome = migration_.verify({"--find"});
  EXPECT_EQ(outcome.exit_code, 3) << outcome;
  EXPECT_THAT(outcome.output, HasSubstr("10"));
  EXPECT_THAT(outcome.output, HasSubstr("11"));
}

TEST_F(VerifyOnce, FindsAWriteToTheSourceToo) {
  ASSERT_EQ(prepare("insert", true).exit_code, 0);
  pg::Connection behind = database_.connect();
  behind.run_script("ALTER TABLE things DISABLE TRIGGER ALL");
  behind.run_script(
      "DO $$ DECLARE t text; BEGIN FOR t IN SELECT tgname FROM pg_trigger WHERE tgrelid = 'things'::regclass "
      "AND NOT tgisinternal LOOP EXECUTE format('ALTER TABLE things DISABLE TRIGGER %I', t); END LOOP; END $$");
  ASSERT_EQ(behind.query("DELETE FROM things WHERE id = 5").affected_rows(), 1U);
  EXPECT_EQ(migration_.verify().exit_code, 3);
}

TEST_F(VerifyOnce, SaysThatASourceThatWasEmptiedHoldsRowsAgain) {
  ASSERT_EQ(prepare("move", true).exit_code, 0);
  pg::Connection behind = database_.connect();
  behind.run_script(
      "DO $$ DECLARE t text; BEGIN FOR t IN SELECT tgname FROM pg_trigger WHERE tgrelid = 'things'::regclass "
      "AND NOT tgisinternal LOOP EXECUTE format('ALTER TABLE things DISABLE TRIGGER %I', t); END LOOP; END $$;"
      "INSERT INTO things (id, region) VALUES (-1, 'r1')");
  EXPECT_EQ(migration_.verify().exit_code, 3);
}

TEST_F(VerifyOnce, IsRefusedBeforeTheRunIsComplete) {
  connection_.run_script(kThings);
  connection_.query("ALTER TABLE things ADD PRIMARY KEY (id)");
  ASSERT_EQ(migration_.plan({"--table", "things", "--by", "LIST (region)"}).exit_code, 0);
  const Outcome outcome = migration_.verify();
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("complete"));
}

TEST_F(VerifyOnce, ComparesTwoDatabases) {
  connection_.run_script(kThings);
  connection_.run_script("ALTER TABLE things ADD PRIMARY KEY (id)");
  const Database other;
  const Migration migration(database_.conninfo(), other.conninfo());
  ASSERT_EQ(migration.plan({"--table", "things", "--by", "LIST (region)", "--range-rows", "200"}).exit_code, 0);
  const Outcome moved = migration.run();
  ASSERT_EQ(moved.exit_code, 0) << moved;
  ASSERT_EQ(migration.verify().exit_code, 0);
  other.connect().query("UPDATE things_partitioned SET note = 'other' WHERE id = 1234");
  const Outcome outcome = migration.verify({"--again", "--find"});
  EXPECT_EQ(outcome.exit_code, 3) << outcome;
  EXPECT_THAT(outcome.output, HasSubstr("1234"));
}

}  // namespace
}  // namespace pgsluice::tests

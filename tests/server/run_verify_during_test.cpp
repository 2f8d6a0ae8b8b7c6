// run --verify: what was planted on the way is found by the run itself, by every method; what carried no checksums is
// compared all the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>

#include "tests/support/database.hpp"
#include "tests/support/migration.hpp"
#include "tests/support/shared_server.hpp"

namespace pgsluice::tests {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kThings =
    "CREATE TABLE things (id bigint PRIMARY KEY, region text NOT NULL, amount numeric(9,2), note text, at timestamptz,"
    "  document jsonb, twice numeric GENERATED ALWAYS AS (amount * 2) STORED);"
    "INSERT INTO things SELECT i, 'r' || i % 5, i / 7.0, CASE WHEN i % 3 = 0 THEN 'note' END, now(), '{\"a\": 1}'"
    "  FROM generate_series(1, 4000) i; ANALYZE things;";

// A target that a person made, with one column more and the columns in another order.
constexpr const char* kReady =
    "CREATE TABLE ready (note text, region text NOT NULL, id bigint NOT NULL, at timestamptz, document jsonb,"
    "  amount numeric(9,2), twice numeric GENERATED ALWAYS AS (amount * 2) STORED, more int DEFAULT 5)"
    "  PARTITION BY LIST (region);"
    "CREATE TABLE ready_0 PARTITION OF ready FOR VALUES IN ('r0', 'r1', 'r2');"
    "CREATE TABLE ready_1 PARTITION OF ready FOR VALUES IN ('r3', 'r4');";

// Changes one row on its way, as a forgotten trigger does.
constexpr const char* kTrigger =
    "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF NEW.id = 2718 THEN NEW.note := 'spoiled'; "
    "END IF; RETURN NEW; END$$;"
    "CREATE TRIGGER spoil BEFORE INSERT ON ready_1 FOR EACH ROW EXECUTE FUNCTION spoil();";

constexpr const char* kSwallow =
    "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN CASE WHEN NEW.id <> 2718 THEN NEW "
    "END; END$$;"
    "CREATE TRIGGER swallow BEFORE INSERT ON ready_1 FOR EACH ROW EXECUTE FUNCTION swallow();";

struct Way {
  const char* method;
  const char* split;
  const char* verify;
  bool copies() const { return std::string(method).find("move") == std::string::npos; }
};

void PrintTo(const Way& way, std::ostream* stream) {
  *stream << way.method << " by " << way.split << " " << way.verify;
}

std::string name_of(const testing::TestParamInfo<Way>& info) {
  std::string name = std::string(info.param.method) + "_by_" + info.param.split + "_verified_" + info.param.verify;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

class RunVerify : public testing::TestWithParam<Way> {
 protected:
  void plan(const std::string& method, const std::string& split, bool into_ready) {
    connection_.run_script(kThings);
    std::vector<std::string> arguments = {"--table", "things", "--method",     method,
                                          "--split", split,    "--range-rows", "500"};
    if (into_ready) {
      connection_.run_script(kReady);
      arguments.insert(arguments.end(), {"--into", "public.ready"});
    } else {
      arguments.insert(arguments.end(), {"--by", "LIST (region)"});
    }
    const Outcome planned = migration_.plan(arguments);
    ASSERT_EQ(planned.exit_code, 0) << planned;
  }

  std::int64_t number(const std::string& sql) { return connection_.query(sql).integer(0, 0); }

  Database database_;
  pg::Connection connection_ = database_.connect();
  Migration migration_{database_};
};

TEST_P(RunVerify, SaysThatAllIsEqualWhereItIs) {
  for (const bool into_ready : {false, true}) {
    SCOPED_TRACE(into_ready);
    database_.connect_as_superuser().run_script(
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION owner; GRANT USAGE ON SCHEMA public TO PUBLIC");
    std::filesystem::remove(migration_.checkpoint());
    plan(GetParam().method, GetParam().split, into_ready);
    const Outcome ran = migration_.run({"--verify", GetParam().verify, "--json"});
    ASSERT_EQ(ran.exit_code, 0) << ran;
    const nlohmann::json result = nlohmann::json::parse(ran.output);
    EXPECT_EQ(result["verification"]["equal"], true);
    EXPECT_EQ(result["verification"]["rows_target"], 4000);
    EXPECT_THAT(migration_.status().output, HasSubstr("ranges equal, 0 differ"));
    const bool is_during = std::string(GetParam().verify) == "during";
    const bool is_summed = is_during || !GetParam().copies();
    const bool is_checked = is_during && std::string(GetParam().method) == "insert";
    EXPECT_EQ(number("SELECT sum(rows_summed)::bigint FROM pgsluice.batch_done"), is_summed ? 4000 : 0);
    EXPECT_EQ(number("SELECT sum(rows_checked)::bigint FROM pgsluice.batch_done"), is_checked ? 4000 : 0);
    const Outcome verified = migration_.verify({"--again"});
    EXPECT_EQ(verified.exit_code, 0) << verified;
    ASSERT_EQ(migration_.rollback().exit_code, 0);
  }
}

TEST_P(RunVerify, FindsARowThatATriggerChangedOnItsWay) {
  plan(GetParam().method, GetParam().split, true);
  connection_.run_script(kTrigger);
  const Outcome ran = migration_.run({"--verify", GetParam().verify});
  EXPECT_EQ(ran.exit_code, 3) << ran;
  if (std::string(GetParam().verify) == "during" && std::string(GetParam().method) == "insert") {
    EXPECT_THAT(ran.errors, HasSubstr("did not arrive as it left"));
    EXPECT_THAT(ran.errors, HasSubstr("with different content"));
    EXPECT_EQ(number("SELECT count(*) FROM ready WHERE note = 'spoiled'"), 0);
    // Mended, the same command goes on.
    connection_.query("DROP TRIGGER spoil ON ready_1");
    const Outcome mended = migration_.run({"--verify", "during"});
    EXPECT_EQ(mended.exit_code, 0) << mended;
  } else {
    EXPECT_THAT(ran.output, HasSubstr("DIFFERS")) << ran;
    EXPECT_THAT(ran.output, Not(HasSubstr("every row has arrived")));
    EXPECT_EQ(number("SELECT count(*) FROM ready WHERE note = 'spoiled'"), 1);
    EXPECT_EQ(migration_.run({"--verify", GetParam().verify}).exit_code, 3) << "it stays different";
  }
}

INSTANTIATE_TEST_SUITE_P(Ways, RunVerify,
                         testing::Values(Way{"insert", "key", "during"}, Way{"insert", "ctid", "during"},
                                         Way{"insert", "ctid", "after"}, Way{"stream", "key", "during"},
                                         Way{"stream", "ctid", "during"}, Way{"stream", "key", "after"},
                                         Way{"move", "key", "during"}, Way{"move", "key", "after"},
                                         Way{"stream-move", "key", "during"}),
                         name_of);

class RunVerifyOnce : public RunVerify {};

TEST_F(RunVerifyOnce, DoesNotReadAgainWhatWasComparedAsItArrived) {
  plan("insert", "key", false);
  const Outcome ran = migration_.run({"--verify", "during"});
  ASSERT_EQ(ran.exit_code, 0) << ran;
  EXPECT_THAT(ran.errors, Not(HasSubstr("comparing")));
  // Planted afterwards: the run need not look again, verify --again does.
  connection_.query("UPDATE things_partitioned SET note = 'late' WHERE id = 5");
  EXPECT_EQ(migration_.run({"--verify", "during"}).exit_code, 0);
  EXPECT_EQ(migration_.verify({"--again"}).exit_code, 3);
}

TEST_F(RunVerifyOnce, ASwallowedRowEndsTheRunWithBothCounts) {
  plan("insert", "key", true);
  connection_.run_script(kSwallow);
  const Outcome ran = migration_.run({"--verify", "during"});
  EXPECT_EQ(ran.exit_code, 3) << ran;
  EXPECT_THAT(ran.errors, HasSubstr("a batch of range 5, from ("));
  std::smatch counts;
  ASSERT_TRUE(
      std::regex_search(ran.errors, counts, std::regex("The source has ([0-9]+) rows, the target took ([0-9]+)")))
      << ran;
  EXPECT_EQ(std::stoi(counts[1]), std::stoi(counts[2]) + 1);
}

// What a stop leaves behind was moved with sums or without; the rest the other way.
TEST_F(RunVerifyOnce, ARangePartlyMovedWithoutSumsIsNotVerifiedByItsPart) {
  for (const std::string method : {"insert", "stream"}) {
    for (const bool begins_with_sums : {true, false}) {
      SCOPED_TRACE(method + (begins_with_sums ? " with sums first" : " without sums first"));
      database_.connect_as_superuser().run_script(
          "DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION owner");
      std::filesystem::remove(migration_.checkpoint());
      plan(method, "key", true);
      // The run fails in the middle of a range, at a batch of 100 rows.
      connection_.run_script(
          "CREATE FUNCTION stop_here() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF NEW.id = 2718 THEN RAISE "
          "'not this one' USING ERRCODE = '23514'; END IF; RETURN NEW; END$$;"
          "CREATE TRIGGER stop_here BEFORE INSERT ON ready_1 FOR EACH ROW EXECUTE FUNCTION stop_here()");
      const std::string first = begins_with_sums ? "during" : "off";
      const std::string second = begins_with_sums ? "off" : "during";
      const Outcome failed = migration_.run({"--verify", first, "--batch-rows", "100"});
      EXPECT_EQ(failed.exit_code, 1) << failed;
      EXPECT_EQ(number("SELECT count(*) FROM pgsluice.batch_done WHERE NOT complete"), 1);
      connection_.query("DROP TRIGGER stop_here ON ready_1");
      // Spoils a row of the first part, where the ledger of the second run cannot know it.
      connection_.query("UPDATE ready SET note = 'spoiled' WHERE id = 2505");
      const Outcome ran = migration_.run({"--verify", second, "--batch-rows", "100"});
      if (begins_with_sums) {
        EXPECT_EQ(ran.exit_code, 0) << ran;
        EXPECT_THAT(migration_.status().output, Not(HasSubstr("ranges equal")));
        EXPECT_EQ(migration_.run({"--verify", "during"}).exit_code, 3);
      } else {
        EXPECT_EQ(ran.exit_code, 3) << ran;
        EXPECT_THAT(ran.errors, HasSubstr("without checksums; the source is read again"));
      }
      ASSERT_EQ(migration_.rollback().exit_code, 0);
    }
  }
}

TEST_F(RunVerifyOnce, RefusesAWordItDoesNotKnow) {
  plan("insert", "key", false);
  const Outcome outcome = migration_.run({"--verify", "before"});
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("off, during or after"));
}

TEST_F(RunVerifyOnce, TwoDatabasesOfOtherEncodingsAreVerifiedOnTheWay) {
  connection_.run_script(
      "CREATE TABLE things (id bigint PRIMARY KEY, region text NOT NULL, d jsonb, c char(9));"
      "INSERT INTO things SELECT i, 'ü' || i % 5, '{\"ä\": 1}', 'ß' FROM generate_series(1, 900) i;"
      "ANALYZE things");
  const Database latin(shared_server(), {"LATIN1", "C"});
  const Migration migration(database_.conninfo(), latin.conninfo());
  ASSERT_EQ(migration.plan({"--table", "things", "--by", "LIST (region)", "--range-rows", "200"}).exit_code, 0);
  const Outcome ran = migration.run({"--verify", "during"});
  EXPECT_EQ(ran.exit_code, 0) << ran;
  EXPECT_THAT(ran.output, HasSubstr("verified: equal"));
  latin.connect().query("UPDATE things_partitioned SET d = '{\"ö\": 1}' WHERE id = 12");
  EXPECT_EQ(migration.verify({"--again"}).exit_code, 3);
}

}  // namespace
}  // namespace pgsluice::tests

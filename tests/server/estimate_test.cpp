// `pgsluice estimate` on a real server, as the table's owner, who is no superuser: what it says, and that it leaves
// nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/property_tree/ptree.hpp>
#include <boost/property_tree/xml_parser.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "pg/identifier.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/database.hpp"
#include "tests/support/migration.hpp"
#include "tests/support/role.hpp"
#include "tests/support/row_set.hpp"
#include "tests/support/table_definition.hpp"

namespace pgsluice::tests {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* kVisits =
    "CREATE TABLE visits (id bigserial PRIMARY KEY, page int NOT NULL, note text);"
    "INSERT INTO visits (page, note) SELECT i % 100, CASE WHEN i > 35000 THEN repeat('wide ', 60) END"
    " FROM generate_series(1, 40000) i;"
    "CREATE INDEX ON visits (page); ANALYZE visits;";

class Estimates : public testing::Test {
 protected:
  void SetUp() override { connection_.run_script(kVisits); }

  ProgramOptions command(const std::vector<std::string>& more) const {
    std::vector<std::string> words = {"estimate", "--source",    database_.conninfo(), "--table", "public.visits",
                                      "--by",     "HASH (page)", "--partitions",       "4",       "--yes"};
    words.insert(words.end(), more.begin(), more.end());
    return pgsluice_with(words);
  }
  Outcome estimate(const std::vector<std::string>& more) const { return run(command(more)); }

  std::int64_t count(const std::string& sql) { return connection_.query(sql).integer(0, 0); }

  Database database_;
  pg::Connection connection_ = database_.connect();
};

TEST_F(Estimates, LeaveTheDatabaseAsItWas) {
  const std::string schema = schema_dump(database_);
  const RowSet rows = read_rows(connection_, "visits");
  const Outcome outcome = estimate({"--for", "5s"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome;
  EXPECT_THAT(outcome.output, StartsWith("The whole job on public.visits (40.0 k rows, "));
  EXPECT_THAT(outcome.output, HasSubstr("which is all\n"));
  EXPECT_EQ(schema_dump(database_), schema);
  EXPECT_EQ(difference(rows, read_rows(connection_, "visits")), "");
}

TEST_F(Estimates, OfAPartOfTheTableHoldEveryKindOfItsRows) {
  const Outcome outcome = estimate({"--range-rows", "500", "--ranges", "12", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome;
  const json document = json::parse(outcome.output);
  const json& best = document.at("best");
  EXPECT_EQ(best.at("trial").at("ranges"), 12);
  EXPECT_FALSE(best.at("trial").at("moved_everything"));
  std::set<std::string> names;
  double rows = 0;
  for (const json& kind : best.at("kinds")) {
    names.insert(kind.at("name"));
    if (kind.at("rows_moved") > 0) rows += kind.at("rows").get<double>();
    EXPECT_GT(kind.at("work_per_row").at("session_seconds"), 0) << kind;
  }
  EXPECT_TRUE(names.contains("new, wide")) << best.at("kinds").dump(2);
  EXPECT_TRUE(names.contains("building indexes"));
  EXPECT_NEAR(rows, 40'000, 1);
  EXPECT_THAT(best.at("kinds_not_reached"), testing::IsEmpty());
}

TEST_F(Estimates, TellWhatBindsOnTheServerThatIsNamedInTextDocumentAndPlot) {
  const std::filesystem::path plot = testing::TempDir() + "pgsluice_estimate.html";
  const Outcome outcome = estimate({"--for", "5s", "--json", "--volume", "gp2:100", "--instance", "db.r5.large",
                                    "--foreground-iops", "200", "--plot", plot.string()});
  ASSERT_EQ(outcome.exit_code, 0) << outcome;
  const json document = json::parse(outcome.output);
  EXPECT_EQ(document.at("server"), "gp2:100, db.r5.large");
  const json& prediction = document.at("best").at("prediction");
  EXPECT_EQ(prediction.at("limit"), "the volume's IOPS");
  EXPECT_LE(prediction.at("seconds_low"), prediction.at("seconds_expected"));
  EXPECT_LE(prediction.at("seconds_expected"), prediction.at("seconds_high"));
  EXPECT_LT(document.at("best").at("prediction_with_all_credits").at("seconds_expected"),
            prediction.at("seconds_expected"));
  EXPECT_GT(prediction.at("work").at("wal_bytes"), 0);
  EXPECT_GT(prediction.at("space_bytes"), 0);
  EXPECT_FALSE(document.at("alternatives").empty());
  EXPECT_FALSE(document.at("caveats").empty());
  boost::property_tree::ptree page;
  boost::property_tree::read_xml(plot.string(), page);
  EXPECT_THAT(page.get<std::string>("html.head.title"), StartsWith("public.visits: about "));
  std::filesystem::remove(plot);
}

TEST_F(Estimates, OfASweepNameTheShortest) {
  const Outcome outcome =
      estimate({"--range-rows", "500", "--ranges", "8", "--json", "--sweep", "workers=1,2", "method=insert,stream"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome;
  const json document = json::parse(outcome.output);
  std::vector<std::string> names;
  double shortest = 1e300;
  for (const json& tried : document.at("tried")) {
    names.push_back(tried.at("name"));
    shortest = std::min(shortest, tried.at("prediction").at("seconds_expected").get<double>());
  }
  EXPECT_THAT(names, ElementsAre("insert, 1 worker", "stream, 1 worker", "insert, 2 workers", "stream, 2 workers"));
  EXPECT_DOUBLE_EQ(document.at("best").at("prediction").at("seconds_expected"), shortest);
}

TEST_F(Estimates, ThatOnlyReadWorkInReadOnlySessionsAndSayWhatTheyCannotKnow) {
  Role reader("reader");
  connection_.run_script("GRANT SELECT ON visits TO " + pg::quoted(reader.name()));
  const std::string schema = schema_dump(database_);
  ProgramOptions options = command({"--read-only", "--for", "5s"});
  std::replace(options.arguments.begin(), options.arguments.end(), database_.conninfo(),
               database_.conninfo(reader.name()));
  const Outcome outcome = run(options);
  ASSERT_EQ(outcome.exit_code, 0) << outcome;
  EXPECT_THAT(outcome.output, StartsWith("Reading all of public.visits"));
  EXPECT_THAT(outcome.output, HasSubstr("Only reading was tried"));
  EXPECT_THAT(outcome.output, Not(HasSubstr("building indexes")));
  EXPECT_EQ(schema_dump(database_), schema);
  connection_.run_script("REVOKE ALL ON visits FROM " + pg::quoted(reader.name()));
}

TEST_F(Estimates, StoppedInTheMiddleLeaveNothing) {
  const std::string schema = schema_dump(database_);
  connection_.run_script("INSERT INTO visits (page) SELECT i FROM generate_series(1, 400000) i; ANALYZE visits");
  Program program(command({"--for", "60s", "--batch-rows", "200", "--workers", "1"}));
  ASSERT_TRUE(program.says_on_errors("moving a sample", 60s)) << program.errors();
  EXPECT_EQ(count("SELECT count(*) FROM pg_class WHERE relname = 'visits_estimate'"), 1);
  program.send(SIGINT);
  const Outcome outcome = program.wait();
  EXPECT_EQ(outcome.exit_code, 4) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("nothing of the trial is left"));
  EXPECT_EQ(schema_dump(database_), schema);
}

TEST_F(Estimates, KilledInTheMiddleAreRemovedByTheNextOrOnRequest) {
  const std::string schema = schema_dump(database_);
  connection_.run_script("INSERT INTO visits (page) SELECT i FROM generate_series(1, 400000) i; ANALYZE visits");
  for (const bool by_request : {true, false}) {
    Program program(command({"--for", "60s", "--batch-rows", "200", "--workers", "1"}));
    ASSERT_TRUE(program.says_on_errors("moving a sample", 60s)) << program.errors();
    program.send(SIGKILL);
    program.wait();
    ASSERT_EQ(count("SELECT count(*) FROM pgsluice.migration"), 1);
    // Its sessions end when the server notices; until then the trial counts as running.
    while (count("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                 " AND application_name LIKE 'pgsluice%'") > 0) {
    }
    const Outcome next = by_request ? estimate({"--remove-leftovers"}) : estimate({"--ranges", "4"});
    EXPECT_EQ(next.exit_code, 0) << next;
    EXPECT_THAT(next.errors, HasSubstr("removed what 1 trial had left behind"));
    EXPECT_EQ(schema_dump(database_), schema);
  }
}

TEST_F(Estimates, BesideATrialOfTheSameTableAreRefused) {
  connection_.run_script("INSERT INTO visits (page) SELECT i FROM generate_series(1, 400000) i; ANALYZE visits");
  Program first(command({"--for", "60s", "--batch-rows", "200", "--workers", "1"}));
  ASSERT_TRUE(first.says_on_errors("moving a sample", 60s)) << first.errors();
  const Outcome second = estimate({"--ranges", "4"});
  EXPECT_EQ(second.exit_code, 2) << second;
  EXPECT_THAT(second.errors, HasSubstr("a trial of public.visits runs already"));
  first.send(SIGINT);
  EXPECT_EQ(first.wait().exit_code, 4);
}

TEST_F(Estimates, BesideAMigrationAreRefusedAndLeaveItAlone) {
  const Migration migration(database_);
  ASSERT_EQ(migration.plan({"--table", "visits", "--by", "HASH (page)", "--partitions", "4"}).exit_code, 0);
  ASSERT_EQ(migration.run().exit_code, 0);
  const std::string schema = schema_dump(database_);
  const Outcome outcome = estimate({"--for", "5s"});
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("a migration of public.visits is not finished"));
  EXPECT_EQ(schema_dump(database_), schema);
  ASSERT_EQ(migration.rollback().exit_code, 0);
  EXPECT_EQ(estimate({"--ranges", "4"}).exit_code, 0);
}

TEST_F(Estimates, DoNotTakeANameThatIsSomebodyElses) {
  connection_.run_script("CREATE TABLE visits_estimate (mine int)");
  const Outcome outcome = estimate({"--ranges", "4"});
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("the scratch target's name public.visits_estimate is taken"));
  EXPECT_EQ(count("SELECT count(*) FROM visits_estimate"), 0);
}

TEST_F(Estimates, RefuseWhatTheyWouldNotKeepTheirWordOn) {
  const std::string schema = schema_dump(database_);
  for (const std::vector<std::string>& words : {std::vector<std::string>{"--method", "move"},
                                                {"--method", "auto-move"},
                                                {"--sweep", "method=stream-move"},
                                                {"--volume", "gp2:5"},
                                                {"--plot", "plot.png"},
                                                {"--for", "10"},
                                                {"--ranges", "0"},
                                                {"--credits", "full"},
                                                {"--into", "public.other"},
                                                {"--read-only", "--sweep", "method=insert"}}) {
    const Outcome outcome = estimate(words);
    EXPECT_EQ(outcome.exit_code, 2) << words[0] << " " << outcome;
  }
  EXPECT_EQ(schema_dump(database_), schema);
}

TEST_F(Estimates, OfAnEmptyTableAreRefusedAndLeaveNothing) {
  connection_.run_script("TRUNCATE visits; ANALYZE visits");
  const std::string schema = schema_dump(database_);
  const Outcome outcome = estimate({"--for", "5s"});
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("the trial moved no row"));
  EXPECT_EQ(schema_dump(database_), schema);
}

TEST_F(Estimates, AskOnceOnATerminal) {
  const std::string schema = schema_dump(database_);
  ProgramOptions options = command({"--ranges", "4"});
  std::erase(options.arguments, "--yes");
  options.terminal = true;
  options.input = "n\n";
  const Outcome outcome = run(options);
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("Rehearse there now?"));
  EXPECT_EQ(schema_dump(database_), schema);
}

// A server of its own, whose WAL nobody else writes.
TEST(EstimatedWal, AgreesWithTheWholeJobsWithinFifteenPercent) {
  ClusterOptions options;
  options.settings = {"autovacuum = off"};
  Cluster cluster(options);
  const Database database(cluster.address());
  pg::Connection connection = database.connect();
  connection.run_script(
      "CREATE TABLE visits (id bigserial PRIMARY KEY, page int NOT NULL, note text);"
      "INSERT INTO visits (page, note) SELECT i % 100, CASE WHEN i > 250000 THEN repeat('wide ', 60) END"
      " FROM generate_series(1, 300000) i;"
      "CREATE INDEX ON visits (page); ANALYZE visits;");
  for (const char* method : {"insert", "stream"}) {
    const Outcome outcome =
        run_pgsluice({"estimate", "--source", database.conninfo(), "--table", "visits", "--by", "HASH (page)",
                      "--partitions", "4", "--method", method, "--ranges", "20", "--yes", "--json"});
    ASSERT_EQ(outcome.exit_code, 0) << outcome;
    const json best = json::parse(outcome.output).at("best");
    ASSERT_FALSE(best.at("trial").at("moved_everything"));
    const double expected = best.at("prediction").at("work").at("wal_bytes");

    const auto position = [&] {
      return connection.query("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')").number(0, 0);
    };
    const Migration migration(database);
    ASSERT_EQ(
        migration.plan({"--table", "visits", "--by", "HASH (page)", "--partitions", "4", "--method", method}).exit_code,
        0);
    const double before = position();
    ASSERT_EQ(migration.run().exit_code, 0);
    const double real = position() - before;
    ASSERT_EQ(migration.rollback().exit_code, 0);
    EXPECT_NEAR(expected / real, 1, 0.15) << method << ": " << expected << " expected, " << real << " real";
  }
}

}  // namespace
}  // namespace pgsluice::tests

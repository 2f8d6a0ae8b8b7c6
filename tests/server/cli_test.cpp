// The command line as a person or a script meets it: what stands on which stream, exit codes, questions, help, files.
// What the commands do to rows is tested elsewhere.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/database.hpp"
#include "tests/support/installation.hpp"
#include "tests/support/migration.hpp"
#include "tests/support/table_definition.hpp"

namespace pgsluice::tests {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using nlohmann::json;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

constexpr const char* kVisits =
    "CREATE TABLE visits (id bigserial PRIMARY KEY, page text NOT NULL);"
    "INSERT INTO visits (page) SELECT 'page ' || i % 7 FROM generate_series(1, 1000) i; ANALYZE visits;";

const std::vector<std::string> kByPage = {"--table", "public.visits", "--by", "HASH (page)", "--partitions",
                                          "4",       "--range-rows",  "100"};

std::vector<std::string> by_page_and(std::vector<std::string> more) {
  more.insert(more.begin(), kByPage.begin(), kByPage.end());
  return more;
}

class CommandLine : public testing::Test {
 protected:
  void SetUp() override { connection_.run_script(kVisits); }

  Database database_;
  pg::Connection connection_ = database_.connect();
  Migration migration_{database_};
};

TEST(CommandLineAlone, WithoutACommandShowsHelpAsAnErrorAndWithHelpAsAResult) {
  const Outcome nothing = run_pgsluice({});
  EXPECT_EQ(nothing.exit_code, 2) << nothing;
  EXPECT_THAT(nothing.errors, HasSubstr("Usage: pgsluice COMMAND"));
  EXPECT_THAT(nothing.output, IsEmpty());
  for (const char* word : {"help", "--help", "-h"}) {
    const Outcome asked = run_pgsluice({word});
    EXPECT_EQ(asked.exit_code, 0) << asked;
    EXPECT_THAT(asked.output, HasSubstr("Usage: pgsluice COMMAND"));
    EXPECT_THAT(asked.errors, IsEmpty());
  }
}

TEST(CommandLineAlone, EveryCommandHasHelpWhichNeedsNoServer) {
  for (const char* command : {"plan", "estimate", "run", "status", "verify", "rollback"}) {
    for (const std::vector<std::string>& words : {std::vector<std::string>{"help", command},
                                                  {command, "--help"},
                                                  {command, "-h"},
                                                  {command, "--json", "--help"}}) {
      const Outcome outcome = run_pgsluice(words, {{"PGHOST", "/nowhere"}});
      EXPECT_EQ(outcome.exit_code, 0) << outcome;
      EXPECT_THAT(outcome.output, StartsWith("pgsluice " + std::string(command) + ": "));
    }
  }
}

TEST(CommandLineAlone, SaysItsVersion) {
  EXPECT_THAT(run_pgsluice({"--version"}).output, testing::MatchesRegex("pgsluice [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

TEST(CommandLineAlone, UnknownCommandsAndOptionsAreRefusedWithTheNearestRealOne) {
  const Outcome command = run_pgsluice({"vrify"});
  EXPECT_EQ(command.exit_code, 2) << command;
  EXPECT_THAT(command.errors, HasSubstr("Did you mean \"pgsluice verify\"?"));
  const Outcome option = run_pgsluice({"run", "--worker", "2"});
  EXPECT_EQ(option.exit_code, 2) << option;
  EXPECT_EQ(option.errors,
            "error:  unknown option --worker\n"
            "hint:   Did you mean --workers? \"pgsluice help run\" lists the options of this command.\n"
            "status: nothing was changed (exit 2)\n");
}

TEST(CommandLineAlone, ACommandOfALaterVersionIsUnknownNow) {
  EXPECT_EQ(run_pgsluice({"cutover"}).exit_code, 2);
}

TEST(CommandLineAlone, AFailureWithJsonIsADocumentToo) {
  const Outcome outcome = run_pgsluice({"status", "--json", "--checkpoint", "/nowhere/at/all"});
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  const json document = json::parse(outcome.output);
  EXPECT_EQ(document.at("exit_code"), 2);
  EXPECT_THAT(document.at("error").at("message").get<std::string>(), HasSubstr("/nowhere/at/all"));
  EXPECT_THAT(outcome.errors, HasSubstr("/nowhere/at/all"));
}

TEST(CommandLineAlone, APasswordInArgumentsIsRefusedBeforeAnythingIsTriedAndNeverShown) {
  const Outcome outcome =
      run_pgsluice({"plan", "--table", "t", "--source", "host=127.0.0.1 port=1 password=opensesame"});
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("process list"));
  EXPECT_THAT(outcome.output + outcome.errors, Not(HasSubstr("opensesame")));
}

TEST(CommandLineAlone, ValuesThatCannotBeReadAreRefusedBeforeAnythingIsTried) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"plan", "--table", "t", "--by", "HASH (a)", "--partitions", "many"},
        {"plan", "--table", "t", "--by", "HSAH (a)"},
        {"plan", "--table", "t", "--partitions", "4"},
        {"plan", "--table", "t", "--by", "HASH (a)", "--then-partitions", "4"},
        {"plan", "--table", "t", "--method", "fly"},
        {"plan", "--table", "t", "--strategy", "view"},
        {"plan", "--table", "t", "--strategy", "capture", "--capture", "column"},
        {"plan", "--table", "t", "--strategy", "offline", "--capture", "row"},
        {"plan", "--table", "t", "--split", "evenly"},
        {"plan", "--table", "t", "--guard", "perhaps"},
        {"plan", "--table", "t", "--lock-timeout", "0"},
        {"plan", "--table", "a.b.c.d"},
        {"plan", "--by", "HASH (a)", "--partitions", "4"},
        {"run", "--log-level", "loud"},
        {"run", "--progress", "fancy"}}) {
    const Outcome outcome = run_pgsluice(words, {{"PGHOST", "127.0.0.1"}, {"PGPORT", "1"}});
    EXPECT_EQ(outcome.exit_code, 2) << outcome;
    EXPECT_THAT(outcome.errors, HasSubstr("nothing was changed (exit 2)")) << outcome;
    EXPECT_THAT(outcome.errors, Not(HasSubstr("cannot connect"))) << outcome;
  }
}

TEST_F(CommandLine, PlanPrintsTheSummaryOnStandardOutputAndWritesAPrivateCheckpoint) {
  const Outcome outcome = migration_.plan(kByPage);
  ASSERT_EQ(outcome.exit_code, 0) << outcome;
  EXPECT_THAT(outcome.output, StartsWith("OFFLINE     Writes to public.visits are rejected"));
  EXPECT_THAT(outcome.output, HasSubstr("\nlayout      HASH (\"page\"): 4 leaves\n"));
  EXPECT_THAT(outcome.output, HasSubstr("\nnext        pgsluice run --source "));
  EXPECT_THAT(outcome.errors, IsEmpty());
  struct stat status {};
  ASSERT_EQ(stat(migration_.checkpoint().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(CommandLine, PlanWaitsForALockThatIsHeldForAMoment) {
  pg::Connection blocker = database_.connect();
  blocker.begin();
  blocker.query("LOCK TABLE visits IN ACCESS EXCLUSIVE MODE");
  Program planning(migration_.command("plan", kByPage));
  ASSERT_TRUE(planning.says_on_errors("is tried again", 10s));
  blocker.rollback();
  EXPECT_EQ(planning.wait().exit_code, 0);
}

TEST_F(CommandLine, ATableThatStaysLockedIsRefusedNamingWhoHoldsTheLock) {
  ASSERT_EQ(migration_.plan(kByPage).exit_code, 0);
  pg::Connection blocker = database_.connect();
  blocker.begin();
  blocker.query("LOCK TABLE visits IN ACCESS EXCLUSIVE MODE");
  const Outcome outcome = migration_.run();
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("error:  public.visits stays locked by others\n"));
  EXPECT_THAT(outcome.errors, HasSubstr("pid " + std::to_string(blocker.backend_pid())));
  EXPECT_THAT(outcome.errors, HasSubstr("nothing was changed"));
}

TEST_F(CommandLine, DryRunShowsEveryStatementWithItsLockAndChangesNothing) {
  const std::string before = schema_dump(database_);
  const Outcome outcome = migration_.plan(by_page_and({"--dry-run"}));
  ASSERT_EQ(outcome.exit_code, 0) << outcome;
  EXPECT_EQ(schema_dump(database_), before);
  EXPECT_FALSE(fs::exists(migration_.checkpoint()));
  for (int leaf = 0; leaf < 4; ++leaf) {
    EXPECT_THAT(outcome.output,
                HasSubstr("CREATE TABLE \"public\".\"visits_partitioned_p0" + std::to_string(leaf) + "\""));
  }
  EXPECT_THAT(outcome.output, HasSubstr("-- SHARE ROW EXCLUSIVE on public.visits\n")) << "the guard's lock";
}

TEST_F(CommandLine, DryRunLeavesAnExistingCheckpointAlone) {
  ASSERT_EQ(migration_.plan(kByPage).exit_code, 0);
  const std::string before = file_text(migration_.checkpoint());
  EXPECT_EQ(migration_.plan(by_page_and({"--dry-run"})).exit_code, 0);
  EXPECT_EQ(file_text(migration_.checkpoint()), before);
}

TEST_F(CommandLine, DryRunShowsMissingPrivilegesInsteadOfRefusing) {
  const std::string role = database_.name() + "_reader";
  pg::Connection superuser = database_.connect_as_superuser();
  superuser.query("CREATE ROLE " + role + " LOGIN");
  superuser.query("GRANT SELECT ON visits TO " + role);
  const Migration as_reader(database_.conninfo(role));
  const Outcome looking = as_reader.plan(by_page_and({"--dry-run"}));
  EXPECT_EQ(looking.exit_code, 0) << looking;
  EXPECT_THAT(looking.output, HasSubstr("MISSING: "));
  EXPECT_THAT(looking.output, HasSubstr("GRANT CREATE ON DATABASE"));
  EXPECT_EQ(as_reader.plan(kByPage).exit_code, 2);
  superuser.run_script("DROP OWNED BY " + role + "; DROP ROLE " + role);
}

TEST_F(CommandLine, ALossThatDoesNotExistCannotBeAccepted) {
  const Outcome outcome = migration_.plan(by_page_and({"--accept", "everything"}));
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("--accept knows no \"everything\""));
}

TEST_F(CommandLine, EveryResultIsOneJsonDocument) {
  const json plan = json::parse(migration_.plan(by_page_and({"--json"})).output);
  EXPECT_EQ(plan.at("target").at("leaf_count"), 4);
  EXPECT_EQ(plan.at("method").at("names"), json({"insert", "stream"}));
  EXPECT_GE(plan.at("ranges").at("count").get<int>(), 5);
  EXPECT_GT(plan.at("statements").size(), 8U);

  const json before = json::parse(migration_.status({"--json"}).output);
  EXPECT_EQ(before.at("phase"), "planned");
  EXPECT_THAT(before.at("next").get<std::string>(), StartsWith("pgsluice run --source "));

  const json run = json::parse(migration_.run({"--json"}).output);
  EXPECT_EQ(run.at("complete"), true);
  EXPECT_EQ(run.at("rows"), 1000);
  EXPECT_EQ(run.at("rows_this_run"), 1000);
  EXPECT_EQ(run.at("ranges").at("done"), plan.at("ranges").at("count"));
  EXPECT_EQ(run.at("exit_code"), 0);

  const json after = json::parse(migration_.status({"--json"}).output);
  EXPECT_EQ(after.at("phase"), "complete");
  EXPECT_EQ(after.at("ledger").at("rows"), 1000);
  EXPECT_EQ(after.at("mover_at_work"), false);

  const json verify = json::parse(migration_.verify({"--json"}).output);
  EXPECT_EQ(verify.at("equal"), true);
  EXPECT_EQ(verify.at("rows_target"), 1000);

  connection_.query("DELETE FROM visits_partitioned WHERE id = 500");
  const Outcome different = migration_.verify({"--json", "--again", "--find"});
  EXPECT_EQ(different.exit_code, 3) << different;
  const json differing = json::parse(different.output);
  EXPECT_EQ(differing.at("equal"), false);
  EXPECT_EQ(differing.at("exit_code"), 3);
  EXPECT_EQ(differing.at("differences").at(0).at("kind"), "missing");

  const json rollback = json::parse(migration_.rollback({"--json"}).output);
  EXPECT_EQ(rollback.at("phase"), "rolled-back");
}

TEST_F(CommandLine, RunEndsWithTheSummaryAndWhatToDoNext) {
  ASSERT_EQ(migration_.plan(kByPage).exit_code, 0);
  const Outcome outcome = migration_.run({"--progress", "none", "--log-level", "error"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome;
  EXPECT_THAT(outcome.output, HasSubstr("public.visits to public.visits_partitioned (insert or stream): complete"));
  EXPECT_THAT(outcome.output, HasSubstr("1,000 rows, "));
  EXPECT_THAT(outcome.output, HasSubstr("pgsluice verify --source "));
  EXPECT_THAT(outcome.output, HasSubstr("pgsluice rollback --source "));
  EXPECT_THAT(outcome.output, HasSubstr("ALTER TABLE \"public\".\"visits\" RENAME TO \"visits_old\";"));
  EXPECT_THAT(outcome.errors, IsEmpty());
}

TEST_F(CommandLine, TheSwapThatRunPrintsPutsTheTargetIntoTheSourcesPlace) {
  ASSERT_EQ(migration_.plan(kByPage).exit_code, 0);
  const Outcome outcome = migration_.run();
  ASSERT_EQ(outcome.exit_code, 0) << outcome;
  const std::size_t begin = outcome.output.find("    BEGIN;");
  const std::size_t end = outcome.output.find("COMMIT;", begin);
  ASSERT_NE(end, std::string::npos) << outcome;
  connection_.run_script(outcome.output.substr(begin, end - begin + 7));
  EXPECT_EQ(connection_.query("SELECT relkind FROM pg_class WHERE oid = 'visits'::regclass").text(0, 0), "p");
  connection_.query("INSERT INTO visits (page) VALUES ('new')");
  EXPECT_EQ(connection_.query("SELECT max(id) FROM visits").text(0, 0), "1001") << "numbers go on";
  connection_.query("DROP TABLE visits_old");
  connection_.query("INSERT INTO visits (page) VALUES ('newer')");
}

class Asked : public CommandLine {
 protected:
  Outcome answer(const std::string& command, const std::string& input) const {
    ProgramOptions options = migration_.command(command);
    std::erase(options.arguments, "--yes");
    options.terminal = true;
    options.input = input;
    options.environment["TERM"] = "xterm";
    return run(options);
  }
};

TEST_F(Asked, OnATerminalRunShowsThePlanAndMovesNothingWithoutAYes) {
  ASSERT_EQ(migration_.plan(kByPage).exit_code, 0);
  const std::string before = schema_dump(database_);
  for (const std::string input : {"n\n", "\n", "perhaps\n"}) {
    const Outcome outcome = answer("run", input);
    EXPECT_EQ(outcome.exit_code, 2) << outcome;
    EXPECT_THAT(outcome.errors, HasSubstr("OFFLINE     Writes to public.visits"));
    EXPECT_THAT(outcome.errors, HasSubstr("Move the rows of public.visits now? [y/N]"));
    EXPECT_EQ(schema_dump(database_), before);
  }
  const Outcome outcome = answer("run", "y\n");
  EXPECT_EQ(outcome.exit_code, 0) << outcome;
}

TEST_F(Asked, RollbackWithoutATerminalWantsYes) {
  ASSERT_EQ(migration_.plan(kByPage).exit_code, 0);
  ASSERT_EQ(migration_.run().exit_code, 0);
  ProgramOptions options = migration_.command("rollback");
  std::erase(options.arguments, "--yes");
  const Outcome refused = run(options);
  EXPECT_EQ(refused.exit_code, 2) << refused;
  EXPECT_THAT(refused.errors, HasSubstr("Add --yes."));
  const Outcome declined = answer("rollback", "n\n");
  EXPECT_EQ(declined.exit_code, 2) << declined;
  EXPECT_THAT(declined.errors, HasSubstr("public.visits_partitioned and all its partitions are dropped"));
  EXPECT_EQ(connection_.query("SELECT count(*) FROM visits_partitioned").text(0, 0), "1000");
  EXPECT_EQ(answer("rollback", "yes\n").exit_code, 0);
}

TEST_F(CommandLine, ASignalEndsWithExit4AndTheSentenceThatTellsHowToGoOn) {
  connection_.run_script(
      "INSERT INTO visits (page) SELECT 'page ' || i % 7 FROM generate_series(1, 300000) i; ANALYZE visits;");
  ASSERT_EQ(migration_.plan(kByPage).exit_code, 0);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    Program mover(migration_.command("run", {"--workers", "1", "--batch-rows", "20"}));
    ASSERT_TRUE(mover.says_on_errors("moving rows", 30s));
    ASSERT_FALSE(mover.ends_within(300ms)) << "the table is too small for this test";
    mover.send(signal);
    const Outcome outcome = mover.wait();
    EXPECT_EQ(outcome.exit_code, 4) << outcome;
    EXPECT_THAT(outcome.errors, HasSubstr("again"));
    EXPECT_THAT(outcome.errors, HasSubstr("(exit 4)"));
    EXPECT_THAT(outcome.output, HasSubstr("not complete, phase moving"));
  }
  const json stopped = json::parse(migration_.status({"--json"}).output);
  EXPECT_EQ(stopped.at("phase"), "moving");
  EXPECT_GT(stopped.at("rows").get<int>(), 0);
  const Outcome outcome = migration_.run();
  EXPECT_EQ(outcome.exit_code, 0) << outcome;
  EXPECT_EQ(migration_.verify().exit_code, 0);
}

TEST_F(CommandLine, StatusBesideARunningMoverShowsItsRate) {
  connection_.run_script(
      "INSERT INTO visits (page) SELECT 'page ' || i % 7 FROM generate_series(1, 300000) i; ANALYZE visits;");
  ASSERT_EQ(migration_.plan(kByPage).exit_code, 0);
  Program mover(migration_.command("run", {"--workers", "1", "--batch-rows", "20"}));
  ASSERT_TRUE(mover.says_on_errors("moving rows", 30s));
  const Outcome status = migration_.status();
  EXPECT_EQ(status.exit_code, 0) << status;
  EXPECT_THAT(status.output, HasSubstr("a mover is at work"));
  EXPECT_THAT(status.output, HasSubstr("rows/s"));
  EXPECT_THAT(status.output, HasSubstr("\nremaining"));
  mover.send(SIGINT);
  mover.wait();
}

TEST_F(CommandLine, StatusWithoutAServerShowsWhatTheCheckpointRemembers) {
  ASSERT_EQ(migration_.plan(kByPage).exit_code, 0);
  ProgramOptions options = migration_.command("status");
  options.arguments = {"status", "--checkpoint", migration_.checkpoint(), "--source", "host=127.0.0.1 port=1"};
  const Outcome outcome = run(options);
  EXPECT_EQ(outcome.exit_code, 0) << outcome;
  EXPECT_THAT(outcome.output, HasSubstr("phase       planned"));
  EXPECT_THAT(outcome.output, HasSubstr("ledger      not asked: "));
}

TEST_F(CommandLine, TheLogFileHoldsEveryChangingStatementAsJsonAndIsPrivate) {
  ASSERT_EQ(migration_.plan(kByPage).exit_code, 0);
  const std::string path = migration_.folder() / "run.log";
  const Outcome outcome = migration_.run({"--log-file", path, "--log-level", "debug", "--log-format", "json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome;
  EXPECT_THAT(outcome.errors, Not(HasSubstr("\"sql\"")));
  struct stat status {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  std::istringstream lines(file_text(path));
  int inserts = 0;
  int created = 0;
  double milliseconds = 0;
  for (std::string line; std::getline(lines, line);) {
    const json entry = json::parse(line);
    const std::string sql = entry.value("sql", "");
    created += sql.starts_with("CREATE TABLE \"public\".\"visits_partitioned") ? 1 : 0;
    if (sql.find("INTO \"public\".\"visits_partitioned\"") != std::string::npos) {
      ++inserts;
      milliseconds += entry.at("ms").get<double>();
    }
  }
  EXPECT_EQ(created, 5) << "the target and its four leaves";
  EXPECT_GT(milliseconds, 0) << "of each alone it may be 0, when its answer was read together with the one before";
  EXPECT_EQ(inserts, 6) << "one for each range, of which each is a page of the heap";
}

TEST_F(CommandLine, OptionsMayStandInAFileThatServesTheWholeMigration) {
  const std::string path = migration_.folder() / "visits.conf";
  std::ofstream(path) << "source = " << database_.conninfo() << "\ncheckpoint = " << migration_.checkpoint().string()
                      << "\ntable = public.visits\nby = HASH (page)\npartitions = 4\nworkers = 2\nyes = on\n";
  for (const char* command : {"plan", "estimate", "run", "status", "verify", "rollback"}) {
    const Outcome outcome = run_pgsluice({command, "--config", path});
    EXPECT_EQ(outcome.exit_code, 0) << outcome;
  }
}

TEST_F(CommandLine, TheConnectionMayComeFromTheEnvironment) {
  const std::map<std::string, std::string> environment = {{"PGHOST", database_.server().socket_folder},
                                                          {"PGPORT", std::to_string(database_.server().port)},
                                                          {"PGDATABASE", database_.name()},
                                                          {"PGUSER", std::string(kOwner)}};
  std::vector<std::string> words = by_page_and({"--checkpoint", migration_.checkpoint()});
  words.insert(words.begin(), "plan");
  const Outcome outcome = run_pgsluice(words, environment);
  EXPECT_EQ(outcome.exit_code, 0) << outcome;
}

TEST_F(CommandLine, OnATerminalTheBlockIsDrawnAndTakenAway) {
  connection_.run_script(
      "INSERT INTO visits (page) SELECT 'page ' || i % 7 FROM generate_series(1, 100000) i; ANALYZE visits;");
  ASSERT_EQ(migration_.plan(kByPage).exit_code, 0);
  ProgramOptions options = migration_.command("run", {"--workers", "1", "--batch-rows", "50"});
  options.terminal = true;
  options.environment["TERM"] = "xterm";
  options.environment["COLUMNS"] = "70";
  const Outcome outcome = run(options);
  EXPECT_EQ(outcome.exit_code, 0) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("moving rows ["));
  EXPECT_THAT(outcome.errors, HasSubstr("workers busy"));
  EXPECT_THAT(outcome.errors, HasSubstr("\x1b[J"));
  EXPECT_THAT(outcome.errors, Not(HasSubstr("\x1b[?25l"))) << "the cursor is never hidden";
}

}  // namespace
}  // namespace pgsluice::tests

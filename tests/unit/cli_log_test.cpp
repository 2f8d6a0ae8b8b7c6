#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/log.hpp"
#include "pg/failure.hpp"

namespace pgsluice::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

class LogTest : public testing::Test {
 protected:
  LogTest() : nowhere_(open("/dev/null", O_WRONLY)), terminal_(nowhere_) {
    path_ = testing::TempDir() + "pgsluice_log_" + std::to_string(getpid()) + "_" +
            testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove(path_);
  }
  ~LogTest() override {
    std::filesystem::remove(path_);
    close(nowhere_);
  }
  std::string logged() const {
    std::ifstream file(path_);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }

  int nowhere_;
  Terminal terminal_;
  std::string path_;
};

pg::StatementEvent event(std::string_view sql, std::string_view tag, bool failed = false) {
  return {sql, tag, std::chrono::microseconds(1500), 4711, failed};
}

TEST_F(LogTest, TheFileIsReadableByItsOwnerOnly) {
  Log log(terminal_, {LogLevel::info, path_, false});
  struct stat status {};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(LogTest, AFileThatCannotBeOpenedIsRefused) {
  try {
    Log log(terminal_, {LogLevel::info, "/nowhere/at/all", false});
    FAIL();
  } catch (const pg::Failure& failure) {
    EXPECT_EQ(failure.kind(), pg::FailureKind::refused);
    EXPECT_THAT(failure.what(), HasSubstr("/nowhere/at/all"));
  }
}

TEST_F(LogTest, AStatementThatChangesSomethingIsLoggedAtDebugWithItsDuration) {
  Log log(terminal_, {LogLevel::debug, path_, false});
  log.statement(event("INSERT INTO\n  t VALUES ($1)", "INSERT 0 5"));
  log.statement(event("SELECT 1", "SELECT 1"));
  EXPECT_THAT(logged(), HasSubstr("debug   INSERT 0 5 backend=4711 ms=1.5 sql=INSERT INTO t VALUES ($1)\n"));
  EXPECT_THAT(logged(), Not(HasSubstr("SELECT 1")));
}

TEST_F(LogTest, AtTraceEveryStatementIsLogged) {
  Log log(terminal_, {LogLevel::trace, path_, false});
  log.statement(event("SELECT 1", "SELECT 1"));
  EXPECT_THAT(logged(), HasSubstr("sql=SELECT 1\n"));
}

TEST_F(LogTest, JsonLinesAreDocumentsOfTheirOwn) {
  Log log(terminal_, {LogLevel::debug, path_, true});
  log.write(LogLevel::warn, "a \"quoted\" word and a broken byte \xff");
  log.statement(event("DROP TABLE t", "DROP TABLE"));
  std::istringstream lines(logged());
  std::string line;
  ASSERT_TRUE(std::getline(lines, line));
  nlohmann::json first = nlohmann::json::parse(line);
  EXPECT_EQ(first.at("level"), "warn");
  EXPECT_THAT(first.at("message").get<std::string>(), HasSubstr("a \"quoted\" word"));
  EXPECT_THAT(first.at("time").get<std::string>(), testing::MatchesRegex(".*T.*Z"));
  ASSERT_TRUE(std::getline(lines, line));
  nlohmann::json second = nlohmann::json::parse(line);
  EXPECT_EQ(second.at("sql"), "DROP TABLE t");
  EXPECT_EQ(second.at("backend"), 4711);
  EXPECT_EQ(second.at("ms"), 1.5);
}

TEST(ChangesSomething, IsTrueForWhatTheCommandTagSays) {
  EXPECT_TRUE(changes_something("INSERT 0 5", "…"));
  EXPECT_TRUE(changes_something("CREATE TABLE", "…"));
  EXPECT_TRUE(changes_something("COPY 5", "…"));
  EXPECT_FALSE(changes_something("SELECT 5", "SELECT a FROM t"));
  EXPECT_FALSE(changes_something("BEGIN", "BEGIN"));
  EXPECT_FALSE(changes_something("COMMIT", "COMMIT"));
  EXPECT_FALSE(changes_something("SET", "SET x = 1"));
}

TEST(ChangesSomething, LooksIntoASelectAndIntoAStatementThatFailed) {
  EXPECT_TRUE(changes_something("SELECT 1", "WITH done AS (INSERT INTO t VALUES (1) RETURNING 1) SELECT * FROM done"));
  EXPECT_TRUE(changes_something("SELECT 1", "SELECT pg_catalog.setval($1, 5)"));
  EXPECT_TRUE(changes_something("", "drop table t"));
  EXPECT_FALSE(changes_something("", "SELECT updated_at FROM inserts"));
}

TEST(OneLine, LeavesOutTheHeadCommentAndJoinsTheRest) {
  EXPECT_EQ(one_line("-- What it does.\n-- More.\nSELECT a,\n       b\n  FROM t\n"), "SELECT a, b FROM t");
  EXPECT_EQ(one_line("-- only a comment"), "");
  EXPECT_EQ(one_line(""), "");
}

}  // namespace
}  // namespace pgsluice::cli

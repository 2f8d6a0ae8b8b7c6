// How concurrent writes are survived where nobody says: beside the application wherever that is possible, else the plan
// says why not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/database.hpp"
#include "tests/support/program.hpp"

namespace pgsluice::tests {
namespace {

using testing::HasSubstr;
using testing::Not;

class StrategyChoice : public testing::Test {
 protected:
  void SetUp() override {
    connection_.run_script(
        "CREATE TABLE keyed (id bigint PRIMARY KEY, region text NOT NULL);"
        "INSERT INTO keyed SELECT i, 'r' || i % 3 FROM generate_series(1, 1000) i;"
        "CREATE TABLE keyless (id bigint, region text); INSERT INTO keyless TABLE keyed;"
        "CREATE TABLE made (id bigint NOT NULL, region text NOT NULL) PARTITION BY LIST (region);"
        "CREATE TABLE made_default PARTITION OF made DEFAULT; ANALYZE;");
  }

  Outcome plan(std::vector<std::string> arguments) const {
    std::vector<std::string> words = {"plan", "--source", database_.conninfo(), "--dry-run"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return run_pgsluice(words);
  }
  static std::string strategy_of(const Outcome& outcome) {
    return outcome.exit_code == 0 ? nlohmann::json::parse(outcome.output).at("strategy").get<std::string>() : "";
  }

  Database database_;
  pg::Connection connection_ = database_.connect();
};

TEST_F(StrategyChoice, IsCaptureForATableWithAKey) {
  const Outcome outcome = plan({"--table", "keyed", "--by", "LIST (region)", "--json"});
  EXPECT_EQ(strategy_of(outcome), "capture") << outcome;
  const Outcome shown = plan({"--table", "keyed", "--by", "LIST (region)"});
  EXPECT_THAT(shown.output, Not(HasSubstr("(strategy offline)"))) << shown;
  EXPECT_EQ(strategy_of(plan({"--table", "keyed", "--by", "LIST (region)", "--strategy", "offline", "--json"})),
            "offline");
}

TEST_F(StrategyChoice, IsOfflineWhereChangesCannotBeCapturedAndThePlanSaysWhy) {
  Database elsewhere;
  const std::vector<std::string> by_region = {"--table", "keyed", "--by", "LIST (region)"};
  struct Case {
    std::vector<std::string> arguments;
    const char* reason;
  };
  for (const Case& one : std::vector<Case>{
           {{"--table", "keyless", "--by", "LIST (region)"}, "has no unique key of NOT NULL columns"},
           {{"--table", "keyed", "--by", "LIST (region)", "--method", "move"}, "takes rows out of the table"},
           {{"--table", "keyed", "--by", "LIST (region)", "--method", "auto-move"}, "takes rows out of the table"},
           {{"--table", "keyed", "--by", "LIST (region)", "--split", "ctid"}, "rows are read by ctid"},
           {{"--table", "keyed", "--by", "LIST (region)", "--guard", "off"}, "--guard is about nobody writing"},
           {{"--table", "keyed", "--into", "made"}, "the target exists already"},
           {{"--table", "keyed", "--by", "LIST (region)", "--target", elsewhere.conninfo()},
            "the target is in another database"}}) {
    std::vector<std::string> arguments = one.arguments;
    arguments.emplace_back("--json");
    const Outcome outcome = plan(arguments);
    EXPECT_EQ(strategy_of(outcome), "offline") << outcome;
    EXPECT_THAT(outcome.output, HasSubstr("(strategy offline)")) << outcome;
    EXPECT_THAT(outcome.output, HasSubstr(one.reason)) << outcome;
  }
}

TEST_F(StrategyChoice, ByAFormOfCaptureIsCapture) {
  EXPECT_EQ(strategy_of(plan({"--table", "keyed", "--by", "LIST (region)", "--capture", "statement", "--json"})),
            "capture");
  const Outcome outcome = plan({"--table", "keyless", "--by", "LIST (region)", "--capture", "row"});
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("A changed row is found again by a key"));
}

TEST_F(StrategyChoice, OfAnEstimateIsThatOfThePlan) {
  const std::vector<std::string> words = {"estimate", "--source", database_.conninfo(), "--table",
                                          "keyed",    "--by",     "LIST (region)",      "--for",
                                          "1s",       "--yes"};
  const Outcome outcome = run_pgsluice(words);
  EXPECT_EQ(outcome.exit_code, 0) << outcome;
  EXPECT_THAT(outcome.output, HasSubstr("nobody writes in a trial")) << outcome;
}

}  // namespace
}  // namespace pgsluice::tests

// Live migrations under an application's load, compared with a twin that was never migrated. The seed is printed and
// can be given as PGSLUICE_LIVE_SEED. The long form has sizes of its own, see scripts/oracle.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <random>

#include "tests/live/live_journey.hpp"

namespace pgsluice::tests {
namespace {

using testing::Contains;
using testing::HasSubstr;

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

LiveJourneyOptions options_for(const std::string& layout) {
  LiveJourneyOptions options;
  options.layout = layout;
  options.seed = number_from("PGSLUICE_LIVE_SEED", std::random_device{}());
  std::cout << "PGSLUICE_LIVE_SEED=" << options.seed << '\n';
  return options;
}

std::vector<std::string> layout_names() {
  std::vector<std::string> names;
  for (const LiveLayout& layout : live_layouts()) names.push_back(layout.name);
  return names;
}

const auto kLayoutAsName = [](const auto& test) { return test.param; };

void expect_no_problems(const LiveJourney& journey) {
  for (const std::string& problem : journey.problems()) ADD_FAILURE() << problem;
}

class LiveOracle : public testing::TestWithParam<std::string> {};

TEST_P(LiveOracle, NoWriteIsLostFromPlanToFinish) {
  LiveJourney journey(options_for(GetParam()));
  journey.go_the_whole_way();
  expect_no_problems(journey);
}

INSTANTIATE_TEST_SUITE_P(Layouts, LiveOracle, testing::ValuesIn(layout_names()), kLayoutAsName);

// A widened key, a key that stays, and a table that is partitioned already.
class LiveOracleOfKeys : public testing::TestWithParam<std::string> {};

TEST_P(LiveOracleOfKeys, NoWriteIsLostThoughTheMoverIsKilledAgainAndAgain) {
  LiveJourneyOptions options = options_for(GetParam());
  options.kills = 2;
  LiveJourney journey(options);
  journey.go_the_whole_way();
  expect_no_problems(journey);
}

INSTANTIATE_TEST_SUITE_P(Layouts, LiveOracleOfKeys, testing::Values("range", "composite", "partitioned"),
                         kLayoutAsName);

TEST(LiveOracleHurt, NoWriteIsLostThoughTheServerCrashes) {
  LiveJourneyOptions options = options_for("text");
  options.restarts = 1;
  LiveJourney journey(options);
  journey.go_the_whole_way();
  expect_no_problems(journey);
}

TEST(LiveOracleHurt, NoWriteIsLostThoughTheTableIsEmptiedMeanwhile) {
  LiveJourneyOptions options = options_for("list");
  options.truncates = 1;
  LiveJourney journey(options);
  journey.go_the_whole_way();
  expect_no_problems(journey);
}

TEST(LiveOracleBack, RollbackBeforeTheCutoverLeavesTheTableAsItWas) {
  LiveJourneyOptions options = options_for("range");
  options.writes /= 2;
  LiveJourney journey(options);
  journey.turn_back_before_the_cutover();
  expect_no_problems(journey);
}

TEST(LiveOracleBack, TwoRollbacksAfterTheCutoverLeaveTheTableAsItWas) {
  LiveJourneyOptions options = options_for("two_levels");
  options.writes /= 2;
  LiveJourney journey(options);
  journey.turn_back_after_the_cutover();
  expect_no_problems(journey);
}

// With the statement triggers instead of the row trigger.
TEST(LiveOracleBack, NoWriteIsLostWhereChangesAreNotedByTheStatement) {
  LiveJourneyOptions options = options_for("hash");
  options.plan_arguments = {"--capture", "statement"};
  LiveJourney journey(options);
  journey.turn_back_after_the_cutover();
  expect_no_problems(journey);
}

// What the comparison is worth: changes that the migration forgets must not stay unseen.
TEST(LiveOracleItself, SeesWhatAMigrationLoses) {
  LiveJourneyOptions options = options_for("hash");
  options.sabotage = [](const Database& database) {
    pg::Connection connection = database.connect_as_superuser();
    const pg::Result log = connection.query(
        "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'pgsluice'::regnamespace AND relname LIKE "
        "'changes%' AND relkind = 'r'");
    ASSERT_EQ(log.row_count(), 1);
    constexpr std::uint64_t kForgotten = 200;
    std::uint64_t forgotten = 0;
    while (forgotten < kForgotten) {
      forgotten += connection.query("DELETE FROM " + std::string(log.text(0, 0))).affected_rows();
    }
  };
  LiveJourney journey(options);
  journey.go_the_whole_way();
  EXPECT_THAT(journey.problems(), Contains(HasSubstr("only in the")));
}

// As long as scripts/oracle asks for; not there otherwise.
class LongLiveOracle : public testing::TestWithParam<std::string> {};

TEST_P(LongLiveOracle, NoWriteIsLost) {
  constexpr std::int64_t kRows = 100'000;
  LiveJourneyOptions options = options_for(GetParam());
  options.writes = number_from("PGSLUICE_LIVE_WRITES", options.writes);
  options.time_max = std::chrono::minutes(number_from("PGSLUICE_LIVE_MINUTES", 60));
  options.kills = static_cast<int>(number_from("PGSLUICE_LIVE_KILLS", 0));
  options.restarts = static_cast<int>(number_from("PGSLUICE_LIVE_RESTARTS", 0));
  options.truncates = static_cast<int>(number_from("PGSLUICE_LIVE_TRUNCATES", 0));
  options.sessions = static_cast<int>(number_from("PGSLUICE_LIVE_SESSIONS", 6));
  options.row_count = static_cast<std::int64_t>(number_from("PGSLUICE_LIVE_ROWS", kRows));
  options.statement_max = std::chrono::seconds(20);
  LiveJourney journey(options);
  journey.go_the_whole_way();
  expect_no_problems(journey);
}

std::vector<std::string> layouts_asked_for() {
  if (std::getenv("PGSLUICE_LIVE_WRITES") == nullptr) return {};
  const char* layout = std::getenv("PGSLUICE_LIVE_LAYOUT");
  return layout == nullptr ? layout_names() : std::vector<std::string>{layout};
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(LongLiveOracle);
INSTANTIATE_TEST_SUITE_P(Layouts, LongLiveOracle, testing::ValuesIn(layouts_asked_for()), kLayoutAsName);

}  // namespace
}  // namespace pgsluice::tests

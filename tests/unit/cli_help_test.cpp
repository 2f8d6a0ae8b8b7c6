#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "cli/help.hpp"
#include "cli/options.hpp"
#include "pg/failure.hpp"
#include "planner/keep.hpp"

namespace pgsluice::cli {
namespace {

using testing::HasSubstr;

constexpr const char* kCommandNames[] = {"plan",   "estimate", "run",    "status",  "control",
                                         "verify", "cutover",  "finish", "rollback"};

std::size_t longest_line(const std::string& text) {
  std::istringstream lines(text);
  std::size_t longest = 0;
  for (std::string line; std::getline(lines, line);) {
    longest = std::max(longest, line.size());
  }
  return longest;
}

TEST(Help, FitsIntoOneHundredColumns) {
  EXPECT_LE(longest_line(overview_help()), 104U);
  for (const char* name : kCommandNames) {
    EXPECT_LE(longest_line(command_help(name)), 104U) << name;
  }
}

TEST(Help, OfACommandSaysWhatItChangesAndWhatToTypeNext) {
  for (const char* name : kCommandNames) {
    const std::string help = command_help(name);
    EXPECT_THAT(help, HasSubstr("\nChanges: ")) << name;
    EXPECT_THAT(help, HasSubstr("\nNext: ")) << name;
    EXPECT_THAT(help, HasSubstr("\nExamples\n")) << name;
    EXPECT_THAT(help, HasSubstr("Exit codes: 0 done")) << name;
  }
}

TEST(Help, ShowsEveryOptionOfTheCommandAndNoOther) {
  for (const char* name : kCommandNames) {
    const std::string help = command_help(name);
    for (const OptionSpec& spec : option_specs()) {
      // With what follows a name, since one may begin as another does.
      const std::string head = "\n  --" + std::string(spec.name);
      const bool is_shown = help.find(head + " ") != std::string::npos || help.find(head + "\n") != std::string::npos;
      EXPECT_EQ(is_shown, spec.belongs_to(name)) << name << " " << spec.name;
    }
  }
}

TEST(Help, OfPlanTeachesHowTheMigrationBecomesFiles) {
  const std::string help = command_help("plan");
  for (const char* word : {"--emit-sql DIR", "--emit FORM", "--alembic-down-revision REV", "--emit alembic"}) {
    EXPECT_THAT(help, HasSubstr(word));
  }
}

TEST(Help, OfPlanNamesEveryLossThatCanBeAccepted) {
  std::string text;
  for (const OptionSpec& spec : option_specs()) {
    text += spec.name == "accept" ? std::string(spec.text) : "";
  }
  for (const std::string_view kind : planner::acceptable_losses()) {
    EXPECT_THAT(text, HasSubstr(std::string(kind)));
  }
}

TEST(Help, OfAnUnknownCommandNamesTheNearestOne) {
  try {
    command_help("verfy");
    FAIL();
  } catch (const pg::Failure& failure) {
    EXPECT_EQ(failure.kind(), pg::FailureKind::refused);
    EXPECT_STREQ(failure.what(), "there is no command \"verfy\"");
    EXPECT_EQ(failure.hint(), "Did you mean \"pgsluice verify\"?");
  }
}

TEST(Help, WrappedTextBreaksBetweenWordsAndIndentsWhatFollows) {
  EXPECT_EQ(wrapped("one two three", 7, 2), "one two\n  three");
  EXPECT_EQ(wrapped("incomprehensibilities", 5, 2), "incomprehensibilities");
}

}  // namespace
}  // namespace pgsluice::cli

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "cli/options.hpp"
#include "pg/failure.hpp"

namespace pgsluice::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

pg::Failure failure_of(std::string_view command, const std::vector<std::string>& arguments) {
  try {
    Options::parse(command, arguments);
  } catch (const pg::Failure& failure) {
    return failure;
  }
  ADD_FAILURE() << "it was not refused";
  return pg::Failure(pg::FailureKind::local, "");
}

class ConfigFile {
 public:
  explicit ConfigFile(const std::string& text, mode_t mode = 0600) {
    std::ofstream(path_) << text;
    chmod(path_.c_str(), mode);
  }
  ~ConfigFile() { std::filesystem::remove(path_); }
  std::string path() const { return path_; }

 private:
  std::string path_ = testing::TempDir() + "pgsluice_config_" + std::to_string(getpid()) + "_" +
                      testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST(Options, ValuesStandAfterASpaceOrAnEqualsSign) {
  const Options options = Options::parse("plan", {"--table", "public.t", "--by=HASH (uid)", "--dry-run"});
  EXPECT_EQ(options.text("table"), "public.t");
  EXPECT_EQ(options.text("by"), "HASH (uid)");
  EXPECT_TRUE(options.is_on("dry-run"));
  EXPECT_FALSE(options.is_on("json"));
  EXPECT_EQ(options.text("into", "default"), "default");
}

TEST(Options, AnUnknownOptionIsRefusedWithTheNearestRealOne) {
  const pg::Failure failure = failure_of("plan", {"--partition", "16"});
  EXPECT_EQ(failure.kind(), pg::FailureKind::refused);
  EXPECT_STREQ(failure.what(), "unknown option --partition");
  EXPECT_THAT(failure.hint(), HasSubstr("Did you mean --partitions?"));
}

TEST(Options, AnOptionThatResemblesNothingGetsNoSuggestion) {
  EXPECT_THAT(failure_of("plan", {"--zzzzzzzzzz"}).hint(), Not(HasSubstr("Did you mean")));
}

TEST(Options, AnAbbreviationIsNotAnOption) {
  EXPECT_STREQ(failure_of("run", {"--work", "4"}).what(), "unknown option --work");
}

TEST(Options, AnOptionOfAnotherCommandNamesThatCommand) {
  const pg::Failure failure = failure_of("run", {"--partitions", "16"});
  EXPECT_STREQ(failure.what(), "run has no option --partitions");
  EXPECT_THAT(failure.hint(), HasSubstr("belongs to: plan estimate."));
}

TEST(Options, WhatIsNoOptionIsRefused) {
  EXPECT_STREQ(failure_of("run", {"quickly"}).what(), "\"quickly\" is not an option");
}

TEST(Options, AValueThatIsMissingAndOneThatIsTooManyAreRefused) {
  EXPECT_STREQ(failure_of("run", {"--workers"}).what(), "--workers needs a value");
  EXPECT_STREQ(failure_of("run", {"--yes=maybe"}).what(), "--yes takes no value");
}

TEST(Options, AnOptionGivenTwiceIsRefusedUnlessItMayBeRepeated) {
  EXPECT_STREQ(failure_of("run", {"--workers", "1", "--workers", "2"}).what(), "--workers is given twice");
  const Options options = Options::parse("plan", {"--accept", "rules, views", "--accept", "clustered"});
  EXPECT_THAT(options.list("accept"), ElementsAre("rules", "views", "clustered"));
}

TEST(Options, APasswordOnTheCommandLineIsRefusedAndNotRepeated) {
  for (const std::string conninfo : {"host=h password=sesame dbname=d", "postgresql://u:sesame@h/d",
                                     "postgresql://u@h/d?password=sesame", "host=h sslpassword=sesame"}) {
    for (const std::string name : {"--source", "--target"}) {
      const pg::Failure failure = failure_of("plan", {name, conninfo});
      EXPECT_EQ(failure.kind(), pg::FailureKind::refused);
      EXPECT_THAT(pg::to_text(failure), Not(HasSubstr("sesame")));
      EXPECT_THAT(pg::to_text(failure), HasSubstr("~/.pgpass"));
    }
  }
}

TEST(Options, AConnectionStringWithoutPasswordIsTaken) {
  EXPECT_EQ(Options::parse("run", {"--source", "host=h dbname=d"}).text("source"), "host=h dbname=d");
  EXPECT_EQ(Options::parse("run", {"--source", "postgresql://u@h/d"}).text("source"), "postgresql://u@h/d");
}

TEST(Options, TheConfigurationFileFillsInWhatTheCommandLineLeavesOut) {
  const ConfigFile file("# a comment\nworkers = 8\nbatch-rows = 500\nyes = on\njson = off\npartitions = 16\n");
  const Options options = Options::parse("run", {"--workers", "2", "--config", file.path()});
  EXPECT_EQ(options.count("workers", 1), 2U);
  EXPECT_EQ(options.count("batch-rows", 1), 500U);
  EXPECT_TRUE(options.is_on("yes"));
  EXPECT_FALSE(options.is_on("json"));
  EXPECT_FALSE(options.has("partitions")) << "an option of another command is passed over";
}

TEST(Options, AnUnknownOptionInTheConfigurationFileNamesTheFile) {
  const ConfigFile file("worker = 8\n");
  const pg::Failure failure = failure_of("run", {"--config", file.path()});
  EXPECT_EQ(failure.what(), "unknown option --worker in " + file.path());
  EXPECT_THAT(failure.hint(), HasSubstr("Did you mean --workers?"));
}

TEST(Options, APasswordInAConfigurationFileIsTakenOnlyWhenNobodyElseMayReadIt) {
  const std::string text = "source = host=h password=sesame\n";
  const ConfigFile mine(text, 0600);
  EXPECT_EQ(Options::parse("run", {"--config", mine.path()}).text("source"), "host=h password=sesame");
  chmod(mine.path().c_str(), 0644);
  const pg::Failure failure = failure_of("run", {"--config", mine.path()});
  EXPECT_THAT(pg::to_text(failure), HasSubstr("chmod 600"));
  EXPECT_THAT(pg::to_text(failure), Not(HasSubstr("sesame")));
}

TEST(Options, ABrokenLineOfTheConfigurationFileIsNotRepeated) {
  const ConfigFile file("source host=h password: sesame\n");
  const pg::Failure failure = failure_of("run", {"--config", file.path()});
  EXPECT_EQ(failure.kind(), pg::FailureKind::refused);
  EXPECT_THAT(pg::to_text(failure), Not(HasSubstr("sesame")));
}

TEST(Options, AConfigurationFileThatIsNotThereIsRefused) {
  EXPECT_THAT(failure_of("run", {"--config", "/nowhere/at/all"}).what(), HasSubstr("/nowhere/at/all"));
}

TEST(Options, AChoiceThatDoesNotExistListsThoseThatDo) {
  const Options options = Options::parse("run", {"--progress", "fancy"});
  try {
    options.choice("progress", {"auto", "plain", "none"});
    FAIL();
  } catch (const pg::Failure& failure) {
    EXPECT_STREQ(failure.what(), "--progress does not take \"fancy\"");
    EXPECT_EQ(failure.hint(), "It takes auto, plain or none.");
  }
}

TEST(Options, WhereaboutsRepeatWhatWasTypedQuotedForAShell) {
  const Options options =
      Options::parse("plan", {"--source", "host=h user='a b'", "--checkpoint", "my.file", "--table", "t"});
  EXPECT_EQ(options.whereabouts(), " --source 'host=h user='\\''a b'\\''' --checkpoint my.file");
}

TEST(Options, EveryOptionHasATextAndAName) {
  for (const OptionSpec& spec : option_specs()) {
    EXPECT_FALSE(spec.name.empty());
    EXPECT_GT(spec.text.size(), 10U) << spec.name;
  }
}

}  // namespace
}  // namespace pgsluice::cli

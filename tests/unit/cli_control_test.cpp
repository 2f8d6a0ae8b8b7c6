#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/control_text.hpp"
#include "cli/options.hpp"
#include "cli/run_control.hpp"
#include "pg/failure.hpp"

namespace pgsluice::cli {
namespace {

using namespace std::chrono_literals;
using mover::ControlAction;
using nlohmann::ordered_json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

ordered_json some_status() {
  ProgressView view;
  view.phase = "moving rows";
  view.unit = "ranges";
  view.progress.units_total = 1600;
  view.progress.units_done = 592;
  view.progress.fraction = 0.3704;
  view.progress.rows_done = 12'400'000;
  view.progress.rows_planned = 33'500'000;
  view.progress.bytes_done = 1'288'490'189;
  view.progress.retries = 2;
  view.progress.workers = 4;
  view.progress.workers_busy = 3;
  view.rows_per_second = 412'000;
  view.bytes_per_second = 40'000'000;
  view.remaining = 751s;
  view.elapsed = 192s;
  ordered_json status = to_document(view);
  status["paused"] = false;
  status["stopping"] = false;
  status["settings"] = {{"max-iops", "8000"}, {"workers", "auto"}};
  status["pid"] = 4711;
  return status;
}

TEST(ControlText, TheStatusShowsTheFiguresOfTheProgressDisplay) {
  EXPECT_EQ(control_text(ControlAction::status, some_status()),
            "phase       moving rows\n"
            "ranges      592 of 1,600, 37 %\n"
            "rows        12.4 M of about 33.5 M, 1.20 GB\n"
            "rate        412 k rows/s, 38.1 MB/s\n"
            "remaining   00:12:31\n"
            "workers     3 of 4 busy\n"
            "waits for   nothing\n"
            "settings    max-iops 8000, workers auto\n"
            "running     00:03:12, 2 retries, process 4711\n");
}

TEST(ControlText, TheStatusOfARunThatHasJustBegunShowsWhatIsKnown) {
  ordered_json status = some_status();
  const ordered_json begun = to_document(ProgressView{});
  status.update(begun);
  EXPECT_EQ(control_text(ControlAction::status, status),
            "phase       the run begins\n"
            "remaining   unknown\n"
            "waits for   nothing\n"
            "settings    max-iops 8000, workers auto\n"
            "running     00:00:00, 0 retries, process 4711\n");
}

TEST(ControlText, TheStatusSaysWhatTheGateAllowsAndHowLongItLetWait) {
  gate::Status gate;
  gate.allowance = {8000, std::numeric_limits<double>::infinity()};
  gate.own_rate = {7200, 50'000'000};
  gate.waiting_for = "operations a second";
  gate.seconds_waited = {{"guard", 12.5}, {"operations", 3723}};
  ordered_json status = some_status();
  status.update(to_document(gate));
  EXPECT_TRUE(status["allowance"]["bytes_per_second"].is_null());
  const std::string text = control_text(ControlAction::status, status);
  EXPECT_THAT(text, HasSubstr("waits for   operations a second\n"
                              "waited for  guard 00:00:12, operations 01:02:03\n"
                              "allowed     8,000 operations/s\n"
                              "own rate    7,200 operations/s, 47.7 MB/s\n"));
}

TEST(ControlText, TheStatusOfAPausedOrStoppingMoverSaysSo) {
  ordered_json status = some_status();
  status["paused"] = true;
  status["stopping"] = true;
  const std::string text = control_text(ControlAction::status, status);
  EXPECT_THAT(text, HasSubstr("waits for   paused by `pgsluice control`\n"));
  EXPECT_THAT(text, HasSubstr("stopping    batches in flight are finished first\n"));
}

TEST(ControlText, AnswersSayWhatHasChangedFromWhatToWhat) {
  const ordered_json set = {
      {"changes", {{{"name", "workers"}, {"from", "auto"}, {"to", "6"}, {"effect", "from the next batch on"}}}}};
  EXPECT_THAT(control_text(ControlAction::set, set), HasSubstr("workers: auto -> 6, from the next batch on\n"));
  const ordered_json got = {{"settings", {{{"name", "workers"}, {"value", "6"}, {"origin", "control"}}}}};
  EXPECT_EQ(control_text(ControlAction::get, got), "workers     6  (control)\n");
  EXPECT_NE(control_text(ControlAction::pause, {{"paused", true}, {"changed", true}}),
            control_text(ControlAction::pause, {{"paused", true}, {"changed", false}}));
  EXPECT_NE(control_text(ControlAction::resume, {{"paused", false}, {"changed", true}}),
            control_text(ControlAction::resume, {{"paused", false}, {"changed", false}}));
  EXPECT_THAT(control_text(ControlAction::stop, {{"urgent", false}}), HasSubstr("finished"));
  EXPECT_THAT(control_text(ControlAction::stop, {{"urgent", true}}), HasSubstr("cancelled"));
}

TEST(GivenSettings, AreThoseThatTheOptionsOfRunNameAndNoOthers) {
  EXPECT_TRUE(given_settings(Options::parse("run", {"--yes"})).empty());
  const mover::GivenSettings given = given_settings(Options::parse("run", {"--workers", "200", "--batch-rows", "10k"}));
  EXPECT_EQ(given, (mover::GivenSettings{{"workers", 200.0}, {"batch-rows", 10'000.0}}));
  const mover::GivenSettings words = given_settings(Options::parse("run", {"--workers", "auto", "--batch-rows", "0"}));
  EXPECT_EQ(words, (mover::GivenSettings{{"workers", std::nullopt}, {"batch-rows", std::nullopt}}));
  EXPECT_THROW(given_settings(Options::parse("run", {"--workers", "0"})), pg::Failure);
}

TEST(ControlWords, StandBetweenOptionsInTheirOrder) {
  const Options options = Options::parse("control", {"--json", "set", "workers=6", "--checkpoint", "f", "max-iops=9"});
  EXPECT_THAT(options.words(), ElementsAre("set", "workers=6", "max-iops=9"));
  EXPECT_EQ(options.text("checkpoint"), "f");
  EXPECT_TRUE(options.is_on("json"));
}

pg::Failure refusal_of(const std::vector<std::string>& arguments) {
  try {
    control_command(Options::parse("control", arguments));
  } catch (const pg::Failure& failure) {
    EXPECT_EQ(failure.kind(), pg::FailureKind::refused);
    return failure;
  }
  ADD_FAILURE() << "it was not refused";
  return pg::Failure(pg::FailureKind::local, "");
}

TEST(ControlWords, ThatMeanNothingAreRefusedWithWhatIsPossible) {
  EXPECT_STREQ(refusal_of({}).what(), "control is not told what to do");
  EXPECT_THAT(refusal_of({}).hint(), HasSubstr("status|pause|resume|stop|cutover|set"));
  EXPECT_STREQ(refusal_of({"stauts"}).what(), "\"stauts\" is no action of control");
  EXPECT_THAT(refusal_of({"stauts"}).hint(), HasSubstr("Did you mean status?"));
  EXPECT_THAT(refusal_of({"workers=6"}).hint(), Not(HasSubstr("Did you mean")));
  EXPECT_STREQ(refusal_of({"pause", "now"}).what(), "pause takes nothing more, not \"now\"");
  EXPECT_STREQ(refusal_of({"set"}).what(), "nothing is to be set");
  EXPECT_STREQ(refusal_of({"set", "workers", "6"}).what(), "\"workers\" sets nothing");
  EXPECT_STREQ(refusal_of({"get", "speed"}).what(), "there is no setting \"speed\"");
  EXPECT_STREQ(refusal_of({"a.file", "status", "--checkpoint", "other.file"}).what(),
               "the checkpoint is named twice: a.file and other.file");
}

TEST(ControlWords, TheFirstIsTheCheckpointWhenItIsNoAction) {
  EXPECT_THAT(refusal_of({"/nowhere/a.file", "status"}).what(), HasSubstr("cannot open checkpoint /nowhere/a.file"));
  EXPECT_THAT(refusal_of({"status", "--checkpoint", "/nowhere/status"}).what(),
              HasSubstr("cannot open checkpoint /nowhere/status"));
}

}  // namespace
}  // namespace pgsluice::cli

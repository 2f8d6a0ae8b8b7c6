#include "mover/control_target.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/noting_target.hpp"

namespace pgsluice::mover {
namespace {

using pg::Failure;
using pg::FailureKind;
using tests::NotingTarget;

nlohmann::ordered_json ask(ControlTarget& target, ControlAction action, const std::vector<std::string>& words = {}) {
  return result_in(answer_to(request_text(action, words), target));
}

TEST(ControlTarget, EveryActionReachesItAndComesBack) {
  NotingTarget target;
  EXPECT_EQ(ask(target, ControlAction::status)["phase"], "moving rows");
  EXPECT_EQ(ask(target, ControlAction::pause).dump(), R"({"paused":true,"changed":true})");
  EXPECT_EQ(ask(target, ControlAction::pause).dump(), R"({"paused":true,"changed":false})");
  EXPECT_EQ(ask(target, ControlAction::resume).dump(), R"({"paused":false,"changed":true})");
  EXPECT_EQ(ask(target, ControlAction::stop).dump(), R"({"urgent":false})");
  EXPECT_EQ(ask(target, ControlAction::stop).dump(), R"({"urgent":true})");
  EXPECT_EQ(ask(target, ControlAction::set, {"workers=6"})["changes"][0]["to"], "6");
  EXPECT_EQ(ask(target, ControlAction::get, {"workers"}).dump(),
            R"({"settings":[{"name":"workers","value":"6","origin":"control"}]})");
  EXPECT_EQ(ask(target, ControlAction::get)["settings"].size(), control_setting_names().size());
}

TEST(ControlTarget, ARefusalArrivesAsItWasThrown) {
  NotingTarget target;
  try {
    ask(target, ControlAction::set, {"workers=many"});
    FAIL() << "it was not refused";
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.kind(), FailureKind::refused);
    EXPECT_STREQ(failure.what(), "workers cannot be \"many\"");
    EXPECT_EQ(failure.hint(), "It takes a whole number from 1 to 64.");
  }
  target.fails_by = "the disk is full";
  try {
    ask(target, ControlAction::set, {"workers=6"});
    FAIL() << "it did not fail";
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.kind(), FailureKind::local);
    EXPECT_STREQ(failure.what(), "the disk is full");
  }
}

TEST(ControlTarget, JunkIsAnsweredByARefusalOnOneLineAndReachesNothing) {
  NotingTarget target;
  const std::string deep(30'000, '[');
  for (const std::string& junk :
       {std::string(), std::string("hello"), std::string("{"), std::string("[]"), std::string("5"), std::string("null"),
        std::string(R"({"action":"explode"})"), std::string(R"({"action":5})"), std::string(R"({"words":["a"]})"),
        std::string(R"({"action":"set","words":"workers=6"})"), std::string(R"({"action":"set","words":[6]})"),
        std::string("{\"action\":\"get\",\"words\":[\"\xff\xfe\"]}"), std::string("\0\0", 2), deep}) {
    const std::string answer = answer_to(junk, target);
    EXPECT_EQ(answer.find('\n'), std::string::npos);
    try {
      result_in(answer);
      FAIL() << "it was not refused: " << junk;
    } catch (const Failure& failure) {
      EXPECT_EQ(failure.kind(), FailureKind::refused) << junk << failure.what();
    }
  }
  EXPECT_EQ(target.calls(), 0);
}

TEST(ControlTarget, AnAnswerThatIsNoneIsAFailureOfThisMachine) {
  for (const std::string junk : {"", "hello", "[]", "{}", R"({"error":5})"}) {
    try {
      result_in(junk);
      FAIL() << "it was taken: " << junk;
    } catch (const Failure& failure) {
      EXPECT_EQ(failure.kind(), FailureKind::local) << junk;
    }
  }
}

TEST(ControlTarget, ActionsAreFoundByTheirNames) {
  for (const std::string_view name : control_action_names()) {
    EXPECT_EQ(name_of(control_action_named(name).value()), name);
  }
  EXPECT_EQ(control_action_named("explode"), std::nullopt);
}

}  // namespace
}  // namespace pgsluice::mover

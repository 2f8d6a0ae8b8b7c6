#include "mover/control_settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>

#include "pg/failure.hpp"

namespace pgsluice::mover {
namespace {

using pg::Failure;
using pg::FailureKind;
using testing::ElementsAre;
using testing::HasSubstr;

const auto kRecordNothing = [](const std::string&) {};

Failure failure_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Failure& failure) {
    return failure;
  }
  ADD_FAILURE() << "it was not refused";
  return Failure(FailureKind::local, "");
}

Failure failure_of_setting(const std::vector<std::string>& assignments) {
  ControlSettings settings;
  const Failure failure = failure_of([&] { settings.set(assignments, kRecordNothing); });
  EXPECT_EQ(failure.kind(), FailureKind::refused);
  EXPECT_EQ(settings.state(), ControlState{});
  return failure;
}

std::string value(const ControlSettings& settings, const std::string& name) {
  const ControlValue found = settings.values({name}).at(0);
  return found.value + " by " + std::string(name_of(found.origin));
}

TEST(ControlSettings, TakesEverySettingAsAnOperatorWritesIt) {
  ControlSettings settings;
  settings.set({"max-iops=8k", "max-mbps=12.5", "server-iops=10000", "workers=6", "batch-rows=2M"}, kRecordNothing);
  const ControlState expected{8000.0, 12.5, 10000.0, 6, 2'000'000, false};
  EXPECT_EQ(settings.state(), expected);
  settings.set({"max-iops=none", "max-mbps=none", "server-iops=none", "batch-rows=auto"}, kRecordNothing);
  EXPECT_EQ(settings.state(), (ControlState{{}, {}, {}, 6, {}, false}));
}

TEST(ControlSettings, AnswersWhatChangedFromWhatToWhat) {
  ControlSettings settings;
  const std::vector<ControlChange> changes = settings.set({"workers=6", "max-iops=1000000"}, kRecordNothing);
  ASSERT_EQ(changes.size(), 2U);
  EXPECT_EQ(changes[0].name + " " + changes[0].from + " " + changes[0].to, "workers auto 6");
  EXPECT_EQ(changes[1].name + " " + changes[1].from + " " + changes[1].to, "max-iops none 1000000");
  EXPECT_FALSE(changes[1].effect.empty());
  EXPECT_EQ(settings.set({"workers=2"}, kRecordNothing).at(0).from, "6");
}

TEST(ControlSettings, AnUnknownNameListsThoseThatExist) {
  const Failure failure = failure_of_setting({"max-lag=5"});
  EXPECT_STREQ(failure.what(), "there is no setting \"max-lag\"");
  EXPECT_EQ(failure.hint(), "Settings are max-iops, max-mbps, server-iops, workers, batch-rows.");
  ControlSettings settings;
  EXPECT_STREQ(failure_of([&] { settings.values({"speed"}); }).what(), "there is no setting \"speed\"");
}

TEST(ControlSettings, AValueThatDoesNotFitSaysWhichWould) {
  EXPECT_EQ(failure_of_setting({"workers=0"}).hint(), "It takes a whole number from 1 to 64.");
  for (const std::string wrong :
       {"workers=65",    "workers=1.5",     "workers=auto",   "workers=",       "max-iops=0",
        "max-iops=-5",   "max-iops=fast",   "max-iops=nan",   "max-iops=inf",   "max-iops=1e400",
        "max-iops=1e3",  "max-iops=0x10",   "max-iops=8000 ", "max-iops=8K",    "max-iops=8kk",
        "max-mbps=auto", "batch-rows=none", "batch-rows=0",   "batch-rows=0.5", "batch-rows=99999999G"}) {
    const std::string name = wrong.substr(0, wrong.find('='));
    EXPECT_EQ(failure_of_setting({wrong}).what(), name + " cannot be \"" + wrong.substr(name.size() + 1) + "\"");
  }
  EXPECT_STREQ(failure_of_setting({"workers"}).what(), "\"workers\" sets nothing");
  EXPECT_STREQ(failure_of_setting({}).what(), "nothing is to be set");
}

// O2
TEST(ControlSettings, OneBadChangeOfSeveralChangesNothing) {
  failure_of_setting({"workers=6", "max-iops=much"});
  EXPECT_STREQ(failure_of_setting({"workers=6", "workers=7"}).what(), "workers is given twice");
}

// O3
TEST(ControlSettings, WhatCannotBeRecordedIsNotSetAndListenersAreToldTheOldState) {
  ControlSettings settings;
  std::vector<std::optional<std::uint64_t>> told;
  const auto listening = settings.listen([&](const ControlState& state) { told.push_back(state.workers); });
  const Failure failure = failure_of([&] {
    settings.set({"workers=6"}, [](const std::string&) { throw Failure(FailureKind::local, "the disk is full"); });
  });
  EXPECT_STREQ(failure.what(), "the disk is full");
  EXPECT_EQ(settings.state(), ControlState{});
  EXPECT_EQ(value(settings, "workers"), "auto by default");
  EXPECT_THAT(told, ElementsAre(std::nullopt, 6U, std::nullopt));
}

TEST(ControlSettings, AListenerThatRefusesUndoesTheChangeBeforeItIsRecorded) {
  ControlSettings settings;
  std::optional<double> gate;
  const auto first = settings.listen([&](const ControlState& state) { gate = state.server_iops; });
  const auto second = settings.listen([](const ControlState& state) {
    if (state.server_iops) {
      throw Failure(FailureKind::refused, "there is no meter");
    }
  });
  bool is_recorded = false;
  const Failure failure =
      failure_of([&] { settings.set({"server-iops=100"}, [&](const std::string&) { is_recorded = true; }); });
  EXPECT_STREQ(failure.what(), "there is no meter");
  EXPECT_FALSE(is_recorded);
  EXPECT_EQ(gate, std::nullopt);
  EXPECT_EQ(settings.state(), ControlState{});
}

TEST(ControlSettings, ListenersHearOfTheFirstStateOfEveryChangeAndOfNoneWhenTheyAreGone) {
  ControlSettings settings;
  std::vector<std::string> told;
  {
    const auto listening = settings.listen([&](const ControlState& state) {
      told.push_back((state.is_paused ? "paused " : "moving ") + std::to_string(state.batch_rows.value_or(0)));
    });
    EXPECT_TRUE(settings.pause(true));
    EXPECT_FALSE(settings.pause(true)) << "it was paused before";
    settings.set({"batch-rows=7"}, kRecordNothing);
    EXPECT_TRUE(settings.pause(false));
  }
  settings.set({"batch-rows=8"}, kRecordNothing);
  EXPECT_THAT(told, ElementsAre("moving 0", "paused 0", "paused 7", "moving 7"));
}

TEST(ControlSettings, ALaterRunKeepsWhatWasSetButNotAPause) {
  std::string remembered;
  const auto record = [&](const std::string& text) { remembered = text; };
  ControlSettings before;
  before.set({"max-iops=8000", "batch-rows=auto"}, record);
  before.set({"workers=6"}, record);
  before.pause(true);
  const ControlSettings later({}, remembered);
  EXPECT_EQ(later.state(), (ControlState{8000.0, {}, {}, 6, {}, false}));
  EXPECT_EQ(value(later, "workers"), "6 by control, in an earlier run");
  EXPECT_EQ(value(later, "batch-rows"), "auto by control, in an earlier run");
  EXPECT_EQ(value(later, "max-mbps"), "none by default");
}

// O1
TEST(ControlSettings, TheCommandLineBeatsTheMemoryWhichBeatsTheDefault) {
  std::string remembered;
  ControlSettings before;
  before.set({"workers=6", "batch-rows=500"}, [&](const std::string& text) { remembered = text; });
  ControlSettings later({{"workers", std::nullopt}, {"max-iops", 300.0}}, remembered);
  EXPECT_EQ(value(later, "workers"), "auto by command line");
  EXPECT_EQ(value(later, "max-iops"), "300 by command line");
  EXPECT_EQ(value(later, "batch-rows"), "500 by control, in an earlier run");
  later.set({"workers=9"}, [&](const std::string& text) { remembered = text; });
  EXPECT_EQ(value(later, "workers"), "9 by control");
  // What the command line said holds for its own run alone.
  const ControlSettings last({}, remembered);
  EXPECT_EQ(last.state(), (ControlState{{}, {}, {}, 9, 500, false}));
}

TEST(ControlSettings, ACommandLineMayAskForMoreWorkersThanControlGives) {
  EXPECT_EQ(ControlSettings({{"workers", 200.0}}, std::nullopt).state().workers, 200U);
}

TEST(ControlSettings, AMemoryThatIsNotUnderstoodIsRefusedAndNotIgnored) {
  for (const std::string memory : {"{\"max-lag\":\"5\"}", "{\"workers\":\"many\"}", "{\"workers\":6}", "[]", "{"}) {
    const Failure failure = failure_of([&] { ControlSettings({}, memory); });
    EXPECT_EQ(failure.kind(), FailureKind::refused) << memory;
    EXPECT_FALSE(failure.detail().empty()) << memory;
  }
}

TEST(ControlSettings, ReadersAndChangersInSeveralThreadsSeeWholeStates) {
  ControlSettings settings;
  std::atomic<bool> is_over = false;
  std::vector<ControlState> told;
  const auto listening = settings.listen([&](const ControlState& state) { told.push_back(state); });
  std::thread reader([&] {
    while (!is_over) {
      const ControlState state = settings.state();
      EXPECT_EQ(state.max_iops.value_or(0), static_cast<double>(state.workers.value_or(0)));
    }
  });
  std::thread pauser([&] {
    for (int i = 0; i < 50; ++i) {
      settings.pause(i % 2 == 0);
    }
  });
  for (int i = 1; i <= 50; ++i) {
    const std::string number = std::to_string(i);
    settings.set({"workers=" + number, "max-iops=" + number}, kRecordNothing);
  }
  pauser.join();
  is_over = true;
  reader.join();
  EXPECT_EQ(told.size(), 101U);
  EXPECT_EQ(told.back(), settings.state());
}

}  // namespace
}  // namespace pgsluice::mover

#include "mover/unit_progress.hpp"

#include <gmock/gmock.h>

#include "tests/support/noting_observer.hpp"

namespace pgsluice::mover {
namespace {

using testing::DoubleEq;
using testing::UnorderedElementsAre;

class UnitProgressOfThree : public testing::Test {
 protected:
  void SetUp() override {
    observer_.at_progress = [this](const Progress& progress) { last_ = progress; };
  }
  tests::NotingObserver observer_;
  Progress last_;
  UnitProgress progress_{observer_, 2, {60, 30, 10}};
};

TEST_F(UnitProgressOfThree, BeginsWithNothingDone) {
  progress_.tell();
  EXPECT_EQ(last_.units_total, 3U);
  EXPECT_EQ(last_.units_done, 0U);
  EXPECT_EQ(last_.workers, 2U);
  EXPECT_EQ(last_.workers_busy, 0U);
  EXPECT_THAT(last_.fraction, DoubleEq(0));
}

TEST_F(UnitProgressOfThree, CountsUnitsByTheirWeight) {
  progress_.began(1, 7);
  progress_.done(1);
  EXPECT_EQ(last_.units_done, 1U);
  EXPECT_THAT(last_.fraction, DoubleEq(0.3));
}

TEST_F(UnitProgressOfThree, CountsThePartThatASessionReached) {
  progress_.began(0, 7);
  progress_.began(1, 8);
  progress_.reached(7, 0.5);
  progress_.reached(8, 0.1);
  progress_.tell();
  EXPECT_THAT(last_.fraction, DoubleEq(0.33));
  EXPECT_EQ(last_.workers_busy, 2U);
  progress_.done(0);
  EXPECT_THAT(last_.fraction, DoubleEq(0.63));
  EXPECT_EQ(last_.workers_busy, 1U);
}

TEST_F(UnitProgressOfThree, NeverGoesBackwards) {
  progress_.began(0, 7);
  progress_.reached(7, 0.5);
  progress_.began(0, 9);  // The link broke; another session begins anew.
  progress_.reached(9, 0.2);
  progress_.tell();
  EXPECT_THAT(last_.fraction, DoubleEq(0.3));
  progress_.reached(9, 2);
  progress_.tell();
  EXPECT_THAT(last_.fraction, DoubleEq(0.6));
}

TEST_F(UnitProgressOfThree, PassesOverSessionsThatWorkOnNothing) {
  progress_.began(2, 7);
  progress_.done(2);
  progress_.reached(7, 0.9);
  progress_.reached(1234, 0.9);
  progress_.tell();
  EXPECT_THAT(last_.fraction, DoubleEq(0.1));
}

TEST_F(UnitProgressOfThree, KnowsWhichSessionsAreBusy) {
  progress_.began(0, 7);
  progress_.began(1, 8);
  EXPECT_THAT(progress_.busy_sessions(), UnorderedElementsAre(7, 8));
  progress_.done(1);
  EXPECT_THAT(progress_.busy_sessions(), UnorderedElementsAre(7));
}

TEST_F(UnitProgressOfThree, EndsWithAllThatThereIs) {
  for (const std::size_t unit : {2U, 0U, 1U}) {
    progress_.began(unit, 7);
    progress_.done(unit);
  }
  EXPECT_EQ(last_.units_done, 3U);
  EXPECT_EQ(last_.fraction, 1.0);
}

}  // namespace
}  // namespace pgsluice::mover

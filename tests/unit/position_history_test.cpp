#include "mover/position_history.hpp"

#include <gtest/gtest.h>

namespace pgsluice::mover {
namespace {

TEST(PositionHistory, WhoHasEverythingIsNotBehind) {
  PositionHistory history;
  EXPECT_EQ(history.seconds_behind(5, 0), 0);
  history.add(0, 100);
  history.add(1, 200);
  EXPECT_EQ(history.seconds_behind(9, 200), 0);
  EXPECT_EQ(history.seconds_behind(9, 250), 0);
}

TEST(PositionHistory, LagIsSinceWhenMoreWasWrittenThanWasApplied) {
  PositionHistory history;
  history.add(0, 100);
  history.add(10, 200);
  history.add(20, 300);
  EXPECT_EQ(history.seconds_behind(25, 299), 5);
  EXPECT_EQ(history.seconds_behind(25, 150), 15);
  EXPECT_EQ(history.seconds_behind(25, 50), 25) << "as far as the history reaches";
}

TEST(PositionHistory, AStandingReplicaFallsBehindWhateverItReports) {
  PositionHistory history;
  for (int second = 0; second <= 60; ++second) {
    history.add(second, 100 + second);
  }
  EXPECT_EQ(history.seconds_behind(60, 110), 49);
}

TEST(PositionHistory, AnIdleServerMakesNobodyLagMore) {
  PositionHistory history;
  history.add(0, 100);
  history.add(50, 100);
  EXPECT_EQ(history.seconds_behind(50, 100), 0);
  history.add(60, 101);
  EXPECT_EQ(history.seconds_behind(61, 100), 1);
}

TEST(PositionHistory, ALowerPositionIsAnotherServers) {
  PositionHistory history;
  history.add(0, 1000);
  history.add(10, 500);
  EXPECT_EQ(history.seconds_behind(12, 499), 2);
  EXPECT_EQ(history.seconds_behind(12, 500), 0);
}

}  // namespace
}  // namespace pgsluice::mover

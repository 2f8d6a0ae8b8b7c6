// The gate beside an application, on a simulated server.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>

#include "tests/unit/gate_simulated_server.hpp"

namespace pgsluice::gate {
namespace {

constexpr std::uint64_t kSeed = 20240517;

// What late statistics can hide must have passed before a load is told from it: each half second of delay costs about
// one.
TEST(GateBesideAnApplication, YieldsToTheApplicationWithinFiveSecondsAndReturnsWithinThirty) {
  for (const auto& [delay, yields_at] : {std::pair{0.5, 305U}, std::pair{1.0, 307U}}) {
    for (const unsigned workers : {1U, 8U}) {
      for (const double visitor : {800.0, 1500.0, 2500.0}) {
        SimulatedServer server = server_with_a_visitor(visitor);
        server.statistics_seconds_max = delay;
        Options options = server_budget(3000);
        options.meter_delay_seconds = delay;
        Simulation simulation(server, options, workers, kSeed);
        const SimulatedRun run = simulation.run(700);
        const std::string what = std::to_string(workers) + " workers, " + std::to_string(visitor) +
                                 " operations/s, a meter late by " + std::to_string(delay);
        const double alone = SimulatedRun::mean(run.own, 200, 300);
        EXPECT_GE(alone, workers == 1 ? 500 : 2700) << what;  // One worker cannot do more, one operation at a time.
        EXPECT_LE(SimulatedRun::mean(run.own, yields_at, yields_at + 5) + visitor, 3000 * 1.15) << what;
        EXPECT_LE(SimulatedRun::mean(run.own, 320, 600) + visitor, 3000 * 1.1) << what;
        EXPECT_GE(SimulatedRun::mean(run.own, 630, 660), 0.9 * alone) << what;
      }
    }
  }
}

TEST(GateBesideAnApplication, TheApplicationLeavesItsRoomInTheServersBudgetToUs) {
  Simulation simulation(server_with_a_visitor(1500), server_budget(3000), 8, kSeed);
  const SimulatedRun run = simulation.run(900);
  expect_each_minute(run.own, 3000, 60, 300);
  expect_each_minute(run.own, 1500, 330, 600);
  expect_each_minute(run.own, 3000, 640, 900);
  EXPECT_LE(SimulatedRun::most(run.own, 30, 900), 2 * 3000);
}

TEST(GateBesideAnApplication, YieldsWithALateMeterAsSoonAsItCanTell) {
  SimulatedServer server = server_with_a_visitor(2000);
  server.statistics_seconds_min = 0.5;
  server.statistics_seconds_max = 10;
  Options options = server_budget(3000);
  options.meter_delay_seconds = 10;
  Simulation simulation(server, options, 8, kSeed);
  const SimulatedRun run = simulation.run(900);
  expect_each_minute(run.own, 3000, 120, 300);
  EXPECT_LE(SimulatedRun::mean(run.own, 340, 370), 1.2 * 1000);
  EXPECT_NEAR(SimulatedRun::mean(run.own, 400, 600), 1000, 100);
  EXPECT_GE(SimulatedRun::mean(run.own, 700, 800), 0.9 * 3000);
}

TEST(GateBesideAnApplication, AnApplicationThatTakesTheWholeBudgetLeavesTheFloor) {
  Simulation simulation(server_with_a_visitor(4000), server_budget(3000), 8, kSeed);
  const SimulatedRun run = simulation.run(900);
  EXPECT_NEAR(SimulatedRun::mean(run.own, 320, 600), operations_floor(3000), 0.2 * operations_floor(3000));
  EXPECT_GE(SimulatedRun::mean(run.own, 630, 660), 2700) << "nothing was wound up";
}

TEST(GateBesideAnApplication, DoesNotTakeTheRoomOfAnApplicationThatItSlowsDown) {
  SimulatedServer server;
  server.storm_seconds = 50;
  server.application = [](double) { return 1500.0; };
  server.capacity = [](double) { return 2000.0; };  // Less than the operator believes.
  server.rows_per_second = [](double now) { return now < 60 ? 0 : 1e9; };
  Simulation simulation(server, server_budget(3000), 4, kSeed);
  const SimulatedRun run = simulation.run(900);
  EXPECT_LE(SimulatedRun::most(run.allowance, 100, 900), 1.1 * 1500);
  EXPECT_GE(SimulatedRun::mean(run.application, 120, 900), 0.8 * 1500);
}

TEST(GateBesideAnApplication, ThreadsItsWayWhenTheVolumesBurstCreditsEnd) {
  SimulatedServer server;
  server.storm_seconds = 50;
  server.capacity = [](double now) { return now < 300 ? 4000.0 : 600.0; };
  server.application = [](double) { return 200.0; };
  Simulation simulation(server, own_budget(2000), 4, kSeed);
  const SimulatedRun run = simulation.run(1200);
  expect_each_minute(run.own, 2000, 60, 300);
  EXPECT_LT(run.status[330].guard, 0.6);
  // Until about 400 the volume writes what was dirtied before.
  EXPECT_GE(SimulatedRun::mean(run.own, 420, 1200), 0.6 * 400) << "too careful";
  EXPECT_GE(SimulatedRun::mean(run.application, 420, 1200), 0.75 * 200) << "the application suffers";
}

}  // namespace
}  // namespace pgsluice::gate

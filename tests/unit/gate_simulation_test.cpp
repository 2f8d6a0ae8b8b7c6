#include <gtest/gtest.h>

#include <string>

#include "gate/gate.hpp"
#include "tests/unit/gate_simulated_server.hpp"

namespace pgsluice::gate {
namespace {

constexpr std::uint64_t kSeed = 20240517;

struct Case {
  double budget;
  unsigned workers;
};

class GateBudget : public testing::TestWithParam<Case> {};

TEST_P(GateBudget, IsUsedAndKeptInEveryMinuteAndNoSecondIsTwiceIt) {
  SimulatedServer server;
  server.spike_share = 0.01;
  server.written_per_dirtied = 0.9;
  Simulation simulation(server, own_budget(GetParam().budget), GetParam().workers, kSeed);
  const SimulatedRun run = simulation.run(600);
  const double budget = GetParam().budget;
  expect_each_minute(run.own, budget, 60, 600);
  EXPECT_GE(SimulatedRun::mean(run.own, 60, 600), 0.9 * budget);
  EXPECT_LE(SimulatedRun::most(run.own, 30, 600), 2 * budget);
}

TEST_P(GateBudget, HoldsForWhatTheVolumeSeesOverWholeCheckpointCycles) {
  SimulatedServer server;
  server.checkpoint_seconds = 60;
  server.storm_seconds = 6;
  Simulation simulation(server, own_budget(GetParam().budget), GetParam().workers, kSeed);
  const SimulatedRun run = simulation.run(600);
  expect_each_minute(run.own_device, GetParam().budget, 120, 600);
}

INSTANTIATE_TEST_SUITE_P(Rates, GateBudget,
                         testing::Values(Case{300, 1}, Case{300, 4}, Case{300, 16}, Case{1000, 1}, Case{1000, 4},
                                         Case{1000, 16}, Case{3000, 4}, Case{3000, 16}),
                         [](const auto& tested) {
                           return std::to_string(static_cast<int>(tested.param.budget)) + "With" +
                                  std::to_string(tested.param.workers) + "Workers";
                         });

TEST(GateSimulation, LearnsWithinSomeCheckpointsThatMoreIsWrittenThanDirtied) {
  SimulatedServer server;
  server.written_per_dirtied = 1.8;
  server.per_row = {0.3, 0.6, 400};
  Simulation simulation(server, own_budget(1000), 4, kSeed);
  const SimulatedRun run = simulation.run(1200);
  EXPECT_NEAR(run.status.back().written_per_dirtied, 1.8, 0.1);
  EXPECT_GT(SimulatedRun::mean(run.own, 0, 60), 1300) << "the model must be wrong first";
  expect_each_minute(run.own, 1000, 420, 1200);
}

TEST(GateSimulation, LearnsFromADeviceMeterThatNeighbouringPagesAreOneOperation) {
  SimulatedServer server;
  server.operations_per_page = 0.25;
  server.has_device_meter = true;
  Simulation simulation(server, own_budget(1000), 4, kSeed);
  const SimulatedRun run = simulation.run(600);
  EXPECT_NEAR(run.status.back().operations_per_page, 0.25, 0.05);
  expect_each_minute(run.own, 1000, 120, 600);
}

// The statistics of PostgreSQL 15 count a new page as read and written when its file grows, and again when it is
// written.
TEST(GateSimulation, KeepsTheDevicesBudgetWhereWritesAreMergedAndGrowthIsCounted) {
  SimulatedServer server;
  server.per_row = {1.0, 0.3, 1000, 0.3};
  server.reads_hold_growth = true;
  server.operations_per_written = 0.2;
  server.shown_per_written = 2;
  server.has_device_meter = true;
  Simulation simulation(server, own_budget(1000), 4, kSeed);
  const SimulatedRun run = simulation.run(600);
  expect_each_minute(run.device, 1000, 120, 600);
}

// Reading in order is a sixteenth of an operation a page.
TEST(GateSimulation, LearnsWithinAMinuteThatTheKernelReadsAhead) {
  SimulatedServer server;
  server.per_row = {0.125, 0.125, 1000};
  server.operations_per_page = 1.0 / 16;
  server.has_device_meter = true;
  Simulation simulation(server, own_budget(300), 2, kSeed);
  const SimulatedRun run = simulation.run(300);
  EXPECT_GE(SimulatedRun::mean(run.own, 40, 60), 0.8 * 300);
  EXPECT_LE(SimulatedRun::most(run.own, 0, 300), 2 * 300);
  expect_each_minute(run.device, 300, 180, 300);
}

TEST(GateSimulation, WithoutADeviceMeterStaysOnTheSafeSideOfOneOperationPerPage) {
  SimulatedServer server;
  server.operations_per_page = 0.25;
  Simulation simulation(server, own_budget(1000), 4, kSeed);
  const SimulatedRun run = simulation.run(300);
  EXPECT_LT(SimulatedRun::mean(run.own, 60, 300), 500);
}

TEST(GateSimulation, KeepsABudgetOfBytes) {
  Options options;
  options.budget.bytes_per_second = 10e6;
  SimulatedServer server;
  Simulation simulation(server, options, 4, kSeed);
  const SimulatedRun run = simulation.run(600);
  expect_each_minute(run.own_bytes, 10e6, 60, 600);
  EXPECT_LE(SimulatedRun::most(run.own_bytes, 30, 600), 20e6);
}

TEST(GateSimulation, KeepsTheTighterOfTwoBudgets) {
  Options options = own_budget(3000);
  options.budget.bytes_per_second = 4e6;
  SimulatedServer server;
  Simulation simulation(server, options, 4, kSeed);
  const SimulatedRun run = simulation.run(300);
  expect_each_minute(run.own_bytes, 4e6, 60, 300);
  EXPECT_LT(SimulatedRun::most(run.own, 30, 300), 1500);
}

TEST(GateSimulation, KeepsABudgetWithLateStatisticsResetsAndGapsOfTheMeter) {
  SimulatedServer server;
  server.statistics_seconds_min = 0.5;
  server.statistics_seconds_max = 10;
  server.resets = {200, 201, 430};
  server.meter_works = [](double now) { return !(now > 300 && now < 312); };
  Options options = own_budget(1000);
  options.meter_delay_seconds = 10;
  Simulation simulation(server, options, 4, kSeed);
  const SimulatedRun run = simulation.run(900);
  expect_each_minute(run.own, 1000, 60, 900);
  EXPECT_EQ(run.status.back().meter_epochs, 3U);
}

TEST(GateSimulation, DoesNotOscillateAtTheCheckpointsPeriod) {
  for (const Options& options : {own_budget(1000), server_budget(1000)}) {
    SimulatedServer server;
    server.checkpoint_seconds = 120;
    server.storm_seconds = 12;
    server.per_row = {0.2, 0.8, 800};
    Simulation simulation(server, options, 4, kSeed);
    const SimulatedRun run = simulation.run(1200);
    EXPECT_LT(SimulatedRun::deviation(run.allowance, 600, 1200), 0.08 * 1000);
    expect_each_minute(run.own, 1000, 600, 1200);
  }
}

TEST(GateSimulation, DoesNotSaveUpWhatWasNotAskedFor) {
  for (const Options& options : {own_budget(1000), server_budget(1000)}) {
    SimulatedServer server;
    server.rows_per_second = [](double now) { return now < 600 ? 200 : 1e9; };
    Simulation simulation(server, options, 4, kSeed);
    const SimulatedRun run = simulation.run(700);
    EXPECT_LT(SimulatedRun::mean(run.own, 300, 600), 300);
    EXPECT_LE(SimulatedRun::mean(run.own, 600, 610), 1.2 * 1000);
    EXPECT_LE(SimulatedRun::most(run.own, 600, 610), 1.5 * 1000);
    EXPECT_GE(SimulatedRun::mean(run.own, 602, 612), 0.9 * 1000);
  }
}

TEST(GateSimulation, BlindIsAQuarterOfTheBudgetUntilTheMeterIsBack) {
  for (const Options& options : {own_budget(1000), server_budget(1000)}) {
    SimulatedServer server;
    server.meter_works = [](double now) { return !(now > 300 && now < 400); };
    Simulation simulation(server, options, 4, kSeed);
    const SimulatedRun run = simulation.run(600);
    EXPECT_TRUE(run.status[350].is_blind);
    EXPECT_NEAR(SimulatedRun::mean(run.own, 325, 400), 250, 0.15 * 250);
    EXPECT_NE(run.status[350].waiting_for.find("no news from the I/O meter"), std::string::npos);
    EXPECT_FALSE(run.status[420].is_blind);
    expect_each_minute(run.own, 1000, 420, 600);
  }
}

TEST(GateSimulation, MovesRowsInEveryTenSecondsUnlessABrakeIsOn) {
  SimulatedServer server = server_with_a_visitor(10'000);
  server.capacity = [](double now) { return now < 400 ? 3000.0 : 300.0; };
  server.meter_works = [](double now) { return !(now > 500 && now < 700); };
  server.resets = {100, 450};
  for (const Options& options : {own_budget(300), server_budget(3000)}) {
    Simulation simulation(server, options, 4, kSeed);
    simulation.gate().add(Brake::when_on("pause", "the pause file exists"));
    simulation.at(800, [](Gate& gate) { gate.turn("pause", true); });
    simulation.at(830, [](Gate& gate) { gate.turn("pause", false); });
    const SimulatedRun run = simulation.run(900);
    for (std::size_t second = 10; second + 10 <= 800; second += 10) {
      EXPECT_GT(SimulatedRun::mean(run.rows, second, second + 10), 0) << second;
    }
    EXPECT_EQ(SimulatedRun::mean(run.rows, 802, 830), 0);
    EXPECT_GT(SimulatedRun::mean(run.rows, 832, 842), 0);
    EXPECT_NEAR(run.status.back().seconds_waited.at("pause"), 30, 1.5);
  }
}

TEST(GateSimulation, WhereOnlyRowsAreKnownLearnsTheirCostFromTheServersTotals) {
  SimulatedServer server;
  server.batches_can_tell = false;
  server.per_row = {3, 1.5, 12'000};
  server.application = [](double) { return 100.0; };
  server.rows_per_second = [](double now) { return now < 30 ? 0 : 1e9; };  // First it only watches.
  Simulation simulation(server, own_budget(1000), 4, kSeed);
  const SimulatedRun run = simulation.run(900);
  EXPECT_EQ(run.status.back().trust, Trust::learned);
  EXPECT_NEAR(SimulatedRun::mean(run.own, 300, 900), 1000, 150);
}

TEST(GateSimulation, ABudgetThatIsChangedHoldsFromThenOn) {
  Simulation simulation(SimulatedServer(), own_budget(1000), 4, kSeed);
  simulation.at(200, [](Gate& gate) { gate.set(200, Budget{300, {}, {}}); });
  simulation.at(400, [](Gate& gate) { gate.set(400, Budget{3000, {}, {}}); });
  const SimulatedRun run = simulation.run(600);
  expect_each_minute(run.own, 1000, 60, 200);
  expect_each_minute(run.own, 300, 203, 400);
  expect_each_minute(run.own, 3000, 405, 600);
}

TEST(GateSimulation, IsTheSameForTheSameSeed) {
  const auto run = [](std::uint64_t seed) {
    Simulation simulation(server_with_a_visitor(1500), server_budget(3000), 4, seed);
    return simulation.run(400).own;
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

}  // namespace
}  // namespace pgsluice::gate

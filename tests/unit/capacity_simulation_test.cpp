#include <gtest/gtest.h>

#include <cmath>

#include "capacity/simulation.hpp"
#include "tests/support/capacity_samples.hpp"

namespace pgsluice::capacity {
namespace {

using tests::operations;
using tests::server_of;

constexpr double kTrialSeconds = 1800;
constexpr double kMinute = 60;

const SimulationOptions kFullCredits{.unknown_credits = 1};

// Amazon's own table of gp2: size, baseline, seconds of burst from a full bucket, seconds to fill an empty one.
// Source: Amazon EC2 user guide, "General Purpose SSD volumes".
struct Gp2Row {
  const char* volume;
  long base_iops;
  long burst_seconds;
  long refill_seconds;
};

TEST(Simulation, Gp2BurstsAndRefillsToTheSecondAsInAmazonsTable) {
  for (const Gp2Row& row : {Gp2Row{"gp2:1:ebs", 100, 1862, 54'000}, Gp2Row{"gp2:33:ebs", 100, 1862, 54'000},
                            Gp2Row{"gp2:100:ebs", 300, 2000, 18'000}, Gp2Row{"gp2:334:ebs", 1002, 2703, 5389},
                            Gp2Row{"gp2:750:ebs", 2250, 7200, 2400}}) {
    SCOPED_TRACE(row.volume);
    Simulation simulation(server_of(row.volume), kFullCredits);
    simulation.work(operations(), kForever);
    ASSERT_EQ(simulation.phases().size(), 2U);
    const Phase& burst = simulation.phases()[0];
    EXPECT_EQ(burst.units_per_second, 3000);
    EXPECT_EQ(std::lround(burst.seconds), row.burst_seconds);
    EXPECT_EQ(burst.emptied, Limit::volume_ops);
    EXPECT_EQ(simulation.phases()[1].units_per_second, static_cast<double>(row.base_iops));
    EXPECT_EQ(simulation.phases()[1].seconds, kForever);

    Simulation idle(server_of(row.volume), {});
    EXPECT_EQ(idle.credits(Limit::volume_ops), 0);
    idle.rest(kForever);
    ASSERT_EQ(idle.phases().size(), 2U);
    EXPECT_EQ(std::lround(idle.phases()[0].seconds), row.refill_seconds);
    EXPECT_EQ(idle.phases()[0].filled, Limit::volume_ops);
    EXPECT_EQ(idle.credits(Limit::volume_ops), 5.4e6);
  }
}

TEST(Simulation, Gp2OfAThousandGibibytesAndMoreHasNoBurst) {
  for (const auto& [volume, iops] : {std::pair{"gp2:1000:ebs", 3000.0}, std::pair{"gp2:5334:ebs", 16'000.0}}) {
    Simulation simulation(server_of(volume), kFullCredits);
    simulation.work(operations(), kForever);
    ASSERT_EQ(simulation.phases().size(), 1U) << volume;
    EXPECT_EQ(simulation.phases()[0].units_per_second, iops);
    EXPECT_EQ(simulation.credits(Limit::volume_ops), 0);
  }
}

TEST(Simulation, TrialOnTwoHundredGibibytesOfGp2PredictsAFifth) {
  const Server server = server_of("gp2:200");
  Simulation simulation(server, kFullCredits);
  simulation.work(operations(3000), kForever);
  EXPECT_EQ(simulation.phases()[0].seconds, 2250);
  EXPECT_EQ(static_cast<int>(simulation.phases()[0].seconds / kMinute), 37);
  EXPECT_EQ(simulation.phases()[1].units_per_second, 600);
  EXPECT_DOUBLE_EQ(trial_error(server, kFullCredits, operations(3000), kTrialSeconds), 5);

  // What ends within the burst is predicted well; what is twenty trials long nearly as badly as the longest job.
  EXPECT_DOUBLE_EQ(trial_error(server, kFullCredits, operations(3000), kTrialSeconds, 3000 * 2250.0), 1);
  const double work = 3000 * 20 * kTrialSeconds;
  const double seconds = 2250 + (work - 3000 * 2250.0) / 600;  // W <= d T ? W / d : T + (W - d T) / base.
  EXPECT_DOUBLE_EQ(trial_error(server, kFullCredits, operations(3000), kTrialSeconds, work), seconds / (work / 3000));
  EXPECT_GT(trial_error(server, kFullCredits, operations(3000), kTrialSeconds, work), 4.7);
}

TEST(Simulation, FourGp2VolumesEndTheirBurstBeforeTheInstanceAndTheTrialErrsByAFactorOfSixAndTwoThirds) {
  const Demand demand = operations(10'000);
  Simulation volumes(server_of("gp2:500"), kFullCredits);
  volumes.work(demand, kForever);
  EXPECT_EQ(std::lround(volumes.phases()[0].seconds), 2541);  // 21.6e6 / 8,500.
  EXPECT_EQ(std::lround(volumes.phases()[0].seconds / kMinute), 42);

  Simulation instance(server_of("custom:1000000iops", "db.r5.large"), kFullCredits);
  instance.work(demand, kForever);
  EXPECT_EQ(std::lround(instance.phases()[0].seconds), 4261);  // 27.27e6 / 6,400.
  EXPECT_EQ(std::lround(instance.phases()[0].seconds / kMinute), 71);
  EXPECT_EQ(instance.phases()[0].emptied, Limit::instance_ops);
  EXPECT_EQ(instance.phases()[1].units_per_second, 3600);

  const Server both = server_of("gp2:500", "db.r5.large");
  Simulation simulation(both, kFullCredits);
  simulation.work(demand, kForever);
  EXPECT_EQ(std::lround(simulation.phases()[0].seconds), 2541);
  EXPECT_EQ(simulation.phases()[0].limit, Limit::demand);
  EXPECT_EQ(simulation.phases()[1].units_per_second, 1500);
  EXPECT_EQ(simulation.phases()[1].limit, Limit::volume_ops);
  EXPECT_NEAR(trial_error(both, kFullCredits, demand, kTrialSeconds), 6.7, 0.05);
}

TEST(Simulation, LargeOperationsOnASmallInstanceFallToAThirdThoughTheVolumeHasNoBurst) {
  const Server server = server_of("gp3:300", "db.t3.medium");
  const Demand copy = operations(kForever, 128 * 1024);
  Simulation simulation(server, kFullCredits);
  simulation.work(copy, kForever);
  ASSERT_GE(simulation.phases().size(), 2U);
  EXPECT_NEAR(simulation.phases().front().bytes_per_second / 1e6, 131, 0.1);
  EXPECT_EQ(simulation.phases().front().limit, Limit::volume_bytes);
  EXPECT_EQ(simulation.phases().front().emptied, Limit::instance_bytes);
  EXPECT_GT(simulation.phases().front().seconds, kTrialSeconds);  // A trial of half an hour sees nothing of it.
  EXPECT_NEAR(simulation.phases().back().bytes_per_second / 1e6, 43.4, 0.05);
  EXPECT_EQ(simulation.phases().back().limit, Limit::instance_bytes);
  EXPECT_NEAR(trial_error(server, kFullCredits, copy, kTrialSeconds), 3, 0.05);
}

TEST(Simulation, InstanceBurstsForHalfAnHourAndFillsInADay) {
  Simulation simulation(server_of("custom:1000000iops", "db.r5.large"), kFullCredits);
  simulation.work(operations(kForever, 0), kForever, 3600);
  EXPECT_DOUBLE_EQ(simulation.phases()[0].seconds, 1800);
  EXPECT_EQ(simulation.phases()[0].units_per_second, 18'750);
  simulation.rest(kForever);
  EXPECT_DOUBLE_EQ(simulation.phases()[2].seconds, 86'400);
  EXPECT_EQ(simulation.phases()[2].filled, Limit::instance_ops);
}

TEST(Simulation, DemandBelowTheBaselineSpendsNothingAndFillsTheBucket) {
  Simulation simulation(server_of("gp2:100:ebs:50%"), {});
  simulation.work(operations(100), kForever);
  ASSERT_EQ(simulation.phases().size(), 2U);
  EXPECT_DOUBLE_EQ(simulation.phases()[0].seconds, 2.7e6 / 200);
  EXPECT_EQ(simulation.phases()[0].filled, Limit::volume_ops);
  EXPECT_EQ(simulation.phases()[1].units_per_second, 100);
}

TEST(Simulation, EmptyBucketAtTheStartIsTheBaselineFromTheStart) {
  Simulation simulation(server_of("gp2:200:empty"), kFullCredits);
  simulation.work(operations(), 6000);
  ASSERT_EQ(simulation.phases().size(), 1U);
  EXPECT_EQ(simulation.seconds(), 10);
  EXPECT_EQ(simulation.phases()[0].limit, Limit::volume_ops);
}

TEST(Simulation, UnknownCreditsAreWhatTheCallerTakesThemFor) {
  const Server server = server_of("gp2:200", "db.r5.large");
  EXPECT_EQ(Simulation(server, {}).credits(Limit::volume_ops), 0);
  EXPECT_EQ(Simulation(server, {}).credits(Limit::instance_ops), 0);
  EXPECT_EQ(Simulation(server, kFullCredits).credits(Limit::volume_ops), 5.4e6);
  EXPECT_EQ(Simulation(server, kFullCredits).credits(Limit::instance_ops), (18'750 - 3600) * 1800.0);
}

TEST(Simulation, NoWorkTakesNoTime) {
  Simulation simulation(server_of("gp2:200"), kFullCredits);
  EXPECT_EQ(simulation.work(operations(), 0), 0);
  EXPECT_EQ(simulation.seconds(), 0);
  EXPECT_TRUE(simulation.phases().empty());
}

TEST(Simulation, WorkThatCostsNothingIsDoneAtOnce) {
  Simulation simulation(server_of("gp2:200"), kFullCredits);
  EXPECT_EQ(simulation.work({}, 1e9), 1e9);
  EXPECT_EQ(simulation.seconds(), 0);
  EXPECT_EQ(simulation.phases()[0].limit, Limit::nothing);
}

TEST(Simulation, HugeWorkIsALongBaseline) {
  Simulation simulation(server_of("gp2:100:ebs"), kFullCredits);
  EXPECT_EQ(simulation.work(operations(), 1e18), 1e18);
  EXPECT_NEAR(simulation.seconds() / (1e18 / 300), 1, 1e-9);
  EXPECT_EQ(simulation.phases().size(), 2U);
}

TEST(Simulation, OperationsAboveAQuarterMebibyteCountAsSeveralOnEbs) {
  Simulation simulation(server_of("gp2:200:empty"), {});
  simulation.work({1, 1024.0 * 1024, {}}, 150);
  EXPECT_EQ(simulation.phases()[0].units_per_second, 150);  // 600 / 4.
}

TEST(Simulation, ForegroundGoesFirstAndSpendsCreditsToo) {
  SimulationOptions options = kFullCredits;
  options.foreground = {.ops = 500, .bytes = 0};
  Simulation simulation(server_of("gp2:200"), options);
  simulation.work(operations(), kForever);
  EXPECT_EQ(simulation.phases()[0].units_per_second, 2500);
  EXPECT_EQ(simulation.phases()[0].ops_per_second, 3000);
  EXPECT_EQ(simulation.phases()[0].seconds, 2250);
  EXPECT_EQ(simulation.phases()[1].units_per_second, 100);
}

TEST(Simulation, WorkThatForegroundLeavesNothingForNeverEnds) {
  SimulationOptions options = kFullCredits;
  options.foreground = {.ops = 700, .bytes = 0};
  Simulation simulation(server_of("gp2:200"), options);
  EXPECT_LT(simulation.work(operations(), 1e9), 1e9);
  EXPECT_EQ(simulation.seconds(), kForever);
  EXPECT_EQ(simulation.phases().back().units_per_second, 0);
  EXPECT_EQ(simulation.phases().back().ops_per_second, 600);
}

TEST(Simulation, TargetHoldsForTheWholeServer) {
  SimulationOptions options = kFullCredits;
  options.foreground = {.ops = 400, .bytes = 0};
  options.target_ops = 600;
  Simulation simulation(server_of("gp2:200"), options);
  simulation.work(operations(), 2000);
  ASSERT_EQ(simulation.phases().size(), 1U);
  EXPECT_EQ(simulation.phases()[0].units_per_second, 200);
  EXPECT_EQ(simulation.phases()[0].limit, Limit::target_ops);
}

TEST(Simulation, CreditsSpentByOneStretchOfWorkAreMissingInTheNext) {
  Simulation simulation(server_of("gp2:200"), kFullCredits);
  simulation.work(operations(), 3000 * 2000.0);
  EXPECT_DOUBLE_EQ(simulation.credits(Limit::volume_ops), 2400 * 250.0);
  simulation.work(operations(), kForever);
  EXPECT_DOUBLE_EQ(simulation.phases()[1].seconds, 250);
}

}  // namespace
}  // namespace pgsluice::capacity

// What holds for any server, credits, demand and amount of work.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <string>

#include "capacity/simulation.hpp"
#include "tests/support/capacity_samples.hpp"

namespace pgsluice::capacity {
namespace {

using tests::operations;
using tests::server_of;

// Units done in so many seconds, by small steps instead of events.
double stepped(const Server& server, const Demand& demand, double seconds) {
  constexpr int kSteps = 10'000;
  const double step = seconds / kSteps;
  const std::vector<LimitBucket> limits = limits_of(server);
  std::vector<double> credits;
  for (const LimitBucket& limit : limits) {
    credits.push_back(limit.credits_max * limit.credits_share.value_or(0));
  }
  const double ops = std::max(demand.ops_per_unit, demand.bytes_per_unit / server.volume.operation_bytes_max);
  double done = 0;
  for (int i = 0; i < kSteps; ++i) {
    double rate = demand.caps.front().units_per_second;
    for (std::size_t j = 0; j < limits.size(); ++j) {
      const double each = limits[j].counts_ops() ? ops : demand.bytes_per_unit;
      const double allowed = std::min(limits[j].burst, limits[j].base + credits[j] / step);
      rate = each > 0 ? std::min(rate, allowed / each) : rate;
    }
    for (std::size_t j = 0; j < limits.size(); ++j) {
      const double use = rate * (limits[j].counts_ops() ? ops : demand.bytes_per_unit);
      const double gain = std::min(limits[j].base - use, limits[j].refill_max);
      credits[j] = std::clamp(credits[j] + gain * step, 0.0, limits[j].credits_max);
    }
    done += rate * step;
  }
  return done;
}

// Random servers, credits, demands and amounts.
class AnyWork : public testing::TestWithParam<unsigned> {
 protected:
  double between(double low, double high) { return low + (high - low) * static_cast<double>(random_()) / 4294967296.0; }

  // A server whose credits are `share` of what this seed gives it.
  Server server(double share) {
    Server made = server_of(kVolumes[random_() % std::size(kVolumes)], kInstances[random_() % std::size(kInstances)]);
    made.volume.credits_share = share * between(0, 1);
    made.instance->ops_credits_share = share * between(0, 1);
    made.instance->bytes_credits_share = share * between(0, 1);
    return made;
  }

  Demand demand() {
    Demand made =
        operations(between(0, 1) < 0.3 ? between(10, 20'000) : kForever, between(0, 1) < 0.1 ? 0 : between(512, 4e5));
    made.ops_per_unit = between(0.01, 4);
    return made;
  }

  static constexpr const char* kVolumes[] = {"gp2:20",   "gp2:200",  "gp2:399", "gp2:400",
                                             "gp2:1400", "gp3:1000", "gp3:100"};
  static constexpr const char* kInstances[] = {"db.t3.micro", "db.r5.large", "db.m6i.xlarge", "db.r5.4xlarge"};
  std::mt19937 random_{GetParam()};
};

TEST_P(AnyWork, IsConservedNeverFasterLaterAndWithinEveryLimit) {
  const Server made = server(1);
  const Demand asked = demand();
  const double units = std::pow(10, between(0, 9));
  Simulation simulation(made, {});
  EXPECT_EQ(simulation.work(asked, units), units);
  double sum = 0;
  double rate = kForever;
  double end = 0;
  const Capacity most = burst_capacity(made);
  for (const Phase& phase : simulation.phases()) {
    EXPECT_NEAR(phase.units, phase.units_per_second * phase.seconds, 1e-6 * units);
    EXPECT_LE(phase.units_per_second, rate * (1 + 1e-9));
    EXPECT_NEAR(phase.begin_seconds, end, 1e-9 * end);
    EXPECT_LE(phase.ops_per_second, most.ops * (1 + 1e-9));
    EXPECT_LE(phase.bytes_per_second, most.bytes * (1 + 1e-9));
    sum += phase.units;
    rate = phase.units_per_second;
    end = phase.end_seconds();
  }
  EXPECT_NEAR(sum, units, 1e-9 * units);
  EXPECT_NEAR(simulation.seconds(), end, 1e-9 * end);
  for (const Limit limit : kServerLimits) {
    EXPECT_GE(simulation.credits(limit), 0);
  }
  EXPECT_LE(simulation.phases().size(), 8U);
}

TEST_P(AnyWork, IsWhatSmallStepsFind) {
  const Server made = server(1);
  const Demand asked = demand();
  for (const double seconds : {600.0, 7200.0, 100'000.0}) {
    Simulation simulation(made, {});
    const double done = simulation.work(asked, kForever, seconds);
    EXPECT_EQ(simulation.seconds(), seconds);
    EXPECT_NEAR(done / stepped(made, asked, seconds), 1, 0.01) << seconds;
  }
}

TEST_P(AnyWork, IsNeverFasterWithSmallerBuckets) {
  const Server full = server(1);
  const Demand asked = demand();
  const double units = std::pow(10, between(0, 9));
  double before = 0;
  for (const double share : {1.0, 0.7, 0.2, 0.0}) {
    Server less = full;
    less.volume.credits_share = *full.volume.credits_share * share;
    less.instance->ops_credits_share = *full.instance->ops_credits_share * share;
    less.instance->bytes_credits_share = *full.instance->bytes_credits_share * share;
    Simulation simulation(less, {});
    simulation.work(asked, units);
    EXPECT_GE(simulation.seconds(), before * (1 - 1e-9)) << share;
    before = simulation.seconds();
  }
}

TEST_P(AnyWork, IsDoneInTheSameTimeWholeOrInTwoParts) {
  const Server made = server(1);
  const Demand asked = demand();
  const double units = std::pow(10, between(0, 9));
  Simulation whole(made, {});
  whole.work(asked, units);
  Simulation parts(made, {});
  const double first = units * between(0, 1);
  parts.work(asked, first);
  parts.work(asked, units - first);
  EXPECT_NEAR(parts.seconds(), whole.seconds(), 1e-6 * whole.seconds());
}

INSTANTIATE_TEST_SUITE_P(Seeds, AnyWork, testing::Range(1U, 40U));

TEST(AnyVolume, MoreStorageOfATypeIsNeverSlower) {
  for (const char* type : {"gp2", "gp3"}) {
    std::map<std::pair<double, double>, double> before;
    for (int gib = 20; gib <= 65'536; gib += gib < 420 ? 1 : 97) {
      const Server server = server_of(std::string(type) + ":" + std::to_string(gib));
      for (const double bytes : {8192.0, 131'072.0, 1048'576.0}) {
        for (const double units : {1e5, 1e7, 1e9}) {
          Simulation simulation(server, {.unknown_credits = 1});
          simulation.work(operations(kForever, bytes), units);
          const auto found = before.try_emplace({bytes, units}, kForever).first;
          ASSERT_LE(simulation.seconds(), found->second * (1 + 1e-9))
              << type << " of " << gib << " GiB, " << bytes << " bytes";
          found->second = simulation.seconds();
        }
      }
    }
  }
}

}  // namespace
}  // namespace pgsluice::capacity

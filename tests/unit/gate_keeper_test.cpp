#include "mover/gate_keeper.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace pgsluice::mover {
namespace {

using gate::Touched;

gate::Options limited_to(double operations_per_second) {
  gate::Options options;
  options.budget.operations_per_second = operations_per_second;
  options.has_meter = false;
  return options;
}

TEST(GateKeeper, LetsEverybodyInWhereNothingLimits) {
  const StopRequest stop;
  GateKeeper keeper({}, stop);
  EXPECT_FALSE(keeper.is_limited());
  for (int i = 0; i < 100; ++i) {
    const auto permit = keeper.enter(500);
    ASSERT_TRUE(permit);
    EXPECT_EQ(permit->rows_max, 500U);
    keeper.leave(*permit, {500, {}});
  }
}

TEST(GateKeeper, StopEndsAWaitWithoutAPermit) {
  StopRequest stop;
  GateKeeper keeper(limited_to(100), stop);
  keeper.with([](gate::Gate& gate, double) {
    gate.add(gate::Brake::when_on("pause", "paused"));
    gate.turn("pause", true);
  });
  std::atomic<bool> let_go = false;
  std::optional<gate::Permit> permit;
  std::thread worker([&] { permit = keeper.enter(10, [&] { let_go = true; }); });
  while (!let_go) {
    std::this_thread::yield();
  }
  stop.request();
  worker.join();
  EXPECT_FALSE(permit);
}

TEST(GateKeeper, WhoeverWaitsGoesOnWhenTheBrakeIsOff) {
  const StopRequest stop;
  GateKeeper keeper(limited_to(100), stop);
  keeper.with([](gate::Gate& gate, double) {
    gate.add(gate::Brake::when_on("pause", "paused"));
    gate.turn("pause", true);
  });
  std::atomic<bool> let_go = false;
  std::optional<gate::Permit> permit;
  std::thread worker([&] { permit = keeper.enter(10, [&] { let_go = true; }); });
  while (!let_go) {
    std::this_thread::yield();
  }
  EXPECT_EQ(keeper.status().waiting_for, "paused");
  keeper.with([](gate::Gate& gate, double) { gate.turn("pause", false); });
  worker.join();
  EXPECT_TRUE(permit);
}

TEST(GateKeeper, DebtOfUnpacedWorkIsWaitedForByWhoComesNext) {
  const StopRequest stop;
  GateKeeper keeper(limited_to(1000), stop);
  ASSERT_TRUE(keeper.enter_unpaced());
  keeper.leave_unpaced(Touched{1200, 0, 0});
  bool let_go = false;
  ASSERT_TRUE(keeper.enter_unpaced([&] { let_go = true; }));
  EXPECT_TRUE(let_go) << "it waited";
  EXPECT_GT(keeper.status().seconds_waited["operations"], 0);
}

// One gate, several threads: for the thread sanitizer above all.
TEST(GateKeeper, WorkersShareOneBudget) {
  const StopRequest stop;
  GateKeeper keeper(limited_to(20'000), stop);
  keeper.workers_are(4);
  std::vector<std::thread> workers;
  std::atomic<double> rows = 0;
  const double begun = keeper.now();
  for (int i = 0; i < 4; ++i) {
    workers.emplace_back([&] {
      for (int batch = 0; batch < 20; ++batch) {
        const auto permit = keeper.enter(1000);
        ASSERT_TRUE(permit);
        const auto count = static_cast<double>(permit->rows_max);
        rows = rows + count;
        keeper.leave(*permit, {count, Touched{count, 0, 0}});
      }
    });
  }
  for (std::thread& worker : workers) {
    worker.join();
  }
  constexpr double kBucketSeconds = 2;
  EXPECT_LE(rows, 20'000 * (keeper.now() - begun + kBucketSeconds));
}

}  // namespace
}  // namespace pgsluice::mover

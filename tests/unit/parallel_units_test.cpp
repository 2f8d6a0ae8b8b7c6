#include "mover/parallel_units.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

#include "pg/failure.hpp"

namespace pgsluice::mover {
namespace {

TEST(ParallelUnits, EveryUnitIsDoneOnceAndAWorkerIsOneThreadAtATime) {
  constexpr std::size_t kUnits = 2000;
  const StopRequest stop;
  ParallelUnits units(4, stop);
  std::vector<std::atomic<int>> done(kUnits);
  std::vector<std::atomic<int>> busy(4);
  EXPECT_TRUE(units.run(kUnits, [&](unsigned worker, std::size_t unit) {
    EXPECT_EQ(busy.at(worker)++, 0);
    ++done.at(unit);
    --busy.at(worker);
  }));
  for (const std::atomic<int>& count : done) {
    EXPECT_EQ(count, 1);
  }
}

TEST(ParallelUnits, NoUnitsAreDoneAtOnce) {
  const StopRequest stop;
  EXPECT_TRUE(ParallelUnits(3, stop).run(0, [](unsigned, std::size_t) { FAIL(); }));
}

TEST(ParallelUnits, AFailureStopsTheOthersAfterTheUnitInHandAndIsThrown) {
  const StopRequest stop;
  ParallelUnits units(2, stop);
  std::atomic<int> begun = 0;
  std::atomic<int> ended = 0;
  try {
    units.run(1000, [&](unsigned, std::size_t unit) {
      ++begun;
      if (unit == 5) {
        ++ended;
        throw pg::Failure(pg::FailureKind::server, "unit 5");
      }
      ++ended;
    });
    FAIL() << "nothing was thrown";
  } catch (const pg::Failure& failure) {
    EXPECT_STREQ(failure.what(), "unit 5");
  }
  EXPECT_EQ(begun, ended);
}

TEST(ParallelUnits, AStopLeavesTheRestAndHidesFailuresThatItCaused) {
  StopRequest stop;
  ParallelUnits units(2, stop);
  std::atomic<int> begun = 0;
  EXPECT_FALSE(units.run(1000, [&](unsigned, std::size_t unit) {
    ++begun;
    if (unit == 3) {
      stop.request();
      throw pg::Failure(pg::FailureKind::server, "canceled");
    }
  }));
  EXPECT_LT(begun, 1000);
}

TEST(ParallelUnits, AStopAfterTheLastUnitIsNoStop) {
  StopRequest stop;
  EXPECT_TRUE(ParallelUnits(1, stop).run(3, [&](unsigned, std::size_t unit) {
    if (unit == 2) {
      stop.request();
    }
  }));
}

}  // namespace
}  // namespace pgsluice::mover

#include <gtest/gtest.h>

#include <cmath>

#include "gate/latency_guard.hpp"

namespace pgsluice::gate {
namespace {

constexpr double kUsual = 0.002;

class Server {
 public:
  // For so many seconds every commit takes this long.
  void commit(double seconds, double latency) {
    for (const double end = now + seconds; now < end; now += 0.5) {
      guard.add_commit(now, latency);
      guard.observe(now);
    }
  }
  void idle(double seconds) {
    for (const double end = now + seconds; now < end; now += 0.5) {
      guard.observe(now);
    }
  }
  LatencyGuard guard;
  double now = 100;
};

TEST(GateLatencyGuard, DoesNothingWhileLatencyIsAsUsual) {
  Server server;
  server.commit(300, kUsual);
  server.commit(300, 2.4 * kUsual);
  EXPECT_EQ(server.guard.factor(), 1);
  EXPECT_FALSE(server.guard.is_active());
}

TEST(GateLatencyGuard, HalvesTheRateOnceEvenTheFastestIsSlowAndSaysWhy) {
  Server server;
  server.commit(60, kUsual);
  server.commit(4, 4 * kUsual);
  EXPECT_EQ(server.guard.factor(), 1) << "the fastest of 4 s was fast";
  server.commit(1, 4 * kUsual);
  EXPECT_EQ(server.guard.factor(), 0.5);
  EXPECT_EQ(server.guard.text(), "a commit takes 4.0 times as long as usual");
}

TEST(GateLatencyGuard, OneFastAnswerAmongSlowOnesMeansThatNoQueueStands) {
  Server server;
  server.commit(60, kUsual);
  for (int i = 0; i < 100; ++i) {
    server.commit(2.5, 50 * kUsual);
    server.commit(0.5, kUsual);
  }
  EXPECT_EQ(server.guard.factor(), 1);
}

TEST(GateLatencyGuard, HalvesAgainOnlyAfterItsEffectCouldShow) {
  Server server;
  server.commit(60, kUsual);
  server.commit(5, 4 * kUsual);
  server.commit(4, 4 * kUsual);
  EXPECT_EQ(server.guard.factor(), 0.5);
  server.commit(2, 4 * kUsual);
  EXPECT_EQ(server.guard.factor(), 0.25);
}

TEST(GateLatencyGuard, NeverStopsTheRowsAltogether) {
  Server server;
  server.commit(60, kUsual);
  server.commit(120, 100 * kUsual);
  EXPECT_DOUBLE_EQ(server.guard.factor(), 0.05);
}

TEST(GateLatencyGuard, GivesBackFivePerCentEveryTenSeconds) {
  Server server;
  server.commit(60, kUsual);
  server.commit(5, 4 * kUsual);
  ASSERT_EQ(server.guard.factor(), 0.5);
  server.commit(41, kUsual);
  EXPECT_NEAR(server.guard.factor(), 0.7, 0.051);
  server.commit(80, kUsual);
  EXPECT_EQ(server.guard.factor(), 1);
}

TEST(GateLatencyGuard, BetweenBothLimitsNothingChanges) {
  Server server;
  server.commit(60, kUsual);
  server.commit(5, 4 * kUsual);
  server.commit(5, 2.2 * kUsual);
  const double factor = server.guard.factor();
  server.commit(60, 2.2 * kUsual);
  EXPECT_EQ(server.guard.factor(), factor);
}

TEST(GateLatencyGuard, WithoutNewsGivesTheRateBack) {
  Server server;
  server.commit(60, kUsual);
  server.commit(5, 4 * kUsual);
  server.idle(130);
  EXPECT_EQ(server.guard.factor(), 1);
  EXPECT_FALSE(server.guard.pressure(server.now));
}

TEST(GateLatencyGuard, AVolumeThatStaysSlowerBecomesTheUsual) {
  Server server;
  server.commit(60, kUsual);
  server.commit(3600, 4 * kUsual);
  EXPECT_EQ(server.guard.factor(), 1);
  EXPECT_LT(*server.guard.pressure(server.now), 1.3);
}

TEST(GateLatencyGuard, ACacheIsNotTakenForTheUsualSpeedOfAVolume) {
  LatencyGuard guard;
  for (double now = 0; now < 60; now += 1) {
    guard.add_read(now, now < 30 ? 0.00001 : 0.001);
    guard.observe(now);
  }
  EXPECT_EQ(guard.factor(), 1);
}

TEST(GateLatencyGuard, SlowReadsCountAsSlowCommitsDo) {
  LatencyGuard guard;
  for (double now = 0; now < 40; now += 1) {
    guard.add_read(now, now < 30 ? 0.001 : 0.003);
    guard.add_commit(now, kUsual);
    guard.observe(now);
  }
  EXPECT_LT(guard.factor(), 1);
  EXPECT_EQ(guard.text(), "reading a page takes 3.0 times as long as usual");
}

TEST(GateLatencyGuard, FiguresThatAreNoLatencyAndAClockThatGoesBackAreHarmless) {
  Server server;
  server.commit(60, kUsual);
  for (const double wrong : {0.0, -1.0, std::nan(""), double(INFINITY)}) {
    server.commit(10, wrong);
  }
  EXPECT_EQ(server.guard.factor(), 1);
  server.commit(8, 4 * kUsual);
  EXPECT_LT(server.guard.factor(), 1);
  server.now = 0;
  server.commit(300, kUsual);
  EXPECT_EQ(server.guard.factor(), 1);
}

}  // namespace
}  // namespace pgsluice::gate

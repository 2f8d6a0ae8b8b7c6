#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "gate/foreground.hpp"

namespace pgsluice::gate {
namespace {

constexpr double kBudget = 3000;

// Samples come every second; what the meter smooths over 8 s is smoothed here.
class Watch {
 public:
  // For so many seconds the application does this, and we that.
  void see(int seconds, double rate, double own_rate, std::optional<double> pressure = 1.0) {
    for (int i = 0; i < seconds; ++i) {
      see_once(rate, own_rate, pressure);
    }
  }
  void see_once(double operations, double own_rate, std::optional<double> pressure = 1.0) {
    now_ += 1;
    last_.push_back(operations);
    if (last_.size() > 8) {
      last_.erase(last_.begin());
    }
    double sum = 0;
    for (const double value : last_) {
      sum += value;
    }
    const double of_late = (last_.back() + last_[last_.size() < 2 ? 0 : last_.size() - 2]) / 2;
    foreground.observe(now_, {1, operations, sum / static_cast<double>(last_.size()), of_late, own_rate}, kBudget,
                       pressure);
  }
  double believed() const { return foreground.believed().value_or(-1); }

  Foreground foreground{1};

 private:
  double now_ = 0;
  std::vector<double> last_;
};

TEST(GateForeground, IsUnknownUntilItWasSeen) {
  Watch watch;
  EXPECT_FALSE(watch.foreground.believed());
  EXPECT_NE(watch.foreground.text().find("not known"), std::string::npos);
  watch.see_once(500, 0);
  EXPECT_EQ(watch.believed(), 500);
  EXPECT_EQ(watch.foreground.text(), "the application does 500 operations/s");
}

TEST(GateForeground, ALoadThatBeginsIsBelievedWithinFourSeconds) {
  Watch watch;
  watch.see(60, 0, 2900);
  watch.see(4, 1500, 2900);
  EXPECT_GE(watch.believed(), 1300);
  watch.see(30, 1500, 1500);
  EXPECT_NEAR(watch.believed(), 1500, 100);
}

TEST(GateForeground, ALoadThatEndsIsForgottenWithinThirtySeconds) {
  Watch watch;
  watch.see(60, 0, 2900);
  watch.see(60, 1500, 1500);
  watch.see(5, 0, 1500);
  EXPECT_GT(watch.believed(), 700) << "not at once";
  watch.see(25, 0, 1500);
  EXPECT_LT(watch.believed(), 0.05 * 1500);
}

TEST(GateForeground, OneSampleOfLateNewsIsNoLoad) {
  Watch watch;
  watch.see(60, 0, 2900);
  watch.see_once(9000, 2900);
  watch.see(4, 0, 2900);
  EXPECT_LT(watch.believed(), 800);
}

TEST(GateForeground, StatisticsThatComeInJumpsAreNoGrowth) {
  Watch watch;
  watch.see(20, 200, 2800);
  double most = 0;
  for (int i = 0; i < 300; ++i) {
    // A second of our own work now shows, now does not.
    watch.see_once(200 + (i % 2 == 0 ? 1400 : -1400), 2800);
    most = std::max(most, watch.believed());
  }
  EXPECT_LT(most, 700);
}

TEST(GateForeground, IsNeverNegative) {
  Watch watch;
  watch.see(60, -500, 2900);
  EXPECT_EQ(watch.believed(), 0);
  EXPECT_EQ(*watch.foreground.live(), 0);
}

TEST(GateForeground, WhileLatencyIsHighWhatItDoesWhenWeAreQuietCounts) {
  Watch watch;
  watch.see(60, 1000, 0);
  watch.see(60, 600, 2000, 2.0);
  EXPECT_NEAR(watch.believed(), 1000, 1);
  EXPECT_NE(watch.foreground.text().find("1000 operations/s when pgsluice is quiet"), std::string::npos)
      << watch.foreground.text();
}

TEST(GateForeground, WithoutLatencyWhatItDoesWhenWeAreQuietCounts) {
  Watch watch;
  watch.see(60, 1000, 0, std::nullopt);
  watch.see(60, 600, 2000, std::nullopt);
  EXPECT_NEAR(watch.believed(), 1000, 1);
}

TEST(GateForeground, LatencyThatIsLowForTenSecondsVouchesForWhatIsSeen) {
  Watch watch;
  watch.see(60, 1000, 0);
  watch.see(60, 600, 2000, 2.0);
  watch.see(9, 600, 2000, 1.0);
  EXPECT_NEAR(watch.believed(), 1000, 1);
  watch.see(3, 600, 2000, 1.0);
  EXPECT_NEAR(watch.believed(), 600, 20);
  watch.see(1, 600, 2000, 1.4);
  EXPECT_NEAR(watch.believed(), 600, 20) << "between both limits nothing changes";
  watch.see(1, 600, 2000, 1.6);
  EXPECT_NEAR(watch.believed(), 1000, 1);
}

TEST(GateForeground, TheBaselineIsAHighPercentileOfWhatWasSeenInQuiet) {
  Watch watch;
  watch.see(90, 100, 0);
  EXPECT_NEAR(*watch.foreground.baseline(), 100, 1);
  watch.see(20, 1000, 0);
  EXPECT_GT(*watch.foreground.baseline(), 900);
  EXPECT_NEAR(*watch.foreground.baseline_median(), 100, 1);
  const double before = *watch.foreground.baseline();
  watch.see(200, 0, 2000);
  EXPECT_EQ(*watch.foreground.baseline(), before) << "we were not quiet";
}

}  // namespace
}  // namespace pgsluice::gate

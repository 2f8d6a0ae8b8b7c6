#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "cli/progress.hpp"
#include "cli/speed.hpp"

namespace pgsluice::cli {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

ProgressView some_view() {
  ProgressView view;
  view.phase = "moving rows";
  view.unit = "ranges";
  view.progress.units_total = 1600;
  view.progress.units_done = 592;
  view.progress.fraction = 0.3704;
  view.progress.rows_done = 12'400'000;
  view.progress.rows_planned = 33'500'000;
  view.progress.bytes_done = 1'288'490'189;
  view.progress.retries = 2;
  view.progress.workers = 4;
  view.progress.workers_busy = 3;
  view.rows_per_second = 412'000;
  view.bytes_per_second = 40'000'000;
  view.remaining = 751s;
  view.elapsed = 192s;
  return view;
}

TEST(Progress, TheLiveBlockShowsBarRangesRowsSpeedAndRemainingTime) {
  ProgressView view = some_view();
  view.last_note = "7 ranges brought in line with the ledger";
  EXPECT_THAT(
      live_block(view, 100),
      ElementsAre("moving rows [##############..........................]  37 %  592 of 1,600 ranges",
                  "  12.4 M rows of about 33.5 M, 1.20 GB, 412 k rows/s, 38.1 MB/s, remaining 00:12:31",
                  "  3 of 4 workers busy, 2 retries, running 00:03:12", "  7 ranges brought in line with the ledger"));
}

TEST(Progress, ANarrowTerminalGetsASmallerBarOrNone) {
  EXPECT_THAT(live_block(some_view(), 60).front(), HasSubstr("[######............]"));
  EXPECT_EQ(live_block(some_view(), 30).front(), "moving rows   37 %  592 of 1,600 ranges");
}

TEST(Progress, ThePlainLineSaysTheSame) {
  EXPECT_EQ(plain_line(some_view()),
            "moving rows: 37 %, 592 of 1,600 ranges, 12.4 M rows, 412 k rows/s, 38.1 MB/s, remaining 00:12:31, "
            "3 workers, 2 retries");
}

TEST(Progress, OneHundredPercentIsSaidOnlyWhenAllIsDone) {
  ProgressView view = some_view();
  view.progress.fraction = 0.99999;
  EXPECT_THAT(plain_line(view), HasSubstr(" 99 %"));
  view.progress.fraction = 1;
  EXPECT_THAT(plain_line(view), HasSubstr(" 100 %"));
}

TEST(Progress, WithoutASpeedTheRemainingTimeIsUnknown) {
  ProgressView view = some_view();
  view.remaining.reset();
  EXPECT_THAT(plain_line(view), HasSubstr("remaining unknown"));
}

TEST(Progress, APhaseWithoutRowsShowsItsUnitsOnly) {
  ProgressView view;
  view.phase = "building indexes";
  view.unit = "indexes";
  view.progress.units_total = 32;
  view.progress.units_done = 8;
  view.progress.fraction = 0.25;
  EXPECT_EQ(plain_line(view), "building indexes: 25 %, 8 of 32 indexes, remaining unknown, 0 retries");
}

TEST(Speed, IsUnknownBeforeTwoMoments) {
  Speed speed(10s);
  EXPECT_FALSE(speed.per_second());
  speed.reached(Speed::Time{} + 1s, 100);
  EXPECT_FALSE(speed.per_second());
  speed.reached(Speed::Time{} + 2s, 300);
  EXPECT_DOUBLE_EQ(*speed.per_second(), 200);
}

TEST(Speed, OfASteadyJobIsExactFromTheBeginning) {
  Speed speed(10s);
  for (int second = 0; second <= 100; ++second) {
    speed.reached(Speed::Time{} + std::chrono::seconds(second), second * 50.0);
    if (second > 0) {
      EXPECT_NEAR(*speed.per_second(), 50, 1e-9);
    }
  }
}

TEST(Speed, FollowsAChangeWithinAFewSpans) {
  Speed speed(10s);
  double total = 0;
  for (int second = 0; second <= 200; ++second) {
    total += second < 100 ? 1000 : 10;
    speed.reached(Speed::Time{} + std::chrono::seconds(second), total);
  }
  EXPECT_NEAR(*speed.per_second(), 10, 1);
}

TEST(ProgressDisplay, TellsTheLogWhatMatteredAndLeavesNoBlockBehind) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  {
    Terminal terminal(ends[1]);
    Log log(terminal, LogOptions{});
    ProgressDisplay display(terminal, log, ProgressMode::plain);
    display.phase_began("moving rows", "ranges");
    display.noted("something of interest");
    display.retrying("range 3", "deadlock\ndetected", 250ms);
    display.range_failed(7, "error:  bad value");
  }
  close(ends[1]);
  std::string text(4096, '\0');
  text.resize(static_cast<std::size_t>(read(ends[0], text.data(), text.size())));
  close(ends[0]);
  EXPECT_THAT(text, HasSubstr("info    moving rows\n"));
  EXPECT_THAT(text, HasSubstr("info    something of interest\n"));
  EXPECT_THAT(text, HasSubstr("warning range 3 failed and is tried again in 250 ms: deadlock detected\n"));
  EXPECT_THAT(text, HasSubstr("error   range 7 is given up, others go on: error: bad value\n"));
}

}  // namespace
}  // namespace pgsluice::cli

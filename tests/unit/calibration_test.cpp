#include "mover/calibration.hpp"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "pg/failure.hpp"

namespace pgsluice::mover {
namespace {

using planner::Method;

CalibrationOptions options_for(std::vector<Method> methods, std::size_t ranges, unsigned workers = 2,
                               unsigned workers_max = 2) {
  CalibrationOptions options;
  options.methods = std::move(methods);
  options.ranges = ranges;
  options.workers = workers;
  options.workers_max = workers_max;
  return options;
}

// A server that moves so many rows a second by each method, and so many times that with more sessions.
struct Server {
  std::map<Method, double> rows_per_second;
  std::map<unsigned, double> speedup;
  std::map<Method, double> wal_bytes_per_row;

  // Does what the calibration asks until it is done. Returns the ranges it took.
  std::size_t calibrate(Calibration& calibration) {
    std::size_t ranges = 0;
    while (const auto request = calibration.next()) {
      ranges += request->ranges;
      const double times = speedup.contains(request->choice.workers) ? speedup[request->choice.workers] : 1;
      Trial trial;
      trial.choice = request->choice;
      trial.is_warm_up = request->is_warm_up;
      trial.rows = 1000 * request->ranges;
      trial.rows_per_second = rows_per_second[request->choice.method] * times;
      if (wal_bytes_per_row.contains(request->choice.method)) {
        trial.wal_bytes_per_row = wal_bytes_per_row[request->choice.method];
      }
      if (request->is_warm_up) {
        trial.rows_per_second /= 10;  // Misleading, as first trials are.
      }
      calibration.add(trial);
      EXPECT_LT(ranges, 10'000U) << "it never ends";
    }
    return ranges;
  }
};

TEST(Calibration, ChoosesTheFasterMethodWhicheverComesFirst) {
  for (const auto& [insert, stream, best] :
       {std::tuple{700.0, 300.0, Method::insert}, std::tuple{300.0, 700.0, Method::stream}}) {
    Calibration calibration(options_for({Method::insert, Method::stream}, 256));
    Server server{{{Method::insert, insert}, {Method::stream, stream}}, {}, {}};
    server.calibrate(calibration);
    EXPECT_EQ(calibration.chosen().method, best);
    EXPECT_EQ(calibration.rows_per_second(), 700);
  }
}

TEST(Calibration, CostsAtMostFivePerCentOfTheRanges) {
  for (const std::size_t ranges : {0U, 1U, 40U, 200U, 256U, 1000U, 20'000U}) {
    for (const unsigned workers : {1U, 2U, 8U, 64U}) {
      Calibration calibration(options_for({Method::insert, Method::stream}, ranges, workers, 4 * workers));
      Server server{{{Method::insert, 700}, {Method::stream, 690}}, {{2 * workers, 1.5}, {4 * workers, 2}}, {}};
      EXPECT_LE(static_cast<double>(server.calibrate(calibration)), 0.05 * static_cast<double>(ranges))
          << ranges << " ranges, " << workers << " workers";
    }
  }
}

TEST(Calibration, MeasuresCloseMethodsAgainAndClearOnesOnce) {
  const auto ranges_for = [](double stream) {
    Calibration calibration(options_for({Method::insert, Method::stream}, 10'000));
    Server server{{{Method::insert, 700}, {Method::stream, stream}}, {}, {}};
    return server.calibrate(calibration);
  };
  EXPECT_GT(ranges_for(690), ranges_for(300));
}

TEST(Calibration, GoesOnWithTheFirstMethodWhereThereAreTooFewRanges) {
  Calibration calibration(options_for({Method::insert, Method::stream}, 20));
  EXPECT_FALSE(calibration.next());
  EXPECT_EQ(calibration.chosen(), (Choice{Method::insert, 2}));
  EXPECT_EQ(calibration.rows_per_second(), 0);
  EXPECT_NE(calibration.summary().find("too few ranges"), std::string::npos);
}

TEST(Calibration, DoublesTheSessionsWhileThatPays) {
  Calibration calibration(options_for({Method::insert}, 1000, 2, 16));
  Server server{{{Method::insert, 700}}, {{4, 1.8}, {8, 1.82}, {16, 9}}, {}};
  server.calibrate(calibration);
  EXPECT_EQ(calibration.chosen(), (Choice{Method::insert, 4}));
}

TEST(Calibration, KeepsTheSessionsWhereMoreBringNothing) {
  Calibration calibration(options_for({Method::insert}, 1000, 2, 8));
  Server server{{{Method::insert, 700}}, {{4, 0.9}, {8, 5}}, {}};
  server.calibrate(calibration);
  EXPECT_EQ(calibration.chosen(), (Choice{Method::insert, 2}));
}

TEST(Calibration, ForWalChoosesTheMethodThatWritesLess) {
  CalibrationOptions options = options_for({Method::insert, Method::stream}, 1000);
  options.optimize = Optimize::wal;
  Calibration calibration(options);
  Server server{{{Method::insert, 700}, {Method::stream, 300}}, {}, {{Method::insert, 122}, {Method::stream, 73}}};
  server.calibrate(calibration);
  EXPECT_EQ(calibration.chosen().method, Method::stream);
}

TEST(Calibration, ForWalThatCannotBeSeenKeepsTheFirstMethod) {
  CalibrationOptions options = options_for({Method::insert, Method::stream}, 1000);
  options.optimize = Optimize::wal;
  Calibration calibration(options);
  Server server{{{Method::insert, 300}, {Method::stream, 700}}, {}, {}};
  server.calibrate(calibration);
  EXPECT_EQ(calibration.chosen().method, Method::insert);
}

TEST(Calibration, DropsAMethodThatProvedUnfit) {
  Calibration calibration(options_for({Method::insert, Method::stream}, 1000));
  calibration.drop(Method::stream);
  Server server{{{Method::insert, 300}, {Method::stream, 700}}, {}, {}};
  server.calibrate(calibration);
  EXPECT_EQ(calibration.chosen().method, Method::insert);
}

TEST(Calibration, DecisionComesBackFromItsDocument) {
  Calibration calibration(options_for({Method::insert, Method::stream}, 1000, 2, 8));
  Server server{{{Method::insert, 300}, {Method::stream, 700}}, {{4, 1.5}}, {}};
  server.calibrate(calibration);
  const auto document = to_document(calibration, Optimize::time, "2026-01-01T00:00:00Z", "the run began");
  const auto remembered = choice_in(document.dump());
  ASSERT_TRUE(remembered);
  EXPECT_EQ(remembered->choice, (Choice{Method::stream, 4}));
  EXPECT_EQ(remembered->rows_per_second, 1050);
  EXPECT_NE(document["summary"].get<std::string>().find("stream with 4 workers"), std::string::npos);
  EXPECT_FALSE(choice_in("{}"));
  EXPECT_FALSE(choice_in("no json"));
}

TEST(Calibration, OptimizeIsNamed) {
  EXPECT_EQ(optimize_named("io"), Optimize::io);
  EXPECT_THROW(optimize_named("speed"), pg::Failure);
}

TEST(RateWatch, TellsOnlyOfAWholeWindowThatIsAThirdSlower) {
  RateWatch watch(100, 60);
  watch.moved(0, 50);
  watch.moved(30, 100);  // Slow, but not for long yet.
  EXPECT_FALSE(watch.has_fallen());
  watch.moved(60, 4000);
  EXPECT_FALSE(watch.has_fallen()) << "4100 rows in 60 s are more than two thirds of 6000";
  watch.moved(121, 3900);
  EXPECT_TRUE(watch.has_fallen()) << "3900 rows in 61 s are less";
}

}  // namespace
}  // namespace pgsluice::mover

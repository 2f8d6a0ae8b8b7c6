// The thread that feeds the gate: it goes on through lost sessions, and stops the rows when it cannot look.
#include "mover/meter_watch.hpp"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <mutex>

#include "tests/server/watching_fixture.hpp"

namespace pgsluice::tests {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

// Counts what it is asked for.
class CountingMeter : public mover::Meter {
 public:
  CountingMeter(std::unique_ptr<mover::Meter> meter, std::atomic<int>& reads)
      : meter_(std::move(meter)), reads_(reads) {}
  void prepare(pg::Connection& connection) override { meter_->prepare(connection); }
  gate::MeterSample read(pg::Connection& connection) override {
    const gate::MeterSample sample = meter_->read(connection);
    ++reads_;
    return sample;
  }
  std::string description() const override { return meter_->description(); }
  double delay_seconds() const override { return meter_->delay_seconds(); }

 private:
  std::unique_ptr<mover::Meter> meter_;
  std::atomic<int>& reads_;
};

class MeterWatch : public WatchingFixture {
 protected:
  std::unique_ptr<mover::MeterWatch> watch(const mover::BrakeOptions& brakes = {}) {
    pg::Connection first = owner();
    auto meter = std::make_unique<CountingMeter>(mover::make_meter(first, {}), reads_);
    mover::Brakes made = mover::make_brakes(first, brakes);
    return std::make_unique<mover::MeterWatch>(
        keeper_, std::move(first),
        [this] {
          if (is_shut_) throw pg::Failure(pg::FailureKind::connection, "the network is down");
          return owner();
        },
        std::move(meter), std::move(made),
        [this](const std::string& line) {
          const std::lock_guard lock(mutex_);
          notes_.push_back(line);
        },
        options_);
  }

  void end_its_session() {
    database_.connect_as_superuser().query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND "
        "application_name "
        "= 'pgsluice watch'");
  }

  // Why a worker has to wait now; empty: it need not.
  std::string reason() {
    std::string text;
    keeper_.with([&](gate::Gate& gate, double now) { text = gate.next(now, 1, 1).reason; });
    return text;
  }

  std::vector<std::string> notes() {
    const std::lock_guard lock(mutex_);
    return notes_;
  }

  mover::StopRequest stop_;
  mover::GateKeeper keeper_{{}, stop_};
  mover::WatchOptions options_{10ms, 10ms, 10ms, 50ms, 60};
  std::atomic<int> reads_ = 0;
  std::atomic<bool> is_shut_ = false;
  std::mutex mutex_;
  std::vector<std::string> notes_;
};

TEST_F(MeterWatch, FeedsTheGateUntilItEnds) {
  {
    const auto watching = watch();
    EXPECT_GE(reads_, 1) << "before anything moves";
    EXPECT_TRUE(comes_true([&] { return reads_ > 5; }));
    EXPECT_FALSE(keeper_.status().is_blind);
  }
  EXPECT_THAT(notes(), IsEmpty());
  EXPECT_EQ(
      database_.connect()
          .query("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = "
                 "'pgsluice watch' AND pid <> pg_backend_pid() AND state <> 'idle'")
          .integer(0, 0),
      0);
}

TEST_F(MeterWatch, GoesOnAfterItsSessionWasTerminated) {
  const auto watching = watch();
  end_its_session();
  EXPECT_TRUE(comes_true([&] { return notes().size() >= 2; }));
  EXPECT_THAT(notes().front(), HasSubstr("the meter's session is lost"));
  EXPECT_THAT(notes(), Contains("the meter's session is back"));
  const int before = reads_;
  EXPECT_TRUE(comes_true([&] { return reads_ > before + 3; }));
}

TEST_F(MeterWatch, NothingMovesBeforeTheBrakesWereRead) {
  const std::filesystem::path file = std::filesystem::temp_directory_path() / database_.name();
  std::ofstream(file) << "";
  const auto watching = watch({.pause_file = file.string()});
  EXPECT_EQ(reason(), "the pause file " + file.string() + " exists");
  std::filesystem::remove(file);
  EXPECT_TRUE(comes_true([&] { return reason().empty(); }));
}

TEST_F(MeterWatch, APauseQueryThatCannotBeAskedPausesAtOnce) {
  const auto watching = watch({.pause_query = "SELECT false"});
  EXPECT_EQ(reason(), "");
  is_shut_ = true;
  end_its_session();
  EXPECT_TRUE(comes_true([&] { return reason().starts_with("the pause query cannot be asked: "); })) << reason();
  is_shut_ = false;
  EXPECT_TRUE(comes_true([&] { return reason().empty(); })) << reason();
}

TEST_F(MeterWatch, AMeasuredBrakeKeepsItsLastAnswerForAWhileAndThenStops) {
  options_.patience_seconds = 0.5;
  const auto watching = watch({.slot_wal_bytes_max = 1'000'000'000'000});
  is_shut_ = true;
  end_its_session();
  EXPECT_TRUE(comes_true([&] { return !notes().empty(); }));
  EXPECT_TRUE(comes_true([&] { return reason().starts_with("\"replication slots\" could not be read for "); }))
      << reason();
  EXPECT_THAT(reason(), HasSubstr("the network is down"));
  is_shut_ = false;
  EXPECT_TRUE(comes_true([&] { return reason().empty(); })) << reason();
}

TEST_F(MeterWatch, AMachinesOwnBrakesAreReadWithoutTheServer) {
  const std::filesystem::path file = std::filesystem::temp_directory_path() / database_.name();
  const auto watching = watch({.pause_file = file.string()});
  is_shut_ = true;
  end_its_session();
  EXPECT_TRUE(comes_true([&] { return !notes().empty(); }));
  EXPECT_EQ(reason(), "");
  std::ofstream(file) << "";
  EXPECT_TRUE(comes_true([&] { return reason() == "the pause file " + file.string() + " exists"; }));
  std::filesystem::remove(file);
  EXPECT_TRUE(comes_true([&] { return reason().empty(); }));
}

TEST_F(MeterWatch, AMeterThatFailsLeavesTheBrakesAtWork) {
  pg::Connection administrator = database_.connect_as_superuser();
  const auto watching = watch({.slot_wal_bytes_max = 1'000'000'000'000});
  administrator.query("REVOKE SELECT ON pg_stat_database, pg_stat_bgwriter FROM PUBLIC");
  if (administrator.server_major_version() >= 16) administrator.query("REVOKE SELECT ON pg_stat_io FROM PUBLIC");
  EXPECT_TRUE(comes_true([&] { return !notes().empty(); }));
  EXPECT_THAT(notes(), testing::ElementsAre(HasSubstr("the meter cannot be read: permission denied")));
  EXPECT_EQ(reason(), "");
  administrator.query("GRANT SELECT ON pg_stat_database, pg_stat_bgwriter TO PUBLIC");
  const int before = reads_;
  EXPECT_TRUE(comes_true([&] { return reads_ > before; }));
}

TEST_F(MeterWatch, EndsAtOnceWhateverTheServerIsAskedFor) {
  pg::Connection application = database_.connect();
  application.query("CREATE TABLE pause AS SELECT 0 AS seconds");
  auto watching = watch({.pause_query = "SELECT false FROM pause, pg_sleep(seconds)"});
  application.query("UPDATE pause SET seconds = 60");
  EXPECT_TRUE(comes_true([&] {
    return application
               .query(
                   "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = "
                   "'PgSleep'")
               .integer(0, 0) == 1;
  }));
  const auto begun = std::chrono::steady_clock::now();
  watching.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 1500ms) << "half of the query's own limit";
}

}  // namespace
}  // namespace pgsluice::tests

// `plan --emit-sql` beside an application that writes all the while: the files, by psql, take the table there and back
// and there again, and at every stop it holds what its twin holds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>
#include <random>

#include "tests/server/emit_fixture.hpp"
#include "tests/support/database.hpp"
#include "tests/support/live_layout.hpp"
#include "tests/support/live_load.hpp"

namespace pgsluice::tests {
namespace {

using std::chrono::seconds;

class EmittedFilesBesideALoad : public testing::TestWithParam<const char*> {
 protected:
  void succeed(const std::string& file) {
    const Outcome outcome = files_.run(file);
    ASSERT_EQ(outcome.exit_code, 0) << file << ": " << outcome;
  }
  // As a person does whose file found no gap.
  void succeed_at_last(const std::string& file) {
    constexpr int kAttemptsMax = 100;
    Outcome outcome;
    for (int attempt = 1; attempt <= kAttemptsMax; ++attempt) {
      outcome = files_.run(file);
      if (outcome.exit_code == 0) return;
    }
    FAIL() << file << ": " << outcome;
  }
  void expect_equal(const std::string& when) {
    const LiveDifference difference = read_live_difference(connection_);
    EXPECT_TRUE(difference.is_none()) << when << ": " << difference.example;
  }
  void expect_kind(const std::string& kind) {
    EXPECT_EQ(connection_.query("SELECT relkind FROM pg_class WHERE oid = 'public.live'::regclass").text(0, 0), kind);
  }

  Database database_;
  pg::Connection connection_ = database_.connect();
  EmittedFiles files_{database_};
};

TEST_P(EmittedFilesBesideALoad, LoseNoWriteThereAndBack) {
  const LiveLayout& layout = live_layout(GetParam());
  constexpr std::int64_t kRows = 2000;
  make_live_tables(connection_, layout, kRows);
  const std::uint64_t seed = std::random_device{}();
  std::cout << "seed " << seed << '\n';
  std::vector<std::string> arguments = {"--table", "public.live", "--strategy", "capture", "--range-rows", "200"};
  arguments.insert(arguments.end(), layout.plan_arguments.begin(), layout.plan_arguments.end());
  const Outcome planned = files_.plan(arguments);
  ASSERT_EQ(planned.exit_code, 0) << planned;
  LiveLoad load(
      {.conninfo = database_.conninfo(), .layout = &layout, .seed = seed, .sessions = 2, .key_count = 2 * kRows});
  ASSERT_TRUE(load.writes_reach(200, seconds(60)));
  succeed("target.up.sql");
  succeed_at_last("capture.up.sql");
  for (const char* file : {"copy.up.sql", "key-index.up.sql"}) succeed(file);
  for (const char* file : {"apply.up.sql", "indexes.up.sql"}) succeed_at_last(file);
  for (int round = 0; round < 2; ++round) {
    succeed_at_last("apply.up.sql");
    succeed_at_last("cutover.up.sql");
    expect_kind("p");
    succeed_at_last("settle.up.sql");
    expect_equal("after the cutover");
    const std::uint64_t so_far = load.tally().writes();
    ASSERT_TRUE(load.writes_reach(so_far + 300, seconds(60)));
    succeed_at_last("cutover.down.sql");
    expect_kind("r");
    expect_equal("after the way back");
  }
  succeed_at_last("capture.down.sql");
  succeed_at_last("target.down.sql");
  load.stop();
  std::cout << load.tally();
  EXPECT_THAT(load.tally().failures, testing::IsEmpty());
  expect_equal("at the end");
}

INSTANTIATE_TEST_SUITE_P(Layouts, EmittedFilesBesideALoad,
                         testing::Values("hash", "range", "list", "two_levels", "composite", "text"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace pgsluice::tests

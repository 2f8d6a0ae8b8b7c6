// The load itself: what the oracle's tests believe of it must be so without any migration, and it must see what is
// wrong.
#include "tests/support/live_load.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>

#include "pg/failure.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/database.hpp"
#include "tests/support/migration.hpp"

namespace pgsluice::tests {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::int64_t kRows = 1000;

class LiveLoadOfEachLayout : public testing::TestWithParam<std::string> {};

TEST_P(LiveLoadOfEachLayout, KeepsTableAndTwinEqualWithoutAMigration) {
  const LiveLayout& layout = live_layout(GetParam());
  Database database;
  pg::Connection connection = database.connect();
  make_live_tables(connection, layout, kRows);
  const std::uint64_t seed = std::random_device{}();
  std::cout << "seed " << seed << '\n';
  LiveLoadOptions options{.conninfo = database.conninfo(), .layout = &layout, .seed = seed, .key_count = 2 * kRows};
  LiveLoad load(options);
  load.go_beyond_the_plan();
  EXPECT_TRUE(load.writes_reach(1'000, seconds(60)));
  load.truncate_soon();
  EXPECT_TRUE(load.writes_reach(3'000, seconds(60)));
  const LiveDifference beside_the_load = read_live_difference(connection);
  EXPECT_TRUE(beside_the_load.is_none()) << beside_the_load.example;
  EXPECT_TRUE(load.writes_reach(5'000, seconds(60)));
  load.stop();
  const LiveTally tally = load.tally();
  std::cout << tally;
  EXPECT_THAT(tally.failures, IsEmpty());
  const LiveDifference difference = read_live_difference(connection);
  EXPECT_TRUE(difference.is_none()) << difference.example;
  EXPECT_GT(difference.rows, 0);
  // Most of what is begun ends well, and every kind of change that the layout has was made.
  EXPECT_GT(tally.committed, 3 * (tally.given_up + tally.races + tally.errors.at("23505")));
  for (std::size_t i = 0; i < kChangeKindCount; ++i) {
    const auto kind = static_cast<ChangeKind>(i);
    const bool is_absent = (kind == ChangeKind::insert_next && !layout.has_identity) ||
                           (kind == ChangeKind::update_partition && layout.partition_column.empty());
    EXPECT_TRUE(is_absent || tally.changes.at(i) > 0) << to_text(kind);
  }
}

std::vector<std::string> layout_names() {
  std::vector<std::string> names;
  for (const LiveLayout& layout : live_layouts()) names.push_back(layout.name);
  return names;
}
INSTANTIATE_TEST_SUITE_P(Layouts, LiveLoadOfEachLayout, testing::ValuesIn(layout_names()),
                         [](const auto& test) { return test.param; });

// What the application meets after any cutover, whoever makes it: rows that an update takes to another leaf, and keys
// that were widened.
TEST_P(LiveLoadOfEachLayout, KeepsPartitionedTableAndTwinEqual) {
  const LiveLayout& layout = live_layout(GetParam());
  Database database;
  pg::Connection connection = database.connect();
  make_live_tables(connection, layout, kRows);
  Migration migration(database);
  std::vector<std::string> arguments = {"--table", "public.live"};
  arguments.insert(arguments.end(), layout.plan_arguments.begin(), layout.plan_arguments.end());
  const Outcome planned = migration.plan(arguments);
  ASSERT_EQ(planned.exit_code, 0) << planned;
  const Outcome moved = migration.run();
  ASSERT_EQ(moved.exit_code, 0) << moved;
  connection.run_script(
      "ALTER TABLE live RENAME TO live_before; ALTER TABLE "
      "live_partitioned RENAME TO live");
  constexpr int kPartitionedTablesHaveIdentitySince = 17;
  if (layout.has_identity && connection.server_major_version() < kPartitionedTablesHaveIdentitySince) {
    connection.query("ALTER TABLE live ALTER id SET DEFAULT nextval('live_id_seq')");
  }
  LiveLoadOptions options{.conninfo = database.conninfo(), .layout = &layout, .seed = 5, .key_count = 2 * kRows};
  LiveLoad load(options);
  load.go_beyond_the_plan();
  EXPECT_TRUE(load.writes_reach(1'000, seconds(60)));
  load.truncate_soon();
  EXPECT_TRUE(load.writes_reach(3'000, seconds(60)));
  load.stop();
  std::cout << load.tally();
  EXPECT_THAT(load.tally().failures, IsEmpty());
  const LiveDifference difference = read_live_difference(connection);
  EXPECT_TRUE(difference.is_none()) << difference.example;
}

TEST(LiveLoad, ARowThatOnlyTheTableLosesIsADifferenceOnBothSides) {
  Database database;
  pg::Connection connection = database.connect();
  make_live_tables(connection, live_layout("list"), 10);
  connection.query("UPDATE live SET version = 7 WHERE id = 3");
  connection.query("DELETE FROM live WHERE id = 4");
  const LiveDifference difference = read_live_difference(connection);
  EXPECT_EQ(difference.only_in_table, 1);
  EXPECT_EQ(difference.only_in_twin, 2);
  EXPECT_EQ(difference.rows, 10);
  EXPECT_THAT(difference.example, HasSubstr("only in the table: (3,"));
}

TEST(LiveLoad, AStatementThatWaitsForAnothersLockTooLongIsAFailure) {
  Database database;
  pg::Connection connection = database.connect();
  const LiveLayout& layout = live_layout("hash");
  make_live_tables(connection, layout, kRows);
  LiveLoadOptions options{.conninfo = database.conninfo(), .layout = &layout, .seed = 1};
  options.statement_max = std::chrono::milliseconds(300);
  options.sessions = 2;
  LiveLoad load(options);
  EXPECT_TRUE(load.writes_reach(10, seconds(30)));
  connection.begin();
  connection.query("LOCK TABLE live IN ACCESS EXCLUSIVE MODE");
  connection.query("SELECT pg_sleep(0.8)");
  connection.commit();
  load.stop();
  EXPECT_THAT(load.tally().failures, testing::Contains(HasSubstr("a statement took ")));
}

TEST(LiveLoad, AnErrorThatOnlySomebodyElseCanCauseIsAFailure) {
  Database database;
  pg::Connection connection = database.connect();
  const LiveLayout& layout = live_layout("hash");
  make_live_tables(connection, layout, kRows);
  connection.query("ALTER TABLE live ADD CONSTRAINT of_somebody_else CHECK (n < 900) NOT VALID");
  LiveLoad load({.conninfo = database.conninfo(), .layout = &layout, .seed = 1});
  EXPECT_TRUE(load.writes_reach(1'000, seconds(30)));
  load.stop();
  EXPECT_THAT(load.tally().failures, testing::Contains(HasSubstr("of_somebody_else")));
  EXPECT_GT(load.tally().errors.at("23514"), 0U);
}

TEST(LiveLoad, SurvivesAServerThatCrashes) {
  ClusterOptions cluster_options;
  cluster_options.durable = true;
  Cluster cluster(cluster_options);
  Database database(cluster.address());
  const LiveLayout& layout = live_layout("range");
  {
    pg::Connection connection = database.connect();
    make_live_tables(connection, layout, kRows);
  }
  LiveLoad load({.conninfo = database.conninfo(), .layout = &layout, .seed = 3});
  EXPECT_TRUE(load.writes_reach(500, seconds(30)));
  cluster.stop_immediate();
  cluster.start();
  EXPECT_TRUE(load.writes_reach(load.tally().writes() + 500, seconds(60)));
  load.stop();
  EXPECT_THAT(load.tally().failures, IsEmpty());
  EXPECT_GE(load.tally().reconnections, 4U);
  pg::Connection connection = database.connect();
  const LiveDifference difference = read_live_difference(connection);
  EXPECT_TRUE(difference.is_none()) << difference.example;
}

}  // namespace
}  // namespace pgsluice::tests

// The SQL that notes changes and brings them over, as text. What it does to rows is
// tests/server/live_capture_test.cpp's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "planner/capture_sql.hpp"
#include "planner/refresh_sql.hpp"

namespace pgsluice::tests {
namespace {

using planner::Feed;
using testing::Each;
using testing::Field;
using testing::HasSubstr;
using testing::Not;

Feed small_feed() {
  Feed feed;
  feed.migration_id = "12345678-aaaa-4bbb-8ccc-1234567890ab";
  feed.from = {"app", "it's \"odd\""};
  feed.to = {"app", "target"};
  feed.key = {{"id", "bigint", "", true, true, false}};
  feed.lead = {{"region", "text", "\"pg_catalog\".\"C\"", false, false, false}};
  feed.columns = {"id", "region", "note"};
  feed.conflict_columns = {"id", "region"};
  return feed;
}

std::string text_of(const planner::Statements& statements) {
  return planner::script_of(statements);
}

TEST(CaptureSql, FunctionsRunWithTheirOwnersRightsAndAFixedSearchPath) {
  for (const planner::Statement& statement : planner::create_capture_log_sql(small_feed())) {
    if (statement.sql.starts_with("CREATE FUNCTION")) {
      EXPECT_THAT(statement.sql, HasSubstr("SECURITY DEFINER SET search_path = pg_catalog, pg_temp"));
    }
  }
}

TEST(CaptureSql, EveryTriggerFiresWhateverTheSessionsReplicationRole) {
  const std::string text = text_of(planner::create_capture_triggers_sql(small_feed()));
  EXPECT_THAT(text, HasSubstr("ENABLE ALWAYS TRIGGER \"pgsluice_changes_12345678_row\""));
  EXPECT_THAT(text, HasSubstr("ENABLE ALWAYS TRIGGER \"pgsluice_changes_12345678_truncate\""));
}

TEST(CaptureSql, NothingOfItTakesALockThatReadersWaitFor) {
  planner::Statements all = planner::create_capture_log_sql(small_feed());
  planner::append(all, planner::create_capture_triggers_sql(small_feed()));
  EXPECT_THAT(all, Each(Field(&planner::Statement::lock, Not("ACCESS EXCLUSIVE"))));
}

// A statement that names the parent fires its partitions' triggers for rows, none of theirs for statements; and the
// parent's other partitions are none of the feed's.
TEST(CaptureSql, OfPartitionsEachHasItsTriggersAndTheParentTheGuardOfSnapshots) {
  Feed feed = small_feed();
  feed.direction = planner::FeedDirection::back;
  feed.from = {"app", "events"};
  feed.parent = feed.from;
  feed.parts = {{"app", "p1"}, {"app", "p2"}};
  const std::string made = text_of(planner::create_capture_triggers_sql(feed));
  for (const char* part : {"p1", "p2"}) {
    EXPECT_THAT(made, HasSubstr("AFTER INSERT OR UPDATE OR DELETE ON \"app\".\"" + std::string(part) + "\""));
    EXPECT_THAT(made, HasSubstr("AFTER TRUNCATE ON \"app\".\"" + std::string(part) + "\""));
  }
  EXPECT_THAT(made, Not(HasSubstr("events")));
  EXPECT_EQ(planner::capture_trigger_count(feed), 4U);
  EXPECT_THAT(text_of(planner::create_snapshot_guard_sql(feed, "1", {"2"})), HasSubstr("ON \"app\".\"events\""));
  const std::string dropped = text_of(planner::drop_capture_triggers_sql(feed));
  EXPECT_THAT(dropped, testing::StartsWith("LOCK TABLE ONLY \"app\".\"events\"")) << "the others are left alone";
  EXPECT_THAT(planner::refill_sql(feed), HasSubstr("f.tableoid IN ('\"app\".\"p1\"'::pg_catalog.regclass"));
}

TEST(CaptureSql, TheLogsOwnColumnGivesWayToAColumnOfItsName) {
  Feed feed = small_feed();
  EXPECT_EQ(feed.time_column(), "noted_at");
  feed.lead.front().name = "noted_at";
  EXPECT_EQ(feed.time_column(), "noted_at_");
}

TEST(CaptureSql, TwoMigrationsAndTwoDirectionsHaveDifferentLogs) {
  Feed one = small_feed();
  Feed other = small_feed();
  other.migration_id = "87654321-aaaa-4bbb-8ccc-1234567890ab";
  Feed back = small_feed();
  back.direction = planner::FeedDirection::back;
  EXPECT_NE(one.log(), other.log());
  EXPECT_NE(one.log(), back.log());
}

TEST(CaptureSql, OnlyAPartitionedSourceListsItsPartitions) {
  Feed feed = small_feed();
  EXPECT_THAT(text_of(planner::create_capture_log_sql(feed)), Not(HasSubstr("TG_RELID")));
  EXPECT_THAT(text_of(planner::drop_capture_log_sql(feed)), Not(HasSubstr("_partitions")));
  feed.from_is_partitioned = true;
  feed.known_partitions = {"17", "4"};
  EXPECT_THAT(text_of(planner::create_capture_log_sql(feed)),
              HasSubstr("TG_RELID <> ALL (''{17,4}''::pg_catalog.oid[])"));
  EXPECT_THAT(text_of(planner::drop_capture_log_sql(feed)),
              HasSubstr("DROP TABLE IF EXISTS \"pgsluice\".\"changes_12345678_partitions\""));
}

TEST(CaptureSql, OldSnapshotsAreKeptOffThePartitionsThatTheApplicationKnows) {
  Feed feed = small_feed();
  feed.truncatable = {{"app", "leaf"}};
  EXPECT_THAT(text_of(planner::create_snapshot_guard_sql(feed, "7", {"1"})), Not(HasSubstr("\"leaf\"")));
  feed.from_is_partitioned = true;
  const std::string text = text_of(planner::create_snapshot_guard_sql(feed, "7", {"1", "2"}));
  EXPECT_THAT(text, HasSubstr("BEFORE INSERT OR UPDATE OR DELETE ON \"app\".\"leaf\""));
  EXPECT_THAT(text, HasSubstr("{1,2}"));
  EXPECT_THAT(text_of(planner::drop_capture_triggers_sql(feed)),
              HasSubstr("DROP TRIGGER IF EXISTS \"pgsluice_old_snapshots_changes_12345678\" ON \"app\".\"leaf\""));
}

TEST(RefreshSql, FindsStaleRowsByKeyAndLeadSoThatOneLeafIsAsked) {
  const planner::RefreshSql sql = planner::refresh_sql(small_feed(), planner::whole_log_sql());
  EXPECT_THAT(sql.remove_stale, HasSubstr("t.\"id\" = s.\"id\" AND t.\"region\" IS NOT DISTINCT FROM s.\"region\""));
  EXPECT_THAT(sql.bring_current, HasSubstr("ON CONFLICT (\"id\", \"region\") DO UPDATE SET "));
}

TEST(RefreshSql, ReplacesRowsWhereNoIndexFindsThemAgain) {
  Feed feed = small_feed();
  feed.conflict_columns.clear();
  const planner::RefreshSql sql = planner::refresh_sql(feed, planner::whole_log_sql());
  EXPECT_THAT(sql.bring_current, Not(HasSubstr("ON CONFLICT")));
  EXPECT_THAT(sql.remove_stale, Not(HasSubstr("NOT EXISTS")));
}

TEST(RefreshSql, NeverForgetsTheNoteOfATruncate) {
  const planner::RefreshSql sql = planner::refresh_sql(small_feed(), planner::whole_log_sql());
  EXPECT_THAT(sql.forget, HasSubstr("c.\"id\" IS NOT NULL"));
}

TEST(RefreshSql, SetsTheKeyTooSinceWhatIsEqualNeedNotBeTheSame) {
  EXPECT_THAT(planner::refresh_sql(small_feed(), planner::whole_log_sql()).bring_current,
              HasSubstr("SET \"id\" = EXCLUDED.\"id\", \"region\" = EXCLUDED.\"region\""));
}

TEST(RefreshSql, ATableOfNothingThatCanBeSetHasNothingToUpdate) {
  Feed feed = small_feed();
  feed.fixed_columns = feed.columns;
  EXPECT_THAT(planner::refresh_sql(feed, planner::whole_log_sql()).bring_current, HasSubstr("DO NOTHING"));
}

TEST(RefreshSql, OneWorkerOfAllLanesNeedsNoHash) {
  EXPECT_EQ(planner::lanes_sql(small_feed(), 0, 100, planner::all_lanes()).parameters.size(), 2U);
  EXPECT_EQ(planner::lanes_sql(small_feed(), 0, 100, {1, 3}).parameters.at(2), "{1,3}");
}

}  // namespace
}  // namespace pgsluice::tests

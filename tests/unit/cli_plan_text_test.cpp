#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/after_run_text.hpp"
#include "cli/plan_text.hpp"
#include "planner/disk_need.hpp"
#include "planner/swap_sql.hpp"

namespace pgsluice::cli {
namespace {

using planner::Notice;
using planner::Plan;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Plan some_plan() {
  Plan plan;
  plan.migration_id = "6ba7b810-9dad-41d1-80b4-00c04fd430c8";
  plan.source_database = {"7", "shop", 16384, 150018};
  plan.target_database = plan.source_database;
  plan.method_reason = "a reason";
  plan.source.name = {"public", "sources"};
  plan.source.size.rows_estimate = 2'000'000;
  plan.source.size.heap_bytes = 1'600'000'000;
  plan.source.size.index_bytes = 300'000'000;
  planner::Index primary;
  primary.name = "sources_pkey";
  primary.is_primary = true;
  primary.bytes = 300'000'000;
  plan.source.indexes.push_back(primary);
  plan.layout.root.name = {"public", "sources_partitioned"};
  plan.layout.root.method = planner::PartitionMethod::hash;
  plan.layout.root.key_columns = {"uid"};
  plan.layout.root.key_definition = "HASH (uid)";
  for (int i = 0; i < 16; ++i) {
    planner::PartitionNode leaf;
    leaf.name = {"public", "sources_partitioned_p" + std::to_string(i)};
    leaf.bound = "FOR VALUES WITH (MODULUS 16, REMAINDER " + std::to_string(i) + ")";
    plan.layout.root.children.push_back(leaf);
  }
  plan.key.columns = {{"id", "bigint"}};
  plan.key.index = "sources_pkey";
  plan.ranges = {{0, std::nullopt, planner::Key{"1000000"}, 1'000'000, 800'000'000},
                 {1, planner::Key{"1000000"}, std::nullopt, 900'000, 700'000'000}};
  return plan;
}

PlanTextOptions options_with(planner::Statements statements = {}) {
  PlanTextOptions options;
  options.statements = std::move(statements);
  options.next = "pgsluice run";
  return options;
}

TEST(PlanText, SaysFirstThatWritesWillBeRejected) {
  EXPECT_THAT(plan_text(some_plan(), options_with()),
              StartsWith("OFFLINE     Writes to public.sources are rejected from `run` on"));
}

TEST(PlanText, WithoutAGuardSaysThatNobodyIsStopped) {
  Plan plan = some_plan();
  plan.guard = false;
  EXPECT_THAT(plan_text(plan, options_with()), HasSubstr("--guard off means that nobody is"));
}

TEST(PlanText, ShowsSizesLayoutMethodRangesAndWhatToTypeNext) {
  const std::string text = plan_text(some_plan(), options_with());
  EXPECT_THAT(text, HasSubstr("source      public.sources in database shop, PostgreSQL 15.18\n"));
  EXPECT_THAT(text, HasSubstr("about 2.00 M rows; heap 1.49 GB, TOAST 0 B, indexes 286 MB, together 1.77 GB\n"));
  EXPECT_THAT(text, HasSubstr("target      public.sources_partitioned in the same database, made by `run`\n"));
  EXPECT_THAT(text, HasSubstr("layout      HASH (uid): 16 leaves\n"));
  EXPECT_THAT(text, HasSubstr("method      insert: a reason. The source keeps all of its rows.\n"));
  EXPECT_THAT(text, HasSubstr("ranges      2 by (id), index sources_pkey; the largest about 1.00 M rows, 763 MB\n"));
  EXPECT_THAT(text, HasSubstr("first: the beginning to (1000000)\n"));
  EXPECT_THAT(text, HasSubstr("last:  (1000000) to the end\n"));
  EXPECT_THAT(text, HasSubstr("next        pgsluice run\n"));
}

TEST(PlanText, SaysWhatALaterFreezeCostsAndHowToHaveItAtOnce) {
  std::istringstream words(plan_text(some_plan(), options_with()));
  std::string text;
  for (std::string word; words >> word;) {
    text += word + " ";
  }
  EXPECT_THAT(text, HasSubstr("A later VACUUM FREEZE writes about as much WAL as the table: 1.49 GB; run "
                              "--vacuum-freeze does it at the end of the run, leaf by leaf. "));
}

TEST(PlanText, ManyLeavesAreShownByTheirFirstAndLastUnlessAllAreWanted) {
  PlanTextOptions options = options_with();
  const std::string text = plan_text(some_plan(), options);
  EXPECT_THAT(text, HasSubstr("sources_partitioned_p2 "));
  EXPECT_THAT(text, Not(HasSubstr("sources_partitioned_p3 ")));
  EXPECT_THAT(text, HasSubstr("… 11 more …"));
  EXPECT_THAT(text, HasSubstr("sources_partitioned_p15 "));
  options.in_full = true;
  EXPECT_THAT(plan_text(some_plan(), options), HasSubstr("sources_partitioned_p3  FOR VALUES WITH (MODULUS 16"));
}

TEST(PlanText, ALeafOfTheSecondLevelShowsTheBoundsOfBothLevels) {
  Plan plan = some_plan();
  planner::PartitionNode month;
  month.name = {"public", "sources_partitioned_2024_01"};
  month.bound = "FOR VALUES FROM ('2024-01-01') TO ('2024-02-01')";
  month.method = planner::PartitionMethod::hash;
  month.key_definition = "HASH (uid)";
  month.children = {plan.layout.root.children.front()};
  plan.layout.root.key_definition = "RANGE (at)";
  plan.layout.root.children = {month};
  PlanTextOptions options = options_with();
  options.in_full = true;
  const std::string text = plan_text(plan, options);
  EXPECT_THAT(text, HasSubstr("layout      RANGE (at), then HASH (uid): 1 leaf\n"));
  EXPECT_THAT(text,
              HasSubstr("sources_partitioned_p0  FOR VALUES FROM ('2024-01-01') TO ('2024-02-01'), then FOR VALUES "
                        "WITH (MODULUS 16, REMAINDER 0)\n"));
}

TEST(PlanText, WhatIsLostStandsBeforeWhatIsKept) {
  Plan plan = some_plan();
  plan.notices = {{Notice::Kind::kept, "2 checks", "", ""},
                  {Notice::Kind::changed, "primary key (id)", "becomes (id, uid)", ""},
                  {Notice::Kind::lost, "rule r", "it is not carried over", "--accept rules"}};
  const std::string text = plan_text(plan, options_with());
  EXPECT_THAT(text, HasSubstr("LOST        rule r: it is not carried over (accepted by --accept rules)\n"
                              "changed     primary key (id): becomes (id, uid)\n"
                              "kept        2 checks\n"));
}

TEST(PlanText, AMissingPrivilegeComesWithTheStatementThatGivesIt) {
  PlanTextOptions options = options_with();
  options.privileges = {{"SELECT on public.sources", true, ""},
                        {"CREATE on schema public", false, "GRANT CREATE ON SCHEMA \"public\" TO \"app\""}};
  const std::string text = plan_text(some_plan(), options);
  EXPECT_THAT(text, HasSubstr("privileges  held: SELECT on public.sources\n"));
  EXPECT_THAT(
      text,
      HasSubstr("MISSING: CREATE on schema public:\n              GRANT CREATE ON SCHEMA \"public\" TO \"app\";\n"));
}

TEST(PlanText, StatementsThatDifferInNamesOnlyAreFoldedIntoOneWithItsLock) {
  const planner::Statements statements = {
      {"CREATE TABLE \"public\".\"p0\" PARTITION OF \"public\".\"t\" FOR VALUES WITH (MODULUS 2, REMAINDER 0)", "", ""},
      {"COMMENT ON TABLE \"public\".\"p0\" IS 'it''s'", "SHARE UPDATE EXCLUSIVE", "public.p0"},
      {"CREATE TABLE \"public\".\"p1\" PARTITION OF \"public\".\"t\" FOR VALUES WITH (MODULUS 2, REMAINDER 1)", "", ""},
      {"COMMENT ON TABLE \"public\".\"p1\" IS 'x'", "SHARE UPDATE EXCLUSIVE", "public.p1"},
      {"ANALYZE \"public\".\"t\"", "", ""}};
  const std::vector<StatementGroup> groups = folded(statements);
  ASSERT_EQ(groups.size(), 3U);
  EXPECT_EQ(groups[0].count, 2U);
  EXPECT_EQ(groups[1].count, 2U);
  EXPECT_EQ(groups[2].count, 1U);
  const std::string text = plan_text(some_plan(), options_with(statements));
  EXPECT_THAT(text, HasSubstr("    SHARE UPDATE EXCLUSIVE on public.p0, and 1 more like it\n"));
  EXPECT_THAT(text, Not(HasSubstr("\"p1\"")));
}

TEST(PlanText, InFullEveryStatementStandsUncutBelowItsLock) {
  PlanTextOptions options = options_with({{"COMMENT ON TABLE \"t\" IS '" + std::string(300, 'x') + "'", "L", "t"}});
  options.in_full = true;
  EXPECT_THAT(plan_text(some_plan(), options),
              HasSubstr("\n-- L on t\nCOMMENT ON TABLE \"t\" IS '" + std::string(300, 'x') + "';\n"));
}

TEST(PlanText, FitsIntoOneHundredColumns) {
  Plan plan = some_plan();
  plan.notices = {{Notice::Kind::changed, "something", std::string(50, 'a') + " " + std::string(60, 'b'), ""}};
  std::istringstream lines(plan_text(plan, options_with({{std::string(500, 'x'), "L", "t"}})));
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 104U) << line;  // "…" has three bytes.
  }
}

TEST(PlanText, TheDocumentHoldsTheSameAndEveryRange) {
  PlanTextOptions options = options_with({{"SELECT 1", "L", "t"}});
  options.privileges = {{"SELECT on public.sources", true, ""}};
  const nlohmann::ordered_json document = plan_document(some_plan(), options);
  EXPECT_EQ(document.at("source").at("table"), "public.sources");
  EXPECT_EQ(document.at("target").at("leaf_count"), 16);
  EXPECT_EQ(document.at("target").at("layout").at("partitions").size(), 16U);
  EXPECT_EQ(document.at("ranges").at("count"), 2);
  EXPECT_TRUE(document.at("ranges").at("list").at(0).at("lower").is_null());
  EXPECT_EQ(document.at("ranges").at("list").at(0).at("upper").at(0), "1000000");
  EXPECT_EQ(document.at("statements").at(0).at("lock"), "L");
  EXPECT_EQ(document.at("privileges").at(0).at("held"), true);
  EXPECT_EQ(document.at("next"), "pgsluice run");
}

TEST(DiskNeed, LeavesDeadRowsOutAndDoublesTheWalOfAMove) {
  Plan plan = some_plan();
  plan.source.size.dead_rows = 2'000'000;
  const planner::DiskNeed copying = planner::disk_need(plan.source, planner::Method::insert);
  EXPECT_EQ(copying.rows_bytes, 800'000'000);
  EXPECT_EQ(copying.indexes_bytes, 300'000'000);
  EXPECT_EQ(copying.sorting_bytes, 300'000'000);
  EXPECT_EQ(copying.wal_bytes, 880'000'000 + 300'000'000);
  EXPECT_EQ(planner::disk_need(plan.source, planner::Method::move).wal_bytes, 1'760'000'000 + 300'000'000);
}

TEST(Swap, RenamesBothTablesUnderAShortLockTimeout) {
  std::string script;
  for (const planner::Statement& statement : planner::swap_by_hand_sql(some_plan())) {
    script += statement.sql + ";\n";
  }
  EXPECT_EQ(script,
            "BEGIN;\nSET LOCAL lock_timeout = '200ms';\n"
            "ALTER TABLE \"public\".\"sources\" RENAME TO \"sources_old\";\n"
            "ALTER TABLE \"public\".\"sources_partitioned\" RENAME TO \"sources\";\nCOMMIT;\n");
}

TEST(Swap, GivesTheTargetTheSourcesSequence) {
  Plan plan = some_plan();
  planner::Column id;
  id.name = "id";
  id.type = "bigint";
  id.default_expression = "nextval('public.sources_id_seq'::regclass)";
  id.owned_sequence = planner::QualifiedName{"public", "sources_id_seq"};
  plan.source.columns.push_back(id);
  plan.source.sequences.push_back({{"public", "sources_id_seq"}, "id", "bigint", "1", "1", "1", "9", "1", false});
  std::string script;
  for (const planner::Statement& statement : planner::swap_by_hand_sql(plan)) {
    script += statement.sql + ";\n";
  }
  EXPECT_THAT(script,
              HasSubstr("ALTER SEQUENCE \"public\".\"sources_id_seq\" OWNED BY \"public\".\"sources\".\"id\";"));
}

TEST(Swap, HasNothingToSayAboutTwoDatabases) {
  Plan plan = some_plan();
  plan.one_database = false;
  EXPECT_TRUE(planner::swap_by_hand_sql(plan).empty());
  EXPECT_THAT(after_run_text(plan, ""), HasSubstr("point the application to the target's database"));
}

TEST(AfterRun, TellsHowToVerifyToUndoAndToSwap) {
  Plan plan = some_plan();
  plan.source.dependents = {{"view", "public.v", ""}};
  const std::string text = after_run_text(plan, " --checkpoint my.file");
  EXPECT_THAT(text, HasSubstr("pgsluice verify --checkpoint my.file\n"));
  EXPECT_THAT(text, HasSubstr("Writes to public.sources stay rejected"));
  EXPECT_THAT(text, HasSubstr("pgsluice rollback --checkpoint my.file\n"));
  EXPECT_THAT(text, HasSubstr("RENAME TO \"sources_old\""));
  EXPECT_THAT(text, HasSubstr("view public.v"));
}

}  // namespace
}  // namespace pgsluice::cli

#include "planner/analyze_sql.hpp"

#include <gmock/gmock.h>

namespace pgsluice::planner {
namespace {

using testing::ElementsAre;

PartitionNode table(const std::string& name) {
  PartitionNode node;
  node.name = {"s", name};
  return node;
}

Plan plan_of_two_levels(int server_version) {
  Plan plan;
  plan.layout.root = table("root");
  plan.layout.root.method = PartitionMethod::range;
  PartitionNode part = table("Part");
  part.method = PartitionMethod::hash;
  part.children = {table("a"), table("b")};
  plan.layout.root.children = {part, table("c")};
  plan.target_database.server_version = server_version;
  return plan;
}

std::vector<std::string> texts(const Statements& statements) {
  std::vector<std::string> found;
  for (const Statement& statement : statements) {
    found.push_back(statement.sql);
  }
  return found;
}

TEST(AnalyzeSql, LeavesComeOneByOneAndPartitionedTablesWithoutThem) {
  EXPECT_THAT(texts(analyze_target_sql(plan_of_two_levels(150'000))),
              ElementsAre(R"(ANALYZE "s"."a")", R"(ANALYZE "s"."b")", R"(ANALYZE "s"."c")",
                          R"(ANALYZE (SKIP_LOCKED) "s"."root")"));
}

TEST(AnalyzeSql, SinceVersion18PartitionedTablesAreAnalyzedAlone) {
  EXPECT_THAT(texts(analyze_target_sql(plan_of_two_levels(180'001))),
              ElementsAre(R"(ANALYZE "s"."a")", R"(ANALYZE "s"."b")", R"(ANALYZE "s"."c")",
                          R"(ANALYZE ONLY "s"."root")", R"(ANALYZE ONLY "s"."Part")"));
  EXPECT_FALSE(has_analyze_only(17));
  EXPECT_TRUE(has_analyze_only(18));
}

TEST(AnalyzeSql, ATargetThatWasThereBeforeIsAnalyzedAsItsMakerWould) {
  Plan plan = plan_of_two_levels(150'000);
  plan.layout.existing = true;
  EXPECT_THAT(texts(analyze_target_sql(plan)), ElementsAre(R"(ANALYZE "s"."root")"));
}

TEST(AnalyzeSql, FreezingTakesTheStatisticsWithIt) {
  EXPECT_EQ(freeze_leaf_sql(table("a"), true).sql, R"(VACUUM (FREEZE, ANALYZE) "s"."a")");
  EXPECT_EQ(freeze_leaf_sql(table("a"), false).sql, R"(VACUUM (FREEZE) "s"."a")");
  EXPECT_EQ(freeze_leaf_sql(table("a"), true).lock, "SHARE UPDATE EXCLUSIVE");
}

}  // namespace
}  // namespace pgsluice::planner

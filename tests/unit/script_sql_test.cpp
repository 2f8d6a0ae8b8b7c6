// What scripts need beside the mover's own statements, as text. What the scripts do is
// tests/server/emit_sql_test.cpp's.
#include "planner/script_sql.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "planner/plan.hpp"

namespace pgsluice::planner {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr int kVersion = 15;

Plan small_plan() {
  Plan plan;
  plan.migration_id = "12345678-aaaa-4bbb-8ccc-1234567890ab";
  plan.source.name = {"app", "it's"};
  plan.layout.root.name = {"app", "target"};
  plan.key.columns = {{"id", "text"}};
  return plan;
}

TEST(ScriptSql, ACopiedRangeRecordsItselfInTheSameStatement) {
  const Range range{.index = 3, .lower = Key{"it's $1"}, .upper = Key{"b\\"}};
  const std::string sql =
      copy_range_sql(small_plan(), "INSERT INTO t SELECT * FROM s WHERE ", range, {"copy.up", 4}).sql;
  EXPECT_EQ(
      sql,
      "WITH step AS (INSERT INTO \"pgsluice\".\"steps_12345678\" (script, step) VALUES ('copy.up', 4) ON CONFLICT "
      "DO NOTHING RETURNING 1)\nINSERT INTO t SELECT * FROM s WHERE (\"id\" >= 'it''s $1'::text AND \"id\" <  "
      "E'b\\\\'::text) AND EXISTS (SELECT FROM step)");
}

TEST(ScriptSql, ARefusalHoldsItsWordsAsLiterals) {
  const std::string sql = refuse_sql("true", "it's \"so\"", "do 'this'").sql;
  EXPECT_THAT(sql, HasSubstr("MESSAGE = ''it''''s \"so\"''"));
  EXPECT_THAT(sql, HasSubstr("HINT = ''do ''''this''''''"));
}

TEST(ScriptSql, StepsThatMustBeDoneAreCounted) {
  const Statements statements = refuse_unless_done_sql(small_plan(), {{"a.up", 2}, {"b's.up", 31}}, "too early");
  ASSERT_EQ(statements.size(), 2U);
  EXPECT_THAT(statements[0].sql, HasSubstr("IF NOT (pg_catalog.to_regclass("));
  EXPECT_THAT(statements[1].sql, HasSubstr("WHERE script = ''a.up'') <> 2 OR (SELECT "));
  EXPECT_THAT(statements[1].sql, HasSubstr("WHERE script = ''b''''s.up'') <> 31 THEN"));
}

TEST(ScriptSql, TheDigestHoldsWhatATableIsAndNotTheNumbersItHasInThisDatabase) {
  const std::string sql = surroundings_digest_sql(small_plan(), kVersion);
  for (const char* line : {"'table_facts', pg_catalog.to_jsonb(d) - '{oid,file_node,row_security_active}'",
                           "'table_columns', pg_catalog.to_jsonb(d) - '{attribute_number,type_oid}'", "'table_checks'",
                           "'table_policies'", "'table_grants'", "'table_triggers'", "'table_indexes'"}) {
    EXPECT_THAT(sql, HasSubstr(line));
  }
}

TEST(ScriptSql, WhatRunsUnderAConditionIsShownWithItsLock) {
  const Statement statement = run_if_sql("true", {{"SELECT 1", "", ""}, {"TRUNCATE t", "ACCESS EXCLUSIVE", "t"}});
  EXPECT_EQ(statement.lock, "ACCESS EXCLUSIVE");
  EXPECT_EQ(statement.on, "t");
}

TEST(ScriptSql, FixedStatementsStandWithoutTheirParametersAndComments) {
  for (const std::string& sql :
       {surroundings_digest_sql(small_plan(), kVersion), columns_differ_sql({"a", "b"}, {"a", "c"}, kVersion),
        hold_lanes_sql(small_plan(), kVersion).sql, release_lanes_sql(small_plan(), kVersion).sql}) {
    EXPECT_THAT(sql, Not(testing::ContainsRegex("[$][1-9]"))) << sql;
    EXPECT_THAT(sql, Not(HasSubstr("--"))) << sql;
  }
  EXPECT_EQ(catalog_settings_sql(kVersion).front().sql, "SET LOCAL search_path = pg_catalog");
}

// The words that stand for what is known later are none that a name holds.
TEST(ScriptSql, TheSnapshotGuardIsMadeWhereItRunsWhateverTheTableIsCalled) {
  Feed feed;
  feed.migration_id = small_plan().migration_id;
  feed.from = {"app", "this_table of this_transaction"};
  const Statements statements = create_snapshot_guard_here_sql(feed);
  ASSERT_EQ(statements.size(), 4U);
  EXPECT_THAT(statements[0].sql, HasSubstr("''this_transaction_''"));
  EXPECT_THAT(statements[0].sql, HasSubstr("pg_catalog.pg_current_xact_id()"));
  EXPECT_THAT(statements[0].sql, HasSubstr("{this_table_}"));
  EXPECT_THAT(statements[2].sql, HasSubstr("ON \"app\".\"this_table of this_transaction\" FOR EACH STATEMENT"));
}

}  // namespace
}  // namespace pgsluice::planner

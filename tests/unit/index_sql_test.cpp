// What becomes of indexes, whatever their definitions contain, and what they are called.
#include "planner/index_sql.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "pg/failure.hpp"
#include "planner/target_names.hpp"

namespace pgsluice::planner {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

Layout layout_by(const std::vector<std::string>& columns) {
  Layout layout;
  layout.root.name = {"s", "t_new"};
  layout.root.method = PartitionMethod::hash;
  layout.root.key_columns = columns;
  PartitionNode leaf;
  leaf.name = {"s", "t_new_p0"};
  layout.root.children = {leaf};
  return layout;
}

Index unique_index(const std::string& body, const std::vector<std::string>& columns) {
  Index index;
  index.name = "i";
  index.is_unique = true;
  index.body = body;
  index.key_columns = columns;
  return index;
}

TableFacts facts_with(const std::vector<Index>& indexes) {
  TableFacts facts;
  facts.name = {"s", "t"};
  facts.indexes = indexes;
  return facts;
}

std::string widened_body(const std::string& body, const std::vector<std::string>& partition_key) {
  const TableFacts facts = facts_with({unique_index(body, {})});
  return target_indexes(facts, layout_by(partition_key), {})[0].body;
}

TEST(IndexBody, IsTakenApartAndPutTogetherToTheLetter) {
  for (const char* body : {
           "btree (a)",
           "btree (a, b DESC NULLS LAST) INCLUDE (c, \"d, e\") NULLS NOT DISTINCT WITH (fillfactor='70') WHERE (a > 5)",
           R"(gist ("we ""ird, (name" gist_trgm_ops (siglen='32'), point(a, b)))",
           R"(btree (lower((note || ', ") ('::text)) text_pattern_ops, ((a + 1))) WHERE (note <> ') WHERE "('::text))",
           R"(btree (((x ->> 'it''s'::text))) WHERE (y = E'back\\slash, ''quote'''::text))",
           "brin (at) WITH (pages_per_range='16')",
           "btree ((CASE WHEN (a = ANY (ARRAY[1, 2])) THEN b ELSE NULL::integer END), c COLLATE \"de-x-icu\")",
       }) {
    EXPECT_EQ(to_text(parse_index_body(body)), body);
  }
}

TEST(IndexBody, ItemsAreSplitAtCommasOfTheOutermostListOnly) {
  const IndexBody body = parse_index_body(
      R"(btree (lower((n || ', ") ('::text)) text_pattern_ops, "a, (b" DESC, f(x, y)) INCLUDE (c, "d,e") WHERE (a))");
  EXPECT_THAT(body.items, ElementsAre("lower((n || ', \") ('::text)) text_pattern_ops", "\"a, (b\" DESC", "f(x, y)"));
  EXPECT_THAT(body.included, ElementsAre("c", "\"d,e\""));
  EXPECT_EQ(body.access_method, "btree");
  EXPECT_EQ(body.rest, " WHERE (a)");
}

TEST(IndexBody, ThatIsCutAnywhereInItsListsIsRefused) {
  const std::string body = "btree (lower(a), \"b\" DESC)";
  for (std::size_t size = 0; size < body.size(); ++size) {
    EXPECT_THROW(parse_index_body(body.substr(0, size)), pg::Failure) << size;
  }
}

// Prints the seed that repeats it.
TEST(IndexBody, OfRandomNamesAndTextsSurvives) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const std::string letters = "ab,() '\"\\";
  for (int round = 0; round < 500; ++round) {
    std::vector<std::string> items;
    for (unsigned i = 0; i < 1 + random() % 4; ++i) {
      std::string name;
      for (unsigned k = 0; k < 1 + random() % 8; ++k) {
        name += letters[random() % letters.size()];
      }
      items.push_back(random() % 2 == 0 ? pg::quoted(name) : "f(a, '" + [&] {
        std::string escaped;
        for (const char c : name) escaped += c == '\'' ? "''" : std::string(1, c);
        return escaped;
      }() + "'::text)");
    }
    IndexBody body{"btree", items, {}, " WHERE (x = ',)(')"};
    EXPECT_EQ(parse_index_body(to_text(body)).items, items) << to_text(body);
  }
}

TEST(TargetIndex, IsWidenedByWhatItLacksAfterItsOwnColumns) {
  EXPECT_EQ(widened_body("btree (a)", {"b"}), "btree (a, \"b\")");
  EXPECT_EQ(widened_body("btree (lower(a), b DESC NULLS LAST) WHERE (a IS NOT NULL)", {"b", "c"}),
            "btree (lower(a), b DESC NULLS LAST, \"c\") WHERE (a IS NOT NULL)");
  EXPECT_EQ(widened_body("btree (a) INCLUDE (b, \"C d\", e) WITH (fillfactor='70')", {"C d", "b"}),
            "btree (a, \"C d\", \"b\") INCLUDE (e) WITH (fillfactor='70')");
  EXPECT_EQ(widened_body("btree (a) INCLUDE (b)", {"b"}), "btree (a, \"b\")");
}

TEST(TargetIndex, ThatHasTheKeyIsKeptToTheLetter) {
  for (const char* body :
       {"btree (a, b)", "btree (b)", "btree (b DESC, a)", "btree (b NULLS FIRST)", "btree (\"b\" DESC NULLS LAST)"}) {
    EXPECT_EQ(widened_body(body, {"b"}), body);
  }
  EXPECT_EQ(widened_body("btree (\"odd \"\"name\")", {"odd \"name"}), "btree (\"odd \"\"name\")");
}

TEST(TargetIndex, NeedsTheKeyColumnAsItIsNotInAnotherCollationOrClassOrExpression) {
  EXPECT_EQ(widened_body("btree (b COLLATE \"C\")", {"b"}), "btree (b COLLATE \"C\", \"b\")");
  EXPECT_EQ(widened_body("btree (b text_pattern_ops)", {"b"}), "btree (b text_pattern_ops, \"b\")");
  EXPECT_EQ(widened_body("btree (b(a))", {"b"}), "btree (b(a), \"b\")");
}

TEST(TargetIndex, WithoutUniquenessIsNeverTouched) {
  Index index = unique_index("btree (a)", {"a"});
  index.is_unique = false;
  const TableFacts facts = facts_with({index});
  const std::vector<TargetIndex> targets = target_indexes(facts, layout_by({"b"}), {});
  EXPECT_EQ(targets[0].body, "btree (a)");
  EXPECT_THAT(targets[0].added_columns, IsEmpty());
}

TEST(TargetIndex, InvalidOnesAndExclusionConstraintsHaveNone) {
  Index invalid = unique_index("btree (a)", {"a"});
  invalid.is_valid = false;
  Index exclusion = unique_index("gist (a)", {"a"});
  exclusion.is_exclusion = true;
  EXPECT_THAT(target_indexes(facts_with({invalid, exclusion}), layout_by({"b"}), {}), IsEmpty());
}

TEST(TargetIndex, APrimaryKeyThatWouldHoldNullsBecomesAUniqueConstraint) {
  Index primary = unique_index("btree (a)", {"a"});
  primary.is_primary = true;
  primary.is_constraint = true;
  const TableFacts facts = facts_with({primary});
  EXPECT_THAT(primary_key_columns(target_indexes(facts, layout_by({"b"}), {})), ElementsAre("a", "b"));
  const std::vector<TargetIndex> targets = target_indexes(facts, layout_by({"b"}), {"b"});
  EXPECT_FALSE(targets[0].is_primary);
  EXPECT_TRUE(targets[0].is_constraint);
  EXPECT_THAT(primary_key_columns(targets), IsEmpty());
  // NULLs in a column that the key need not contain are nothing to it.
  EXPECT_TRUE(target_indexes(facts, layout_by({"a"}), {"b"})[0].is_primary);
}

class IndexSql : public testing::Test {
 protected:
  IndexSql() {
    Index primary = unique_index("btree (\"i d\") INCLUDE (n) WITH (fillfactor='90')", {"i d"});
    primary.name = "t_pkey";
    primary.is_primary = true;
    primary.is_constraint = true;
    primary.deferrable = true;
    primary.initially_deferred = true;
    primary.included_columns = {"n"};
    primary.reloptions = {"fillfactor=90"};
    primary.tablespace = "fast disk";
    primary.comment = "it's";
    Index plain = unique_index("gin (words)", {"words"});
    plain.name = "by words";
    plain.is_unique = false;
    plan_.source = facts_with({primary, plain});
    plan_.layout = layout_by({"u"});
    indexes_ = target_indexes(plan_);
  }
  const PartitionNode& root() const { return plan_.layout.root; }
  const PartitionNode& leaf() const { return plan_.layout.root.children[0]; }

  Plan plan_;
  std::vector<TargetIndex> indexes_;
};

TEST_F(IndexSql, LeavesAreBuiltUnderTheWeakestLockThatBuilds) {
  const Statements statements = create_leaf_index_sql(plan_, indexes_[0], leaf());
  ASSERT_THAT(statements, SizeIs(2));
  EXPECT_EQ(statements[0].sql, "SET LOCAL default_tablespace = 'fast disk'");
  EXPECT_EQ(statements[1].sql,
            "CREATE UNIQUE INDEX \"t_new_p0_pkey\" ON \"s\".\"t_new_p0\" USING btree (\"i d\", \"u\") INCLUDE (n) WITH "
            "(fillfactor='90')");
  EXPECT_EQ(statements[1].lock, "SHARE");
  EXPECT_EQ(create_leaf_index_sql(plan_, indexes_[1], leaf())[0].sql, "SET LOCAL default_tablespace = ''");
}

TEST_F(IndexSql, ConstraintsUseTheIndexThatWasBuilt) {
  EXPECT_EQ(make_constraint_sql(plan_, indexes_[0], leaf()).sql,
            "ALTER TABLE \"s\".\"t_new_p0\" ADD CONSTRAINT \"t_new_p0_pkey\" PRIMARY KEY USING INDEX \"t_new_p0_pkey\" "
            "DEFERRABLE INITIALLY "
            "DEFERRED");
}

TEST_F(IndexSql, ParentsGetThemOnOnlyThemselvesAndTakeTheirPartitionsIn) {
  EXPECT_EQ(create_parent_index_sql(plan_, indexes_[0], root())[1].sql,
            "ALTER TABLE ONLY \"s\".\"t_new\" ADD CONSTRAINT \"t_new_pkey\" PRIMARY KEY (\"i d\", \"u\") INCLUDE "
            "(\"n\") WITH "
            "(\"fillfactor\"='90') DEFERRABLE INITIALLY DEFERRED");
  EXPECT_EQ(create_parent_index_sql(plan_, indexes_[1], root())[1].sql,
            "CREATE INDEX \"t_new_by words\" ON ONLY \"s\".\"t_new\" USING gin (words)");
  EXPECT_EQ(attach_index_sql(plan_, indexes_[1], leaf(), root()).sql,
            "ALTER INDEX \"s\".\"t_new_by words\" ATTACH PARTITION \"s\".\"t_new_p0_by words\"");
}

TEST_F(IndexSql, CommentsStandWhereTheSourcesStood) {
  EXPECT_EQ(comment_on_index_sql(plan_, indexes_[0]).sql,
            "COMMENT ON CONSTRAINT \"t_new_pkey\" ON \"s\".\"t_new\" IS 'it''s'");
}

TEST_F(IndexSql, TablespacesOfAnotherDatabaseAreNotNamed) {
  plan_.one_database = false;
  EXPECT_EQ(create_leaf_index_sql(plan_, indexes_[0], leaf())[0].sql, "SET LOCAL default_tablespace = ''");
}

TEST(TargetNames, FollowTheSourcesWithoutItsTablesName) {
  const TableFacts facts = facts_with({unique_index("btree (a)", {})});
  TableFacts named = facts;
  named.indexes[0].name = "t_pkey";
  const TargetNames names = choose_target_names(named, layout_by({"a"}), {});
  EXPECT_EQ(names.index_tags.at("t_pkey"), "pkey");
  EXPECT_EQ(index_name(names, named, layout_by({"a"}).root, named.indexes[0]), "t_new_pkey");
}

TEST(TargetNames, AreFreeOnEveryNodeAndDifferFromEachOther) {
  TableFacts facts =
      facts_with({unique_index("btree (a)", {}), unique_index("btree (a)", {}), unique_index("btree (a)", {})});
  facts.indexes[0].name = "t_x";
  facts.indexes[1].name = "x";
  facts.indexes[2].name = "p0_x";
  TakenNames taken;
  taken.relations["s"] = {"t_new_p0_x_1"};
  const Layout layout = layout_by({"a"});
  const TargetNames names = choose_target_names(facts, layout, taken);
  std::set<std::string> all = taken.relations["s"];
  for (const Index& index : facts.indexes) {
    for (const PartitionNode* node : nodes(layout)) {
      EXPECT_TRUE(all.insert(index_name(names, facts, *node, index)).second) << index.name << " on " << node->name.name;
    }
  }
}

TEST(TargetNames, ThatAreTooLongStayDifferentAndFit) {
  TableFacts facts = facts_with({});
  Layout layout = layout_by({"a"});
  layout.root.children[0].name.name = std::string(61, 'n') + "_1";
  layout.root.children.push_back(layout.root.children[0]);
  layout.root.children[1].name.name = std::string(61, 'n') + "_2";
  for (int i = 0; i < 20; ++i) {
    facts.indexes.push_back(unique_index("btree (a)", {}));
    facts.indexes.back().name = "t_" + std::string(55, 'i') + std::to_string(i);
  }
  const TargetNames names = choose_target_names(facts, layout, {});
  std::set<std::string> all;
  for (const Index& index : facts.indexes) {
    for (const PartitionNode* node : nodes(layout)) {
      const std::string name = index_name(names, facts, *node, index);
      EXPECT_LE(name.size(), pg::kNameBytesMax);
      EXPECT_TRUE(all.insert(name).second) << name;
    }
  }
}

TEST(TargetNames, SurviveTheCheckpoint) {
  const TargetNames names{{{"i", "tag \"1\""}}, {{"s.x", "x"}}, {{"c", "t_c_seq"}}};
  EXPECT_EQ(nlohmann::json(names).get<TargetNames>(), names);
}

}  // namespace
}  // namespace pgsluice::planner

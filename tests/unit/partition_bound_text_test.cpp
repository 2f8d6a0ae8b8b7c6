#include "planner/partition_bound_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgsluice::planner {
namespace {

using testing::ElementsAre;
using Value = BoundText::Value;
using Kind = Value::Kind;

TEST(PartitionBoundText, ReadsEveryKindOfBound) {
  EXPECT_EQ(parse_bound_text("DEFAULT")->kind, BoundText::Kind::is_default);
  const auto hash = parse_bound_text("FOR VALUES WITH (modulus 16, remainder 3)");
  ASSERT_TRUE(hash);
  EXPECT_EQ(hash->kind, BoundText::Kind::hash);
  EXPECT_EQ(hash->modulus, 16U);
  EXPECT_EQ(hash->remainder, 3U);
  const auto range = parse_bound_text("FOR VALUES FROM ('2023-01-01 00:00:00+00', MINVALUE) TO (MAXVALUE, 5)");
  ASSERT_TRUE(range);
  EXPECT_EQ(range->kind, BoundText::Kind::range);
  EXPECT_THAT(range->lower, ElementsAre(Value{Kind::literal, "'2023-01-01 00:00:00+00'"}, Value{Kind::minvalue, ""}));
  EXPECT_THAT(range->upper, ElementsAre(Value{Kind::maxvalue, ""}, Value{Kind::literal, "5"}));
  const auto list = parse_bound_text("FOR VALUES IN (true, NULL, '-5', 1.5e3)");
  ASSERT_TRUE(list);
  EXPECT_EQ(list->kind, BoundText::Kind::list);
  EXPECT_THAT(list->values, ElementsAre(Value{Kind::literal, "true"}, Value{Kind::null, ""},
                                        Value{Kind::literal, "'-5'"}, Value{Kind::literal, "1.5e3"}));
}

TEST(PartitionBoundText, KeepsLiteralsWithQuotesCommasAndParenthesesWhole) {
  const auto list = parse_bound_text(R"(FOR VALUES IN ('it''s, (so)', '', '''', 'a\'))");
  ASSERT_TRUE(list);
  EXPECT_THAT(list->values, ElementsAre(Value{Kind::literal, "'it''s, (so)'"}, Value{Kind::literal, "''"},
                                        Value{Kind::literal, "''''"}, Value{Kind::literal, R"('a\')"}));
}

TEST(PartitionBoundText, RefusesWhatItDoesNotKnow) {
  for (const char* text :
       {"", "DEFAULT 5", "FOR VALUES", "FOR VALUES IN ()", "FOR VALUES IN ('a)", "FOR VALUES IN (now())",
        "FOR VALUES IN (1) IN (2)", "FOR VALUES FROM (1)", "FOR VALUES WITH (modulus 0, remainder 0)",
        "FOR VALUES WITH (modulus 4, remainder 4)", "FOR VALUES WITH (modulus 4)", "FOR VALUES IN ('a'::text)"}) {
    EXPECT_FALSE(parse_bound_text(text)) << text;
  }
}

}  // namespace
}  // namespace pgsluice::planner

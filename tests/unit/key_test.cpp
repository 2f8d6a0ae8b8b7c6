#include "planner/key.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace pgsluice::planner {
namespace {

const RangeKey kSingle{{{"id", "bigint"}}, "t_pkey"};
const RangeKey kPair{{{"a", "text"}, {"B b", "pg_catalog.int4"}}, "t_pkey"};
const RangeKey kCtid{};

TEST(Key, BoundsAreParametersWithTheColumnsType) {
  const Condition condition = between_sql(kSingle, Key{"-5"}, Key{"7"}, 3);
  EXPECT_EQ(condition.sql, "\"id\" >= $3::bigint AND \"id\" < $4::bigint");
  EXPECT_EQ(condition.parameters, (pg::Parameters{"-5", "7"}));
}

TEST(Key, OfSeveralColumnsIsComparedAsARow) {
  const Condition condition = between_sql(kPair, Key{"x'y", "1"}, std::nullopt);
  EXPECT_EQ(condition.sql, "ROW(\"a\", \"B b\") >= ROW($1::text, $2::pg_catalog.int4)");
  EXPECT_EQ(between_literals_sql(kPair, Key{"x'y", "1"}, std::nullopt),
            "ROW(\"a\", \"B b\") >= ROW('x''y'::text, '1'::pg_catalog.int4)");
}

TEST(Key, WithoutBoundsHoldsEveryRow) {
  EXPECT_EQ(between_sql(kSingle, std::nullopt, std::nullopt).sql, "true");
}

TEST(Key, OfTheHeapIsABlockOrAPlaceInOne) {
  EXPECT_EQ(between_sql(kCtid, Key{"7"}, Key{"8,12"}).sql,
            "ctid >= '(7,0)'::pg_catalog.tid AND ctid < '(8,12)'::pg_catalog.tid");
  EXPECT_TRUE(between_sql(kCtid, Key{"7"}, Key{"8"}).parameters.empty());
}

TEST(Key, AsAnArrayEscapesQuotesAndBackslashes) {
  EXPECT_EQ(to_array_text({"a\"b", "c\\d", "", "NULL"}), R"({"a\"b","c\\d","","NULL"})");
}

TEST(Key, StepAsksForTheRowAfterTheBatch) {
  EXPECT_EQ(step_sql(kSingle, "ONLY \"t\"", Key{"1"}, Key{"9"}, 100).sql,
            "SELECT \"id\"::pg_catalog.text FROM ONLY \"t\" AS source WHERE \"id\" >= $1::bigint AND \"id\" < "
            "$2::bigint ORDER BY source.\"id\" OFFSET 100 "
            "LIMIT 1");
}

TEST(Range, SurvivesJson) {
  const Range range{0, Key{"a", "b"}, std::nullopt, 12, 34};
  const Range back = nlohmann::json(range).get<Range>();
  EXPECT_EQ(back.lower, range.lower);
  EXPECT_EQ(back.upper, range.upper);
  EXPECT_EQ(back.rows_estimate, 12U);
  EXPECT_EQ(back.bytes_estimate, 34U);
}

}  // namespace
}  // namespace pgsluice::planner

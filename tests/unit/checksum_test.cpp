#include "mover/checksum.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <vector>

namespace pgsluice::mover {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

planner::Column column(std::string name, std::string type, std::uint32_t type_oid) {
  planner::Column made;
  made.name = std::move(name);
  made.type = std::move(type);
  made.type_oid = type_oid;
  made.not_null = true;
  return made;
}

constexpr std::uint32_t kInt4 = 23;
constexpr std::uint32_t kText = 25;
constexpr std::uint32_t kAclItem = 1033;
constexpr std::uint32_t kVarchar = 1043;
constexpr std::uint32_t kInterval = 1186;
constexpr std::uint32_t kRegClass = 2205;
constexpr std::uint32_t kJsonb = 3802;
constexpr std::uint32_t kUserType = 16384;
constexpr RowHashForm kExact = {.exact = true, .one_encoding = true};
constexpr RowHashForm kTwoEncodings = {.exact = false, .one_encoding = false};

planner::TableFacts facts_of(std::vector<planner::Column> columns) {
  planner::TableFacts facts;
  facts.columns = std::move(columns);
  return facts;
}

TEST(Checksum, AColumnsOwnHashIsSeededByItsPositionAndAllAreMixed) {
  const planner::TableFacts facts = facts_of({column("a", "integer", kInt4), column("B \"c\"", "text", kText)});
  const std::string sql = row_hash_sql(facts, "t");
  EXPECT_THAT(
      sql, testing::StartsWith("COALESCE(pg_catalog.hashint4extended(24, "
                               "(pg_catalog.hashint4extended(8, \"t\".\"a\"::pg_catalog.int8)) # "
                               "(pg_catalog.hashtextextended(\"t\".\"B \"\"c\"\"\" COLLATE pg_catalog.\"C\", 16))), "));
  EXPECT_THAT(sql, Not(HasSubstr("IS NULL")));
}

TEST(Checksum, NullHasANumberOfItsOwnInEveryColumnThatMayHoldIt) {
  planner::TableFacts facts =
      facts_of({column("a", "integer", kInt4), column("b", "integer", kInt4), column("c", "integer", kInt4)});
  facts.columns[0].not_null = false;
  facts.columns[2].not_null_is_valid = false;
  const std::string sql = row_hash_sql(facts, "t");
  const std::regex of_null("\"(.)\" IS NULL THEN '([0-9]+)'");
  std::vector<std::string> names;
  std::set<std::string> numbers;
  for (std::sregex_iterator at(sql.begin(), sql.end(), of_null); at != std::sregex_iterator(); ++at) {
    names.push_back((*at)[1]);
    numbers.insert((*at)[2]);
  }
  EXPECT_THAT(names, ElementsAre("a", "c"));
  EXPECT_EQ(numbers.size(), 2U);
}

TEST(Checksum, TypesWhoseHashSeesTooLittleEnterTogetherInBinaryForm) {
  const planner::TableFacts facts =
      facts_of({column("a", "interval", kInterval), column("b", "integer", kInt4), column("c", "interval", kInterval)});
  EXPECT_THAT(
      row_hash_sql(facts, "t"),
      HasSubstr(R"( # pg_catalog.hash_array_extended(ARRAY[pg_catalog.record_send(ROW("t"."a", "t"."c"))], 32))"));
}

TEST(Checksum, WithTwoEncodingsTextEntersInTheFormThatIsConverted) {
  const planner::TableFacts facts = facts_of(
      {column("a", "text", kText), column("b", "character varying(5)", kVarchar), column("c", "jsonb", kJsonb)});
  EXPECT_THAT(row_hash_sql(facts, "t", {}, kTwoEncodings), HasSubstr(R"(record_send(ROW("t"."a", "t"."b", "t"."c")))"));
  EXPECT_THAT(row_hash_sql(facts, "t"), Not(HasSubstr("record_send")));
}

TEST(Checksum, TheExactFormIsOneBinaryRecord) {
  const planner::TableFacts facts = facts_of({column("a", "integer", kInt4), column("B \"c\"", "jsonb", kJsonb)});
  EXPECT_EQ(row_hash_sql(facts, "t", {}, kExact),
            R"(pg_catalog.hash_array_extended(ARRAY[pg_catalog.record_send(ROW("t"."a", "t"."B ""c"""))], 0))");
}

TEST(Checksum, TypesWithoutAStableBinaryFormEnterTogetherAsTheTextOfTheirRecord) {
  planner::TableFacts facts = facts_of({column("mood", "public.mood", kUserType), column("a", "integer", kInt4),
                                        column("acl", "aclitem", kAclItem), column("of", "regclass", kRegClass)});
  facts.columns[2].has_binary_form = false;
  facts.columns[3].binary_form_is_portable = false;
  EXPECT_EQ(row_hash_sql(facts, "t", {}, kExact),
            R"(pg_catalog.hash_array_extended(ARRAY[pg_catalog.record_send(ROW("t"."a", )"
            R"(ROW("t"."mood", "t"."acl", "t"."of")::pg_catalog.text))], 0))");
  EXPECT_THAT(row_hash_sql(facts, "t"),
              HasSubstr(R"(record_send(ROW(ROW("t"."mood", "t"."acl", "t"."of")::pg_catalog.text)))"));
}

TEST(Checksum, ColumnsOfAnotherTypeAreCastToTheSources) {
  const planner::TableFacts facts = facts_of({column("a", "integer", kInt4), column("b", "integer", kInt4)});
  EXPECT_EQ(row_hash_sql(facts, "t", {"b"}, kExact),
            R"(pg_catalog.hash_array_extended(ARRAY[pg_catalog.record_send(ROW("t"."a", ("t"."b")::integer))], 0))");
  EXPECT_THAT(row_hash_sql(facts, "t", {"b"}), HasSubstr(R"(16, ("t"."b")::integer::pg_catalog.int8))"));
}

TEST(Checksum, CountAndSumHaveTheNamesThatReadersAskFor) {
  const planner::TableFacts facts = facts_of({column("a", "integer", kInt4)});
  for (const RowHashForm& form : {RowHashForm{}, kExact}) {
    EXPECT_EQ(count_and_sum_sql(facts, "t", {}, form), "pg_catalog.count(*) AS rows, COALESCE(pg_catalog.sum(" +
                                                           row_hash_sql(facts, "t", {}, form) + "), 0) AS checksum");
  }
}

TEST(Checksum, JsonbIsHashedLooselyInTheQuickFormOnly) {
  const planner::TableFacts facts = facts_of({column("a", "integer", kInt4), column("b", "jsonb", kJsonb)});
  EXPECT_THAT(loosely_hashed_columns(facts, {}), ElementsAre("b"));
  EXPECT_THAT(loosely_hashed_columns(facts, kExact), testing::IsEmpty());
  EXPECT_THAT(loosely_hashed_columns(facts, kTwoEncodings), testing::IsEmpty());
}

}  // namespace
}  // namespace pgsluice::mover

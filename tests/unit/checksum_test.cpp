#include "mover/checksum.hpp"

#include <gtest/gtest.h>

namespace pgsluice::mover {
namespace {

planner::Column column(std::string name, std::string type, std::uint32_t type_oid) {
  planner::Column made;
  made.name = std::move(name);
  made.type = std::move(type);
  made.type_oid = type_oid;
  return made;
}

constexpr std::uint32_t kInt4 = 23;
constexpr std::uint32_t kAclItem = 1033;
constexpr std::uint32_t kRegClass = 2205;
constexpr std::uint32_t kUserType = 16384;

TEST(Checksum, BuiltInTypesEnterInBinaryForm) {
  planner::TableFacts facts;
  facts.columns = {column("a", "integer", kInt4), column("B \"c\"", "integer", kInt4)};
  EXPECT_EQ(row_hash_sql(facts, "t"),
            R"(pg_catalog.hash_array_extended(ARRAY[pg_catalog.record_send(ROW("t"."a", "t"."B ""c"""))], 0))");
}

TEST(Checksum, TypesWithoutAStableBinaryFormEnterTogetherAsTheTextOfTheirRecord) {
  planner::TableFacts facts;
  facts.columns = {column("mood", "public.mood", kUserType), column("a", "integer", kInt4),
                   column("acl", "aclitem", kAclItem), column("of", "regclass", kRegClass)};
  facts.columns[2].has_binary_form = false;
  facts.columns[3].binary_form_is_portable = false;
  EXPECT_EQ(row_hash_sql(facts, "t"), R"(pg_catalog.hash_array_extended(ARRAY[pg_catalog.record_send(ROW("t"."a", )"
                                      R"(ROW("t"."mood", "t"."acl", "t"."of")::pg_catalog.text))], 0))");
}

TEST(Checksum, ColumnsOfAnotherTypeAreCastToTheSources) {
  planner::TableFacts facts;
  facts.columns = {column("a", "integer", kInt4), column("b", "integer", kInt4)};
  EXPECT_EQ(row_hash_sql(facts, "t", {"b"}),
            R"(pg_catalog.hash_array_extended(ARRAY[pg_catalog.record_send(ROW("t"."a", ("t"."b")::integer))], 0))");
}

TEST(Checksum, CountAndSumHaveTheNamesThatReadersAskFor) {
  planner::TableFacts facts;
  facts.columns = {column("a", "integer", kInt4)};
  EXPECT_EQ(count_and_sum_sql(facts, "t"),
            "pg_catalog.count(*) AS rows, COALESCE(pg_catalog.sum(" + row_hash_sql(facts, "t") + "), 0) AS checksum");
}

}  // namespace
}  // namespace pgsluice::mover

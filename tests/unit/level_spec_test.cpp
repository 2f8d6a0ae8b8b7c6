#include "planner/level_spec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pg/failure.hpp"

namespace pgsluice::planner {
namespace {

using testing::HasSubstr;

using Names = std::vector<std::string>;

TEST(ParseLevel, ReadsMethodAndColumnsInAnyCaseAndSpacing) {
  EXPECT_EQ(parse_level("HASH (uid)").method, PartitionMethod::hash);
  EXPECT_EQ(parse_level("HASH (uid)").columns, Names{"uid"});
  EXPECT_EQ(parse_level("range(created_at)").method, PartitionMethod::range);
  EXPECT_EQ(parse_level("range(created_at)").columns, Names{"created_at"});
  EXPECT_EQ(parse_level("  List\t( Region )  ").method, PartitionMethod::list);
  EXPECT_EQ(parse_level("  List\t( Region )  ").columns, Names{"region"});
  EXPECT_EQ(parse_level("hash(a,\"B\" , c)").columns, (Names{"a", "B", "c"}));
}

TEST(ParseLevel, KeepsQuotedNamesAsTheyAre) {
  EXPECT_EQ(parse_level("LIST (\"Re gion\")").columns, Names{"Re gion"});
  EXPECT_EQ(parse_level("LIST (\"a)b,(c\"\"d\")").columns, Names{"a)b,(c\"d"});
  EXPECT_EQ(parse_level("LIST (\"x + 'y'\")").columns, Names{"x + 'y'"});
  EXPECT_EQ(parse_level("LIST (Größe)").columns, Names{"größe"});
}

TEST(ParseLevel, RefusesWhatItCannotReadWithAnExample) {
  for (const char* const text : {"",
                                 "uid",
                                 "HASH",
                                 "HASH uid",
                                 "HASH ()",
                                 "HASH ( )",
                                 "HASH (uid",
                                 "HASH (uid) x",
                                 "HASH (uid,)",
                                 "HASH (,uid)",
                                 "RADIX (uid)",
                                 "RANGE (lower(a))",
                                 "RANGE (a + 1)",
                                 "RANGE (a::date)",
                                 "HASH (uid text_ops)",
                                 "LIST (\"a)",
                                 "LIST (a) (b)",
                                 "LIST (\"\")",
                                 "RANGE (a, b)",
                                 "LIST (a, b)",
                                 "hash(uid))",
                                 "(uid)"}) {
    try {
      parse_level(text);
      ADD_FAILURE() << text << " was read";
    } catch (const pg::Failure& failure) {
      EXPECT_EQ(failure.kind(), pg::FailureKind::refused) << text;
      EXPECT_THAT(failure.hint(), HasSubstr("HASH (uid)")) << text;
    }
  }
}

TEST(ParseLevel, SaysThatExpressionsAreNotPossible) {
  try {
    parse_level("RANGE (date_trunc('day', at))");
    FAIL();
  } catch (const pg::Failure& failure) {
    EXPECT_THAT(failure.what(), HasSubstr("expressions are not possible"));
  }
}

}  // namespace
}  // namespace pgsluice::planner

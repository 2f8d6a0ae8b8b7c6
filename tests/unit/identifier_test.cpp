#include "pg/identifier.hpp"

#include <gtest/gtest.h>

#include "pg/failure.hpp"

namespace pgsluice::pg {
namespace {

TEST(Identifier, IsAlwaysQuotedAndItsQuotesAreDoubled) {
  EXPECT_EQ(pg::quoted("plain"), "\"plain\"");
  EXPECT_EQ(pg::quoted("we\"ird"), "\"we\"\"ird\"");
  EXPECT_EQ(pg::quoted("two\nlines"), "\"two\nlines\"");
  EXPECT_EQ(pg::quoted("größe"), "\"größe\"");
  EXPECT_EQ(pg::quoted(QualifiedName{"a.b", "c\";DROP TABLE x;--"}), "\"a.b\".\"c\"\";DROP TABLE x;--\"");
}

TEST(Identifier, ThatCannotExistIsRefused) {
  EXPECT_THROW(pg::quoted(""), Failure);
  EXPECT_NO_THROW(pg::quoted(std::string(63, 'x')));
  EXPECT_THROW(pg::quoted(std::string(64, 'x')), Failure);
  EXPECT_THROW(pg::quoted(std::string_view("a\0b", 3)), Failure);
}

TEST(Literal, IsRightWhateverStandardConformingStringsSays) {
  EXPECT_EQ(literal("it's"), "'it''s'");
  EXPECT_EQ(literal("back\\slash"), " E'back\\\\slash'");
  EXPECT_EQ(literal(""), "''");
}

TEST(QualifiedName, IsReadAsPsqlWouldReadIt) {
  EXPECT_EQ(parse_qualified_name("Public.Events"), (QualifiedName{"public", "events"}));
  EXPECT_EQ(parse_qualified_name("events"), (QualifiedName{"", "events"}));
  EXPECT_EQ(parse_qualified_name("\"Sp1eCial .Char\".\"Tabl e\"\"x\""), (QualifiedName{"Sp1eCial .Char", "Tabl e\"x"}));
}

TEST(QualifiedName, ThatIsNoneIsRefused) {
  for (const char* text : {"", ".", "a.", ".b", "a.b.c", "\"open", "a b", "\"\"", "a\"b"}) {
    EXPECT_THROW(parse_qualified_name(text), Failure) << text;
  }
}

TEST(QualifiedName, IsDisplayedWithQuotesOnlyWhereNeeded) {
  EXPECT_EQ(display(QualifiedName{"public", "events"}), "public.events");
  EXPECT_EQ(display(QualifiedName{"public", "Events"}), "public.\"Events\"");
}

TEST(NameList, TakesQuotedAndPlainNames) {
  EXPECT_EQ(parse_name_list("a, \"B c\" ,D"), (std::vector<std::string>{"a", "B c", "d"}));
  EXPECT_THROW(parse_name_list("a,,b"), Failure);
}

}  // namespace
}  // namespace pgsluice::pg

#include "planner/names.hpp"

#include <gtest/gtest.h>

#include "pg/identifier.hpp"

namespace pgsluice::planner {
namespace {

TEST(FittedName, KeepsWhatFits) {
  const std::string longest(pg::kNameBytesMax, 'x');
  EXPECT_EQ(fitted_name("events_p00"), "events_p00");
  EXPECT_EQ(fitted_name(longest), longest);
}

TEST(FittedName, IsCutTo63BytesAndKeepsLongNamesDifferent) {
  const std::string stem(70, 'x');
  const std::string one = fitted_name(stem + "_p00");
  const std::string two = fitted_name(stem + "_p01");
  EXPECT_EQ(one.size(), pg::kNameBytesMax);
  EXPECT_EQ(two.size(), pg::kNameBytesMax);
  EXPECT_NE(one, two);
  EXPECT_EQ(one, fitted_name(stem + "_p00"));
}

TEST(FittedName, IsCutBetweenCharacters) {
  for (std::size_t lead = 0; lead < 4; ++lead) {
    std::string text(lead, 'x');
    while (text.size() < 80) {
      text += "€";  // Three bytes.
    }
    const std::string name = fitted_name(text);
    EXPECT_LE(name.size(), pg::kNameBytesMax);
    EXPECT_EQ((name.size() - lead - 9) % 3, 0U) << name;
    EXPECT_EQ(name[name.size() - 9], '_');
  }
}

TEST(NameAllocator, NumbersWhatIsTaken) {
  NameAllocator names({"t_a", "t_a_1"});
  EXPECT_EQ(names.allocate("t_a"), "t_a_2");
  EXPECT_EQ(names.allocate("t_a"), "t_a_3");
  EXPECT_EQ(names.allocate("t_b"), "t_b");
  EXPECT_TRUE(names.is_taken("t_b"));
  EXPECT_FALSE(names.is_taken("t_c"));
}

TEST(NameAllocator, NumbersLongNamesWithin63Bytes) {
  NameAllocator names({});
  std::set<std::string> given;
  for (int i = 0; i < 20; ++i) {
    const std::string name = names.allocate(std::string(pg::kNameBytesMax, 'x'));
    EXPECT_LE(name.size(), pg::kNameBytesMax);
    EXPECT_TRUE(given.insert(name).second) << name;
  }
}

}  // namespace
}  // namespace pgsluice::planner

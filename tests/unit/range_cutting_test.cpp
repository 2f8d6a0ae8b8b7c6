#include "planner/range_cutting.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgsluice::planner {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::int64_t kLowest = Stretch::kLowest;
constexpr std::int64_t kHighest = Stretch::kHighest;

TEST(CutStretches, ClipsPartsToTheStretchThatIsCut) {
  EXPECT_THAT(cut_stretches({10, 30, ""}, {}, {{0, 12, "a"}, {12, 20, "b"}, {20, 40, "c"}, {40, 50, "d"}}, true),
              ElementsAre(Stretch{10, 12, "a"}, Stretch{12, 20, "b"}, Stretch{20, 30, "c"}));
}

TEST(CutStretches, FillsWhatNoPartCovers) {
  EXPECT_THAT(cut_stretches({kLowest, kHighest, ""}, {}, {{5, 6, "a"}, {6, 7, "b"}}, true),
              ElementsAre(Stretch{kLowest, 5, ""}, Stretch{5, 6, "a"}, Stretch{6, 7, "b"}, Stretch{7, kHighest, ""}));
  EXPECT_THAT(cut_stretches({1, 9, ""}, {}, {}, true), ElementsAre(Stretch{1, 9, ""}));
}

TEST(CutStretches, LeavesOutWhatBelongsToOthers) {
  const std::vector<Stretch> others = {{20, 25, ""}, {kLowest, 3, ""}, {12, 14, ""}};
  EXPECT_THAT(cut_stretches({}, others, {{0, 10, "a"}, {10, 20, "b"}, {20, 25, "c"}, {25, 30, "d"}}, false),
              ElementsAre(Stretch{3, 10, "a"}, Stretch{10, 12, "b"}, Stretch{14, 20, "b"}, Stretch{25, 30, "d"}));
}

TEST(CutStretches, MayComeToNothing) {
  EXPECT_THAT(cut_stretches({}, {{0, 10, ""}}, {{2, 3, "a"}}, false), IsEmpty());
}

}  // namespace
}  // namespace pgsluice::planner

#include "planner/refusals.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgsluice::planner {
namespace {

using pg::Failure;
using pg::FailureKind;

Failure thrown_by(const Refusals& refusals) {
  try {
    refusals.throw_if_any();
  } catch (const Failure& failure) {
    return failure;
  }
  ADD_FAILURE() << "nothing was thrown";
  return Failure(FailureKind::local, "");
}

TEST(Refusals, NoneLetThePlanGoOn) {
  const Refusals refusals;
  EXPECT_TRUE(refusals.empty());
  EXPECT_NO_THROW(refusals.throw_if_any());
}

TEST(Refusals, ASingleOneIsGivenAsItWas) {
  Refusals refusals;
  refusals.add(Failure(FailureKind::refused, "no").detail("because").hint("try"));
  const Failure failure = thrown_by(refusals);
  EXPECT_STREQ(failure.what(), "no");
  EXPECT_EQ(failure.detail(), "because");
  EXPECT_EQ(failure.hint(), "try");
  EXPECT_EQ(failure.status(), "nothing was changed");
}

TEST(Refusals, SeveralAreGivenAtOnceInOrder) {
  Refusals refusals;
  refusals.add(Failure(FailureKind::refused, "first").detail("a\nb"));
  refusals.add(Failure(FailureKind::refused, "second").hint("c"));
  const Failure failure = thrown_by(refusals);
  EXPECT_EQ(failure.kind(), FailureKind::refused);
  EXPECT_STREQ(failure.what(), "this cannot be planned, for 2 reasons");
  EXPECT_EQ(failure.detail(), "1. first\n   a\n   b\n2. second\n   c");
}

TEST(Refusals, AnAttemptKeepsARefusalAndADeniedPrivilegeAndPassesOnAllElse) {
  Refusals refusals;
  EXPECT_TRUE(refusals.attempt([] {}));
  EXPECT_FALSE(refusals.attempt([] { throw Failure(FailureKind::refused, "no"); }));
  EXPECT_FALSE(refusals.attempt([] { throw Failure(FailureKind::server, "permission denied").sqlstate("42501"); }));
  EXPECT_THROW(refusals.attempt([] { throw Failure(FailureKind::connection, "gone"); }), Failure);
  EXPECT_THROW(refusals.attempt([] { throw Failure(FailureKind::server, "division by zero").sqlstate("22012"); }),
               Failure);
  EXPECT_STREQ(thrown_by(refusals).what(), "this cannot be planned, for 2 reasons");
}

}  // namespace
}  // namespace pgsluice::planner

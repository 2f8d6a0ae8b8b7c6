#include "pg/failure.hpp"

#include <gtest/gtest.h>

namespace pgsluice::pg {
namespace {

TEST(Failure, IsWrittenInPostgresqlsManner) {
  Failure failure(FailureKind::in_doubt, "connection lost while waiting for COMMIT of range 4711");
  failure.detail("target db2:5432; 41 of 9600 ranges remain.")
      .hint("Run the same command again; range 4711 is looked up on the target first.")
      .status("the target may hold range 4711, the checkpoint does not");
  EXPECT_EQ(to_text(failure),
            "error:  connection lost while waiting for COMMIT of range 4711\n"
            "detail: target db2:5432; 41 of 9600 ranges remain.\n"
            "hint:   Run the same command again; range 4711 is looked up on the target first.\n"
            "status: the target may hold range 4711, the checkpoint does not (exit 4)\n");
}

TEST(Failure, KeepsTheColumnOverSeveralLines) {
  EXPECT_EQ(to_text(Failure(FailureKind::server, "one\ntwo")), "error:  one\n        two\nstatus: exit 1\n");
}

TEST(Failure, HasTheExitCodeOfItsKind) {
  EXPECT_EQ(exit_code(FailureKind::server), 1);
  EXPECT_EQ(exit_code(FailureKind::local), 1);
  EXPECT_EQ(exit_code(FailureKind::refused), 2);
  EXPECT_EQ(exit_code(FailureKind::mismatch), 3);
  EXPECT_EQ(exit_code(FailureKind::connection), 4);
  EXPECT_EQ(exit_code(FailureKind::in_doubt), 4);
  EXPECT_EQ(exit_code(FailureKind::interrupted), 4);
  EXPECT_EQ(exit_code(FailureKind::corrupt), 5);
}

TEST(Failure, OfTheDataIsToldFromOneThatPasses) {
  EXPECT_TRUE(Failure(FailureKind::server, "").sqlstate("40001").is_transient());
  EXPECT_TRUE(Failure(FailureKind::server, "").sqlstate("55P03").is_transient());
  EXPECT_FALSE(Failure(FailureKind::server, "").sqlstate("53100").is_transient());
  EXPECT_TRUE(Failure(FailureKind::server, "").sqlstate("23514").is_data_error());
  EXPECT_FALSE(Failure(FailureKind::server, "").sqlstate("42501").is_data_error());
  EXPECT_FALSE(Failure(FailureKind::refused, "").sqlstate("40001").is_transient());
}

}  // namespace
}  // namespace pgsluice::pg

// A `finish` that died goes on where it was, wherever that was.
#include <gtest/gtest.h>

#include <string>

#include "tests/support/database.hpp"
#include "tests/support/migration.hpp"

namespace pgsluice::tests {
namespace {

class FinishThatDied : public testing::TestWithParam<const char*> {
 protected:
  Database database_;
  pg::Connection connection_ = database_.connect();
  Migration migration_{database_};
};

// What the database is after the steps of finish that were done behind the one that writes the phase.
INSTANTIATE_TEST_SUITE_P(
    Behind, FinishThatDied,
    testing::Values("SELECT 1", "DROP TABLE items_old",
                    "DROP TABLE items_old; COMMENT ON TABLE items IS NULL; COMMENT ON TABLE LEAF IS NULL"));

TEST_P(FinishThatDied, GoesOnWhereItWas) {
  connection_.run_script(
      "CREATE TABLE items (id bigint PRIMARY KEY, name text);"
      "INSERT INTO items SELECT i, 'n' FROM generate_series(1, 100) i; ANALYZE items");
  ASSERT_EQ(migration_.plan({"--table", "items", "--by", "HASH (id)", "--partitions", "2", "--strategy", "capture"})
                .exit_code,
            0);
  ASSERT_EQ(migration_.run().exit_code, 0);
  const Outcome cut = run(migration_.command("cutover", {"--accept", "unverified"}));
  ASSERT_EQ(cut.exit_code, 0) << cut;
  const std::string leaf(
      connection_.query("SELECT min(inhrelid::regclass::text) FROM pg_inherits WHERE inhparent = 'items'::regclass")
          .text(0, 0));
  std::string steps = GetParam();
  if (const auto at = steps.find("LEAF"); at != std::string::npos) {
    steps.replace(at, 4, leaf);
  }
  connection_.run_script("UPDATE pgsluice.migration SET phase = 'finished'; " + steps);
  const Outcome finished = run(migration_.command("finish"));
  ASSERT_EQ(finished.exit_code, 0) << finished;
  EXPECT_EQ(connection_.query("SELECT count(*) FROM items").integer(0, 0), 100);
  EXPECT_EQ(connection_.query("SELECT to_regclass('items_old') IS NULL").text(0, 0), "t");
  EXPECT_EQ(connection_.query("SELECT count(*) FROM pg_description WHERE description LIKE '%[pgsluice%'").integer(0, 0),
            0);
  EXPECT_EQ(connection_.query("SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'pgsluice%'").integer(0, 0), 0);
  EXPECT_EQ(connection_.query("SELECT count(*) FROM pg_namespace WHERE nspname = 'pgsluice'").integer(0, 0), 0);
}

}  // namespace
}  // namespace pgsluice::tests

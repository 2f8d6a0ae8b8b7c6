// Partitions of a captured table, or of the one that the cutover put aside, come and go, and are emptied one by one. No
// trigger fires for that, and nothing may be lost or left by it.
#include <chrono>
#include <thread>

#include "pg/failure.hpp"
#include "tests/server/partitioned_source_fixture.hpp"

namespace pgsluice::tests {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

// The parent's trigger does not fire for it.
class Emptied : public PartitionedSource, public testing::WithParamInterface<const char*> {};

TEST_P(Emptied, APartitionThatIsEmptiedMakesTheRunBeginAnew) {
  bring_to_verified();
  connection_.query(std::string("TRUNCATE ") + GetParam() + " CASCADE");
  Outcome outcome = command("cutover");
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("was emptied by TRUNCATE, or part of it"));
  EXPECT_EQ(migration_.verify({"--again"}).exit_code, 2);
  write(1);
  outcome = migration_.run();
  ASSERT_EQ(outcome.exit_code, 0) << outcome;
  expect_followed(GetParam());
  ASSERT_EQ(migration_.verify().exit_code, 0);
  ASSERT_EQ(command("cutover").exit_code, 0);
  EXPECT_EQ(differing_rows(table_, kOld), 0);
}

const auto kEmptiedAsName = [](const auto& one) {
  return std::vector<std::string>{"ALeaf", "AMiddle", "ALeafBelowIt", "TheTable"}[one.index];
};

INSTANTIATE_TEST_SUITE_P(By, Emptied, testing::Values("january", "february", "\"february rest\"", "\"Ev \"\"ents\""),
                         kEmptiedAsName);

TEST_F(PartitionedSourceAlone, APartitionThatIsAttachedComesWithItsRows) {
  bring_to_verified();
  connection_.run_script(
      "CREATE TABLE june (LIKE \"Ev \"\"ents\" INCLUDING DEFAULTS, CONSTRAINT plausible CHECK (id > 0)); INSERT INTO "
      "june "
      "SELECT 900000 + i, '2026-06-01', 'north', 1, 'came along' FROM generate_series(1, 500) i; ALTER TABLE \"Ev "
      "\"\"ents\" "
      "ATTACH PARTITION june FOR VALUES FROM ('2026-06-01') TO ('2026-07-01')");
  connection_.query("UPDATE june SET note = 'written since' WHERE id % 2 = 0");
  Outcome outcome = command("cutover");
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("added: public.june"));
  outcome = migration_.verify({"--again"});
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("added: public.june"));
  outcome = migration_.run();
  ASSERT_EQ(outcome.exit_code, 0) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("Their rows are brought over, too"));
  expect_followed("with the rows of june");
  connection_.query("TRUNCATE june");
  EXPECT_EQ(command("cutover").exit_code, 2) << "its TRUNCATE is noted now";
  follow();
  expect_followed("without them");
  ASSERT_EQ(migration_.verify().exit_code, 0);
  ASSERT_EQ(command("cutover").exit_code, 0);
  connection_.query("INSERT INTO " + table_ + " VALUES (910000, '2026-06-03', 'x', 1, 'after')");
  remember();
  ASSERT_EQ(migration_.rollback().exit_code, 0);
  EXPECT_EQ(count("june"), 1);
  EXPECT_EQ(differing_rows(table_, "expected"), 0);
}

// Nothing fires when it is emptied, since nobody had looked at it.
TEST_F(PartitionedSourceAlone, APartitionThatWasAddedAndEmptiedUnseenMakesTheRunBeginAnew) {
  bring_to_verified();
  connection_.run_script(
      "CREATE TABLE june PARTITION OF \"Ev \"\"ents\" FOR VALUES FROM ('2026-06-01') TO ('2026-07-01'); INSERT INTO "
      "june "
      "SELECT 900000 + i, '2026-06-01', 'north', 1, 'short-lived' FROM generate_series(1, 50) i");
  ASSERT_EQ(command("verify", {"--again"}).exit_code, 2);
  connection_.query("TRUNCATE june");
  const Outcome outcome = migration_.run();
  ASSERT_EQ(outcome.exit_code, 0) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("away for a while, unseen: public.june"));
  expect_followed("");
}

class Gone : public PartitionedSourceAlone, public testing::WithParamInterface<const char*> {};

TEST_P(Gone, APartitionThatGoesTakesItsRowsWithItAndTheRunBeginsAnew) {
  bring_to_verified();
  connection_.query(GetParam());
  Outcome outcome = command("cutover", {"--accept", "unverified"});
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  outcome = migration_.verify({"--again"});
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, AnyOf(HasSubstr("detached: public.march"), HasSubstr("detached: public.february")));
  connection_.query("DELETE FROM " + table_ + " WHERE id % 3 = 0");
  outcome = migration_.run();
  ASSERT_EQ(outcome.exit_code, 0) << outcome;
  expect_followed(GetParam());
}

const auto kGoneAsName = [](const auto& one) {
  return std::vector<std::string>{"Detached", "Dropped", "WithALevelOfItsOwn"}[one.index];
};

INSTANTIATE_TEST_SUITE_P(By, Gone,
                         testing::Values("ALTER TABLE \"Ev \"\"ents\" DETACH PARTITION march", "DROP TABLE march",
                                         "ALTER TABLE \"Ev \"\"ents\" DETACH PARTITION february"),
                         kGoneAsName);

// It came, was written to, brought over, and went, all between two looks.
TEST_F(PartitionedSourceAlone, APartitionThatCameAndWentUnseenIsNoticedAllTheSame) {
  bring_to_verified();
  connection_.run_script(
      "CREATE TABLE june PARTITION OF \"Ev \"\"ents\" FOR VALUES FROM ('2026-06-01') TO ('2026-07-01'); INSERT INTO " +
      table_ +
      " SELECT 900000 + i, '2026-06-01', 'north', 1, 'short-lived' FROM generate_series(1, 50) i; DROP TABLE june");
  const Outcome refused = command("cutover", {"--accept", "unverified"});
  EXPECT_EQ(refused.exit_code, 2) << refused;
  EXPECT_THAT(refused.errors, HasSubstr("dropped or detached: OID"));
  follow();
  expect_followed("");
  EXPECT_EQ(command("cutover", {"--accept", "unverified"}).exit_code, 0);
}

TEST_F(PartitionedSourceAlone, WhatBecomesOfTheOldTablesPartitionsIsSeenBeforeTheWayBackAndBeforeTheEnd) {
  bring_to_verified();
  ASSERT_EQ(command("cutover").exit_code, 0);
  connection_.run_script("CREATE TABLE precious (LIKE " + table_ +
                         ", CONSTRAINT plausible CHECK (id > 0)); ALTER TABLE " + kOld +
                         " ATTACH PARTITION precious FOR VALUES FROM ('2027-06-01') TO ('2027-07-01')");
  Outcome outcome = command("finish");
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("precious"));
  connection_.run_script(std::string("ALTER TABLE ") + kOld + " DETACH PARTITION precious");
  connection_.run_script("CREATE VIEW upon_a_partition AS TABLE january");
  outcome = command("finish");
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("upon_a_partition"));
  connection_.run_script("DROP VIEW upon_a_partition");
  connection_.run_script(std::string("ALTER TABLE ") + kOld + " DETACH PARTITION march");
  outcome = migration_.rollback();
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("dropped or detached: public.march"));
  EXPECT_EQ(command("finish").exit_code, 0);
  EXPECT_TRUE(is_there("march"));
  EXPECT_FALSE(is_there("january"));
  expect_nothing_of_ours();
}

// What is deleted while a partition of the old table is away would be there again when it comes back.
TEST_F(PartitionedSourceAlone, NothingIsBroughtOverWhileAPartitionOfTheOldTableIsAway) {
  bring_to_verified();
  ASSERT_EQ(command("cutover").exit_code, 0);
  connection_.run_script(std::string("ALTER TABLE ") + kOld + " DETACH PARTITION march");
  connection_.query("DELETE FROM " + table_ + " WHERE at >= '2025-03-01' AND at < '2025-04-01'");
  const Outcome outcome = migration_.run();
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("dropped or detached: public.march"));
  connection_.run_script(std::string("ALTER TABLE ") + kOld +
                         " ATTACH PARTITION march FOR VALUES FROM ('2025-03-01') TO ('2025-04-01')");
  remember();
  EXPECT_EQ(migration_.run().exit_code, 0);
  ASSERT_EQ(migration_.rollback().exit_code, 0);
  EXPECT_EQ(differing_rows(table_, "expected"), 0);
}

TEST_F(PartitionedSourceAlone, RowsOfAPartitionThatWasAddedToTheOldTableAreFollowedAfterTheWayBack) {
  bring_to_verified();
  ASSERT_EQ(command("cutover").exit_code, 0);
  connection_.run_script("CREATE TABLE july (LIKE " + table_ +
                         ", CONSTRAINT plausible CHECK (id > 0)); INSERT INTO july SELECT 910000 + i, '2027-07-02', "
                         "'north', 1, 'came along' FROM generate_series(1, 50) i; ALTER TABLE " +
                         kOld + " ATTACH PARTITION july FOR VALUES FROM ('2027-07-01') TO ('2027-08-01')");
  ASSERT_EQ(migration_.rollback().exit_code, 0);
  EXPECT_EQ(count("july"), 50);
  const Outcome refused = migration_.verify({"--again"});
  EXPECT_EQ(refused.exit_code, 2) << refused;
  EXPECT_THAT(refused.errors, HasSubstr("added: public.july"));
  follow();
  expect_followed("with the rows of july");
  ASSERT_EQ(migration_.verify().exit_code, 0);
  ASSERT_EQ(command("cutover").exit_code, 0);
  EXPECT_EQ(differing_rows(table_, kOld), 0);
}

// While it is away nothing fires, and it looks the same when it is back.
TEST_F(PartitionedSourceAlone, APartitionThatWasAwayForAWhileMakesTheRunBeginAnew) {
  bring_to_verified();
  connection_.run_script(
      "ALTER TABLE \"Ev \"\"ents\" DETACH PARTITION march; DELETE FROM march WHERE id % 2 = 0; UPDATE march SET note = "
      "'away'; ALTER TABLE \"Ev \"\"ents\" ATTACH PARTITION march FOR VALUES FROM ('2025-03-01') TO ('2025-04-01')");
  const Outcome refused = command("cutover");
  EXPECT_EQ(refused.exit_code, 2) << refused;
  EXPECT_THAT(refused.errors, HasSubstr("away for a while, unseen: public.march"));
  follow();
  expect_followed("");
  write(1);
  ASSERT_EQ(migration_.verify().exit_code, 0);
  ASSERT_EQ(command("cutover").exit_code, 0);
  EXPECT_EQ(differing_rows(table_, kOld), 0);
}

// Partitions come and go while rows are copied and written.
TEST_F(PartitionedSourceAlone, NothingIsLostThoughPartitionsComeAndGoAllTheWhile) {
  connection_.query("INSERT INTO " + table_ +
                    " SELECT 10000 + i, date '2025-01-01' + i % 150, 'x', 1, 'more' FROM generate_series(1, 60000) i");
  ASSERT_EQ(plan().exit_code, 0);
  constexpr int kRounds = 15;
  std::jthread application([&] {
    pg::Connection connection = database_.connect();
    for (int round = 0; round < kRounds; ++round) {
      const std::string name = "later_" + std::to_string(round);
      const std::string id = std::to_string(1'000'000 + 1000 * round);
      connection.run_script("CREATE TABLE " + name + " PARTITION OF " + table_ + " FOR VALUES FROM ('" +
                            std::to_string(2030 + round) + "-01-01') TO ('" + std::to_string(2030 + round) +
                            "-12-01')");
      connection.run_script("INSERT INTO " + table_ + " SELECT " + id + " + i, '" + std::to_string(2030 + round) +
                            "-02-02', 'x', 1, 'later' FROM generate_series(1, 200) i; UPDATE " + table_ +
                            " SET at = '2025-03-03' WHERE id BETWEEN " + id + " AND " + id + " + 50");
      std::this_thread::sleep_for(200ms);
      if (round % 3 == 1) {
        connection.run_script("DROP TABLE " + name);
      } else if (round % 3 == 2) {
        connection.run_script("TRUNCATE " + name);
      }
    }
  });
  std::this_thread::sleep_for(300ms);
  follow();
  application.join();
  follow();
  expect_followed("");
  const Outcome verified = migration_.verify();
  ASSERT_EQ(verified.exit_code, 0) << verified;
  ASSERT_EQ(command("cutover").exit_code, 0);
  EXPECT_EQ(differing_rows(table_, kOld), 0);
}

}  // namespace
}  // namespace pgsluice::tests

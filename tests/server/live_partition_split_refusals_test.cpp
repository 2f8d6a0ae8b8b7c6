// What of a partition cannot be split is refused when it is planned, each with its reason.
#include <string>
#include <vector>

#include "tests/server/partition_split_fixture.hpp"

namespace pgsluice::tests {
namespace {

using testing::HasSubstr;

struct Refused {
  std::string name;
  std::string more;  // Behind kEvents.
  std::string table;
  std::vector<std::string> arguments;
  std::string why;
};

std::ostream& operator<<(std::ostream& stream, const Refused& refused) {
  return stream << refused.name;
}

class RefusedSplit : public PartitionSplit, public testing::WithParamInterface<Refused> {};

const std::vector<Refused> kRefused = {
    {"WithoutInto", "", "events_2024", {"--by", "RANGE (created_at)", "--interval", "1 week"}, "Name that other table"},
    {"AnotherKey",
     "",
     "events_2024",
     {"--into", "events", "--by", "RANGE (id)", "--interval", "1000"},
     "is partitioned by RANGE (created_at), not by RANGE (id)"},
    {"TwoLevels",
     "",
     "events_2024",
     {"--into", "events", "--by", "RANGE (created_at)", "--interval", "1 week", "--then", "HASH (id)",
      "--then-partitions", "2"},
     "into one level"},
    {"DefaultOfABoundedPartition",
     "",
     "events_2024",
     {"--into", "events", "--interval", "1 week", "--default"},
     "DEFAULT partition would take rows of all"},
    {"NotDivided", "", "events_2024", {"--into", "events", "--interval", "10 years"}, "would not be divided"},
    {"NoInterval", "", "events_2024", {"--into", "events"}, "needs an interval"},
    {"ByStatement",
     "",
     "events_2024",
     {"--into", "events", "--interval", "1 week", "--capture", "statement"},
     "by statement"},
    {"IncomingKey",
     "CREATE TABLE others (id bigint, at timestamptz, CONSTRAINT points FOREIGN KEY (id, at) REFERENCES events)",
     "events_2024",
     {"--into", "events", "--interval", "1 week"},
     "points"},
    {"OwnForeignKey",
     "CREATE TABLE notes (note text PRIMARY KEY); INSERT INTO notes SELECT DISTINCT note FROM events_2024; ALTER TABLE "
     "events_2024 ADD CONSTRAINT own FOREIGN KEY (note) REFERENCES notes",
     "events_2024",
     {"--into", "events", "--interval", "1 week"},
     "own is public.events_2024's own"},
    {"IndexWithoutPart",
     "CREATE INDEX half ON ONLY events (id)",
     "events_2024",
     {"--into", "events", "--interval", "1 week"},
     "index half"},
    {"PartitionedPartition",
     "CREATE TABLE sub PARTITION OF events FOR VALUES FROM ('2030-01-01Z') TO ('2031-01-01Z') PARTITION BY HASH (id); "
     "CREATE TABLE sub0 PARTITION OF sub FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
     "sub",
     {"--into", "events", "--interval", "1 week"},
     "partitioned"},
    {"ParentThatIsAPartition",
     "CREATE TABLE sub PARTITION OF events FOR VALUES FROM ('2030-01-01Z') TO ('2031-01-01Z') PARTITION BY HASH (id); "
     "CREATE TABLE sub0 PARTITION OF sub FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
     "sub0",
     {"--into", "sub", "--partitions", "2"},
     "a partition of another table itself"},
    {"NameTaken",
     "CREATE TABLE events_2024_partitioned ()",
     "events_2024",
     {"--into", "events", "--interval", "1 week"},
     "is taken"},
    {"IntervalWithoutParent", "", "events_2024", {"--into", "elsewhere", "--interval", "1 week"}, "without --by"},
};

INSTANTIATE_TEST_SUITE_P(Because, RefusedSplit, testing::ValuesIn(kRefused),
                         [](const auto& one) { return one.param.name; });

TEST_P(RefusedSplit, IsSaidBeforeAnythingIsChanged) {
  connection_.run_script(kEvents);
  if (!GetParam().more.empty()) {
    connection_.run_script(GetParam().more);
  }
  std::vector<std::string> arguments = {"--table", GetParam().table, "--strategy", "capture"};
  arguments.insert(arguments.end(), GetParam().arguments.begin(), GetParam().arguments.end());
  const Outcome outcome = migration_.plan(arguments);
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr(GetParam().why));
  expect_nothing_of_ours();
}

TEST_F(PartitionSplit, HashPartitionsThatDoNotGoTogetherAreRefused) {
  connection_.run_script(
      "CREATE TABLE t (id bigint PRIMARY KEY) PARTITION BY HASH (id);"
      "CREATE TABLE t0 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
      "CREATE TABLE t1 PARTITION OF t FOR VALUES WITH (MODULUS 4, REMAINDER 1);"
      "CREATE TABLE t3 PARTITION OF t FOR VALUES WITH (MODULUS 4, REMAINDER 3)");
  const Outcome outcome = plan("t0", "t", {"--partitions", "3"});
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("do not go with one of modulus 4"));
  EXPECT_EQ(plan("t0", "t", {"--partitions", "2"}).exit_code, 0);
}

// PostgreSQL would read every row at the cutover: its own expression and ours differ by a collation.
TEST_F(PartitionSplit, AHashOfTextIsRefused) {
  connection_.run_script(
      "CREATE TABLE t (id bigint, name text, PRIMARY KEY (id, name)) PARTITION BY HASH (name);"
      "CREATE TABLE t0 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 0)");
  const Outcome outcome = plan("t0", "t", {"--partitions", "2"});
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("a column that has a collation"));
}

TEST_F(PartitionSplit, ViewsThatWriteToThePartitionBlockTheCutover) {
  connection_.run_script(kEvents);
  connection_.query("CREATE VIEW last_year AS SELECT * FROM events_2024");
  ASSERT_NO_FATAL_FAILURE(bring_to_verified("events_2024", "events", {"--interval", "1 month"}));
  const Outcome outcome = command("cutover");
  EXPECT_EQ(outcome.exit_code, 2) << outcome;
  EXPECT_THAT(outcome.errors, HasSubstr("last_year"));
  EXPECT_TRUE(is_partition("events_2024"));
}

}  // namespace
}  // namespace pgsluice::tests

// Rows that stream sends straight into leaves: the leaf that we name is the one the server would have chosen, for every
// type that can be routed; what cannot is left to the parent, and said; a wrong route fails loudly and costs no row.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <ostream>
#include <string>
#include <vector>

#include "mover/batch_method.hpp"
#include "mover/leaf_choice.hpp"
#include "mover/leaf_routes.hpp"
#include "mover/routing_check.hpp"
#include "pg/failure.hpp"
#include "planner/catalog.hpp"
#include "tests/support/database.hpp"
#include "tests/support/migration.hpp"
#include "tests/support/row_set.hpp"

namespace pgsluice::tests {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr int kNumericInfinitySince = 14;

// A column type with what makes its values.
struct RoutedType {
  const char* type;
  const char* random;                 // An expression over g, 1 to 600.
  const char* edges;                  // SQL literals.
  const char* list_values = nullptr;  // For LIST, where the edges will not do.
};

void PrintTo(const RoutedType& type, std::ostream* stream) {
  *stream << type.type;
}

constexpr RoutedType kTypes[] = {
    {"int2", "(random() * 65535 - 32768)::int2", "'-32768', '-1', '0', '1', '32767'"},
    {"int4", "(random() * 4294967295 - 2147483648)::int4", "'-2147483648', '-1', '0', '1', '2147483647'"},
    {"int8", "((random() - 0.5) * 1e19)::numeric::int8 / 2",
     "'-9223372036854775808', '-1', '0', '1', '9223372036854775807'"},
    {"oid", "(random() * 4294967295)::int8::oid", "'0', '1', '2147483648', '4294967295'"},
    {"bool", "random() < 0.5", "'t', 'f'", "'t'"},
    {"\"char\"", "chr((33 + random() * 90)::int)::\"char\"", "'', 'a', '~'"},
    {"date", "date '2000-01-01' + (random() * 20000 - 10000)::int",
     "'-infinity', '4713-11-24 BC', '1999-12-31', '5874897-12-31', 'infinity'"},
    {"time", "time '00:00' + random() * interval '24 h'", "'00:00', '24:00', '23:59:59.999999'"},
    {"timestamp", "timestamp '2000-01-01' + (random() - 0.5) * interval '100 years'",
     "'-infinity', '4713-11-24 BC', '1999-12-31 23:59:59.999999', 'infinity'"},
    {"timestamptz", "timestamptz '2000-01-01' + (random() - 0.5) * interval '100 years'",
     "'-infinity', '4713-11-25 BC', '1999-12-31 23:59:59.999999+00', 'infinity'"},
    {"timestamptz(0)", "timestamptz '2000-01-01' + (random() - 0.5) * interval '100 years'",
     "'-infinity', '2024-01-01', 'infinity'"},
    {"float4", "((random() - 0.5) * 1e5)::float4", "'-Infinity', '-0', '0', '0.1', '1e-40', 'Infinity', 'NaN'",
     "'0', '0.1', 'NaN', 'Infinity'"},
    {"float8", "(random() - 0.5) * 1e5", "'-Infinity', '-0', '0', '0.1', '1e-320', 'Infinity', 'NaN'",
     "'-0', '0.1', 'NaN', 'Infinity'"},
    {"numeric", "((random() - 0.5) * 10 ^ (random() * 40 - 20))::numeric",
     "'0', '1', '-1', '10000', '0.0001', '1e-30', '1e130', '123456789.987654321', 'NaN'"},
    {"numeric(12,2)", "((random() - 0.5) * 1e6)::numeric(12,2)", "'0', '1.00', '-9999999999.99', '10000', 'NaN'"},
    {"text COLLATE \"C\"", "left(md5(g::text), (random() * 32)::int)",
     "'', ' ', 'a', 'a ', 'A', 'Grüße', '\\x', 'it''s, (so)'"},
    {"varchar(40) COLLATE \"C\"", "left(md5(g::text), (random() * 32)::int)", "'', ' ', 'a', 'a ', 'A', 'Grüße'"},
    {"bpchar COLLATE \"C\"", "left(md5(g::text), (random() * 32)::int)", "'', 'a  ', 'A', 'Grüße   '"},
    {"char(12) COLLATE \"POSIX\"", "left(md5(g::text), (random() * 12)::int)", "'', 'a  ', 'A', 'Grüße   '"},
    {"bytea", "decode(left(md5(g::text), 2 * (random() * 16)::int), 'hex')",
     "'', '\\x00', '\\x0000', '\\xff', '\\x7f80'"},
    {"uuid", "md5(g::text)::uuid", "'00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'"},
};

// A source s and a target t of the same columns, and what a worker would know of them.
class Routing : public testing::Test {
 protected:
  planner::Plan plan() {
    planner::Plan plan;
    plan.source = planner::read_table_facts(connection_, {"public", "s"});
    plan.layout.root.name = {"public", "t"};
    plan.method = planner::Method::stream;
    return plan;
  }

  void run(const std::string& sql) { connection_.run_script(sql); }

  // Why rows of s go through the parent; empty when they do not.
  std::string why_not(pg::Connection& target) {
    mover::LeafRoutesAnswer answer = mover::read_leaf_routes(target, plan());
    EXPECT_EQ(answer.routes.has_value(), answer.why_not.empty());
    return answer.why_not;
  }
  std::string why_not() { return why_not(connection_); }

  // Every row of s goes through the parent into t; we must name the leaf that it is found in, or none where it is in
  // none. Rows that t refuses stay out of both.
  void expect_the_servers_leaves() {
    const planner::Plan knowledge = plan();
    mover::LeafRoutesAnswer answer = mover::read_leaf_routes(connection_, knowledge);
    ASSERT_TRUE(answer.routes) << answer.why_not;
    EXPECT_EQ(mover::find_wrong_route(connection_, connection_, knowledge, *answer.routes), std::nullopt);
    run("INSERT INTO t SELECT * FROM s");
    std::string list;
    for (const std::string& name : knowledge.source.insertable_columns()) list += pg::quoted(name) + ", ";
    const std::string leaf_sql =
        "(SELECT format('\"%s\".\"%s\"', n.nspname, replace(c.relname, '\"', '\"\"')) FROM pg_class c JOIN "
        "pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.oid = t.tableoid)";
    pg::CopyOut out = connection_.copy_out("COPY (SELECT " + list + leaf_sql + " FROM t) TO STDOUT (FORMAT binary)");
    pg::BinaryRows rows;
    std::map<std::string, int> wrong;
    int count = 0;
    const std::uint16_t last[] = {static_cast<std::uint16_t>(knowledge.source.insertable_columns().size())};
    while (const auto message = out.next()) {
      const std::span<const char> row = rows.row_of(*message);
      if (row.empty()) continue;
      pg::CopyField leaf;
      ASSERT_TRUE(pg::find_fields(row, last, &leaf));
      const std::int32_t ours = answer.routes->router.leaf_of(row);
      const std::string name = ours < 0 ? "none" : answer.routes->leaves[static_cast<std::size_t>(ours)];
      if (name != leaf.view()) ++wrong[name + " instead of " + std::string(leaf.view())];
      ++count;
    }
    EXPECT_THAT(wrong, IsEmpty());
    EXPECT_GT(count, 0);
  }

  Database database_;
  pg::Connection connection_ = database_.connect();
};

class RoutingOfType : public Routing, public testing::WithParamInterface<RoutedType> {
 protected:
  void make_source() {
    const RoutedType& type = GetParam();
    run("SELECT setseed(0.5); CREATE TABLE s (id serial, k " + std::string(type.type) +
        ", note text); INSERT INTO s (k, note) SELECT " + type.random +
        ", 'x' FROM generate_series(1, 600) g; INSERT INTO s (k) SELECT NULL; INSERT INTO s (k) VALUES (" +
        edges("), (") + "); ANALYZE s");
  }
  // The edges with another separator.
  static std::string edges(const std::string& separator) {
    std::string list;
    for (std::string_view rest = GetParam().edges; !rest.empty();) {
      const std::size_t comma = rest.find("', '");
      list += (list.empty() ? "" : separator) + std::string(rest.substr(0, comma == rest.npos ? comma : comma + 1));
      rest.remove_prefix(comma == rest.npos ? rest.size() : comma + 3);
    }
    return list;
  }
};

TEST_P(RoutingOfType, ByHashWithMixedModuli) {
  make_source();
  run("CREATE TABLE t (LIKE s) PARTITION BY HASH (k); CREATE TABLE h0 PARTITION OF t FOR VALUES WITH (MODULUS 2, "
      "REMAINDER 0);"
      "CREATE TABLE h1 PARTITION OF t FOR VALUES WITH (MODULUS 4, REMAINDER 1);"
      "CREATE TABLE h3 PARTITION OF t FOR VALUES WITH (MODULUS 12, REMAINDER 3);"
      "CREATE TABLE h7 PARTITION OF t FOR VALUES WITH (MODULUS 12, REMAINDER 7);"
      "CREATE TABLE h11 PARTITION OF t FOR VALUES WITH (MODULUS 12, REMAINDER 11);");
  expect_the_servers_leaves();
}

TEST_P(RoutingOfType, ByRange) {
  make_source();
  if (std::string_view(GetParam().type) == "bool") {
    run("CREATE TABLE t (LIKE s) PARTITION BY RANGE (k); CREATE TABLE r0 PARTITION OF t FOR VALUES FROM (MINVALUE) TO "
        "(true);"
        "CREATE TABLE r1 PARTITION OF t FOR VALUES FROM (true) TO (MAXVALUE); CREATE TABLE r2 PARTITION OF t DEFAULT");
  } else {
    // Cut at values that rows have, with a gap between the second and the third range.
    run("CREATE TABLE t (LIKE s) PARTITION BY RANGE (k); DO $$ DECLARE v text[]; BEGIN "
        "v := ARRAY(SELECT d.k::text FROM (SELECT DISTINCT k FROM s WHERE k IS NOT NULL) d ORDER BY d.k);"
        "EXECUTE format('CREATE TABLE r0 PARTITION OF t FOR VALUES FROM (MINVALUE) TO (%L)', v[3]);"
        "EXECUTE format('CREATE TABLE r1 PARTITION OF t FOR VALUES FROM (%L) TO (%L)', v[3], v[cardinality(v) / 2]);"
        "EXECUTE format('CREATE TABLE r2 PARTITION OF t FOR VALUES FROM (%L) TO (%L)', v[cardinality(v) / 2 + 5], "
        "v[cardinality(v)]);"
        "EXECUTE format('CREATE TABLE r3 PARTITION OF t FOR VALUES FROM (%L) TO (MAXVALUE)', v[cardinality(v)]);"
        "CREATE TABLE r4 PARTITION OF t DEFAULT; END $$");
  }
  expect_the_servers_leaves();
}

TEST_P(RoutingOfType, ByList) {
  make_source();
  const std::string values = GetParam().list_values ? GetParam().list_values : edges(", ");
  run("CREATE TABLE t (LIKE s) PARTITION BY LIST (k); CREATE TABLE l0 PARTITION OF t FOR VALUES IN (" + values +
      "); CREATE TABLE l1 PARTITION OF t FOR VALUES IN (NULL); CREATE TABLE l2 PARTITION OF t DEFAULT");
  expect_the_servers_leaves();
}

INSTANTIATE_TEST_SUITE_P(All, RoutingOfType, testing::ValuesIn(kTypes));

TEST_F(Routing, ByTwoLevelsOfSeveralColumnsWithNullsAndDefaults) {
  run("CREATE TABLE s (note text, a int, b text COLLATE \"C\", c timestamptz, d numeric); INSERT INTO s "
      "SELECT 'x', nullif(g % 50, 7), nullif('v' || g % 11, 'v3'), timestamptz '2024-01-01' + g * interval '7 h', "
      "nullif(g % 5, 2) FROM generate_series(1, 2000) g; ANALYZE s;"
      // The target's columns stand in another order.
      "CREATE TABLE t (d numeric, c timestamptz, b text COLLATE \"C\", a int, note text) PARTITION BY RANGE (a, b);"
      "CREATE TABLE r0 PARTITION OF t FOR VALUES FROM (MINVALUE, MINVALUE) TO (20, 'v5') PARTITION BY HASH (c, d);"
      "CREATE TABLE r0h0 PARTITION OF r0 FOR VALUES WITH (MODULUS 3, REMAINDER 0);"
      "CREATE TABLE r0h1 PARTITION OF r0 FOR VALUES WITH (MODULUS 3, REMAINDER 1);"
      "CREATE TABLE r0h2 PARTITION OF r0 FOR VALUES WITH (MODULUS 3, REMAINDER 2);"
      "CREATE TABLE r1 PARTITION OF t FOR VALUES FROM (20, 'v5') TO (30, MAXVALUE) PARTITION BY LIST (b);"
      "CREATE TABLE r1a PARTITION OF r1 FOR VALUES IN ('v1', 'v5', NULL);"
      "CREATE TABLE r1b PARTITION OF r1 DEFAULT PARTITION BY RANGE (c);"
      "CREATE TABLE r1b0 PARTITION OF r1b FOR VALUES FROM ('2024-01-01') TO ('2024-06-01 12:00');"
      "CREATE TABLE r1b1 PARTITION OF r1b DEFAULT;"
      "CREATE TABLE \"r \"\"2\" PARTITION OF t DEFAULT;"
      "CREATE FUNCTION ordered() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'");
  // expect_the_servers_leaves() inserts with SELECT *.
  run("ALTER TABLE s RENAME TO s_as_made; CREATE TABLE s AS SELECT d, c, b, a, note FROM s_as_made; ANALYZE s");
  expect_the_servers_leaves();
}

TEST_F(Routing, ADatabaseOfAnotherEncodingRoutesNumbersAndLeavesTextsToTheParent) {
  for (const auto& [encoding, is_routed] : {std::pair{"LATIN1", false}, {"SQL_ASCII", true}}) {
    Database other(shared_server(), {encoding, "C"});
    pg::Connection target = other.connect();
    run("DROP TABLE IF EXISTS s; CREATE TABLE s (id int, name text); INSERT INTO s VALUES (1, 'Grüße'), (2, 'a')");
    target.run_script(
        "CREATE TABLE t (id int, name text) PARTITION BY HASH (name);"
        "CREATE TABLE h PARTITION OF t FOR VALUES WITH (MODULUS 1, REMAINDER 0)");
    if (is_routed) {
      EXPECT_EQ(why_not(target), "") << encoding;
    } else {
      EXPECT_THAT(why_not(target), HasSubstr("encoding is LATIN1"));
    }
    target.run_script(
        "DROP TABLE t; CREATE TABLE t (id int, name text) PARTITION BY HASH (id);"
        "CREATE TABLE h PARTITION OF t FOR VALUES WITH (MODULUS 1, REMAINDER 0)");
    EXPECT_EQ(why_not(target), "") << encoding;
  }
}

TEST_F(Routing, WhatCannotBeRoutedIsLeftToTheParentAndSaid) {
  struct Case {
    const char* make;
    const char* why;
  };
  run("CREATE TABLE s (id int NOT NULL, name text, span interval, amount numeric(8,2))");
  const std::string leaf = "CREATE TABLE h PARTITION OF t FOR VALUES WITH (MODULUS 1, REMAINDER 0);";
  const std::string like = "CREATE TABLE t (LIKE s) PARTITION BY ";
  for (const auto& [make, why] : std::vector<std::pair<std::string, std::string>>{
           {like + "HASH (id);" + leaf, ""},
           {like + "HASH (name);" + leaf, ""},
           {like + "HASH ((id + 1));" + leaf, "is an expression"},
           {like + "HASH (span);" + leaf, "is of type interval"},
           {like + "HASH (name text_pattern_ops);" + leaf, "operator class"},
           {like + "RANGE (name); CREATE TABLE h PARTITION OF t DEFAULT", "not \"C\""},
           {like + "LIST (name); CREATE TABLE h PARTITION OF t DEFAULT", ""},
           {"CREATE TABLE t (id int, name text, span interval, amount numeric(8,2), more int DEFAULT 5) PARTITION BY "
            "HASH (id);" +
                leaf,
            "more is not copied"},
           {"CREATE TABLE t (id int, name text, span interval, amount numeric(8,1)) PARTITION BY HASH (amount);" + leaf,
            "another type in the source"},
           {like + "HASH (id);" + leaf +
                "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
                "CREATE TRIGGER g AFTER INSERT ON t EXECUTE FUNCTION f()",
            "trigger for each statement"},
           {like + "HASH (id);" + leaf +
                "ALTER TABLE t ENABLE ROW LEVEL SECURITY; ALTER TABLE t FORCE ROW LEVEL SECURITY",
            "row security"},
       }) {
    run(make);
    if (why.empty()) {
      EXPECT_EQ(why_not(), "") << make;
    } else {
      EXPECT_THAT(why_not(), HasSubstr(why)) << make;
    }
    run("DROP TABLE t");
  }
}

TEST_F(Routing, TheCheckFindsAWrongRouteOfEveryKind) {
  run("CREATE TABLE s (id int8, name text); INSERT INTO s SELECT g, g FROM generate_series(1, 1000) g; ANALYZE s;"
      "CREATE TABLE t (LIKE s) PARTITION BY RANGE (id);"
      "CREATE TABLE a PARTITION OF t FOR VALUES FROM (1) TO (500); CREATE TABLE b PARTITION OF t FOR VALUES FROM (500) "
      "TO (900)");
  mover::LeafRoutesAnswer answer = mover::read_leaf_routes(connection_, plan());
  ASSERT_TRUE(answer.routes) << answer.why_not;
  EXPECT_EQ(mover::find_wrong_route(connection_, connection_, plan(), *answer.routes), std::nullopt);
  // One value at a bound is enough.
  run("ALTER TABLE t DETACH PARTITION a; ALTER TABLE t DETACH PARTITION b; ALTER TABLE t ATTACH PARTITION a FOR VALUES "
      "FROM (1) TO (499);"
      "ALTER TABLE t ATTACH PARTITION b FOR VALUES FROM (499) TO (900)");
  const std::optional<std::string> wrong = mover::find_wrong_route(connection_, connection_, plan(), *answer.routes);
  ASSERT_TRUE(wrong);
  EXPECT_THAT(*wrong, HasSubstr(R"(would not put 499 into "public"."a")"));
}

// A worker's method, with what it told its target.
class RoutedStream : public Routing {
 protected:
  RoutedStream() {
    pg::SessionOptions session;
    session.conninfo = database_.conninfo();
    session.observer = [this](const pg::StatementEvent& event) {
      if (event.sql.starts_with("COPY ") && event.sql.find("FROM STDIN") != event.sql.npos) {
        copies_.push_back(std::string(event.sql.substr(5, event.sql.find(" (") - 5)));
      }
    };
    target_.emplace(session);
  }

  // Moves all rows in one batch. Returns the failure's SQLSTATE, or nothing.
  std::string batch(mover::BatchMethod& method) {
    copies_.clear();
    try {
      const mover::BatchResult result = method.move_rows(*target_, {{}, true, {}, nullptr});
      EXPECT_GT(result.rows, 0U);
      target_->commit();
      return "";
    } catch (const pg::Failure& failure) {
      target_->rollback();
      EXPECT_EQ(failure.is_transient(), failure.sqlstate() == "40001");
      return failure.sqlstate();
    }
  }

  std::string lost_or_doubled() { return difference(read_rows(connection_, "s"), read_rows(connection_, "t")); }

  void make_two_halves() {
    run("CREATE TABLE s (id int8, name text); INSERT INTO s SELECT g, repeat('x', 100) FROM generate_series(0, 39999) "
        "g; ANALYZE s;"
        "CREATE TABLE t (LIKE s) PARTITION BY RANGE (id); CREATE TABLE a PARTITION OF t FOR VALUES FROM (0) TO (20000);"
        "CREATE TABLE b PARTITION OF t FOR VALUES FROM (20000) TO (40000)");
  }

  // Each leaf gets the other's bound.
  void swap_halves() {
    run("ALTER TABLE t DETACH PARTITION a; ALTER TABLE t DETACH PARTITION b;"
        "ALTER TABLE t ATTACH PARTITION b FOR VALUES FROM (0) TO (20000);"
        "ALTER TABLE t ATTACH PARTITION a FOR VALUES FROM (20000) TO (40000)");
  }

  std::optional<pg::Connection> target_;
  std::vector<std::string> copies_;  // Into what, in order.
  mover::Session source_{[this] { return database_.connect(); }};
};

TEST_F(RoutedStream, SendsManyRowsToTheirLeavesAndFewThroughTheParent) {
  make_two_halves();
  run("INSERT INTO s SELECT -1, 'odd'; CREATE TABLE c PARTITION OF t DEFAULT");
  const planner::Plan knowledge = plan();
  for (const bool empties : {false, true}) {
    const auto method =
        empties ? mover::make_stream_move_method(knowledge) : mover::make_stream_method(knowledge, source_);
    const RowSet before = read_rows(connection_, "s");
    EXPECT_EQ(batch(*method), "");
    EXPECT_THAT(copies_, testing::UnorderedElementsAre(R"("public"."a")", R"("public"."b")", "\"public\".\"t\""));
    EXPECT_EQ(difference(before, read_rows(connection_, "t")), "");
    if (!empties) run("TRUNCATE t");
  }
  EXPECT_THAT(read_rows(connection_, "s"), IsEmpty());
}

TEST_F(RoutedStream, WideRowsPassThroughInMoreLeavesThanOne) {
  run("CREATE TABLE s (id int8, body text); INSERT INTO s SELECT g, repeat(md5(g::text), 100 * (g % 200)) FROM "
      "generate_series(0, 400) g;"
      "CREATE TABLE t (LIKE s) PARTITION BY HASH (id); CREATE TABLE a PARTITION OF t FOR VALUES WITH (MODULUS 2, "
      "REMAINDER 0);"
      "CREATE TABLE b PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 1)");
  const planner::Plan knowledge = plan();
  const auto method = mover::make_stream_method(knowledge, source_);
  EXPECT_EQ(batch(*method), "");
  EXPECT_THAT(copies_, Contains(R"("public"."a")"));
  EXPECT_EQ(lost_or_doubled(), "");
}

TEST_F(RoutedStream, BoundsSwappedAfterTheCheckFailLoudlyAndTheParentTakesTheRows) {
  make_two_halves();
  const planner::Plan knowledge = plan();
  const auto method = mover::make_stream_method(knowledge, source_);
  EXPECT_EQ(batch(*method), "");
  EXPECT_THAT(copies_, Contains(R"("public"."a")"));
  run("TRUNCATE t");
  swap_halves();
  EXPECT_EQ(batch(*method), "40001");
  EXPECT_THAT(read_rows(connection_, "t"), IsEmpty());
  EXPECT_EQ(batch(*method), "");
  EXPECT_THAT(copies_, testing::ElementsAre("\"public\".\"t\""));
  EXPECT_EQ(lost_or_doubled(), "");
  run("TRUNCATE t");
  EXPECT_EQ(batch(*method), "") << "for good";
  EXPECT_THAT(copies_, testing::ElementsAre("\"public\".\"t\""));
}

TEST_F(RoutedStream, ARowThatTheParentRefusesTooDoesNotEndTheDirectWay) {
  make_two_halves();
  run("ALTER TABLE t ADD CHECK (id <> 7)");
  const planner::Plan knowledge = plan();
  const auto method = mover::make_stream_method(knowledge, source_);
  EXPECT_EQ(batch(*method), "40001");
  EXPECT_EQ(batch(*method), "23514");
  run("DELETE FROM s WHERE id = 7");
  EXPECT_EQ(batch(*method), "");
  EXPECT_THAT(copies_, Contains(R"("public"."a")"));
  EXPECT_EQ(lost_or_doubled(), "");
}

TEST_F(RoutedStream, ALeafThatIsDetachedMeanwhileTakesNoRowWithIt) {
  make_two_halves();
  const planner::Plan knowledge = plan();
  const auto method = mover::make_stream_method(knowledge, source_);
  EXPECT_EQ(batch(*method), "");
  run("TRUNCATE t; ALTER TABLE t DETACH PARTITION a; CREATE TABLE a2 PARTITION OF t FOR VALUES FROM (0) TO (20000)");
  EXPECT_EQ(batch(*method), "40001");
  EXPECT_THAT(read_rows(connection_, "a"), IsEmpty());
  EXPECT_EQ(batch(*method), "") << "routes are read again";
  EXPECT_THAT(copies_, Contains(R"("public"."a2")"));
  EXPECT_EQ(lost_or_doubled(), "");
}

TEST_F(RoutedStream, RowsWithoutALeafGetTheServersOwnError) {
  make_two_halves();
  run("INSERT INTO s VALUES (99999, 'nowhere')");
  const planner::Plan knowledge = plan();
  const auto method = mover::make_stream_method(knowledge, source_);
  EXPECT_EQ(batch(*method), "40001") << "once more through the parent";
  EXPECT_EQ(batch(*method), "23514");
  EXPECT_THAT(read_rows(connection_, "t"), IsEmpty());
}

TEST_F(RoutedStream, ManyLeavesWithFewRowsEachGoThroughTheParent) {
  run("CREATE TABLE s (id int8, name text); INSERT INTO s SELECT g, 'x' FROM generate_series(1, 300) g;"
      "CREATE TABLE t (LIKE s) PARTITION BY HASH (id); DO $$ BEGIN FOR i IN 0..99 LOOP EXECUTE format("
      "'CREATE TABLE h%s PARTITION OF t FOR VALUES WITH (MODULUS 100, REMAINDER %s)', i, i); END LOOP; END $$");
  const planner::Plan knowledge = plan();
  const auto method = mover::make_stream_method(knowledge, source_);
  EXPECT_EQ(batch(*method), "");
  EXPECT_THAT(copies_, testing::ElementsAre("\"public\".\"t\""));
  EXPECT_EQ(lost_or_doubled(), "");
}

// The whole job between two databases, with batches large enough for the leaves.
TEST(RoutedRun, MovesEveryRowBetweenTwoDatabases) {
  Database source, target;
  pg::Connection in_source = source.connect();
  in_source.run_script(
      "CREATE TABLE items (id bigint PRIMARY KEY, at timestamptz NOT NULL, name text);"
      "INSERT INTO items SELECT g, timestamptz '2024-01-01' + g * interval '1 minute', nullif(md5(g::text), md5('7')) "
      "FROM generate_series(1, 60000) g; ANALYZE items");
  for (const std::vector<std::string>& layout :
       {std::vector<std::string>{"--by", "RANGE (at)", "--interval", "1 week"},
        std::vector<std::string>{"--by", "HASH (name)", "--partitions", "4", "--keep-unique", "widen"}}) {
    Migration migration(source.conninfo(), target.conninfo());
    std::vector<std::string> arguments = {"--table", "items", "--method", "stream"};
    arguments.insert(arguments.end(), layout.begin(), layout.end());
    const Outcome planned = migration.plan(arguments);
    ASSERT_EQ(planned.exit_code, 0) << planned;
    const Outcome moved = migration.run({"--workers", "2", "--batch-rows", "20000"});
    ASSERT_EQ(moved.exit_code, 0) << moved;
    pg::Connection in_target = target.connect();
    EXPECT_EQ(difference(read_rows(in_source, "items"), read_rows(in_target, "items_partitioned")), "");
    EXPECT_EQ(migration.verify().exit_code, 0);
    EXPECT_EQ(migration.rollback().exit_code, 0);
  }
}

}  // namespace
}  // namespace pgsluice::tests

// Indexes, constraints and everything else that the target gets after its rows: what they are, and that no death on the
// way harms them.
#include "mover/indexes.hpp"

#include <gmock/gmock.h>

#include "pg/failure.hpp"
#include "planner/index_sql.hpp"
#include "tests/server/target_fixture.hpp"
#include "tests/support/table_definition.hpp"

namespace pgsluice::tests {
namespace {

using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

// One index of every kind, on a table that is parted at two levels by (at, region).
constexpr const char* kOrders = R"~(
CREATE TABLE customers (id int PRIMARY KEY);
INSERT INTO customers SELECT generate_series(1, 20);
CREATE TABLE lists (id int PRIMARY KEY);
INSERT INTO lists SELECT generate_series(1, 20);
CREATE TABLE orders (
  id bigserial,
  at date NOT NULL,
  region text COLLATE "C",
  customer int CONSTRAINT "to customer" REFERENCES customers ON DELETE CASCADE,
  list int,
  note text,
  amount numeric,
  words tsvector,
  CONSTRAINT orders_pkey PRIMARY KEY (id) INCLUDE (amount, region) WITH (fillfactor = 90),
  CONSTRAINT orders_unique UNIQUE (note, region, at) DEFERRABLE INITIALLY DEFERRED
);
INSERT INTO orders (at, region, customer, list, note, amount, words)
  SELECT '2024-01-01'::date + i % 60, 'r' || i % 5, 1 + i % 20, CASE i WHEN 3 THEN 99 END, 'note ' || i, i, to_tsvector('simple', 'w' || i)
  FROM generate_series(1, 300) i;
ALTER TABLE orders ADD CONSTRAINT "not yet" CHECK (note <> 'note 7') NOT VALID;
ALTER TABLE orders ADD CONSTRAINT "to list" FOREIGN KEY (list) REFERENCES lists NOT VALID;
CREATE INDEX orders_plain ON orders (customer);
CREATE INDEX "expr, with (comma" ON orders (lower(note || ', ") (') text_pattern_ops DESC NULLS LAST, (amount + 1)) INCLUDE (region)
  WITH (fillfactor = 70) WHERE amount > 5 AND note <> ') WHERE "(';
CREATE INDEX by_words ON orders USING gin (words) WITH (fastupdate = off);
CREATE INDEX by_at ON orders USING brin (at) WITH (pages_per_range = 16);
CREATE INDEX by_customer ON orders USING hash (customer);
CREATE INDEX by_collation ON orders (note COLLATE "POSIX" DESC, region NULLS FIRST);
CREATE UNIQUE INDEX once ON orders (lower(note), region) WHERE note IS NOT NULL;
CREATE UNIQUE INDEX other_collation ON orders (note, region COLLATE "POSIX", at DESC);
COMMENT ON INDEX by_at IS 'in order';
COMMENT ON CONSTRAINT orders_pkey ON orders IS 'the key';
)~";

class Indexes : public TargetFixture {
 protected:
  planner::Plan orders_plan(planner::Method method = planner::Method::insert) {
    run(kOrders);
    if (database_.connect().server_major_version() >= kNullsNotDistinct) {
      run("ALTER TABLE orders ADD CONSTRAINT nulls_too UNIQUE NULLS NOT DISTINCT (words)");
    }
    return plan_for("public.orders", {range("at", "1 month"), hash("region", 2)}, method);
  }
  planner::Plan filled_plan() {
    planner::Plan plan = orders_plan();
    prepare(plan);
    move_rows(plan);
    return plan;
  }

  // Of every index of the target: table, definition, whether it belongs to its parent's, whether it is valid.
  std::vector<std::string> indexes_of(const std::string& where) {
    return texts(
        R"~(SELECT x.indexrelid::regclass || ' ' || pg_get_indexdef(x.indexrelid) || coalesce(' ' || pg_get_constraintdef(k.oid), '') ||
                         ' attached ' || EXISTS (SELECT FROM pg_inherits WHERE inhrelid = x.indexrelid) || ' valid ' || x.indisvalid
                     FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid
                     LEFT JOIN pg_constraint k ON k.conindid = x.indexrelid AND k.conrelid = x.indrelid AND k.contype IN ('p', 'u')
                     WHERE t.relname LIKE 'orders\_partitioned%' AND )~" +
        where + " ORDER BY 1");
  }
  std::vector<std::string> files_of_leaf_indexes() {
    return texts(
        "SELECT c.relname || ' ' || c.relfilenode FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid JOIN pg_class "
        "c ON "
        "c.oid = x.indexrelid WHERE t.relname LIKE 'orders\\_partitioned%' AND t.relkind = 'r' ORDER BY 1");
  }
  pg::Failure failure_of(const std::function<void()>& act) {
    try {
      act();
    } catch (const pg::Failure& failure) {
      return failure;
    }
    ADD_FAILURE() << "nothing failed";
    return {pg::FailureKind::local, ""};
  }

  static constexpr int kNullsNotDistinct = 15;
};

TEST_F(Indexes, AreOnEveryTableOfTheTreeOnceAndBelongToTheirParents) {
  const planner::Plan plan = filled_plan();
  build(plan);
  const std::size_t tables = planner::nodes(plan.layout).size();
  const std::vector<std::string> all = indexes_of("true");
  EXPECT_EQ(all.size(), tables * plan.source.indexes.size());
  EXPECT_THAT(all, Each(HasSubstr(" valid true")));
  EXPECT_THAT(indexes_of("t.relispartition"), Each(HasSubstr(" attached true")));
  EXPECT_THAT(indexes_of("NOT t.relispartition"), Each(HasSubstr(" attached false")));
}

TEST_F(Indexes, WithUniquenessAreWidenedByWhatIsMissingAndKeepTheRest) {
  const planner::Plan plan = filled_plan();
  build(plan);
  const std::vector<std::string> root = indexes_of("NOT t.relispartition");
  for (const char* text : {
           "PRIMARY KEY (id, at, region) INCLUDE (amount) attached",
           "USING btree (id, at, region) INCLUDE (amount) WITH (fillfactor='90')",
           "UNIQUE (note, region, at) DEFERRABLE INITIALLY DEFERRED",
           "USING btree (lower(note), region, at) WHERE (note IS NOT NULL)",
           // A column in another collation does not keep partitions apart.
           "USING btree (note, region COLLATE \"POSIX\", at DESC, region) attached",
           "USING btree (note COLLATE \"POSIX\" DESC, region NULLS FIRST) attached",
           "USING gin (words) WITH (fastupdate=off)",
           "USING hash (customer)",
       }) {
    EXPECT_THAT(root, Contains(HasSubstr(text)));
  }
  if (database_.connect().server_major_version() >= kNullsNotDistinct) {
    EXPECT_THAT(root, Contains(HasSubstr("UNIQUE NULLS NOT DISTINCT (words, at, region)")));
  }
}

TEST_F(Indexes, OfLeavesAreTakenInByTheParentsAndNotBuiltAgain) {
  const planner::Plan plan = filled_plan();
  pg::Connection connection = database_.connect();
  for (const planner::TargetIndex& index : planner::target_indexes(plan)) {
    for (const planner::PartitionNode* leaf : planner::leaves(plan.layout)) {
      for (const planner::Statement& statement : planner::create_leaf_index_sql(plan, index, *leaf)) {
        connection.query(statement.sql);
      }
    }
  }
  const std::vector<std::string> before = files_of_leaf_indexes();
  build(plan);
  EXPECT_EQ(files_of_leaf_indexes(), before);
}

TEST_F(Indexes, HaveTheCommentsOfTheSources) {
  const planner::Plan plan = filled_plan();
  build(plan);
  EXPECT_THAT(texts("SELECT obj_description('orders_partitioned_by_at'::regclass, 'pg_class')"),
              ElementsAre("in order"));
  EXPECT_THAT(texts("SELECT obj_description(oid, 'pg_constraint') FROM pg_constraint WHERE conrelid = "
                    "'orders_partitioned'::regclass "
                    "AND contype = 'p'"),
              ElementsAre("the key"));
}

TEST_F(Indexes, GoOnHoweverOftenTheMoverDies) {
  run(kOrders);
  run("DROP INDEX \"expr, with (comma\", by_words, by_customer, by_collation, other_collation, orders_plain");
  const planner::Plan plan = plan_for("public.orders", {range("at", "1 year"), hash("region", 2)});
  prepare(plan);
  move_rows(plan);
  const int deaths = die_at_every_statement(plan, [&](const mover::Sessions& mortal) { build_with(plan, mortal); });
  EXPECT_GT(deaths, 30);
  const std::vector<std::string> after_deaths = indexes_of("true");
  const Definition definition =
      read_definition(*std::make_unique<pg::Connection>(database_.connect()), "orders_partitioned");
  remove(plan);
  prepare(plan);
  move_rows(plan);
  build(plan);
  EXPECT_EQ(after_deaths, indexes_of("true"));
  pg::Connection connection = database_.connect();
  EXPECT_EQ(difference(definition, read_definition(connection, "orders_partitioned")), "");
}

TEST_F(Indexes, GoOnThoughSessionsAreEndedOnTheWay) {
  const planner::Plan plan = filled_plan();
  EXPECT_GT(end_sessions_at_times(plan, [&](const mover::Sessions& mortal) { build_with(plan, mortal); }), 3);
  EXPECT_EQ(indexes_of("true").size(), planner::nodes(plan.layout).size() * plan.source.indexes.size());
  EXPECT_THAT(indexes_of("t.relispartition"), Each(HasSubstr(" attached true valid true")));
}

TEST_F(Indexes, AreNotBuiltAgainByASecondCall) {
  const planner::Plan plan = filled_plan();
  build(plan);
  const std::vector<std::string> before = files_of_leaf_indexes();
  build(plan);
  EXPECT_EQ(files_of_leaf_indexes(), before);
}

TEST_F(Indexes, LeftInvalidByAFailedBuildAreBuiltAnew) {
  const planner::Plan plan = filled_plan();
  const planner::PartitionNode& leaf = *planner::leaves(plan.layout).front();
  const std::string name = planner::index_name(plan.names, plan.source, leaf, plan.source.indexes.front());
  const std::string leaf_name = pg::quoted(leaf.name);
  run("INSERT INTO " + leaf_name + " SELECT * FROM " + leaf_name + " LIMIT 1");
  pg::Connection connection = database_.connect();
  EXPECT_THROW(connection.query("CREATE UNIQUE INDEX CONCURRENTLY " + pg::quoted(name) + " ON " + leaf_name + " (id)"),
               pg::Failure);
  ASSERT_THAT(
      texts("SELECT indisvalid::text FROM pg_index WHERE indexrelid = " + pg::literal(pg::quoted(name)) + "::regclass"),
      ElementsAre("false"));
  run("DELETE FROM " + leaf_name + " WHERE ctid IN (SELECT max(ctid) FROM " + leaf_name +
      " GROUP BY id HAVING count(*) > 1)");
  build(plan);
  EXPECT_THAT(indexes_of("true"), Each(HasSubstr(" valid true")));
}

TEST_F(Indexes, SayWhichLeafAndIndexHoldsRowsThatAreEqual) {
  const planner::Plan plan = filled_plan();
  const planner::PartitionNode& leaf = *planner::leaves(plan.layout)[1];
  const std::string leaf_name = pg::quoted(leaf.name);
  run("INSERT INTO " + leaf_name + " SELECT * FROM " + leaf_name + " LIMIT 1");
  const pg::Failure failure = failure_of([&] { build(plan); });
  EXPECT_EQ(failure.kind(), pg::FailureKind::server);
  EXPECT_EQ(failure.sqlstate(), "23505");
  EXPECT_THAT(failure.what(),
              HasSubstr("on " + pg::display(leaf.name) + " cannot be built: could not create unique index"));
  EXPECT_THAT(failure.detail(), HasSubstr("is duplicated"));
  EXPECT_THAT(failure.status(), HasSubstr("every row is moved"));
  run("DELETE FROM " + leaf_name + " WHERE ctid IN (SELECT max(ctid) FROM " + leaf_name +
      " GROUP BY id HAVING count(*) > 1)");
  build(plan);
  EXPECT_THAT(indexes_of("true"), Each(HasSubstr(" valid true")));
}

TEST_F(Indexes, WaitForAutovacuumOfALeafUntilItStepsAside) {
  // A session that holds what VACUUM holds, and lets go after a second: longer than the lock timeout for the
  // application's tables.
  const planner::Plan plan = filled_plan();
  pg::Connection holder = database_.connect();
  holder.begin();
  holder.query("LOCK TABLE " + pg::quoted(planner::leaves(plan.layout)[0]->name) + " IN SHARE UPDATE EXCLUSIVE MODE");
  std::thread letting_go([&] {
    std::this_thread::sleep_for(std::chrono::seconds(1));
    holder.commit();
  });
  build(plan);
  letting_go.join();
  EXPECT_THAT(observer_.retries(), IsEmpty());
}

TEST_F(Indexes, StopWhenAskedAndGoOnLater) {
  const planner::Plan plan = filled_plan();
  observer_.at_progress = [&](const mover::Progress& progress) {
    if (progress.units_done == 5) stop_.request();
  };
  EXPECT_EQ(failure_of([&] { build(plan); }).kind(), pg::FailureKind::interrupted);
  const std::vector<std::string> done = indexes_of("true");
  EXPECT_GE(done.size(), 5U);
  EXPECT_LT(done.size(), planner::leaves(plan.layout).size() * plan.source.indexes.size());
}

TEST_F(Indexes, OfAPlanWhoseNamesWereTakenGetOthers) {
  run("CREATE TABLE t (id int PRIMARY KEY, n int); CREATE INDEX i ON t (n); CREATE TABLE t_partitioned_p01_i (x int)");
  const planner::Plan plan = plan_for("public.t", {hash("id", 2)});
  ASSERT_EQ(plan.layout.root.children[1].name.name, "t_partitioned_p01")
      << "the layout names its leaves in another way";
  prepare(plan);
  build(plan);
  EXPECT_THAT(texts("SELECT relname::text FROM pg_class WHERE relname LIKE 't\\_partitioned%i\\_1' ORDER BY 1"),
              ElementsAre("t_partitioned_i_1", "t_partitioned_p00_i_1", "t_partitioned_p01_i_1"));
}

TEST_F(Indexes, ForeignKeysAreValidOnLeavesFirstAndThenTheRoots) {
  const planner::Plan plan = filled_plan();
  build(plan);
  EXPECT_THAT(texts("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = "
                    "'orders_partitioned'::regclass AND contype = 'f'"),
              ElementsAre("FOREIGN KEY (customer) REFERENCES customers(id) ON DELETE CASCADE"));
  EXPECT_THAT(texts("SELECT DISTINCT c.convalidated || ' ' || (c.conparentid <> 0) || ' ' || c.conname FROM "
                    "pg_constraint c JOIN pg_class t ON "
                    "t.oid = c.conrelid WHERE t.relname LIKE 'orders\\_partitioned%' AND t.relkind = 'r' AND contype = "
                    "'f' ORDER BY 1"),
              ElementsAre("false false to list", "true true to customer"));
}

TEST_F(Indexes, ForeignKeysOfMovingMethodsHoldBeforeTheFirstRow) {
  const planner::Plan plan = orders_plan(planner::Method::move);
  prepare(plan);
  EXPECT_THAT(texts("SELECT DISTINCT c.conname || ' ' || c.convalidated FROM pg_constraint c JOIN pg_class t ON t.oid "
                    "= c.conrelid "
                    "WHERE t.relname LIKE 'orders\\_partitioned%' AND t.relkind = 'r' AND contype = 'f' ORDER BY 1"),
              ElementsAre("to customer false", "to list false"));
  EXPECT_THAT(texts("SELECT count(*)::text FROM pg_constraint WHERE contype = 'f' AND conrelid IN (SELECT oid FROM "
                    "pg_class WHERE relname "
                    "LIKE 'orders\\_partitioned%' AND relkind = 'r')"),
              ElementsAre(std::to_string(2 * planner::leaves(plan.layout).size())));
}

TEST_F(Indexes, AForeignKeyThatDoesNotHoldIsNamedWithItsLeaf) {
  const planner::Plan plan = filled_plan();
  database_.connect_as_superuser().run_script(
      "SET session_replication_role = replica; DELETE FROM customers WHERE id = 4");
  const pg::Failure failure = failure_of([&] { build(plan); });
  EXPECT_EQ(failure.sqlstate(), "23503");
  EXPECT_THAT(failure.what(), HasSubstr("foreign key \"to customer\" does not hold on public.orders_partitioned"));
  run("INSERT INTO customers VALUES (4)");
  build(plan);
}

TEST_F(Indexes, ForeignKeysWaitForTheReferencedTableInShortTurnsAndNameItsHolder) {
  const planner::Plan plan = filled_plan();
  pg::Connection writer = database_.connect();
  writer.begin();
  writer.query("INSERT INTO customers VALUES (1000)");
  std::thread building([&] { build(plan); });
  const std::string holder = "pid " + std::to_string(writer.backend_pid());
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (observer_.notes().find(holder) == std::string::npos && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  pg::Connection other = database_.connect();
  other.query("SET statement_timeout = '3s'");
  EXPECT_NO_THROW(other.query("INSERT INTO customers VALUES (1001)"));
  writer.commit();
  building.join();
  EXPECT_THAT(observer_.notes(), HasSubstr("public.customers is in use"));
  EXPECT_THAT(observer_.notes(), HasSubstr(holder));
}

TEST_F(Indexes, ForeignKeysToATableThatIsNotThereAreLeftOutAndSaidSo) {
  planner::Plan plan = orders_plan();
  plan.one_database = false;
  for (planner::ForeignKey& key : plan.source.foreign_keys) {
    if (key.name == "to list") key.referenced.name = "elsewhere";
  }
  prepare(plan);
  move_rows(plan);
  build(plan);
  EXPECT_THAT(observer_.notes(), HasSubstr("foreign key \"to list\" is left out"));
}

constexpr const char* kExtras = R"~(
CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$;
CREATE TRIGGER "first!" BEFORE INSERT ON orders FOR EACH ROW WHEN (NEW.amount > 100) EXECUTE FUNCTION noted('a b');
CREATE TRIGGER off AFTER DELETE ON orders FOR EACH ROW EXECUTE FUNCTION noted();
CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON orders DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION noted();
CREATE TRIGGER always AFTER UPDATE ON orders REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION noted();
ALTER TABLE orders DISABLE TRIGGER off, ENABLE ALWAYS TRIGGER always;
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY "only r1" ON orders AS RESTRICTIVE FOR SELECT TO pg_monitor USING (region = 'r1');
CREATE POLICY writes ON orders FOR INSERT WITH CHECK (amount < 1000);
GRANT SELECT, INSERT ON orders TO pg_monitor WITH GRANT OPTION;
GRANT UPDATE (note) ON orders TO pg_signal_backend;
CREATE STATISTICS orders_stats (ndistinct, dependencies) ON region, customer FROM orders;
ALTER STATISTICS orders_stats SET STATISTICS 300;
COMMENT ON STATISTICS orders_stats IS 'correlated';
COMMENT ON TRIGGER off ON orders IS 'later';
COMMENT ON POLICY writes ON orders IS 'small ones';
ALTER TABLE orders REPLICA IDENTITY FULL;
CLUSTER orders USING orders_plain;
CREATE PUBLICATION published FOR TABLE orders;
)~";

class Finish : public Indexes {
 protected:
  void SetUp() override {
    run(kOrders);
    run(kExtras);
    plan_ = plan_for("public.orders", {range("at", "1 month"), hash("region", 2)});
    prepare(plan_);
    move_rows(plan_);
    build(plan_);
  }
  Definition definition_of(const std::string& table) {
    pg::Connection connection = database_.connect();
    Definition lines = read_definition(connection, table);
    // Widened indexes, the guard, the foreign key that stays on the leaves and the columns of the key are told
    // elsewhere.
    std::erase_if(lines, [](const std::string& line) {
      return line.starts_with("index") || line.starts_with("trigger pgsluice") ||
             line.starts_with("foreign key to list") || line.starts_with("column region");
    });
    return lines;
  }
  planner::Plan plan_;
};

TEST_F(Finish, GivesTheRootAllThatTheSourceHas) {
  finish(plan_);
  EXPECT_EQ(difference(definition_of("orders"), definition_of("orders_partitioned")), "");
}

TEST_F(Finish, GivesLeavesWhatGuardsRowsThere) {
  finish(plan_);
  for (const planner::PartitionNode* leaf : planner::leaves(plan_.layout)) {
    const Definition lines = definition_of(pg::quoted(leaf->name));
    for (const char* text :
         {"policy only r1", "policy writes", "grant on table: SELECT to pg_monitor by owner grantable true",
          "grant on column note: UPDATE to pg_signal_backend",
          "statistics: (ndistinct, dependencies) ON region, customer", "row security true", "replica identity f"}) {
      EXPECT_THAT(lines, Contains(HasSubstr(text))) << leaf->name.name;
    }
  }
  EXPECT_THAT(texts("SELECT DISTINCT indisclustered::text FROM pg_index x JOIN pg_class c ON c.oid = indexrelid WHERE "
                    "relname LIKE "
                    "'orders\\_partitioned%plain' AND relkind = 'i'"),
              ElementsAre("true"));
}

TEST_F(Finish, CanBeRepeatedAndDiedInAtEveryStatement) {
  const int deaths = die_at_every_statement(plan_, [&](const mover::Sessions& mortal) {
    mover::finish_target(plan_, mortal, context(), {2, true});
  });
  EXPECT_GT(deaths, 20);
  const std::string whole = schema_dump(database_);
  finish(plan_);
  EXPECT_EQ(schema_dump(database_), whole);
  EXPECT_EQ(difference(definition_of("orders"), definition_of("orders_partitioned")), "");
}

TEST_F(Finish, LeavesGrantsOffTheLeavesWhenThePlanSaysSo) {
  plan_.carry_grants_to_leaves = false;
  finish(plan_);
  EXPECT_THAT(definition_of("orders_partitioned"), Contains(HasSubstr("SELECT to pg_monitor")));
  EXPECT_THAT(definition_of(pg::quoted(planner::leaves(plan_.layout)[0]->name)),
              Not(Contains(HasSubstr("pg_monitor by"))));
}

TEST_F(Finish, LeavesOutRolesThatTheServerDoesNotKnow) {
  plan_.source.grants.push_back({"nobody_here", "SELECT", "", false});
  finish(plan_);
  EXPECT_THAT(observer_.notes(), HasSubstr("privileges of nobody_here are left out"));
}

TEST_F(Finish, AnalyzesEveryLeafAndTheRoot) {
  finish(plan_);
  EXPECT_THAT(texts("SELECT relname::text FROM pg_class c WHERE relname LIKE 'orders\\_partitioned%' AND relkind IN "
                    "('r', 'p') AND NOT EXISTS "
                    "(SELECT FROM pg_stats WHERE tablename = c.relname)"
                    "  AND EXISTS (SELECT FROM orders_partitioned o WHERE o.tableoid = c.oid)"),
              IsEmpty());
  EXPECT_THAT(texts("SELECT count(*)::text FROM pg_stats WHERE tablename = 'orders_partitioned' AND inherited"),
              ElementsAre("8"));
}

TEST_F(Finish, NewRowsGetTheNextNumbersOfOwnSequences) {
  run("CREATE TABLE tickets (id bigint GENERATED ALWAYS AS IDENTITY (START 5 INCREMENT 5) PRIMARY KEY, t text);"
      "INSERT INTO tickets (t) SELECT 't' || i FROM generate_series(1, 50) i; GRANT INSERT ON tickets TO pg_monitor");
  const planner::Plan plan = plan_for("public.tickets", {hash("id", 2)});
  prepare(plan);
  move_rows(plan);
  build(plan);
  finish(plan);
  finish(plan);
  run("INSERT INTO tickets_partitioned (t) VALUES ('new')");
  EXPECT_THAT(texts("SELECT max(id)::text FROM tickets_partitioned"), ElementsAre("255"));
  constexpr int kIdentityOnPartitioned = 17;
  if (database_.connect().server_major_version() < kIdentityOnPartitioned) {
    // A default asks for a privilege that an identity column does not ask for.
    EXPECT_THAT(texts("SELECT has_sequence_privilege('pg_monitor', pg_get_serial_sequence('tickets_partitioned', "
                      "'id'), 'USAGE')::text"),
                ElementsAre("true"));
  }
}

TEST_F(Finish, APublicationThatDoesNotGoThroughTheRootGetsFilteredLeaves) {
  pg::Connection connection = database_.connect();
  constexpr int kRowFilters = 15;
  if (connection.server_major_version() < kRowFilters) GTEST_SKIP() << "row filters came with PostgreSQL 15";
  run("CREATE TABLE t (id int PRIMARY KEY, n int); CREATE PUBLICATION direct FOR TABLE t (id, n) WHERE (id > 5);"
      "CREATE PUBLICATION through FOR TABLE t (id, n) WHERE (id > 5) WITH (publish_via_partition_root)");
  const planner::Plan plan = plan_for("public.t", {hash("id", 2)});
  prepare(plan);
  build(plan);
  finish(plan);
  finish(plan);
  const std::string published =
      "SELECT prrelid::regclass::text || ' ' || pg_get_expr(prqual, prrelid) FROM pg_publication_rel r JOIN "
      "pg_publication p ON p.oid = prpubid WHERE prrelid <> 't'::regclass AND pubname = ";
  EXPECT_THAT(texts(published + "'direct' ORDER BY 1"),
              UnorderedElementsAre("t_partitioned_p00 (id > 5)", "t_partitioned_p01 (id > 5)"));
  EXPECT_THAT(texts(published + "'through'"), ElementsAre("t_partitioned (id > 5)"));
}

}  // namespace
}  // namespace pgsluice::tests

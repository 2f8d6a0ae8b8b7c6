// The swap by the catalogue alone: after it, what answers to the source's name is what the source was, down to the
// names; after the way back the database is what it was before, as pg_dump writes it. The table holds everything that a
// table can hold and others can tie to it, under names that hurt, and its owner is no superuser.
#include "mover/live/swap.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "mover/live/finish.hpp"
#include "mover/target_session.hpp"
#include "pg/failure.hpp"
#include "pg/identifier.hpp"
#include "planner/checkpoint.hpp"
#include "tests/server/busy_table.hpp"
#include "tests/support/database.hpp"
#include "tests/support/migration.hpp"
#include "tests/support/noting_observer.hpp"
#include "tests/support/table_definition.hpp"

namespace pgsluice::mover {
namespace {

using planner::SwapDirection;
using testing::Contains;
using testing::HasSubstr;
using tests::as_planned;
using tests::Definition;
using tests::dump_difference;
using tests::Outcome;
using tests::without;

// What a target of a live migration does not have yet when the cutover comes, and an offline run has made.
constexpr std::string_view kStripTarget = R"(
DO $$DECLARE t record; root regclass := (SELECT oid FROM pg_class WHERE relkind = 'p' AND obj_description(oid) LIKE '%[pgsluice%');
BEGIN
  FOR t IN SELECT conname, conrelid::regclass AS tab FROM pg_constraint WHERE contype = 'f' AND conparentid = 0
    AND conrelid IN (SELECT relid FROM pg_partition_tree(root)) LOOP
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', t.tab, t.conname); END LOOP;
  FOR t IN SELECT tgname FROM pg_trigger WHERE tgrelid = root AND NOT tgisinternal LOOP
    EXECUTE format('DROP TRIGGER %I ON %s', t.tgname, root); END LOOP;
  FOR t IN SELECT pubname FROM pg_publication_tables p WHERE (p.schemaname || '.' || p.tablename) IS NOT NULL
    AND EXISTS (SELECT FROM pg_publication_rel r JOIN pg_publication b ON b.oid = r.prpubid
                WHERE r.prrelid = root AND b.pubname = p.pubname) GROUP BY pubname LOOP
    EXECUTE format('ALTER PUBLICATION %I DROP TABLE %s', t.pubname, root); END LOOP;
END$$)";

class SwapTest : public tests::WithBusyNames {
 protected:
  // Runs the migration to its end and takes away what a live one makes at the cutover only.
  void bring_to_cutover(const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"--table", pg::quoted(nasty_), "--by", "HASH (id)", "--partitions", "3"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome planned = migration_.plan(arguments);
    ASSERT_EQ(planned.exit_code, 0) << planned;
    const Outcome moved = migration_.run();
    ASSERT_EQ(moved.exit_code, 0) << moved;
    take_guard_off();
    connection_.run_script(std::string(kStripTarget));
    plan_ = planner::Checkpoint::read(migration_.checkpoint()).plan();
  }
  void take_guard_off() {
    const pg::Result triggers =
        connection_.query("SELECT tgname, tgrelid::regclass FROM pg_trigger WHERE tgname LIKE 'pgsluice_guard%'");
    for (int i = 0; i < triggers.row_count(); ++i) {
      connection_.query("DROP TRIGGER " + pg::quoted(triggers.text(i, 0)) + " ON " + std::string(triggers.text(i, 1)));
    }
  }

  Sessions sessions() const {
    SessionsOptions options;
    options.source_conninfo = database_.conninfo();
    options.migration_id = plan_.migration_id;
    return Sessions(options);
  }

  void swap_once(Swap& swap) {
    pg::Connection connection = sessions().open_target("swapping");
    in_transaction(connection, [&] {
      swap.lock(connection);
      swap.swap(connection);
    });
  }
  std::vector<planner::Obstacle> go(SwapDirection direction, const planner::SwapOptions& options = {}) {
    const Sessions all = sessions();
    Session target([&] { return all.open_target("swapping"); });
    const RetryContext retry{{}, stop_, observer_};
    Swap swap(plan_, direction, options);
    swap.prepare(target, all, retry);
    for (const planner::Obstacle& obstacle : swap.obstacles()) {
      EXPECT_FALSE(obstacle.blocks) << obstacle.what << ": " << obstacle.instead;
    }
    swap_once(swap);
    EXPECT_TRUE(swap.is_done(target.connection()));
    swap.settle(target, all, retry, 2);
    return swap.obstacles();
  }
  // As a process does that begins after a crash.
  void settle(SwapDirection direction) {
    const Sessions all = sessions();
    Session target([&] { return all.open_target("swapping"); });
    Swap(plan_, direction).settle(target, all, {{}, stop_, observer_}, 2);
  }

  tests::Migration migration_{database_};
  planner::Plan plan_;
  StopRequest stop_;
  tests::NotingObserver observer_;
};

const std::vector<std::string> kAccepted = {"--accept", "rules,self-foreign-keys"};

class SwapOfBusyTable : public SwapTest {
 protected:
  void SetUp() override { run(tests::kBusyTable); }
};

TEST_F(SwapOfBusyTable, MakesTheTargetWhatTheSourceWasAndBackMakesTheDatabaseWhatItWas) {
  const Definition before = definition();
  const Definition names_before = names();
  ASSERT_NO_FATAL_FAILURE(bring_to_cutover(kAccepted));
  const Definition names_at_cutover = names();  // The target's policies look into the source by now.
  const std::string dump = tests::schema_dump(database_);
  for (int round = 0; round < 2; ++round) {
    go(SwapDirection::forward);
    EXPECT_EQ(kind_of_table(), "p");
    EXPECT_EQ(tests::difference(as_planned(before, connection_), as_planned(definition(), connection_)), "");
    EXPECT_EQ(tests::difference(as_planned(names_before, connection_), as_planned(names(), connection_)), "");
    go(SwapDirection::back);
    EXPECT_EQ(kind_of_table(), "r");
    EXPECT_EQ(tests::difference(before, definition()), "");
    EXPECT_EQ(tests::difference(names_at_cutover, names()), "");
    EXPECT_EQ(dump_difference(dump, tests::schema_dump(database_)), "");
  }
}

TEST_F(SwapOfBusyTable, EveryPathOfTheApplicationWorksOnTheNewTable) {
  ASSERT_NO_FATAL_FAILURE(bring_to_cutover(kAccepted));
  connection_.query("SELECT setval(pg_get_serial_sequence($1, 'id'), 5001)", {pg::quoted(nasty_)});
  go(SwapDirection::forward, {.sequence_gap = 10, .leaf_keys_inside_max = 256});
  run("SET search_path = \"Sp1eCial .Char\"; TRUNCATE fired");
  EXPECT_EQ(read("INSERT INTO @table (amount, parent_id) VALUES (7, 1) RETURNING id"), "5056")
      << "the next number, ten numbers of step 5 further";
  EXPECT_EQ(read("SELECT counter FROM @table WHERE id = 5056"), "201");
  EXPECT_EQ(read("SELECT string_agg(what, ',' ORDER BY what) FROM fired"), "at_commit,t ON x");
  run("UPDATE @table SET kind = 'u' WHERE id = 5056");
  EXPECT_EQ(read("SELECT string_agg(DISTINCT what, ',' ORDER BY what) FROM fired"), "always,at_commit,t ON x");
  EXPECT_THROW(run("INSERT INTO @table (amount, parent_id) VALUES (7, 99)"), pg::Failure) << "outgoing key";
  EXPECT_THROW(run("INSERT INTO @table (amount, parent_code) VALUES (7, 'none')"), pg::Failure) << "unvalidated key";
  EXPECT_THROW(run("INSERT INTO child VALUES (1, -5)"), pg::Failure) << "incoming key";
  EXPECT_THROW(run("INSERT INTO divided VALUES (1, -5)"), pg::Failure);
  EXPECT_THROW(run("INSERT INTO v (id, amount) VALUES (-5, 0.1)"), pg::Failure) << "check option";
  run("INSERT INTO v (id, amount) VALUES (-7, 1)");
  EXPECT_EQ(read("SELECT kind FROM @table WHERE id = -7"), "by view");
  run("INSERT INTO @table (id, amount, parent_id) VALUES (3, 1, 1)");
  run("UPDATE through_rule SET kind = 'ruled' WHERE id = 3");
  EXPECT_EQ(read("SELECT kind FROM @table WHERE id = 3"), "ruled");
  run("INSERT INTO child VALUES (1000, 3)");
  run("DELETE FROM @table WHERE id = 3");
  EXPECT_EQ(read("SELECT ref IS NULL FROM child WHERE id = 1000"), "t") << "ON DELETE SET NULL";
  run("UPDATE @table SET parent_code = NULL WHERE parent_id = 1; TRUNCATE divided; DELETE FROM parent WHERE id = 1");
  EXPECT_EQ(read("SELECT count(*) FROM @table WHERE parent_id = 1"), "0") << "ON DELETE CASCADE";
  EXPECT_EQ(read("SELECT sum(n)::text FROM totals"), "200");
  EXPECT_EQ(read("SELECT n::text FROM upon_totals"), "200");
  // The number goes on in the old table, too, which nothing has brought these changes to.
  Session target([this] { return sessions().open_target("swapping"); });
  Swap back(plan_, SwapDirection::back);
  back.prepare(target, sessions(), {{}, stop_, observer_});
  swap_once(back);
  EXPECT_EQ(connection_.query("SELECT nextval(pg_get_serial_sequence($1, 'id'))", {pg::quoted(nasty_)}).text(0, 0),
            "5071");
}

TEST_F(SwapOfBusyTable, SettlingMayBeRepeatedAndWhatWasNeverSettledCanGoBack) {
  ASSERT_NO_FATAL_FAILURE(bring_to_cutover(kAccepted));
  const std::string dump = tests::schema_dump(database_);
  const Sessions all = sessions();
  Session target([&] { return all.open_target("swapping"); });
  Swap forward(plan_, SwapDirection::forward, {.sequence_gap = 0, .leaf_keys_inside_max = 1});
  EXPECT_FALSE(forward.is_done(target.connection()));
  forward.prepare(target, all, {{}, stop_, observer_});
  forward.prepare(target, all, {{}, stop_, observer_});
  swap_once(forward);
  EXPECT_TRUE(forward.is_done(target.connection()));
  go(SwapDirection::back);
  EXPECT_EQ(dump_difference(dump, tests::schema_dump(database_)), "");
  forward.prepare(target, all, {{}, stop_, observer_});
  swap_once(forward);
  settle(SwapDirection::forward);
  const std::string settled = tests::schema_dump(database_);
  settle(SwapDirection::forward);
  EXPECT_EQ(dump_difference(settled, tests::schema_dump(database_)), "");
  go(SwapDirection::back);
  settle(SwapDirection::back);
  EXPECT_EQ(dump_difference(dump, tests::schema_dump(database_)), "");
}

TEST_F(SwapOfBusyTable, FinishDropsTheOldTableAndEveryMarkAndNothingThatSomebodyUses) {
  const Definition before = definition();
  ASSERT_NO_FATAL_FAILURE(bring_to_cutover(kAccepted));
  const Sessions all = sessions();
  const RetryContext retry{{}, stop_, observer_};
  EXPECT_THROW(finish_swap(plan_, all, retry), pg::Failure) << "before the swap";
  const std::vector<planner::Obstacle> obstacles = go(SwapDirection::forward);
  EXPECT_THAT(obstacles, Contains(testing::Field(&planner::Obstacle::what, HasSubstr("uses_row"))));
  const std::string swapped = tests::schema_dump(database_);
  try {
    finish_swap(plan_, all, retry);
    ADD_FAILURE() << "a function uses the old table's row type";
  } catch (const pg::Failure& failure) {
    EXPECT_EQ(failure.kind(), pg::FailureKind::refused);
    EXPECT_THAT(failure.detail(), HasSubstr("uses_row"));
    EXPECT_THAT(failure.detail(), testing::Not(HasSubstr("totals")));
  }
  EXPECT_EQ(dump_difference(swapped, tests::schema_dump(database_)), "");
  run("DROP FUNCTION \"Sp1eCial .Char\".uses_row");
  finish_swap(plan_, all, retry);
  finish_swap(plan_, all, retry);
  EXPECT_EQ(tests::difference(as_planned(before, connection_), as_planned(definition(), connection_)), "");
  EXPECT_EQ(connection_.query("SELECT to_regclass($1)", {pg::quoted(planner::name_after_swap(plan_))}).text(0, 0), "");
  EXPECT_EQ(connection_.query("SELECT obj_description($1::regclass)", {pg::quoted(nasty_)}).text(0, 0),
            "it's \"a\" table");
  EXPECT_EQ(read("SELECT string_agg(relname, ',') FROM pg_class WHERE relnamespace <> 'pgsluice'::regnamespace AND "
                 "obj_description(oid, 'pg_class') LIKE '%[pgsluice%'"),
            "");
  EXPECT_EQ(read("SELECT sum(n)::text FROM \"Sp1eCial .Char\".upon_totals"), "200");
}

// By the commands themselves, with the changes that only a capture can bring over.
TEST_F(SwapOfBusyTable, CommandsTakeItThereAndBackAndToTheEnd) {
  const Definition before = definition();
  const Definition names_before = names();
  const std::string dump = tests::schema_dump(database_);
  const auto succeed = [&](const Outcome& outcome) { ASSERT_EQ(outcome.exit_code, 0) << outcome; };
  const auto expect_in_place = [&] {
    EXPECT_EQ(tests::difference(as_planned(before, connection_),
                                as_planned(without(definition(), "trigger pgsluice"), connection_)),
              "");
    EXPECT_EQ(tests::difference(as_planned(names_before, connection_), as_planned(names(), connection_)), "");
  };
  std::vector<std::string> arguments = {"--table", pg::quoted(nasty_), "--by",   "HASH (id)", "--partitions",
                                        "3",       "--strategy",       "capture"};
  arguments.insert(arguments.end(), kAccepted.begin(), kAccepted.end());
  const std::vector<std::string> unverified = {"--accept", "unverified"};
  succeed(migration_.plan(arguments));
  succeed(migration_.run());
  run("UPDATE @table SET kind = 'before' WHERE id = 1");
  succeed(tests::run(migration_.command("cutover", unverified)));
  expect_in_place();
  run("INSERT INTO @table (id, amount, parent_id) VALUES (-3, 7, 1); UPDATE @table SET kind = 'live' WHERE id = 6;"
      "DELETE FROM @table WHERE id = 996");
  succeed(migration_.rollback());
  EXPECT_EQ(kind_of_table(), "r");
  EXPECT_EQ(read("SELECT string_agg(kind, ',' ORDER BY id) FROM @table WHERE id IN (1, 6, 996)"), "before,live");
  EXPECT_EQ(read("SELECT amount FROM @table WHERE id = -3"), "7.00");
  succeed(migration_.rollback());
  EXPECT_EQ(dump_difference(dump, tests::schema_dump(database_)), "");

  const tests::Migration again(database_);
  succeed(again.plan(arguments));
  succeed(again.run());
  succeed(tests::run(again.command("cutover", unverified)));
  const Outcome refused = tests::run(again.command("finish"));
  EXPECT_EQ(refused.exit_code, 2) << refused;
  EXPECT_THAT(refused.errors, HasSubstr("uses_row"));
  run("DROP FUNCTION \"Sp1eCial .Char\".uses_row");
  succeed(tests::run(again.command("finish")));
  expect_in_place();
  EXPECT_EQ(read("SELECT count(*) FROM pg_description WHERE description LIKE '%[pgsluice%'"), "0");
  EXPECT_EQ(read("SELECT count(*) FROM pg_namespace WHERE nspname = 'pgsluice'"), "0");
}

// A small table, for what does not depend on what is in it.
class SwapOfSmallTable : public SwapTest {
 protected:
  void SetUp() override {
    run("CREATE SCHEMA \"Sp1eCial .Char\"; CREATE TABLE @table (id bigint PRIMARY KEY, other int UNIQUE, at date NOT "
        "NULL);"
        "INSERT INTO @table SELECT i, i, date '2024-01-01' + i FROM generate_series(1, 100) i;"
        "CREATE VIEW v AS SELECT * FROM @table; ANALYZE @table");
  }
  Swap prepared(SwapDirection direction = SwapDirection::forward) {
    const Sessions all = sessions();
    Session target([&] { return all.open_target("swapping"); });
    Swap swap(plan_, direction);
    swap.prepare(target, all, {{}, stop_, observer_});
    return swap;
  }
  std::vector<std::string> blocking(const Swap& swap) {
    std::vector<std::string> texts;
    for (const planner::Obstacle& obstacle : swap.obstacles()) {
      if (obstacle.blocks) {
        texts.push_back(obstacle.what);
      }
    }
    return texts;
  }
  std::string sqlstate_of_swap(const Swap& swap) {
    const std::string dump = tests::schema_dump(database_);
    pg::Connection connection = sessions().open_target("swapping");
    std::string state;
    try {
      in_transaction(connection, [&] {
        swap.lock(connection);
        swap.swap(connection);
      });
    } catch (const pg::Failure& failure) {
      EXPECT_TRUE(failure.is_transient()) << failure.what();
      state = failure.sqlstate();
    }
    EXPECT_EQ(dump_difference(dump, tests::schema_dump(database_)), "");
    return state;
  }
};

TEST_F(SwapOfSmallTable, WhatChangedSinceItWasLookedAtIsNoticedUnderTheLock) {
  ASSERT_NO_FATAL_FAILURE(bring_to_cutover());
  const Swap before_new_view = prepared();
  run("CREATE VIEW later AS SELECT id FROM @table");
  EXPECT_EQ(sqlstate_of_swap(before_new_view), "40001");
  const Swap before_drop = prepared();
  run("DROP VIEW later");
  EXPECT_EQ(sqlstate_of_swap(before_drop), "40001");
  const Swap before_grant = prepared();
  run("CREATE TABLE child (ref bigint REFERENCES @table)");
  EXPECT_EQ(sqlstate_of_swap(before_grant), "40001");
  Swap last = prepared();
  EXPECT_THAT(blocking(last), testing::IsEmpty());
  swap_once(last);
  EXPECT_EQ(kind_of_table(), "p");
}

TEST_F(SwapOfSmallTable, LockThatIsNotToBeHadLeavesEverythingAsItWas) {
  ASSERT_NO_FATAL_FAILURE(bring_to_cutover());
  const Swap swap = prepared();
  pg::Connection application = database_.connect();
  application.begin();
  application.query(in_sql("INSERT INTO @table VALUES (1000, 1000, '2024-01-01')"));
  EXPECT_EQ(sqlstate_of_swap(swap), "55P03");
  application.rollback();
}

TEST_F(SwapOfSmallTable, TakenNamesAndLateChangesAreSaidBeforehand) {
  ASSERT_NO_FATAL_FAILURE(bring_to_cutover());
  run("CREATE TABLE other_child (ref int REFERENCES @table (other))");
  connection_.query("CREATE TABLE " + pg::quoted(planner::name_after_swap(plan_)) + " (mine int)");
  run("CREATE INDEX late ON @table (at)");
  const std::vector<std::string> texts = blocking(prepared());
  EXPECT_THAT(texts, Contains(HasSubstr("name ")));
  EXPECT_THAT(texts, Contains("index late"));
  // HASH (id) widens the key on `other`.
  EXPECT_THAT(texts, Contains(HasSubstr("other_child_ref_fkey")));
  EXPECT_EQ(texts.size(), 3U);
}

TEST_F(SwapOfSmallTable, ViewsOfOthersAreSaidAndBlockOnlyWhereTheyWrite) {
  ASSERT_NO_FATAL_FAILURE(bring_to_cutover());
  run("CREATE VIEW theirs AS SELECT count(*) FROM @table; CREATE VIEW theirs_to_write AS SELECT id FROM @table");
  database_.connect_as_superuser().run_script(
      in_sql("ALTER VIEW theirs OWNER TO @reader;"
             "ALTER VIEW theirs_to_write OWNER TO @reader"));
  Swap swap = prepared();
  EXPECT_THAT(blocking(swap), testing::ElementsAre("view public.theirs_to_write"));
  EXPECT_THAT(swap.obstacles(), Contains(testing::Field(&planner::Obstacle::what, "view public.theirs")));
  run("DROP VIEW IF EXISTS nothing");
  database_.connect_as_superuser().run_script("DROP VIEW theirs_to_write");
  Swap again = prepared();
  swap_once(again);
  EXPECT_EQ(kind_of_table(), "p");
  EXPECT_THAT(read("SELECT pg_get_viewdef('theirs'::regclass)"), HasSubstr("_a76f34a2"));
}

TEST_F(SwapOfSmallTable, TargetInAnotherSchemaComesAndGoesAndALostKeyComesBack) {
  run("CREATE SCHEMA parts; CREATE TABLE child (ref bigint CONSTRAINT to_it REFERENCES @table ON DELETE CASCADE);"
      "COMMENT ON CONSTRAINT to_it ON child IS 'incoming'; INSERT INTO child VALUES (1)");
  const Outcome planned =
      migration_.plan({"--table", pg::quoted(nasty_), "--by", "RANGE (at)", "--interval", "1 month", "--into",
                       "parts." + pg::quoted(nasty_.name), "--accept", "incoming-foreign-keys"});
  ASSERT_EQ(planned.exit_code, 0) << planned;
  ASSERT_EQ(migration_.run().exit_code, 0);
  take_guard_off();
  connection_.run_script(std::string(kStripTarget));
  plan_ = planner::Checkpoint::read(migration_.checkpoint()).plan();
  const std::string dump = tests::schema_dump(database_);
  go(SwapDirection::forward);
  EXPECT_EQ(kind_of_table(), "p");
  EXPECT_EQ(read("SELECT count(*) FROM pg_constraint WHERE conname = 'to_it'"), "0");
  EXPECT_EQ(read("SELECT count(*) FROM v"), "100");
  go(SwapDirection::back);
  EXPECT_EQ(dump_difference(dump, tests::schema_dump(database_)), "");
}

}  // namespace
}  // namespace pgsluice::mover

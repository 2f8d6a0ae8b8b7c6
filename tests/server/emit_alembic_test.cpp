// `plan --emit-sql DIR --emit alembic`: the revisions, by Alembic itself, do what the commands do. Debian's packages
// alembic and python3-psycopg2 must be there (scripts/setup installs them).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/server/busy_table.hpp"
#include "tests/server/emit_fixture.hpp"

namespace pgsluice::tests {
namespace {

using testing::HasSubstr;

constexpr const char* kEnvironment = R"(
import os
import psycopg2
from alembic import context
from sqlalchemy import create_engine, pool

if context.is_offline_mode():
    context.configure(url="postgresql://", literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    engine = create_engine("postgresql+psycopg2://", creator=lambda: psycopg2.connect(os.environ["TEST_CONNINFO"]),
                           poolclass=pool.NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()
)";

void succeed(const Outcome& outcome) {
  ASSERT_EQ(outcome.exit_code, 0) << outcome;
}

// An Alembic environment whose versions are the emitted ones.
class Environment {
 public:
  explicit Environment(const Database& database) : database_(database), files_(database) {
    std::ofstream(home() / "alembic.ini") << "[alembic]\nscript_location = " << home().string() << "\n";
    std::ofstream(home() / "env.py") << kEnvironment;
  }
  Outcome plan(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--emit", "alembic"});
    Outcome outcome = files_.plan(arguments);
    if (outcome.exit_code == 0) std::filesystem::rename(files_.folder(), versions());
    return outcome;
  }
  Outcome alembic(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"-c", (home() / "alembic.ini").string()});
    return tests::run({"/usr/bin/alembic", arguments, {{"TEST_CONNINFO", database_.conninfo()}}, {}, {}, false});
  }
  std::filesystem::path versions() const { return home() / "versions"; }
  std::string file(const std::string& part) const {
    for (const auto& entry : std::filesystem::directory_iterator(versions())) {
      std::string name = entry.path().filename();
      if (name.find(part) != std::string::npos) return name;
    }
    return "";
  }

 private:
  const std::filesystem::path& home() const { return files_.migration().folder(); }
  const Database& database_;
  EmittedFiles files_;
};

class AlembicOfBusyTable : public WithBusyNames {
 protected:
  void SetUp() override {
    run(kBusyTable);
    // The table in which Alembic keeps its place is there before and after.
    connection_.query("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)");
  }
  Outcome plan(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {
        "--table",    pg::quoted(nasty_), "--by",         "HASH (id)", "--partitions", "3",
        "--strategy", "capture",          "--range-rows", "20",        "--accept",     "rules,self-foreign-keys"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return environment_.plan(arguments);
  }
  Environment environment_{database_};
};

TEST_F(AlembicOfBusyTable, UpgradesAndDowngradesToWhatItWas) {
  // What a driver or SQLAlchemy could take for its own: %, %s, :name.
  run("CREATE INDEX \"100% :of %s\" ON @table (kind) WHERE kind LIKE '%s :x %%' OR kind ~ '\\\\d:y'");
  const Definition before = definition();
  const Definition names_before = names();
  const std::string dump = schema_dump(database_);
  succeed(plan());
  succeed(environment_.alembic({"upgrade", "+1"}));
  EXPECT_EQ(kind_of_table(), "r");
  run("UPDATE @table SET kind = 'between' WHERE id = 31; DELETE FROM @table WHERE id = 326");
  run("CREATE TEMPORARY TABLE kept AS TABLE @table");
  succeed(environment_.alembic({"upgrade", "head"}));
  EXPECT_EQ(kind_of_table(), "p");
  EXPECT_EQ(
      difference(as_planned(before, connection_), as_planned(without(definition(), "trigger pgsluice"), connection_)),
      "");
  EXPECT_EQ(difference(as_planned(names_before, connection_), as_planned(names(), connection_)), "");
  const auto expect_rows_kept = [&] {
    EXPECT_EQ(read("SELECT count(*) FROM ((TABLE @table EXCEPT ALL TABLE kept) UNION ALL (TABLE kept EXCEPT ALL TABLE "
                   "@table)) AS d"),
              "0");
  };
  expect_rows_kept();
  run("INSERT INTO @table (amount, kind) VALUES (7, 'after'); DELETE FROM @table WHERE id = 331;"
      "DROP TABLE kept; CREATE TEMPORARY TABLE kept AS TABLE @table");
  succeed(environment_.alembic({"downgrade", "base"}));
  EXPECT_EQ(kind_of_table(), "r");
  expect_rows_kept();
  EXPECT_EQ(dump_difference(dump, schema_dump(database_)), "");
}

TEST_F(AlembicOfBusyTable, TheLastRevisionIsForWhoeverIsSure) {
  run("DROP FUNCTION \"Sp1eCial .Char\".uses_row");
  succeed(plan());
  succeed(environment_.alembic({"upgrade", "head"}));
  const std::string later = environment_.file(".later");
  ASSERT_THAT(later, HasSubstr("_finish_"));
  EXPECT_EQ(read("SELECT count(*) FROM pg_namespace WHERE nspname = 'pgsluice'"), "1");
  std::filesystem::rename(environment_.versions() / later,
                          environment_.versions() / later.substr(0, later.size() - std::string(".later").size()));
  succeed(environment_.alembic({"upgrade", "head"}));
  EXPECT_EQ(read("SELECT count(*) FROM pg_description WHERE description LIKE '%[pgsluice%'"), "0");
  EXPECT_EQ(read("SELECT count(*) FROM pg_namespace WHERE nspname = 'pgsluice'"), "0");
  const Outcome refused = environment_.alembic({"downgrade", "-1"});
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_THAT(refused.errors, HasSubstr("The old table is gone"));
}

// It begins with bringing changes over, which is left out once the tables are exchanged.
TEST_F(AlembicOfBusyTable, ARevisionThatFailedBehindTheExchangeMayBeRunAgain) {
  succeed(plan());
  succeed(environment_.alembic({"upgrade", "head"}));
  succeed(environment_.alembic({"stamp", environment_.file("_partition_").substr(0, 12)}));
  succeed(environment_.alembic({"upgrade", "head"}));
  EXPECT_EQ(kind_of_table(), "p");
}

TEST_F(AlembicOfBusyTable, WritesSqlOfItsOwnWithoutAServer) {
  succeed(plan());
  const Outcome outcome = environment_.alembic({"upgrade", "head", "--sql"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
  EXPECT_THAT(outcome.output, HasSubstr("SET pgsluice.migration = '"));
  EXPECT_THAT(outcome.output, HasSubstr("ATTACH PARTITION"));
  EXPECT_THAT(outcome.output, HasSubstr("SET LOCAL lock_timeout = '200ms';"));
}

TEST_F(AlembicOfBusyTable, StandsUponAnotherRevision) {
  succeed(plan({"--alembic-down-revision", "1a2b3c"}));
  const std::string partition = file_text(environment_.versions() / environment_.file("_partition_"));
  const std::string cutover = file_text(environment_.versions() / environment_.file("_cutover_"));
  EXPECT_THAT(partition, HasSubstr("\ndown_revision = \"1a2b3c\"\n"));
  const std::string id = environment_.file("_partition_").substr(0, 12);
  EXPECT_THAT(partition, HasSubstr("\nrevision = \"" + id + "\"\n"));
  EXPECT_THAT(cutover, HasSubstr("\ndown_revision = \"" + id + "\"\n"));
}

class AlembicOfSmallTable : public testing::Test {
 protected:
  void SetUp() override {
    connection_.run_script(
        "CREATE TABLE items (id bigint PRIMARY KEY, region text NOT NULL, note text);"
        "INSERT INTO items SELECT i, 'r' || i % 3, 'n' || i FROM generate_series(1, 1000) i; ANALYZE items");
  }
  std::int64_t count(const std::string& table) {
    return connection_.query("SELECT count(*) FROM " + table).integer(0, 0);
  }
  Database database_;
  pg::Connection connection_ = database_.connect();
  Environment environment_{database_};
};

TEST_F(AlembicOfSmallTable, ARevisionThatFailedGoesOnWhereItStopped) {
  succeed(environment_.plan(
      {"--table", "items", "--by", "LIST (region)", "--default", "--range-rows", "100", "--strategy", "capture"}));
  pg::Connection superuser = database_.connect_as_superuser();
  superuser.run_script(
      "CREATE FUNCTION no_more() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN IF current_query() LIKE "
      "'%ATTACH PARTITION%' THEN RAISE EXCEPTION 'not now'; END IF; END$$;"
      "CREATE EVENT TRIGGER no_more ON ddl_command_start EXECUTE FUNCTION no_more()");
  const Outcome failed = environment_.alembic({"upgrade", "+1"});
  EXPECT_NE(failed.exit_code, 0);
  EXPECT_THAT(failed.errors, HasSubstr("not now"));
  const std::int64_t steps = connection_
                                 .query(
                                     "SELECT count(*) FROM pg_index WHERE indrelid IN (SELECT relid FROM "
                                     "pg_partition_tree('items_partitioned'))")
                                 .integer(0, 0);
  EXPECT_GT(steps, 0);
  superuser.query("DROP EVENT TRIGGER no_more");
  succeed(environment_.alembic({"upgrade", "head"}));
  EXPECT_EQ(count("items"), 1000);
  EXPECT_EQ(count("items_old"), 1000);
}

TEST_F(AlembicOfSmallTable, WaitsForALockAgainAndAgain) {
  succeed(environment_.plan(
      {"--table", "items", "--by", "LIST (region)", "--default", "--range-rows", "100", "--strategy", "capture"}));
  succeed(environment_.alembic({"upgrade", "+1"}));
  pg::Connection blocker = database_.connect();
  blocker.begin();
  blocker.query("SELECT FROM items LIMIT 1");
  std::thread leaving([&] {
    std::this_thread::sleep_for(std::chrono::seconds(3));
    blocker.commit();
  });
  const Outcome outcome = environment_.alembic({"upgrade", "head"});
  leaving.join();
  EXPECT_EQ(outcome.exit_code, 0) << outcome;
  EXPECT_GT(outcome.elapsed, std::chrono::seconds(2));
  EXPECT_EQ(count("pg_partitioned_table WHERE partrelid = 'items'::regclass"), 1);
}

TEST_F(AlembicOfSmallTable, OfflineHasNoWayBackFromTheCutover) {
  const std::string dump = schema_dump(database_);
  succeed(environment_.plan({"--table", "items", "--by", "LIST (region)", "--default", "--range-rows", "100"}));
  succeed(environment_.alembic({"upgrade", "+1"}));
  succeed(environment_.alembic({"downgrade", "base"}));
  connection_.query("DROP TABLE alembic_version");
  EXPECT_EQ(dump_difference(dump, schema_dump(database_)), "");
  succeed(environment_.alembic({"upgrade", "head"}));
  EXPECT_EQ(count("items"), 1000);
  const Outcome refused = environment_.alembic({"downgrade", "-1"});
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_THAT(refused.errors, HasSubstr("Nothing notes what is written after it"));
}

}  // namespace
}  // namespace pgsluice::tests

// The target is what the source was, by the catalogue: and after a rollback the database is what it was. Definitions
// are read by the tests' own queries and by pg_dump.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "pg/identifier.hpp"
#include "tests/support/database.hpp"
#include "tests/support/migration.hpp"
#include "tests/support/role.hpp"
#include "tests/support/row_set.hpp"
#include "tests/support/table_definition.hpp"

namespace pgsluice::tests {
namespace {

using testing::HasSubstr;

// One of everything that a table may have and a partitioned table can keep. Its keys hold the partition key, so that
// nothing needs to be widened.
constexpr const char* kOrders = R"~(
CREATE SCHEMA app;
CREATE TABLE app.customers (id int PRIMARY KEY, name text);
INSERT INTO app.customers SELECT i, 'c' || i FROM generate_series(1, 20) i;
CREATE FUNCTION app.note_change() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$;
CREATE SEQUENCE app.numbers;
CREATE TABLE app."Orders" (
  id bigserial,
  region text COLLATE "C" NOT NULL DEFAULT 'eu',
  customer int CONSTRAINT "to customer" REFERENCES app.customers ON UPDATE CASCADE ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED,
  gone int,
  amount numeric(12,2) DEFAULT 0.00 CHECK (amount >= 0),
  tax numeric GENERATED ALWAYS AS (amount * 0.2) STORED,
  number int DEFAULT nextval('app.numbers'),
  note varchar(100) COMPRESSION pglz,
  words tsvector,
  at timestamptz DEFAULT now(),
  CONSTRAINT "Orders key" PRIMARY KEY (region, id) INCLUDE (amount) WITH (fillfactor = 90),
  CONSTRAINT "Orders unique" UNIQUE (region, number) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT "not yet" CHECK (note <> 'x') NOT VALID,
  CONSTRAINT own_customer FOREIGN KEY (customer) REFERENCES app.customers
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, toast.autovacuum_enabled = off);
INSERT INTO app."Orders" (region, customer, amount, note, words)
  SELECT (ARRAY['eu', 'us', 'ap'])[1 + i % 3], 1 + i % 20, i, 'note ' || i, to_tsvector('simple', 'word' || i)
  FROM generate_series(1, 300) i;
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE app."Orders" DROP gone;
ALTER TABLE app."Orders" ALTER note SET STORAGE EXTERNAL, ALTER amount SET STATISTICS 500,
  ALTER at SET (n_distinct = -0.5);
CREATE INDEX "by note" ON app."Orders" (lower(note) text_pattern_ops DESC NULLS LAST, at) INCLUDE (amount)
  WITH (fillfactor = 70) WHERE amount > 5;
CREATE INDEX by_words ON app."Orders" USING gin (words) WITH (fastupdate = off);
CREATE INDEX by_time ON app."Orders" USING brin (at) WITH (pages_per_range = 16);
CREATE INDEX by_customer ON app."Orders" USING hash (customer);
CREATE UNIQUE INDEX once ON app."Orders" (number, region) WHERE note IS NOT NULL;
ALTER TABLE app."Orders" REPLICA IDENTITY USING INDEX "Orders key";
CREATE STATISTICS app.orders_stats (ndistinct, dependencies) ON region, customer FROM app."Orders";
CREATE STATISTICS app."expr stats" (mcv) ON (amount * 2), region FROM app."Orders";
ALTER STATISTICS app.orders_stats SET STATISTICS 300;
CREATE TRIGGER "first!" BEFORE INSERT OR UPDATE OF note, amount ON app."Orders" FOR EACH ROW WHEN (NEW.amount > 100)
  EXECUTE FUNCTION app.note_change('a b', 'c');
CREATE TRIGGER off AFTER DELETE ON app."Orders" FOR EACH ROW EXECUTE FUNCTION app.note_change();
CREATE TRIGGER always AFTER UPDATE ON app."Orders" REFERENCING OLD TABLE AS o NEW TABLE AS n
  FOR EACH STATEMENT EXECUTE FUNCTION app.note_change();
CREATE TRIGGER replica AFTER INSERT ON app."Orders" FOR EACH STATEMENT EXECUTE FUNCTION app.note_change();
ALTER TABLE app."Orders" DISABLE TRIGGER off, ENABLE ALWAYS TRIGGER always, ENABLE REPLICA TRIGGER replica;
ALTER TABLE app."Orders" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "only eu" ON app."Orders" AS RESTRICTIVE FOR SELECT TO pg_monitor, pg_signal_backend
  USING (region = 'eu' AND amount > 0);
CREATE POLICY writes ON app."Orders" FOR INSERT WITH CHECK (amount < 1000);
GRANT SELECT, UPDATE ON app."Orders" TO pg_monitor WITH GRANT OPTION;
GRANT SELECT ON app."Orders" TO PUBLIC;
GRANT UPDATE (note), INSERT (note, amount) ON app."Orders" TO pg_signal_backend;
CREATE PUBLICATION "pub all" FOR TABLE app."Orders";
COMMENT ON TABLE app."Orders" IS 'Orders; it''s "all"';
COMMENT ON COLUMN app."Orders".note IS 'free text';
COMMENT ON CONSTRAINT "Orders key" ON app."Orders" IS 'the key';
COMMENT ON CONSTRAINT "Orders_amount_check" ON app."Orders" IS 'no refunds';
COMMENT ON CONSTRAINT "to customer" ON app."Orders" IS 'who';
COMMENT ON INDEX app."by note" IS 'for search';
COMMENT ON TRIGGER off ON app."Orders" IS 'later';
COMMENT ON POLICY writes ON app."Orders" IS 'small ones';
COMMENT ON STATISTICS app.orders_stats IS 'correlated';
)~";

class Catalog : public testing::Test {
 protected:
  void SetUp() override {
    std::string sql = kOrders;
    constexpr int kCompressionAndExpressionsSince = 14;
    if (connection_.server_major_version() < kCompressionAndExpressionsSince) {
      for (const auto& [newer, older] :
           {std::pair<std::string, std::string>{" COMPRESSION pglz", ""}, {"(amount * 2), region", "amount, region"}}) {
        sql.replace(sql.find(newer), newer.size(), older);
      }
    }
    connection_.run_script(sql);
  }

  Outcome plan_orders(const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"--table", "app.\"Orders\"", "--by", "LIST (region)", "--range-rows", "50"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return migration_.plan(arguments);
  }

  std::int64_t sequence_value(const std::string& sequence) {
    return connection_.query("SELECT last_value FROM " + sequence).integer(0, 0);
  }

  Role member_{"member"};
  Database database_;
  pg::Connection connection_ = database_.connect();
  Migration migration_{database_};
};

Definition without(const Definition& definition, const std::string& beginning) {
  Definition rest;
  for (const std::string& line : definition) {
    if (!line.starts_with(beginning)) rest.insert(line);
  }
  return rest;
}

class CatalogAfterRun : public Catalog, public testing::WithParamInterface<const char*> {};

TEST_P(CatalogAfterRun, TargetHasEverythingThatTheSourceHadAndTheSourceKeepsIt) {
  const Definition before = read_definition(connection_, "app.\"Orders\"");
  const Outcome planned = plan_orders({"--method", GetParam(), "--accept", "triggers"});
  ASSERT_EQ(planned.exit_code, 0) << planned;
  const Outcome moved = migration_.run();
  ASSERT_EQ(moved.exit_code, 0) << moved;
  const Definition after = read_definition(connection_, "app.\"Orders_partitioned\"");
  EXPECT_EQ(difference(before, after), "");
  EXPECT_EQ(difference(before, without(read_definition(connection_, "app.\"Orders\""), "trigger pgsluice")), "");
}

std::string name_of_method(const testing::TestParamInfo<const char*>& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(By, CatalogAfterRun, testing::Values("insert", "move", "stream", "stream-move"),
                         name_of_method);

TEST_F(Catalog, TargetBelongsToTheOwnerWhoeverRuns) {
  const Definition before = read_definition(connection_, "app.\"Orders\"");
  const std::string dump = schema_dump(database_);
  database_.connect_as_superuser().run_script("GRANT owner TO " + pg::quoted(member_.name()) +
                                              "; GRANT CREATE ON DATABASE " + database_.name() + " TO " +
                                              pg::quoted(member_.name()));
  for (const std::string& role : {std::string(kSuperuser), member_.name()}) {
    const Migration migration(database_.conninfo(role));
    const Outcome planned = migration.plan({"--table", "app.\"Orders\"", "--by", "LIST (region)"});
    ASSERT_EQ(planned.exit_code, 0) << role << ": " << planned;
    const Outcome moved = migration.run();
    ASSERT_EQ(moved.exit_code, 0) << role << ": " << moved;
    EXPECT_EQ(difference(before, read_definition(connection_, "app.\"Orders_partitioned\"")), "") << role;
    const pg::Result foreign = connection_.query(
        "SELECT c.oid::regclass FROM pg_class c WHERE relname LIKE 'Orders_partitioned%' AND relowner <> "
        "'owner'::regrole");
    EXPECT_EQ(foreign.row_count(), 0) << role << " owns " << foreign.text(0, 0);
    EXPECT_EQ(migration.verify().exit_code, 0) << role;
    ASSERT_EQ(migration.rollback().exit_code, 0) << role;
  }
  database_.connect_as_superuser().run_script("REVOKE CREATE ON DATABASE " + database_.name() + " FROM " +
                                              pg::quoted(member_.name()));
  EXPECT_EQ(schema_dump(database_), dump);
}

TEST_F(Catalog, LeavesHaveStorageParametersIndexesTriggersAndOwner) {
  const Definition parameters = read_storage_parameters(connection_, "app.\"Orders\"");
  ASSERT_EQ(parameters.size(), 3U);
  const Definition before = read_definition(connection_, "app.\"Orders\"");
  ASSERT_EQ(plan_orders().exit_code, 0);
  ASSERT_EQ(migration_.run().exit_code, 0);
  const pg::Result leaves = connection_.query(
      "SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'app.\"Orders_partitioned\"'::regclass");
  ASSERT_EQ(leaves.row_count(), 3);
  for (int row = 0; row < leaves.row_count(); ++row) {
    const std::string leaf(leaves.text(row, 0));
    EXPECT_EQ(difference(parameters, read_storage_parameters(connection_, leaf)), "") << leaf;
    const Definition definition = read_definition(connection_, leaf);
    for (const std::string& line : before) {
      if (line.starts_with("column ") || line.starts_with("index: ") || line.starts_with("check ") ||
          line.starts_with("table: ")) {
        // Comments stay with the whole table, its key and its constraints.
        const std::string meaning = line.substr(0, line.find(" comment "));
        const bool found = std::any_of(definition.begin(), definition.end(),
                                       [&](const std::string& own) { return own.starts_with(meaning); });
        EXPECT_TRUE(found) << leaf << " lacks: " << meaning;
      }
    }
  }
  const auto unattached = connection_.query(
      "SELECT c.oid::regclass FROM pg_index i JOIN pg_class c ON c.oid = indexrelid WHERE NOT c.relispartition AND "
      "indrelid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'app.\"Orders_partitioned\"'::regclass)");
  EXPECT_EQ(unattached.row_count(), 0) << unattached.text(0, 0);
}

TEST_F(Catalog, EveryLeafIsAnalyzed) {
  ASSERT_EQ(plan_orders().exit_code, 0);
  ASSERT_EQ(migration_.run().exit_code, 0);
  const auto without_statistics = connection_.query(
      "SELECT tableoid::regclass FROM app.\"Orders_partitioned\" t GROUP BY tableoid "
      "HAVING (SELECT reltuples FROM pg_class WHERE oid = t.tableoid) <> count(*)");
  EXPECT_EQ(without_statistics.row_count(), 0);
  EXPECT_GT(connection_.query("SELECT count(*) FROM pg_stats WHERE tablename = 'Orders_partitioned'").integer(0, 0), 0);
}

TEST_F(Catalog, SequencesGoOnWhereTheSourceWas) {
  ASSERT_EQ(plan_orders().exit_code, 0);
  ASSERT_EQ(migration_.run().exit_code, 0);
  connection_.query("INSERT INTO app.\"Orders_partitioned\" (region) VALUES ('eu')");
  EXPECT_EQ(connection_.query("SELECT max(id) FROM app.\"Orders_partitioned\"").integer(0, 0), 301);
  EXPECT_EQ(connection_.query("SELECT max(number) FROM app.\"Orders_partitioned\"").integer(0, 0), 301);
}

TEST_F(Catalog, KeysWithoutThePartitionKeyAreWidenedAndSaidSo) {
  connection_.run_script(R"~(
    CREATE TABLE app.users (id int PRIMARY KEY, email text NOT NULL CONSTRAINT "one email" UNIQUE, country text NOT NULL);
    CREATE UNIQUE INDEX lower_email ON app.users (lower(email));
    INSERT INTO app.users SELECT i, 'e' || i, 'c' || i % 4 FROM generate_series(1, 100) i;)~");
  const std::vector<std::string> arguments = {"--table", "app.users", "--by", "HASH (country)", "--partitions", "3"};
  const Outcome strict = Migration(database_).plan(
      {"--table", "app.users", "--by", "HASH (country)", "--partitions", "3", "--keep-unique", "strict"});
  EXPECT_EQ(strict.exit_code, 2) << strict;
  EXPECT_THAT(strict.errors, HasSubstr("users_pkey"));
  const Outcome planned = migration_.plan(arguments);
  ASSERT_EQ(planned.exit_code, 0) << planned;
  EXPECT_THAT(planned.output, HasSubstr("users_pkey"));
  EXPECT_THAT(planned.output, HasSubstr("one email"));
  EXPECT_THAT(planned.output, HasSubstr("lower_email"));
  const Outcome moved = migration_.run();
  ASSERT_EQ(moved.exit_code, 0) << moved;
  const Definition after = read_definition(connection_, "app.users_partitioned");
  for (const char* index :
       {"index: btree (id, country) constraint PRIMARY KEY (id, country)",
        "index: btree (email, country) constraint UNIQUE (email, country)", "index: btree (lower(email), country)"}) {
    EXPECT_THAT(after, testing::Contains(HasSubstr(std::string(index).substr(7)))) << index;
  }
}

TEST_F(Catalog, IdentityBecomesWhatTheServersVersionAllowsAndGoesOn) {
  connection_.run_script(R"~(
    CREATE TABLE app.tickets (id bigint GENERATED ALWAYS AS IDENTITY (START 5 INCREMENT 5) PRIMARY KEY, t text);
    INSERT INTO app.tickets (t) SELECT 't' || i FROM generate_series(1, 50) i;)~");
  const Outcome planned = migration_.plan({"--table", "app.tickets", "--by", "HASH (id)", "--partitions", "2"});
  ASSERT_EQ(planned.exit_code, 0) << planned;
  ASSERT_EQ(migration_.run().exit_code, 0);
  connection_.query("INSERT INTO app.tickets_partitioned (t) VALUES ('new')");
  EXPECT_EQ(connection_.query("SELECT max(id) FROM app.tickets_partitioned").integer(0, 0), 255);
  constexpr int kIdentityOnPartitioned = 17;
  if (connection_.server_major_version() < kIdentityOnPartitioned) {
    EXPECT_THAT(planned.output, HasSubstr("identity"));
  }
}

TEST_F(Catalog, PlanStatusAndVerifyChangeNothing) {
  const std::string before = schema_dump(database_);
  ASSERT_EQ(plan_orders({"--dry-run"}).exit_code, 0);
  EXPECT_FALSE(std::filesystem::exists(migration_.checkpoint()));
  ASSERT_EQ(plan_orders().exit_code, 0);
  ASSERT_EQ(migration_.status().exit_code, 0);
  migration_.verify();
  EXPECT_EQ(schema_dump(database_), before);
  ASSERT_EQ(migration_.run().exit_code, 0);
  const std::string complete = schema_dump(database_);
  EXPECT_NE(complete, before);
  EXPECT_EQ(migration_.verify().exit_code, 0);
  EXPECT_EQ(migration_.status().exit_code, 0);
  EXPECT_EQ(schema_dump(database_), complete);
}

class CatalogAfterRollback : public Catalog, public testing::WithParamInterface<const char*> {};

TEST_P(CatalogAfterRollback, IsWhatItWasAndSoAreRowsAndSequences) {
  const std::string dump = schema_dump(database_);
  const RowSet rows = read_rows(connection_, "app.\"Orders\"");
  const std::int64_t id = sequence_value("app.\"Orders_id_seq\"");
  const std::int64_t number = sequence_value("app.numbers");
  const Outcome planned = plan_orders({"--method", GetParam(), "--accept", "triggers"});
  ASSERT_EQ(planned.exit_code, 0) << planned;
  const Outcome moved = migration_.run();
  ASSERT_EQ(moved.exit_code, 0) << moved;
  EXPECT_NE(schema_dump(database_), dump);
  const Outcome undone = migration_.rollback();
  ASSERT_EQ(undone.exit_code, 0) << undone;
  EXPECT_EQ(schema_dump(database_), dump);
  EXPECT_EQ(difference(rows, read_rows(connection_, "app.\"Orders\"")), "");
  EXPECT_EQ(sequence_value("app.\"Orders_id_seq\""), id);
  EXPECT_EQ(sequence_value("app.numbers"), number);
  EXPECT_EQ(connection_.query("SELECT count(*) FROM pg_namespace WHERE nspname = 'pgsluice'").integer(0, 0), 0);
  // Once more is no harm.
  EXPECT_EQ(migration_.rollback().exit_code, 0);
  EXPECT_EQ(schema_dump(database_), dump);
  const Outcome again = migration_.run();
  EXPECT_EQ(again.exit_code, 2) << again;
  EXPECT_EQ(schema_dump(database_), dump);
}

INSTANTIATE_TEST_SUITE_P(By, CatalogAfterRollback, testing::Values("insert", "move", "stream", "stream-move"),
                         name_of_method);

TEST_F(Catalog, RollbackOfAPlanThatNeverRanChangesNothing) {
  const std::string before = schema_dump(database_);
  ASSERT_EQ(plan_orders().exit_code, 0);
  EXPECT_EQ(migration_.rollback().exit_code, 0);
  EXPECT_EQ(schema_dump(database_), before);
}

TEST_F(Catalog, LeavesAnotherMigrationsLedgerAloneWhenRollingBack) {
  connection_.run_script(
      "CREATE TABLE app.other (id int PRIMARY KEY); INSERT INTO app.other SELECT generate_series(1, 9)");
  Migration other(database_);
  ASSERT_EQ(other.plan({"--table", "app.other", "--by", "HASH (id)", "--partitions", "2"}).exit_code, 0);
  ASSERT_EQ(other.run().exit_code, 0);
  const std::string before = schema_dump(database_);
  ASSERT_EQ(plan_orders().exit_code, 0);
  ASSERT_EQ(migration_.run().exit_code, 0);
  ASSERT_EQ(migration_.rollback().exit_code, 0);
  EXPECT_EQ(schema_dump(database_), before);
  EXPECT_EQ(other.verify().exit_code, 0);
  EXPECT_EQ(connection_.query("SELECT count(*) FROM pgsluice.migration").integer(0, 0), 1);
}

TEST_F(Catalog, RollbackKeepsWhatDoesNotCarryOurMark) {
  ASSERT_EQ(plan_orders().exit_code, 0);
  ASSERT_EQ(migration_.run().exit_code, 0);
  connection_.run_script("DROP TABLE app.\"Orders_partitioned\"; CREATE TABLE app.\"Orders_partitioned\" (mine int)");
  migration_.rollback();
  EXPECT_NE(connection_.query("SELECT to_regclass('app.\"Orders_partitioned\"')").text(0, 0), "");
}

}  // namespace
}  // namespace pgsluice::tests

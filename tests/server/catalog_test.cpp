// Reading one table from a real server: finding it, how it is read, its columns, and tables of other kinds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "pg/failure.hpp"
#include "tests/server/nasty_table.hpp"

namespace pgsluice::planner {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

using CatalogTest = NastyTableTest;

// ---- Finding the table

TEST_F(CatalogTest, NameOfSixtyThreeBytesWithQuotesAndNewlineIsFound) {
  ASSERT_EQ(kTable.size(), pg::kNameBytesMax);
  const TableFacts facts = read();
  EXPECT_EQ(facts.name, nasty_);
  EXPECT_EQ(facts.kind, "r");
  EXPECT_EQ(facts.persistence, "p");
  EXPECT_EQ(facts.owner, tests::kOwner);
  EXPECT_EQ(facts.access_method, "heap");
  EXPECT_EQ(facts.replica_identity, "i");
  EXPECT_EQ(facts.comment, "it's \"a\" table");
  EXPECT_THAT(facts.reloptions, ElementsAre("fillfactor=70", "autovacuum_enabled=off", "toast.autovacuum_enabled=off"));
  EXPECT_TRUE(facts.row_security);
  EXPECT_FALSE(facts.row_security_active) << "an owner sees every row unless row security is forced";
  EXPECT_GT(facts.oid, 16384U);
  EXPECT_GT(facts.file_node, 0U);
}

TEST_F(CatalogTest, NameWithoutSchemaIsLookedForAlongSearchPath) {
  EXPECT_THROW(read_table_facts(connection_, {"", "child"}), pg::Failure);
  run(R"(CREATE TABLE public.child (); SET search_path = "Sp1eCial .Char", public)");
  EXPECT_EQ(read_table_facts(connection_, {"", "child"}).name, (QualifiedName{kSchema, "child"}));
  run(R"(SET search_path = public, "Sp1eCial .Char")");
  EXPECT_EQ(read_table_facts(connection_, {"", "child"}).name, (QualifiedName{"public", "child"}));
  EXPECT_EQ(read_table_facts(connection_, {kSchema, "child"}).name, (QualifiedName{kSchema, "child"}));
}

TEST_F(CatalogTest, UnknownTableIsRefusedAndSimilarNamesAreTheHint) {
  try {
    read_table_facts(connection_, {"public", "Child"});
    FAIL() << "public.Child was found";
  } catch (const pg::Failure& failure) {
    EXPECT_EQ(failure.kind(), pg::FailureKind::refused);
    EXPECT_STREQ(failure.what(), "relation public.\"Child\" does not exist");
    EXPECT_THAT(failure.hint(), HasSubstr("There is \"Sp1eCial .Char\".child"));
  }
  EXPECT_EQ(connection_.query("SELECT 1").integer(0, 0), 1) << "the session is in a failed transaction";
}

// ---- How it reads

TEST_F(CatalogTest, ReadingLeavesTheSessionAsItWas) {
  run("SET search_path = public; SET TimeZone = 'Asia/Amman'");
  read();
  EXPECT_EQ(connection_.query("SHOW search_path").text(0, 0), "public");
  EXPECT_EQ(connection_.query("SHOW TimeZone").text(0, 0), "Asia/Amman");
  EXPECT_EQ(connection_.query("SHOW transaction_read_only").text(0, 0), "off");
  EXPECT_EQ(connection_
                .query("SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation' AND "
                       "relation > 16384")
                .integer(0, 0),
            0);
}

TEST_F(CatalogTest, ReadingWorksWhereNothingMayBeWritten) {
  run("SET default_transaction_read_only = on");
  EXPECT_THAT(read().columns, Not(IsEmpty()));
}

TEST_F(CatalogTest, ReadingNeedsNoPrivilegeOnTheTable) {
  run("REVOKE ALL ON @table FROM PUBLIC");
  const TableFacts expected = read();
  pg::Connection stranger = database_.connect(stranger_.name());
  EXPECT_THROW(stranger.query("SELECT FROM " + pg::quoted(nasty_)), pg::Failure);
  const TableFacts facts = read_table_facts(stranger, nasty_);
  EXPECT_TRUE(facts.row_security_active);
  EXPECT_FALSE(named(facts.publications, "pub x").owned);
  EXPECT_EQ(definition_digest(facts), definition_digest(expected));
}

TEST_F(CatalogTest, DefinitionsAreTheSameWhateverTheSessionIsSetTo) {
  const std::string expected = digest();
  run(R"(SET search_path = "Sp1eCial .Char", public; SET TimeZone = 'America/New_York'; SET DateStyle = 'German';
         SET IntervalStyle = 'iso_8601'; SET quote_all_identifiers = on; SET extra_float_digits = -5;
         SET standard_conforming_strings = off; SET bytea_output = 'escape')");
  EXPECT_EQ(digest(), expected);
}

TEST_F(CatalogTest, DigestFollowsDefinitionsAndNothingElse) {
  const std::string before = digest();
  run("INSERT INTO @table (amount, kind) VALUES (3, 'c'); ANALYZE @table; CREATE VIEW public.late AS TABLE @table");
  connection_.query("VACUUM FULL " + pg::quoted(nasty_));
  EXPECT_EQ(digest(), before);
  const std::vector<std::string> changes = {
      "ALTER TABLE @table ALTER amount SET DEFAULT 7",
      "ALTER TABLE @table ALTER amount SET STATISTICS 9",
      "ALTER TABLE @table SET (fillfactor = 71)",
      "ALTER TABLE @table DISABLE TRIGGER \"t ON x\"",
      "ALTER TABLE @table NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY",
      "REVOKE SELECT ON @table FROM PUBLIC",
      "COMMENT ON COLUMN @table.amount IS 'new'",
      "ALTER TABLE @table VALIDATE CONSTRAINT later",
      "DROP RULE \"r ON x\" ON @table",
      "CREATE TABLE public.late_child (ref bigint REFERENCES @table)",
  };
  std::set<std::string> seen = {before};
  for (const std::string& change : changes) {
    run(change);
    EXPECT_TRUE(seen.insert(digest()).second) << change;
  }
}

// ---- Columns

TEST_F(CatalogTest, DroppedColumnsAreGapsInTheNumbers) {
  const TableFacts facts = read();
  std::vector<int> numbers;
  for (const Column& column : facts.columns) {
    numbers.push_back(column.attribute_number);
  }
  EXPECT_THAT(facts.columns, SizeIs(22));
  EXPECT_THAT(std::vector(numbers.begin(), numbers.begin() + 4), ElementsAre(2, 3, 5, 6));
  EXPECT_EQ(numbers.back(), 24);
}

TEST_F(CatalogTest, ColumnsKeepTypeCollationDefaultAndSettings) {
  const TableFacts facts = read();
  const Column& text = named(facts.columns, kColumn);
  EXPECT_EQ(text.type, "text");
  EXPECT_EQ(text.collation, "\"Sp1eCial .Char\".back");
  EXPECT_EQ(text.default_expression, "'it''s \\ \"x\"'::text");
  EXPECT_TRUE(text.not_null);
  EXPECT_TRUE(text.not_null_is_valid);

  const Column& kind = named(facts.columns, "kind");
  EXPECT_EQ(kind.type, "character varying(10)");
  EXPECT_EQ(kind.collation, "pg_catalog.\"C\"");
  EXPECT_EQ(kind.statistics_target, 500);
  EXPECT_THAT(kind.options, ElementsAre("n_distinct=-0.5"));
  EXPECT_EQ(kind.comment, "kind é");
  EXPECT_FALSE(kind.not_null);

  const Column& payload = named(facts.columns, "payload");
  EXPECT_EQ(payload.storage, "e");
  EXPECT_EQ(payload.statistics_target, std::nullopt);
  EXPECT_THAT(payload.options, IsEmpty());

  EXPECT_EQ(named(facts.columns, "feelings").type, "\"Sp1eCial .Char\".mood[]");
  EXPECT_GE(named(facts.columns, "feeling").type_oid, 16384U);
  EXPECT_EQ(named(facts.columns, "amount").type, "numeric(9,2)");
  EXPECT_EQ(named(facts.columns, "amount").storage, "");
  EXPECT_EQ(named(facts.columns, "at").default_expression, "'2023-12-31 22:00:00+00'::timestamp with time zone");
}

TEST_F(CatalogTest, CompressionIsKnownSinceVersion14) {
  if (connection_.server_major_version() < 14) {
    GTEST_SKIP() << "needs PostgreSQL 14";
  }
  run("ALTER TABLE @table ALTER payload SET COMPRESSION pglz");
  EXPECT_EQ(named(read().columns, "payload").compression, "p");
  EXPECT_EQ(named(read().columns, "kind").compression, "");
}

TEST_F(CatalogTest, ColumnsWithStoredMissingValuesAreRead) {
  run("DROP TABLE \"Sp1eCial .Char\".holds_row; ALTER TABLE @table ADD quick text DEFAULT 'soon'");
  EXPECT_EQ(named(read().columns, "quick").default_expression, "'soon'::text");
}

TEST_F(CatalogTest, IdentityAndSerialColumnsNameTheSequenceTheyOwn) {
  run("DROP TABLE \"Sp1eCial .Char\".holds_row; ALTER TABLE @table ADD always int GENERATED ALWAYS AS IDENTITY");
  const TableFacts facts = read();
  EXPECT_EQ(named(facts.columns, "id").identity, "d");
  EXPECT_EQ(named(facts.columns, "always").identity, "a");
  EXPECT_EQ(named(facts.columns, "counter").identity, "");
  EXPECT_EQ(named(facts.columns, "doubled").generated, "s");
  EXPECT_EQ(named(facts.columns, "doubled").default_expression, "(counter * 2)");
  EXPECT_EQ(named(facts.columns, "kind").owned_sequence, std::nullopt);
  ASSERT_TRUE(named(facts.columns, "counter").owned_sequence);
  EXPECT_EQ(named(facts.columns, "counter").owned_sequence->schema, kSchema);

  ASSERT_THAT(facts.sequences, SizeIs(3));
  const Sequence& sequence = facts.sequences.front();
  EXPECT_EQ(sequence.name, named(facts.columns, "id").owned_sequence);
  EXPECT_EQ(sequence.column, "id");
  EXPECT_EQ(sequence.type, "bigint");
  EXPECT_EQ(sequence.start, "10");
  EXPECT_EQ(sequence.increment, "5");
  EXPECT_EQ(sequence.minimum, "1");
  EXPECT_EQ(sequence.maximum, "1000000");
  EXPECT_EQ(sequence.cache, "7");
  EXPECT_TRUE(sequence.cycle);
}

TEST_F(CatalogTest, TypesThatCannotTravelInBinaryAreKnown) {
  const TableFacts facts = read();
  std::vector<std::string> without_form;
  std::vector<std::string> not_portable;
  for (const Column& column : facts.columns) {
    if (!column.has_binary_form) {
      without_form.push_back(column.name);
    }
    if (!column.binary_form_is_portable) {
      not_portable.push_back(column.name);
    }
  }
  EXPECT_THAT(without_form, ElementsAre("acl", "acls", "acl_in_domain"));
  EXPECT_THAT(not_portable, ElementsAre("feelings", "both_of", "class"));
}

TEST_F(CatalogTest, TypesThatTravelInBinaryReallyDo) {
  for (const Column& column : read().columns) {
    const auto copy = [&] {
      pg::CopyOut out = connection_.copy_out("COPY (SELECT " + pg::quoted(column.name) + " FROM " + pg::quoted(nasty_) +
                                             ") TO STDOUT (FORMAT binary)");
      while (out.next()) {
      }
    };
    if (column.has_binary_form) {
      EXPECT_NO_THROW(copy()) << column.name;
    } else if (column.name != "acls") {  // An array without elements asks for no function of theirs.
      EXPECT_THROW(copy(), pg::Failure) << column.name;
    }
  }
}

// ---- Kinds of tables

TEST_F(CatalogTest, InheritanceIsSeenFromBothEnds) {
  run("CREATE TABLE public.heir (extra int) INHERITS (@table)");
  EXPECT_TRUE(read().has_children);
  EXPECT_FALSE(read().has_parents);
  const TableFacts heir = read_table_facts(connection_, {"public", "heir"});
  EXPECT_TRUE(heir.has_parents);
  EXPECT_FALSE(heir.has_children);
  EXPECT_FALSE(heir.is_partition);
}

TEST_F(CatalogTest, TypedUnloggedAndColumnlessTablesAreRead) {
  run("CREATE TYPE public.shape AS (id int, at date); CREATE TABLE public.typed OF public.shape;"
      "CREATE UNLOGGED TABLE public.careless (id int); CREATE TABLE public.no_columns ()");
  EXPECT_EQ(read_table_facts(connection_, {"public", "typed"}).of_type, "public.shape");
  EXPECT_EQ(read_table_facts(connection_, {"public", "careless"}).persistence, "u");
  EXPECT_THAT(read_table_facts(connection_, {"public", "no_columns"}).columns, IsEmpty());
}

TEST_F(CatalogTest, TemporaryTablesAreCutRightThoughTheirSchemaHasTwoNames) {
  run(R"(CREATE TEMPORARY TABLE scratch (id int PRIMARY KEY, x int);
         CREATE TRIGGER fires AFTER INSERT ON scratch EXECUTE FUNCTION "Sp1eCial .Char".fired();
         CREATE STATISTICS public.counted ON id, x FROM scratch)");
  const TableFacts facts = read_table_facts(connection_, {"", "scratch"});
  EXPECT_EQ(facts.persistence, "t");
  EXPECT_EQ(named(facts.indexes, "scratch_pkey").body, "btree (id)");
  EXPECT_EQ(named(facts.triggers, "fires").after_table,
            "FOR EACH STATEMENT EXECUTE FUNCTION \"Sp1eCial .Char\".fired()");
  EXPECT_EQ(facts.statistics.at(0).body, "ON id, x");
}

TEST_F(CatalogTest, SystemTablesAndViewsCanBeReadSoThatTheyCanBeRefusedByName) {
  EXPECT_EQ(read_table_facts(connection_, {"pg_catalog", "pg_class"}).kind, "r");
  EXPECT_EQ(read_table_facts(connection_, {kSchema, "v"}).kind, "v");
  EXPECT_EQ(read_table_facts(connection_, {kSchema, "mv"}).kind, "m");
  const TableFacts divided = read_table_facts(connection_, {kSchema, "divided_child"});
  EXPECT_EQ(divided.kind, "p");
  EXPECT_TRUE(divided.has_children);
  EXPECT_EQ(divided.size, TableSize());
}

// ---- Version 18

TEST_F(CatalogTest, ConstraintsThatAreNotEnforcedOrNotValidAreKnownSinceVersion18) {
  if (connection_.server_major_version() < 18) {
    GTEST_SKIP() << "needs PostgreSQL 18";
  }
  run("DROP TABLE \"Sp1eCial .Char\".holds_row");
  run("ALTER TABLE @table ADD CONSTRAINT loose CHECK (id > 7) NOT ENFORCED, ADD CONSTRAINT someday NOT NULL amount NOT "
      "VALID,"
      " ADD virtual_one int GENERATED ALWAYS AS (counter + 1) VIRTUAL,"
      " ADD CONSTRAINT loose_key FOREIGN KEY (parent_id) REFERENCES \"Sp1eCial .Char\".parent NOT ENFORCED");
  const TableFacts facts = read();
  EXPECT_FALSE(named(facts.checks, "loose").is_enforced);
  EXPECT_FALSE(named(facts.checks, "loose").is_valid);
  EXPECT_EQ(named(facts.checks, "loose").expression, "(id > 7)");
  EXPECT_TRUE(named(facts.columns, "amount").not_null);
  EXPECT_FALSE(named(facts.columns, "amount").not_null_is_valid);
  EXPECT_EQ(named(facts.columns, "virtual_one").generated, "v");
  EXPECT_FALSE(named(facts.foreign_keys, "loose_key").is_enforced);
  EXPECT_THAT(named(facts.foreign_keys, "loose_key").definition, Not(HasSubstr("NOT ENFORCED")));
}

}  // namespace
}  // namespace pgsluice::planner

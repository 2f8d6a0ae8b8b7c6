// The definitions of what belongs to a table, read from a real server: cut in the right places, and complete.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pg/failure.hpp"
#include "tests/server/nasty_table.hpp"

namespace pgsluice::planner {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;
using testing::UnorderedElementsAre;

using CatalogDefinitions = NastyTableTest;

// ---- Indexes and constraints

TEST_F(CatalogDefinitions, IndexesTellWhatTheyAre) {
  const TableFacts facts = read();
  EXPECT_THAT(names(facts.indexes), ElementsAre("pk ON x", "by_collation", "by_hash", "by_path", "by_pattern",
                                                "i USING x", "no_overlap", "unique_pair"));
  const Index& key = facts.indexes.front();
  EXPECT_TRUE(key.is_primary && key.is_unique && key.is_constraint && key.is_valid);
  EXPECT_TRUE(key.is_replica_identity && key.is_clustered && key.default_order);
  EXPECT_THAT(key.key_columns, ElementsAre("id"));
  EXPECT_THAT(key.included_columns, ElementsAre("kind"));
  EXPECT_EQ(key.body, "btree (id) INCLUDE (kind)");
  EXPECT_EQ(key.comment, "key");
  EXPECT_GT(key.bytes, 0);

  const Index& unique = named(facts.indexes, "unique_pair");
  EXPECT_TRUE(unique.is_constraint && unique.deferrable && unique.initially_deferred && !unique.is_primary);
  EXPECT_THAT(unique.key_columns, ElementsAre("kind", "amount"));

  const Index& odd = named(facts.indexes, "i USING x");
  EXPECT_TRUE(odd.has_expressions && odd.is_partial && !odd.is_unique && !odd.is_constraint && !odd.default_order);
  EXPECT_THAT(odd.key_columns, ElementsAre("", "amount"));
  EXPECT_THAT(odd.included_columns, ElementsAre("counter"));
  EXPECT_THAT(odd.reloptions, ElementsAre("fillfactor=80"));

  EXPECT_TRUE(named(facts.indexes, "no_overlap").is_exclusion);
  EXPECT_FALSE(named(facts.indexes, "by_pattern").default_order) << "another operator class";
  EXPECT_FALSE(named(facts.indexes, "by_collation").default_order) << "another collation";
  EXPECT_EQ(named(facts.indexes, "by_hash").access_method, "hash");
  EXPECT_EQ(named(facts.indexes, "by_pattern").comment, "index");
}

TEST_F(CatalogDefinitions, DescendingAndNullsFirstAreNotTheDefaultOrder) {
  run("CREATE INDEX d ON @table (counter DESC); CREATE INDEX n ON @table (counter NULLS FIRST); "
      "CREATE INDEX u ON @table (counter, kind)");
  const TableFacts facts = read();
  EXPECT_FALSE(named(facts.indexes, "d").default_order);
  EXPECT_FALSE(named(facts.indexes, "n").default_order);
  EXPECT_TRUE(named(facts.indexes, "u").default_order);
}

TEST_F(CatalogDefinitions, IndexLeftByAFailedConcurrentBuildIsInvalid) {
  EXPECT_THROW(connection_.query(in_sql("CREATE UNIQUE INDEX CONCURRENTLY broken ON @table ((amount > 0))")),
               pg::Failure);
  EXPECT_FALSE(named(read().indexes, "broken").is_valid);
}

TEST_F(CatalogDefinitions, NullsNotDistinctIsKnownSinceVersion15) {
  if (connection_.server_major_version() < 15) {
    GTEST_SKIP() << "needs PostgreSQL 15";
  }
  run("CREATE UNIQUE INDEX one_null ON @table (counter) NULLS NOT DISTINCT");
  const TableFacts facts = read();
  EXPECT_TRUE(named(facts.indexes, "one_null").nulls_not_distinct);
  EXPECT_FALSE(named(facts.indexes, "unique_pair").nulls_not_distinct);
}

TEST_F(CatalogDefinitions, ChecksComeWithoutTheirFrame) {
  const TableFacts facts = read();
  ASSERT_THAT(names(facts.checks), ElementsAre("later", "since_2000"));
  EXPECT_EQ(facts.checks[0].expression, "(counter < 100)");
  EXPECT_EQ(facts.checks[0].comment, "check");
  EXPECT_FALSE(facts.checks[0].is_valid);
  EXPECT_TRUE(facts.checks[0].is_enforced);
  EXPECT_FALSE(facts.checks[0].no_inherit);
  EXPECT_TRUE(facts.checks[1].is_valid);
  EXPECT_TRUE(facts.checks[1].no_inherit);
}

TEST_F(CatalogDefinitions, ForeignKeysAreSeenFromBothEnds) {
  const TableFacts facts = read();
  ASSERT_THAT(names(facts.foreign_keys), ElementsAre("to_code", "to_parent", "to_self"));
  const ForeignKey& parent = facts.foreign_keys[1];
  EXPECT_EQ(parent.table, nasty_);
  EXPECT_EQ(parent.referenced, (QualifiedName{kSchema, "parent"}));
  EXPECT_THAT(parent.columns, ElementsAre("parent_id"));
  EXPECT_THAT(parent.referenced_columns, ElementsAre("id"));
  EXPECT_EQ(parent.on_delete, "c");
  EXPECT_EQ(parent.definition,
            "FOREIGN KEY (parent_id) REFERENCES \"Sp1eCial .Char\".parent(id) ON UPDATE SET NULL ON DELETE CASCADE "
            "DEFERRABLE");
  EXPECT_FALSE(facts.foreign_keys[0].is_valid);
  EXPECT_THAT(facts.foreign_keys[0].definition, Not(HasSubstr("VALID")));
  EXPECT_TRUE(facts.foreign_keys[2].is_self());
  EXPECT_EQ(facts.foreign_keys[2].comment, "foreign key");

  // The rows that the server keeps for divided_child_0 repeat divided_child's.
  ASSERT_THAT(names(facts.incoming_foreign_keys),
              UnorderedElementsAre("to_self", "child_ref_fkey", "divided_child_ref_fkey"));
  EXPECT_EQ(named(facts.incoming_foreign_keys, "child_ref_fkey").on_delete, "n");
  EXPECT_EQ(named(facts.incoming_foreign_keys, "child_ref_fkey").table, (QualifiedName{kSchema, "child"}));
}

TEST_F(CatalogDefinitions, ForeignKeysOfAPartitionAreSeenToo) {
  run(R"(CREATE TABLE public.divided (id int PRIMARY KEY, code text REFERENCES "Sp1eCial .Char".parent (code))
           PARTITION BY RANGE (id);
         CREATE TABLE public.leaf PARTITION OF public.divided DEFAULT;
         CREATE TABLE public.pointer (ref int REFERENCES public.divided ON DELETE CASCADE))");
  const TableFacts leaf = read_table_facts(connection_, {"public", "leaf"});
  EXPECT_TRUE(leaf.is_partition);
  EXPECT_FALSE(leaf.has_parents);
  EXPECT_THAT(leaf.foreign_keys, SizeIs(1));
  ASSERT_THAT(leaf.incoming_foreign_keys, SizeIs(1));
  EXPECT_EQ(leaf.incoming_foreign_keys[0].on_delete, "c");
  const TableFacts whole = read_table_facts(connection_, {"public", "divided"});
  EXPECT_THAT(whole.foreign_keys, SizeIs(1));
  EXPECT_THAT(whole.incoming_foreign_keys, SizeIs(1));
}

// ---- What fires, guards and counts

TEST_F(CatalogDefinitions, TriggersAreCutAtTheTablesNameAndNowhereElse) {
  const TableFacts facts = read();
  ASSERT_THAT(names(facts.triggers), ElementsAre("at_commit", "emptied", "t ON x", "transition"))
      << "neither the server's own nor our guard";
  const Trigger& row = facts.triggers[2];
  EXPECT_EQ(row.before_table,
            "CREATE TRIGGER \"t ON x\" AFTER INSERT OR DELETE OR UPDATE OF " + pg::quoted(kColumn) + ", kind");
  EXPECT_EQ(row.after_table,
            "FOR EACH ROW WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION \"Sp1eCial .Char\".fired('a', ' ON ')");
  EXPECT_TRUE(row.on_insert && row.on_update && row.on_delete && !row.on_truncate && row.per_row);
  EXPECT_EQ(row.enabled, "O");
  EXPECT_EQ(facts.triggers[0].before_table, "CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT OR UPDATE");
  EXPECT_THAT(facts.triggers[0].after_table,
              HasSubstr("FROM \"Sp1eCial .Char\".parent DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"));
  EXPECT_TRUE(facts.triggers[1].on_truncate && !facts.triggers[1].per_row);
  EXPECT_EQ(facts.triggers[1].enabled, "D");
  EXPECT_TRUE(facts.triggers[3].has_transition_table);
  EXPECT_EQ(facts.triggers[3].enabled, "A");
  EXPECT_EQ(facts.triggers[3].comment, "trigger");
}

TEST_F(CatalogDefinitions, DefinitionsMakeTheSameObjectsOnAnotherTable) {
  const TableFacts facts = read();
  const QualifiedName copy = {"public", "co\"py"};
  const std::string table = pg::quoted(copy);
  run("CREATE TABLE " + table + " (LIKE @table)");
  for (const Index& index : facts.indexes) {
    connection_.query("CREATE " + std::string(index.is_unique ? "UNIQUE " : "") + "INDEX " + pg::quoted(index.name) +
                      " ON " + table + " USING " + index.body);
  }
  for (const CheckConstraint& check : facts.checks) {
    connection_.query("ALTER TABLE " + table + " ADD CONSTRAINT " + pg::quoted(check.name) + " CHECK (" +
                      check.expression + ")" + (check.no_inherit ? " NO INHERIT" : "") +
                      (check.is_valid ? "" : " NOT VALID"));
  }
  for (const ForeignKey& key : facts.foreign_keys) {
    connection_.query("ALTER TABLE " + table + " ADD CONSTRAINT " + pg::quoted(key.name) + " " + key.definition +
                      (key.is_valid ? "" : " NOT VALID"));
  }
  for (const Trigger& trigger : facts.triggers) {
    connection_.query(trigger.before_table + " ON " + table + " " + trigger.after_table);
  }
  for (const Statistics& statistics : facts.statistics) {
    connection_.query("CREATE STATISTICS " + pg::quoted({"public", statistics.name.name}) + " " + statistics.body +
                      " FROM " + table);
  }
  const TableFacts copied = read_table_facts(connection_, copy);
  for (const Index& index : facts.indexes) {
    EXPECT_EQ(named(copied.indexes, index.name).body, index.body);
    EXPECT_EQ(named(copied.indexes, index.name).default_order, index.default_order) << index.name;
  }
  for (const ForeignKey& key : facts.foreign_keys) {
    EXPECT_EQ(named(copied.foreign_keys, key.name).definition, key.definition);
    EXPECT_EQ(named(copied.foreign_keys, key.name).is_valid, key.is_valid);
  }
  for (const CheckConstraint& check : facts.checks) {
    EXPECT_EQ(named(copied.checks, check.name).expression, check.expression);
  }
  for (const Trigger& trigger : facts.triggers) {
    EXPECT_EQ(named(copied.triggers, trigger.name).before_table, trigger.before_table);
    EXPECT_EQ(named(copied.triggers, trigger.name).after_table, trigger.after_table);
  }
  ASSERT_EQ(copied.statistics.size(), facts.statistics.size());
  for (std::size_t i = 0; i < facts.statistics.size(); ++i) {
    EXPECT_EQ(copied.statistics[i].body, facts.statistics[i].body);
  }
}

TEST_F(CatalogDefinitions, RulesAndPoliciesAreComplete) {
  const TableFacts facts = read();
  ASSERT_THAT(facts.rules, SizeIs(1));
  EXPECT_EQ(facts.rules[0].name, "\"r ON x\"");
  EXPECT_THAT(facts.rules[0].definition, HasSubstr("DO INSTEAD NOTHING"));
  ASSERT_THAT(names(facts.policies), ElementsAre("all_rows", "some_rows"));
  EXPECT_TRUE(facts.policies[0].permissive);
  EXPECT_EQ(facts.policies[0].command, "ALL");
  EXPECT_THAT(facts.policies[0].roles, ElementsAre("PUBLIC"));
  EXPECT_EQ(facts.policies[0].check_expression, "");
  EXPECT_FALSE(facts.policies[1].permissive);
  EXPECT_EQ(facts.policies[1].command, "UPDATE");
  EXPECT_THAT(facts.policies[1].roles, UnorderedElementsAre(pg::quoted(reader_.name()), pg::quoted(writer_.name())));
  EXPECT_EQ(facts.policies[1].using_expression, "(id > 1)");
  EXPECT_EQ(facts.policies[1].check_expression, "(id > 2)");
  EXPECT_EQ(facts.policies[1].comment, "policy");
}

TEST_F(CatalogDefinitions, GrantsAreThoseOfOthersThanTheOwner) {
  const std::string reader = pg::quoted(reader_.name());
  const std::string writer = pg::quoted(writer_.name());
  EXPECT_THAT(read().grants,
              UnorderedElementsAre(Grant{"PUBLIC", "SELECT", "", false}, Grant{writer, "INSERT", "", true},
                                   Grant{writer, "UPDATE", "", true}, Grant{reader, "UPDATE", kColumn, false},
                                   Grant{reader, "UPDATE", "kind", false}));
}

TEST_F(CatalogDefinitions, StatisticsComeWithoutTheirFrame) {
  const TableFacts facts = read();
  ASSERT_THAT(facts.statistics, SizeIs(2));
  EXPECT_EQ(facts.statistics[0].name, (QualifiedName{kSchema, "every_kind"}));
  EXPECT_EQ(facts.statistics[0].body, "ON counter, kind");
  EXPECT_EQ(facts.statistics[0].target, 77);
  EXPECT_EQ(facts.statistics[0].comment, "statistics");
  EXPECT_EQ(facts.statistics[1].body, "(ndistinct, mcv) ON kind, amount");
  EXPECT_EQ(facts.statistics[1].target, std::nullopt);
}

TEST_F(CatalogDefinitions, PublicationsTellWhetherThisRoleMayChangeThem) {
  const TableFacts facts = read();
  EXPECT_THAT(facts.publications, ElementsAre(Publication{"pub x", "", "", true}));
  EXPECT_FALSE(facts.published_with_all_tables);
  database_.connect_as_superuser().query("CREATE PUBLICATION everything FOR ALL TABLES");
  const TableFacts published = read();
  EXPECT_THAT(published.publications, SizeIs(1));
  EXPECT_TRUE(published.published_with_all_tables);
}

TEST_F(CatalogDefinitions, PublishedColumnsRowsAndSchemasAreKnownSinceVersion15) {
  if (connection_.server_major_version() < 15) {
    GTEST_SKIP() << "needs PostgreSQL 15";
  }
  run("CREATE PUBLICATION filtered FOR TABLE @table (id, kind) WHERE (id > 5)");
  EXPECT_THAT(read().publications, Contains(Publication{"filtered", "(id, kind)", "(id > 5)", true}));
  EXPECT_FALSE(read().published_with_all_tables);
  database_.connect_as_superuser().query(R"(CREATE PUBLICATION whole FOR TABLES IN SCHEMA "Sp1eCial .Char")");
  EXPECT_TRUE(read().published_with_all_tables);
}

TEST_F(CatalogDefinitions, DependentsAreListedOnceEach) {
  const auto is = [](const std::string& kind, const std::string& name) {
    return AllOf(Field(&Dependent::kind, kind), Field(&Dependent::name, HasSubstr(name)));
  };
  EXPECT_THAT(
      read().dependents,
      UnorderedElementsAre(is("view", ".v"), is("materialized view", ".mv"), is("function", ".uses_row("),
                           is("function", ".uses_rows("), is("column", ".holds_row.whole"), is("rule", "elsewhere on "),
                           is("policy", "looks_up on "), is("foreign key", "child_ref_fkey on "),
                           is("foreign key", "divided_child_ref_fkey on ")));
}

}  // namespace
}  // namespace pgsluice::planner

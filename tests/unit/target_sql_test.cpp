// The texts of target, guard and finishing: complete, quoted, and each with the lock that it takes.
#include "planner/target_sql.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "pg/identifier.hpp"
#include "planner/finishing_sql.hpp"
#include "planner/foreign_key_sql.hpp"
#include "planner/guard_sql.hpp"
#include "planner/mark.hpp"
#include "planner/reloptions_sql.hpp"
#include "planner/target_table_sql.hpp"

namespace pgsluice::planner {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr const char* kId = "6ba7b810-9dad-41d1-80b4-00c04fd430c8";
constexpr int kPostgres15 = 150'000;
constexpr int kPostgres17 = 170'000;

Column column(const std::string& name, const std::string& type) {
  Column made;
  made.name = name;
  made.type = type;
  return made;
}

PartitionNode leaf(const std::string& name, const std::string& bound) {
  PartitionNode node;
  node.name = {"S.1", name};
  node.bound = bound;
  return node;
}

// Nasty names everywhere; two leaves by hash of "u\"id".
Plan plan_of_two_leaves() {
  Plan plan;
  plan.migration_id = kId;
  plan.source.name = {"S.1", "T \"x\""};
  plan.source.owner = "O'wner";
  plan.source.access_method = "heap";
  plan.source.columns = {column("i d", "bigint"), column("u\"id", "text")};
  plan.target_database.server_version = kPostgres15;
  PartitionNode& root = plan.layout.root;
  root.name = {"S.1", "T"};
  root.method = PartitionMethod::hash;
  root.key_columns = {"u\"id"};
  root.key_definition = R"(HASH ("u""id"))";
  root.children = {leaf("T0", "FOR VALUES WITH (modulus 2, remainder 0)"),
                   leaf("T1", "FOR VALUES WITH (modulus 2, remainder 1)")};
  return plan;
}

std::vector<std::string> texts(const Statements& statements) {
  std::vector<std::string> all;
  for (const Statement& statement : statements) {
    all.push_back(statement.sql);
  }
  return all;
}

void make_sequence(Plan& plan, Column& owner) {
  owner.owned_sequence = QualifiedName{"S.1", "seq"};
  plan.source.sequences = {{{"S.1", "seq"}, owner.name, "bigint", "5", "2", "1", "100", "3", true}};
}

TEST(Mark, IsTheLastLineOfACommentAndKeepsWhatStoodThere) {
  EXPECT_EQ(marked_comment("", kId), "[pgsluice 6ba7b810-9dad-41d1-80b4-00c04fd430c8]");
  EXPECT_EQ(marked_comment("it's\nmine", kId), "it's\nmine\n[pgsluice 6ba7b810-9dad-41d1-80b4-00c04fd430c8]");
  EXPECT_TRUE(is_marked(marked_comment("a", kId), kId));
  EXPECT_TRUE(is_marked(marked_comment("", kId), kId));
}

TEST(Mark, OfAnotherMigrationOrWithinALineIsNone) {
  EXPECT_FALSE(is_marked("", kId));
  EXPECT_FALSE(is_marked(marked_comment("a", "another"), kId));
  EXPECT_FALSE(is_marked("said " + mark(kId), kId));
  EXPECT_FALSE(is_marked(mark(kId) + "\nand more", kId));
}

TEST(Reloptions, AreQuotedNameByNameAndValueByValue) {
  EXPECT_EQ(reloptions_sql({"fillfactor=70", "toast.autovacuum_enabled=off", "n_distinct=-0.5"}),
            R"("fillfactor"='70', "toast"."autovacuum_enabled"='off', "n_distinct"='-0.5')");
}

TEST(TargetSql, RootHasItsColumnsWrittenOut) {
  Plan plan = plan_of_two_leaves();
  Column& id = plan.source.columns[0];
  id.not_null = true;
  id.default_expression = "7";
  Column& text = plan.source.columns[1];
  text.collation = R"("pg_catalog"."C")";
  text.compression = "l";
  text.storage = "e";
  text.statistics_target = 77;
  text.options = {"n_distinct=-0.5", "pg_attver=123"};
  plan.source.columns.push_back(column("sum", "numeric"));
  plan.source.columns[2].generated = "s";
  plan.source.columns[2].default_expression = "(\"i d\" * 2)";
  CheckConstraint check;
  check.name = "c 1";
  check.expression = "(a > 0)";
  check.no_inherit = true;
  check.comment = "why";
  CheckConstraint later = check;
  later.is_valid = false;
  plan.source.checks = {check, later};
  const std::vector<std::string> all = texts(create_root_sql(plan));
  EXPECT_EQ(all[0],
            "CREATE TABLE \"S.1\".\"T\" (\n"
            "  \"i d\" bigint NOT NULL DEFAULT 7,\n"
            "  \"u\"\"id\" text COMPRESSION lz4 COLLATE \"pg_catalog\".\"C\",\n"
            "  \"sum\" numeric GENERATED ALWAYS AS ((\"i d\" * 2)) STORED,\n"
            "  CONSTRAINT \"c 1\" CHECK ((a > 0))\n"
            ") PARTITION BY HASH (\"u\"\"id\")");
  EXPECT_EQ(all[1],
            "ALTER TABLE ONLY \"S.1\".\"T\" ALTER COLUMN \"u\"\"id\" SET STORAGE EXTERNAL, ALTER COLUMN \"u\"\"id\" "
            "SET STATISTICS 77, "
            "ALTER COLUMN \"u\"\"id\" SET (\"n_distinct\"='-0.5')");
  EXPECT_EQ(all[2], "COMMENT ON TABLE \"S.1\".\"T\" IS '" + mark(kId) + "'");
  EXPECT_EQ(all[3], "COMMENT ON CONSTRAINT \"c 1\" ON \"S.1\".\"T\" IS 'why'");
  EXPECT_THAT(all, SizeIs(4));
}

TEST(TargetSql, CompressionIsLeftOutWhereTheServerHasNone) {
  Plan plan = plan_of_two_leaves();
  plan.source.columns[1].compression = "p";
  EXPECT_THAT(create_root_sql(plan)[0].sql, HasSubstr("COMPRESSION pglz"));
  plan.target_database.server_version = 130'000;
  EXPECT_THAT(create_root_sql(plan)[0].sql, Not(HasSubstr("COMPRESSION")));
}

TEST(TargetSql, LeavesHaveStorageAndWhatPartitionsDoNotInherit) {
  Plan plan = plan_of_two_leaves();
  plan.source.reloptions = {"fillfactor=80", "toast.autovacuum_enabled=off"};
  plan.source.tablespace = "fast disk";
  plan.source.columns[1].statistics_target = 77;
  plan.source.columns[1].storage = "e";
  const PartitionNode& root = plan.layout.root;
  const Statements statements = create_partition_sql(plan, root.children[0], root);
  EXPECT_THAT(texts(statements),
              ElementsAre("CREATE TABLE \"S.1\".\"T0\" PARTITION OF \"S.1\".\"T\" FOR VALUES WITH (modulus 2, "
                          "remainder 0) USING \"heap\" "
                          "WITH (\"fillfactor\"='80', \"autovacuum_enabled\"='off', "
                          "\"toast\".\"autovacuum_enabled\"='off') TABLESPACE \"fast disk\"",
                          "ALTER TABLE ONLY \"S.1\".\"T0\" ALTER COLUMN \"u\"\"id\" SET STATISTICS 77",
                          "COMMENT ON TABLE \"S.1\".\"T0\" IS '" + mark(kId) + "'"));
  EXPECT_EQ(statements[0].lock, "ACCESS EXCLUSIVE");
  EXPECT_EQ(statements[0].on, "\"S.1\".\"T\"");
  plan.one_database = false;
  EXPECT_THAT(create_partition_sql(plan, root.children[0], root)[0].sql, Not(HasSubstr("TABLESPACE")));
}

TEST(TargetSql, LeavesGetTheSourcesAutovacuumBackWhenTheyAreFull) {
  Plan plan = plan_of_two_leaves();
  const PartitionNode& leaf = plan.layout.root.children[0];
  const std::string reset =
      "ALTER TABLE \"S.1\".\"T0\" RESET (\"autovacuum_enabled\", \"toast\".\"autovacuum_enabled\")";
  EXPECT_THAT(texts(allow_autovacuum_sql(plan, leaf)), ElementsAre(reset));
  plan.source.reloptions = {"fillfactor=80", "autovacuum_enabled=true", "toast.autovacuum_enabled=off"};
  EXPECT_THAT(texts(allow_autovacuum_sql(plan, leaf)),
              ElementsAre(reset,
                          "ALTER TABLE \"S.1\".\"T0\" SET (\"autovacuum_enabled\"='true', "
                          "\"toast\".\"autovacuum_enabled\"='off')"));
  plan.source.access_method = "columns";
  EXPECT_THAT(create_partition_sql(plan, leaf, plan.layout.root)[0].sql, HasSubstr("\"autovacuum_enabled\"='true'"));
  EXPECT_TRUE(allow_autovacuum_sql(plan, leaf).empty());
}

TEST(TargetSql, PartitionsThatAreDividedThemselvesHaveNoStorage) {
  Plan plan = plan_of_two_leaves();
  PartitionNode& inner = plan.layout.root.children[0];
  inner.method = PartitionMethod::range;
  inner.key_definition = "RANGE (\"i d\")";
  EXPECT_EQ(create_partition_sql(plan, inner, plan.layout.root)[0].sql,
            "CREATE TABLE \"S.1\".\"T0\" PARTITION OF \"S.1\".\"T\" FOR VALUES WITH (modulus 2, remainder 0) PARTITION "
            "BY RANGE (\"i d\")");
}

TEST(TargetSql, IdentityIsTheRootsOwnFromPostgres17On) {
  Plan plan = plan_of_two_leaves();
  Column& id = plan.source.columns[0];
  id.identity = "a";
  make_sequence(plan, id);
  plan.target_database.server_version = kPostgres17;
  EXPECT_EQ(numbering_of(plan, id), Numbering::identity);
  EXPECT_THAT(create_root_sql(plan)[0].sql, HasSubstr("\"i d\" bigint GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME "
                                                      "\"S.1\".\"T_i d_seq\" START WITH 5 INCREMENT BY 2 MINVALUE 1 "
                                                      "MAXVALUE 100 CACHE 3 CYCLE)"));
  EXPECT_EQ(create_root_sql(plan)[1].sql, "COMMENT ON SEQUENCE \"S.1\".\"T_i d_seq\" IS '" + mark(kId) + "'");
}

TEST(TargetSql, IdentityIsAnOwnSequenceBeforePostgres17) {
  Plan plan = plan_of_two_leaves();
  Column& id = plan.source.columns[0];
  id.identity = "d";
  make_sequence(plan, id);
  const std::vector<std::string> all = texts(create_root_sql(plan));
  EXPECT_EQ(all[0],
            "CREATE SEQUENCE \"S.1\".\"T_i d_seq\" AS bigint START WITH 5 INCREMENT BY 2 MINVALUE 1 MAXVALUE 100 CACHE "
            "3 CYCLE");
  EXPECT_THAT(all[1], HasSubstr("\"i d\" bigint DEFAULT nextval('\"S.1\".\"T_i d_seq\"'::regclass)"));
  EXPECT_EQ(all[2], "ALTER SEQUENCE \"S.1\".\"T_i d_seq\" OWNED BY \"S.1\".\"T\".\"i d\"");
  EXPECT_EQ(all[3], "COMMENT ON SEQUENCE \"S.1\".\"T_i d_seq\" IS '" + mark(kId) + "'");
  EXPECT_EQ(set_sequence_sql(carried_sequences(plan)[0].target, "-3", false).sql,
            "SELECT pg_catalog.setval('\"S.1\".\"T_i d_seq\"', -3, false)");
}

TEST(TargetSql, SerialColumnsShareTheSequenceInsideOneDatabaseOnly) {
  Plan plan = plan_of_two_leaves();
  Column& id = plan.source.columns[0];
  id.default_expression = "nextval('\"S.1\".seq'::regclass)";
  make_sequence(plan, id);
  EXPECT_EQ(numbering_of(plan, id), Numbering::source_sequence);
  EXPECT_THAT(create_root_sql(plan)[0].sql, HasSubstr("DEFAULT nextval('\"S.1\".seq'::regclass)"));
  EXPECT_THAT(carried_sequences(plan), IsEmpty());
  plan.one_database = false;
  EXPECT_EQ(numbering_of(plan, id), Numbering::own_sequence);
}

TEST(TargetSql, DropsNameEveryTableAndNothingElse) {
  const Plan plan = plan_of_two_leaves();
  EXPECT_EQ(drop_tables_sql(leaves(plan.layout)).sql, "DROP TABLE \"S.1\".\"T0\", \"S.1\".\"T1\"");
  EXPECT_EQ(lock_for_drop_sql(nodes(plan.layout)).sql,
            "LOCK TABLE ONLY \"S.1\".\"T\", ONLY \"S.1\".\"T0\", ONLY \"S.1\".\"T1\" IN ACCESS EXCLUSIVE MODE");
}

TEST(GuardSql, NamesFitAndRowsAreGuardedOnlyWhereAsked) {
  const Plan plan = plan_of_two_leaves();
  const std::vector<std::string> all = texts(create_guard_sql(plan, false));
  EXPECT_THAT(all,
              Contains(HasSubstr("BEFORE INSERT OR UPDATE OR DELETE ON \"S.1\".\"T \"\"x\"\"\" FOR EACH STATEMENT WHEN "
                                 "(pg_catalog.current_setting('pgsluice.migration', true) IS DISTINCT FROM '")));
  EXPECT_THAT(all, Contains(HasSubstr("BEFORE TRUNCATE ON")));
  EXPECT_THAT(all, Not(Contains(HasSubstr("FOR EACH ROW"))));
  EXPECT_THAT(texts(create_guard_sql(plan, true)), Contains(HasSubstr("FOR EACH ROW")));
  EXPECT_LE(guard_function_name(kId).name.size(), pg::kNameBytesMax);
}

TEST(GuardSql, QuotesTheReasonTwiceOver) {
  Plan plan = plan_of_two_leaves();
  plan.source.name = {"s", "it's"};
  const std::string function = create_guard_sql(plan, false)[0].sql;
  // A literal within the function's body, which is a literal itself.
  EXPECT_THAT(function, HasSubstr("MESSAGE = ''table s.\"it''''s\" takes no writes while pgsluice migrates it''"));
}

TEST(ForeignKeySql, StandsOnLeavesNotValidAndOnTheRootWhole) {
  const Plan plan = plan_of_two_leaves();
  ForeignKey key;
  key.name = "f k";
  key.referenced = {"s", "other"};
  key.definition = "FOREIGN KEY (a) REFERENCES s.other(id)";
  key.comment = "c";
  const PartitionNode& first = plan.layout.root.children[0];
  EXPECT_EQ(add_leaf_foreign_key_sql(key, first).sql,
            "ALTER TABLE \"S.1\".\"T0\" ADD CONSTRAINT \"f k\" FOREIGN KEY (a) REFERENCES s.other(id) NOT VALID");
  EXPECT_EQ(add_leaf_foreign_key_sql(key, first).lock, "SHARE ROW EXCLUSIVE");
  EXPECT_EQ(validate_foreign_key_sql(key, first).sql, "ALTER TABLE \"S.1\".\"T0\" VALIDATE CONSTRAINT \"f k\"");
  EXPECT_THAT(texts(add_root_foreign_key_sql(key, plan.layout.root)),
              ElementsAre("ALTER TABLE \"S.1\".\"T\" ADD CONSTRAINT \"f k\" FOREIGN KEY (a) REFERENCES s.other(id)",
                          "COMMENT ON CONSTRAINT \"f k\" ON \"S.1\".\"T\" IS 'c'"));
}

TEST(FinishingSql, GrantsGoTogetherByGranteeAndOption) {
  Plan plan = plan_of_two_leaves();
  plan.source.grants = {{"PUBLIC", "SELECT", "", false},
                        {"\"r 1\"", "SELECT", "", true},
                        {"\"r 1\"", "UPDATE", "i d", true},
                        {"\"r 1\"", "INSERT", "", false},
                        {"gone", "SELECT", "", false}};
  const std::vector<std::string> known = {"PUBLIC", "\"r 1\""};
  EXPECT_THAT(texts(grants_sql(plan, plan.layout.root, known)),
              ElementsAre("GRANT INSERT ON TABLE \"S.1\".\"T\" TO \"r 1\"",
                          "GRANT SELECT, UPDATE (\"i d\") ON TABLE \"S.1\".\"T\" TO \"r 1\" WITH GRANT OPTION",
                          "GRANT SELECT ON TABLE \"S.1\".\"T\" TO PUBLIC"));
  plan.carry_grants_to_leaves = false;
  EXPECT_THAT(grants_sql(plan, plan.layout.root.children[0], known), IsEmpty());
  EXPECT_THAT(grants_sql(plan, plan.layout.root, known), SizeIs(3));
}

TEST(FinishingSql, PoliciesStandOnAnyNode) {
  const Plan plan = plan_of_two_leaves();
  const Policy policy{.name = "p \"1\"",
                      .permissive = false,
                      .command = "SELECT",
                      .roles = {"PUBLIC", "\"r 1\""},
                      .using_expression = "(a > 0)",
                      .check_expression = "",
                      .comment = ""};
  EXPECT_THAT(texts(create_policy_sql(policy, plan.layout.root.children[1])),
              ElementsAre("CREATE POLICY \"p \"\"1\"\"\" ON \"S.1\".\"T1\" AS RESTRICTIVE FOR SELECT TO PUBLIC, \"r "
                          "1\" USING ((a > 0))"));
}

TEST(FinishingSql, PublicationsGetTheRootOrWhereAFilterForbidsThatTheLeaves) {
  const Plan plan = plan_of_two_leaves();
  const Publication filtered{.name = "p", .columns = "(a, b)", .row_filter = "(a > 5)", .owned = true};
  EXPECT_THAT(texts(publish_sql(filtered, plan.layout, true)),
              ElementsAre("ALTER PUBLICATION \"p\" ADD TABLE \"S.1\".\"T\" (a, b) WHERE ((a > 5))"));
  EXPECT_THAT(publish_sql(filtered, plan.layout, false), SizeIs(2));
  EXPECT_THAT(publish_sql({.name = "p", .columns = "", .row_filter = "", .owned = true}, plan.layout, false),
              SizeIs(1));
}

TEST(TargetSql, WholeListEndsWithAnalyzeAndAutovacuumAndBeginsBeforeTheRows) {
  Plan plan = plan_of_two_leaves();
  EXPECT_THAT(statements_before_rows_sql(plan).back().sql, HasSubstr("COMMENT ON TRIGGER"));
  const std::vector<std::string> all = texts(all_statements_sql(plan));
  const std::string reset = " RESET (\"autovacuum_enabled\", \"toast\".\"autovacuum_enabled\")";
  EXPECT_THAT(std::vector(all.end() - 3, all.end()),
              ElementsAre("ANALYZE (SKIP_LOCKED) \"S.1\".\"T\"", "ALTER TABLE \"S.1\".\"T0\"" + reset,
                          "ALTER TABLE \"S.1\".\"T1\"" + reset));
  EXPECT_EQ(all_statements_sql(plan).size(),
            statements_before_rows_sql(plan).size() + statements_after_rows_sql(plan).size());
  plan.layout.existing = true;
  plan.guard = false;
  EXPECT_THAT(texts(all_statements_sql(plan)), ElementsAre("ANALYZE \"S.1\".\"T\""));
}

TEST(TargetSql, MovingMethodsGetForeignKeysBeforeTheRows) {
  Plan plan = plan_of_two_leaves();
  ForeignKey key;
  key.name = "fk";
  key.table = plan.source.name;
  key.referenced = {"s", "other"};
  key.definition = "FOREIGN KEY (a) REFERENCES s.other(id)";
  plan.source.foreign_keys = {key};
  EXPECT_THAT(texts(statements_before_rows_sql(plan)), Not(Contains(HasSubstr("FOREIGN KEY"))));
  plan.method = Method::move;
  EXPECT_THAT(texts(statements_before_rows_sql(plan)), Contains(HasSubstr("FOREIGN KEY")).Times(2));
  EXPECT_THAT(texts(statements_after_rows_sql(plan)), Contains(HasSubstr("FOREIGN KEY")).Times(1));
}

}  // namespace
}  // namespace pgsluice::planner

// The facts of a table as values: their JSON form, their digest, and what is asked of their columns.
#include "planner/table_facts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <nlohmann/json.hpp>

namespace pgsluice::planner {
namespace {

using testing::ElementsAre;

Column full_column() {
  Column column;
  column.attribute_number = 3;
  column.name = "odd\n\"é\" ";
  column.type = "public.\"Mood\"[]";
  column.type_oid = std::numeric_limits<std::uint32_t>::max();
  column.has_binary_form = false;
  column.binary_form_is_portable = false;
  column.collation = "pg_catalog.\"C\"";
  column.not_null = true;
  column.not_null_is_valid = false;
  column.default_expression = "'it''s'::text";
  column.generated = "s";
  column.identity = "a";
  column.owned_sequence = {"public", "t_id_seq"};
  column.storage = "e";
  column.compression = "l";
  column.statistics_target = 500;
  column.options = {"n_distinct=-0.5", "n_distinct_inherited=7"};
  column.comment = "a comment";
  return column;
}

Sequence full_sequence() {
  return {.name = {"public", "t_id_seq"},
          .column = "id",
          .type = "bigint",
          .start = "10",
          .increment = "-5",
          .minimum = "-9223372036854775808",
          .maximum = "9223372036854775807",
          .cache = "7",
          .cycle = true};
}

Index full_index() {
  Index index;
  index.name = "t_pkey";
  index.is_primary = true;
  index.is_unique = true;
  index.is_constraint = true;
  index.is_valid = false;
  index.is_exclusion = true;
  index.is_partial = true;
  index.has_expressions = true;
  index.nulls_not_distinct = true;
  index.deferrable = true;
  index.initially_deferred = true;
  index.is_replica_identity = true;
  index.is_clustered = true;
  index.default_order = false;
  index.key_columns = {"id", ""};
  index.included_columns = {"kind"};
  index.access_method = "btree";
  index.body = "btree (id, lower(a)) INCLUDE (kind)";
  index.reloptions = {"fillfactor=70"};
  index.tablespace = "fast";
  index.comment = "the key";
  index.bytes = 1'234'567'890'123;
  return index;
}

ForeignKey full_foreign_key() {
  return {.name = "to_parent",
          .table = {"public", "t"},
          .referenced = {"other", "parent"},
          .columns = {"a", "b"},
          .referenced_columns = {"x", "y"},
          .definition = "FOREIGN KEY (a, b) REFERENCES other.parent(x, y)",
          .on_delete = "c",
          .is_valid = false,
          .is_enforced = false,
          .comment = "points"};
}

// Every field differs from what it is by default; EveryFieldIsInTheJsonForm sees to that.
TableFacts full_facts() {
  TableFacts facts;
  facts.name = {"Sp1eCial .Char", "Tabl e"};
  facts.oid = 4'000'000'000;
  facts.file_node = 16'384;
  facts.kind = "r";
  facts.persistence = "p";
  facts.is_partition = true;
  facts.has_children = true;
  facts.has_parents = true;
  facts.row_security = true;
  facts.force_row_security = true;
  facts.row_security_active = true;
  facts.owner = "app";
  facts.access_method = "heap";
  facts.tablespace = "slow";
  facts.of_type = "public.row_type";
  facts.reloptions = {"fillfactor=90", "toast.autovacuum_enabled=off"};
  facts.replica_identity = "i";
  facts.comment = "a table";
  facts.columns = {full_column()};
  facts.sequences = {full_sequence()};
  facts.indexes = {full_index()};
  facts.checks = {{.name = "positive",
                   .expression = "(a > 0)",
                   .is_valid = false,
                   .is_enforced = false,
                   .no_inherit = true,
                   .comment = "checked"}};
  facts.foreign_keys = {full_foreign_key()};
  facts.incoming_foreign_keys = {full_foreign_key()};
  facts.triggers = {{.name = "t ON x",
                     .before_table = "CREATE TRIGGER \"t ON x\" AFTER INSERT",
                     .after_table = "FOR EACH ROW EXECUTE FUNCTION f()",
                     .enabled = "D",
                     .on_insert = true,
                     .on_update = true,
                     .on_delete = true,
                     .on_truncate = true,
                     .per_row = true,
                     .has_transition_table = true,
                     .comment = "fires"}};
  facts.rules = {{.kind = "rule", .name = "r", .definition = "CREATE RULE r AS …"}};
  facts.policies = {{.name = "p",
                     .permissive = false,
                     .command = "UPDATE",
                     .roles = {"PUBLIC"},
                     .using_expression = "(id > 1)",
                     .check_expression = "(id > 2)",
                     .comment = "guards"}};
  facts.grants = {{.grantee = "\"Wri\"\"ter\"", .privilege = "UPDATE", .column = "kind", .grantable = true}};
  facts.statistics = {{.name = {"public", "st"}, .body = "(mcv) ON a, b", .target = 77, .comment = "counted"}};
  facts.publications = {{.name = "pub", .columns = "(id)", .row_filter = "(id > 5)", .owned = true}};
  facts.published_with_all_tables = true;
  facts.dependents = {{.kind = "view", .name = "public.v", .definition = "…"}};
  facts.size = {.heap_bytes = 9'000'000'000'000,
                .toast_bytes = 2,
                .index_bytes = 3,
                .page_count = 4,
                .rows_estimate = 1.5e10,
                .dead_rows = 6};
  return facts;
}

// One element in every list, and nothing said about it.
TableFacts empty_facts() {
  TableFacts facts;
  facts.columns.resize(1);
  facts.sequences.resize(1);
  facts.indexes.resize(1);
  facts.checks.resize(1);
  facts.foreign_keys.resize(1);
  facts.incoming_foreign_keys.resize(1);
  facts.triggers.resize(1);
  facts.rules.resize(1);
  facts.policies.resize(1);
  facts.grants.resize(1);
  facts.statistics.resize(1);
  facts.publications.resize(1);
  facts.dependents.resize(1);
  return facts;
}

std::string digest_after(const std::function<void(TableFacts&)>& change) {
  TableFacts facts = full_facts();
  change(facts);
  return definition_digest(facts);
}

TEST(TableFacts, EveryFieldIsInTheJsonForm) {
  const nlohmann::json full = nlohmann::json(full_facts()).flatten();
  const nlohmann::json empty = nlohmann::json(empty_facts()).flatten();
  for (const auto& [path, value] : empty.items()) {
    EXPECT_TRUE(!full.contains(path) || full.at(path) != value) << path << " is not set in full_facts()";
  }
  EXPECT_EQ(nlohmann::json(full_facts()).get<TableFacts>(), full_facts());
  EXPECT_EQ(nlohmann::json(empty_facts()).get<TableFacts>(), empty_facts());
}

TEST(TableFacts, JsonFormSurvivesBeingWrittenAsText) {
  const std::string text = nlohmann::json(full_facts()).dump();
  EXPECT_EQ(nlohmann::json::parse(text).get<TableFacts>(), full_facts());
}

TEST(TableFacts, ReadingReplacesWhatWasThere) {
  TableFacts facts = full_facts();
  nlohmann::json(TableFacts()).get_to(facts);
  EXPECT_EQ(facts, TableFacts());
}

TEST(TableFacts, AMissingFieldIsRefusedRatherThanGuessed) {
  const nlohmann::json full = full_facts();
  for (const auto& [key, value] : full.items()) {
    nlohmann::json json = full;
    json.erase(key);
    EXPECT_THROW(json.get<TableFacts>(), nlohmann::json::exception) << key;
  }
}

TEST(TableFacts, ColumnIsFoundByItsExactName) {
  const TableFacts facts = full_facts();
  ASSERT_NE(facts.column("odd\n\"é\" "), nullptr);
  EXPECT_EQ(facts.column("odd\n\"é\" ")->attribute_number, 3);
  EXPECT_EQ(facts.column("odd"), nullptr);
}

TEST(TableFacts, GeneratedColumnsCannotBeInsertedAndIdentityColumnsCan) {
  TableFacts facts;
  facts.columns.resize(4);
  facts.columns[0].name = "id";
  facts.columns[0].identity = "a";
  facts.columns[1].name = "stored";
  facts.columns[1].generated = "s";
  facts.columns[2].name = "virtual";
  facts.columns[2].generated = "v";
  facts.columns[3].name = "b";
  EXPECT_THAT(facts.insertable_columns(), ElementsAre("id", "b"));
}

TEST(DefinitionDigest, IsTheSameForFactsKeptInAPlan) {
  const std::string text = nlohmann::json(full_facts()).dump();
  const std::string digest = definition_digest(nlohmann::json::parse(text).get<TableFacts>());
  EXPECT_EQ(digest, definition_digest(full_facts()));
  EXPECT_THAT(digest, testing::MatchesRegex("[0-9a-f]{32}"));
}

TEST(DefinitionDigest, IgnoresSizesCountersAndWhoAsks) {
  const std::string digest = definition_digest(full_facts());
  EXPECT_EQ(digest_after([](TableFacts& facts) { facts.size = {}; }), digest);
  EXPECT_EQ(digest_after([](TableFacts& facts) { facts.file_node = 1; }), digest);
  EXPECT_EQ(digest_after([](TableFacts& facts) { facts.indexes[0].bytes = 1; }), digest);
  EXPECT_EQ(digest_after([](TableFacts& facts) { facts.row_security_active = false; }), digest);
  EXPECT_EQ(digest_after([](TableFacts& facts) { facts.publications[0].owned = false; }), digest);
  EXPECT_EQ(digest_after([](TableFacts& facts) { facts.dependents.clear(); }), digest);
}

TEST(DefinitionDigest, ChangesWithEveryOtherField) {
  const std::string digest = definition_digest(full_facts());
  const nlohmann::json flat = nlohmann::json(full_facts()).flatten();
  int changed = 0;
  for (const auto& [path, value] : flat.items()) {
    const bool is_ignored = path.starts_with("/size/") || path.starts_with("/dependents/") || path == "/file_node" ||
                            path == "/row_security_active" || path == "/indexes/0/bytes" ||
                            path == "/publications/0/owned";
    if (is_ignored) {
      continue;
    }
    nlohmann::json other = flat;
    if (value.is_boolean()) {
      other[path] = !value.get<bool>();
    } else if (value.is_number()) {
      other[path] = value.get<std::int64_t>() - 1;
    } else {
      other[path] = value.get<std::string>() + "x";
    }
    EXPECT_NE(definition_digest(other.unflatten().get<TableFacts>()), digest) << path;
    ++changed;
  }
  EXPECT_GT(changed, 100);
}

TEST(DefinitionDigest, TakesNamesThatAreNoUtf8) {
  EXPECT_NE(digest_after([](TableFacts& facts) { facts.columns[0].name = "caf\xe9"; }),
            digest_after([](TableFacts& facts) { facts.columns[0].name = "caf\xe8"; }));
}

}  // namespace
}  // namespace pgsluice::planner

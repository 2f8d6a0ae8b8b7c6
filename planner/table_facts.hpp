// What a migration must know of the source table, as plain values: read once by catalog.cpp, kept in the plan, compared
// when a run begins. Nothing here asks a server.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "pg/identifier.hpp"

namespace pgsluice::planner {

using pg::QualifiedName;

// One live column; dropped ones are not listed, and their attribute numbers stay unused.
struct Column {
  int attribute_number = 0;  // pg_attribute.attnum: gaps are dropped columns.
  std::string name;
  std::string type;             // format_type() with modifier, schema-qualified where needed: usable as SQL text.
  std::uint32_t type_oid = 0;   // >= 16384: made by a user; its OID differs between databases.
  bool has_binary_form = true;  // False: the type has no send or no receive function (aclitem), so COPY must use text.
  // False: the binary form holds OIDs (regclass; arrays and composites with user-defined parts), which mean nothing, or
  // something else, in another database: COPY between databases must use text.
  bool binary_form_is_portable = true;
  std::string collation;  // Quoted SQL text, `"pg_catalog"."C"`; empty when it is the type's own.
  bool not_null = false;
  bool not_null_is_valid = true;   // False: NOT NULL … NOT VALID (18+), so there may be nulls all the same.
  std::string default_expression;  // SQL text; empty when there is none. Also the expression of a generated column.
  std::string generated;           // "" no, "s" stored, "v" virtual.
  std::string identity;            // "" no, "a" always, "d" by default.
  std::optional<QualifiedName> owned_sequence;  // The sequence that an identity or serial column owns.
  std::string storage;                          // "p", "e", "m", "x"; empty when it is the type's own.
  std::string compression;                      // "p" pglz, "l" lz4; empty for the default.
  std::optional<int> statistics_target;         // Absent for the default.
  std::vector<std::string> options;             // "n_distinct=-0.5"
  std::string comment;
  bool operator==(const Column&) const = default;
};

// A sequence that a column of the source owns.
struct Sequence {
  QualifiedName name;
  std::string column;
  std::string type;  // "bigint"
  std::string start, increment, minimum, maximum, cache;
  bool cycle = false;
  bool operator==(const Sequence&) const = default;
};

// A primary key, unique constraint, or index (unique or not).
struct Index {
  std::string name;
  bool is_primary = false;
  bool is_unique = false;
  bool is_constraint = false;  // Backed by a pg_constraint row of type p or u.
  bool is_valid = true;
  bool is_exclusion = false;
  bool is_partial = false;
  bool has_expressions = false;
  bool nulls_not_distinct = false;
  bool deferrable = false;
  bool initially_deferred = false;
  bool is_replica_identity = false;
  bool is_clustered = false;
  bool default_order = true;             // btree, default operator classes, the columns' own collations, ascending.
  std::vector<std::string> key_columns;  // Plain columns only; an expression stands as an empty string.
  std::vector<std::string> included_columns;  // INCLUDE (…)
  std::string access_method;
  std::string
      body;  // What pg_get_indexdef() says after "USING ": `btree (a, lower(b)) INCLUDE (c) WITH (…) WHERE (…)`.
  std::vector<std::string> reloptions;  // "fillfactor=70"
  std::string tablespace;               // Empty for the default.
  std::string comment;
  std::int64_t bytes = 0;
  bool operator==(const Index&) const = default;
};

struct CheckConstraint {
  std::string name;
  std::string expression;  // Without CHECK and its outer parentheses.
  bool is_valid = true;
  bool is_enforced = true;  // False: NOT ENFORCED (18+); then it is not valid either.
  bool no_inherit = false;
  std::string comment;
  bool operator==(const CheckConstraint&) const = default;
};

// A foreign key of the source to another table (outgoing) or of another table to the source (incoming).
struct ForeignKey {
  std::string name;
  QualifiedName table;       // The table that has the constraint.
  QualifiedName referenced;  // The table that it points to.
  std::vector<std::string> columns;
  std::vector<std::string> referenced_columns;
  std::string definition;  // pg_get_constraintdef() without NOT VALID and NOT ENFORCED.
  std::string on_delete;   // "a" no action, "r" restrict, "c" cascade, "n" set null, "d" set default.
  bool is_valid = true;
  bool is_enforced = true;  // False: NOT ENFORCED (18+); then it is not valid either.
  std::string comment;
  bool is_self() const { return table == referenced; }
  bool operator==(const ForeignKey&) const = default;
};

struct Trigger {
  std::string name;
  std::string before_table;  // pg_get_triggerdef() up to " ON ": `CREATE TRIGGER "t" AFTER INSERT OR UPDATE OF "a"`.
  std::string after_table;   // … and after the table's name: `FOR EACH ROW EXECUTE FUNCTION f()`.
  std::string enabled;       // "O" origin, "D" disabled, "R" replica, "A" always.
  bool on_insert = false, on_update = false, on_delete = false, on_truncate = false;
  bool per_row = false;
  bool has_transition_table = false;
  std::string comment;
  bool operator==(const Trigger&) const = default;
};

struct Policy {
  std::string name;
  bool permissive = true;
  std::string command;             // "ALL", "SELECT", …
  std::vector<std::string> roles;  // Quoted SQL text; `PUBLIC` for everybody.
  std::string using_expression, check_expression;
  std::string comment;
  bool operator==(const Policy&) const = default;
};

// One privilege of one role on the table or on one column.
struct Grant {
  std::string grantee;    // Quoted SQL text; `PUBLIC` for everybody.
  std::string privilege;  // "SELECT"
  std::string column;     // Unquoted; empty for the whole table.
  bool grantable = false;
  bool operator==(const Grant&) const = default;
};

struct Statistics {
  QualifiedName name;
  std::string
      body;  // `(ndistinct, mcv) ON a, b`, as pg_get_statisticsobjdef() writes it; `ON a, b` when it has every kind.
  std::optional<int> target;
  std::string comment;
  bool operator==(const Statistics&) const = default;
};

struct Publication {
  std::string name;
  std::string columns;     // `("a", "b")`; empty for all.
  std::string row_filter;  // Without WHERE and parentheses; empty for none.
  bool owned = false;      // This role may change it.
  bool operator==(const Publication&) const = default;
};

// Something that uses the table and stays with it until the cutover: a view, a function, a rule.
struct Dependent {
  std::string kind;  // "view", "materialized view", "function", "rule", "policy", "column", "type", "foreign key".
  std::string name;  // As a person reads it.
  std::string definition;  // CREATE RULE … for a rule; else empty.
  bool operator==(const Dependent&) const = default;
};

// Sizes in bytes and rows as the server estimates them; never used for safety.
struct TableSize {
  std::int64_t heap_bytes = 0;
  std::int64_t toast_bytes = 0;
  std::int64_t index_bytes = 0;
  std::int64_t page_count = 0;  // Measured pages of the heap, not relpages.
  double rows_estimate = 0;     // reltuples scaled to page_count; counted when the table is small or never analyzed.
  std::int64_t dead_rows = 0;
  bool operator==(const TableSize&) const = default;
};

// One partition of a partitioned source, of any level.
struct SourcePartition {
  QualifiedName name;
  std::string kind;         // relkind: "r", "p", "f".
  std::string persistence;  // relpersistence: "p", "u", "t".
  std::string owner;
  bool is_default = false;         // Of the table itself, not of a partition of it.
  std::vector<std::string> own;    // What it has and the table has not, as a person reads it: `index "i"`.
  std::vector<std::string> keys;   // Foreign keys of its own, or to it alone, likewise.
  std::vector<std::string> users;  // What names it: `view "v"`.
  // Triggers of its own, and those of the table that are enabled otherwise here; each with its state.
  std::vector<std::string> trigger_names, trigger_states;
  bool is_leaf() const { return kind != "p"; }
  bool operator==(const SourcePartition&) const = default;
};

struct TableFacts {
  QualifiedName name;
  std::uint32_t oid = 0;
  std::uint32_t file_node = 0;  // pg_relation_filenode: a change means that ctids have moved.
  std::string kind;             // relkind: "r", "p", "f", …
  std::string persistence;      // relpersistence: "p", "u", "t".
  bool is_partition = false;
  bool has_children = false;  // Inheritance children.
  bool has_parents = false;   // Inherits from another table (and is no partition).
  bool row_security = false, force_row_security = false;
  bool row_security_active = false;  // For this role, now: rows would be hidden.
  std::string owner;                 // Unquoted, as every name outside Grant and Policy.
  std::string access_method;
  std::string tablespace;
  std::string of_type;                  // CREATE TABLE OF type.
  std::vector<std::string> reloptions;  // "fillfactor=90", "toast.autovacuum_enabled=off"
  std::string replica_identity;         // "d", "n", "f", "i"
  std::string comment;
  std::vector<Column> columns;
  std::vector<Sequence> sequences;
  std::vector<Index> indexes;  // Primary key first, then by name.
  std::vector<CheckConstraint> checks;
  std::vector<ForeignKey> foreign_keys;           // Outgoing.
  std::vector<ForeignKey> incoming_foreign_keys;  // Of other tables (and of itself).
  std::vector<Trigger> triggers;                  // Neither internal ones nor our own guard.
  std::vector<Dependent> rules;
  std::vector<Policy> policies;
  std::vector<Grant> grants;
  std::vector<Statistics> statistics;
  std::vector<Publication> publications;
  bool published_with_all_tables = false;  // Some publication is FOR ALL TABLES or for the schema.
  std::vector<Dependent> dependents;
  std::vector<SourcePartition> partitions;  // Where the table is partitioned itself; parents before their children.
  TableSize size;                           // Of all partitions together.

  bool is_partitioned() const { return kind == "p"; }
  // The column of that name, or nullptr.
  const Column* column(std::string_view column_name) const;
  // Names of the columns that an INSERT may fill: all but generated ones, in table order.
  std::vector<std::string> insertable_columns() const;
  std::int64_t bytes_total() const { return size.heap_bytes + size.toast_bytes; }
  bool operator==(const TableFacts&) const = default;
};

void to_json(nlohmann::json& json, const TableFacts& facts);
void from_json(const nlohmann::json& json, TableFacts& facts);

// A hash of the table's definition, 32 hexadecimal digits: it changes if and only if the definition changed. Left out
// are sizes, file_node, what only concerns this role (row_security_active, Publication::owned), `dependents`, which
// use the table but are no part of it, and `partitions`, which come and go.
std::string definition_digest(const TableFacts& facts);

}  // namespace pgsluice::planner

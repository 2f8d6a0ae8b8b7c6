// The plan: everything that was decided before anything was changed. It is written once into the checkpoint's header
// and never altered afterwards; what happens to its ranges is the checkpoint's and the ledger's business.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "planner/key.hpp"
#include "planner/layout.hpp"
#include "planner/partition_parent.hpp"
#include "planner/table_facts.hpp"
#include "planner/target_names.hpp"

namespace pgsluice::planner {

// How concurrent writes are survived. Only what exists is listed.
enum class Strategy {
  offline,  // Nobody writes: the guard sees to it.
  capture,  // Triggers note the keys of changed rows, which are brought over again until the cutover.
};

// How the changes are noted: by a trigger for each row, or by one for each statement, which costs less where statements
// change many rows each.
enum class CaptureForm { row, statement };

// How a batch travels. See design.md, "Words".
enum class Method { insert, move, stream, stream_move };

// True for methods that remove the row from the source in the batch's own transaction.
bool empties_source(Method method);
// True for methods that work inside one database only.
bool needs_one_database(Method method);

std::string_view name_of(Strategy strategy);
std::string_view name_of(CaptureForm form);
std::string_view name_of(Method method);                       // "stream-move"
std::string methods_text(const std::vector<Method>& methods);  // "insert or stream"
// Fails: refused, listing the names that exist.
Method method_named(std::string_view name);
Strategy strategy_named(std::string_view name);
CaptureForm capture_form_named(std::string_view name);

// What tells one database from another, as far as a plain role may know.
struct DatabaseIdentity {
  std::string system_identifier;  // pg_control_system(); empty where this role may not ask.
  std::string database;
  std::uint32_t database_oid = 0;
  int server_version = 0;
  bool operator==(const DatabaseIdentity&) const = default;
};

// A fact the operator should read before saying yes.
struct Notice {
  enum class Kind { kept, changed, lost, warning };
  Kind kind = Kind::warning;
  std::string what;     // "primary key sources_pkey (id)"
  std::string instead;  // "becomes (id, uid): a partitioned table's key must contain the partition key"
  std::string flag;     // The option that accepts it, `--accept rules`; empty when none is needed.
};

std::string_view name_of(Notice::Kind kind);

// A column of the source that the strategy `capture` notes when its row changes.
struct CapturedColumn {
  std::string name;  // Unquoted.
  std::string type;  // SQL text. Of a column whose type is a domain: the type below it, whose values nobody can forbid.
  std::string collation;          // Quoted SQL text; empty for the type's own.
  bool is_key = false;            // Of the key by which a row is found again; else of the partition key beside it.
  bool not_null = false;          // In the source.
  bool has_own_equality = false;  // A type that somebody made: its operators may stand in any schema.
  bool operator==(const CapturedColumn&) const = default;
};

struct Plan {
  std::string migration_id;  // UUID.
  std::string created_at;    // UTC, ISO 8601.
  std::string tool_version;
  DatabaseIdentity source_database;
  DatabaseIdentity target_database;
  bool one_database = true;  // Source and target are the same database, so server-side methods work.
  Strategy strategy = Strategy::offline;
  CaptureForm capture_form = CaptureForm::row;  // Of the strategy `capture`.
  Method method = Method::insert;               // The first of `methods`.
  // What a batch may travel by, all copying or all emptying the source. More than one: the run finds the best by
  // measuring.
  std::vector<Method> methods = {Method::insert};
  std::string method_reason;  // Why these; empty when the operator named one.
  bool guard = true;          // Of the strategy `offline`.
  bool carry_grants_to_leaves = true;
  TableFacts source;
  // Present: the source is a partition of this table, and is split into the layout's leaves, which take its place
  // there. The layout's root only holds them together until then.
  std::optional<PartitionParent> parent;
  Layout layout;
  TargetNames names;
  std::vector<std::string>
      key_columns_with_nulls;  // Partition key columns that hold NULLs: a primary key cannot contain them.
  RangeKey key;
  std::vector<CapturedColumn> captured;  // Of the strategy `capture`: the key's columns, then the others.
  bool rows_come_leaf_by_leaf = false;   // An estimate, see row_order.hpp.
  std::vector<Range> ranges;
  std::vector<Notice> notices;
};

// The table that the application names: the source, or the table whose partition it is.
const QualifiedName& table_in_use(const Plan& plan);

void to_json(nlohmann::json& json, const Plan& plan);
void from_json(const nlohmann::json& json, Plan& plan);

// A hash of the whole plan: the ledger keeps it, so that a checkpoint of another plan is noticed.
std::string digest(const Plan& plan);

// A random UUID, version 4.
std::string make_migration_id();

}  // namespace pgsluice::planner

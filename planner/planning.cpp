#include "planner/planning.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "pg/failure.hpp"
#include "planner/catalog_snapshot.hpp"
#include "planner/keep.hpp"
#include "planner/largest_value.hpp"
#include "planner/names.hpp"
#include "planner/partition_values.hpp"
#include "planner/refusals.hpp"
#include "planner/row_order.hpp"
#include "planner/split_planning.hpp"
#include "planner/target_names.hpp"

namespace pgsluice::planner {

namespace {

using pg::Failure;
using pg::FailureKind;

Failure refused(const std::string& message) {
  return Failure(FailureKind::refused, message);
}

// One call of make_plan, handed from step to step.
struct Planning {
  pg::Connection& source;
  pg::Connection& target;
  const PlanOptions& options;
  Refusals refusals;
  Plan plan;
  std::string why_offline;  // Where nobody asked for that strategy.
  bool is_split = false;    // The source is a partition, and --into names its parent.
  std::vector<Notice> parent_notices;

  const TableFacts& facts() const { return plan.source; }
};

// At once: to read such rows is nothing that planning may do.
void refuse_foreign_partitions(const TableFacts& facts) {
  for (const SourcePartition& partition : facts.partitions) {
    if (partition.kind == "f") {
      throw refused("partition " + pg::display(partition.name) + " is a foreign table")
          .detail("Its rows are elsewhere, and nobody can note there what changes.")
          .hint("Detach it first.")
          .status("nothing was changed");
    }
  }
}

void identify(Planning& planning) {
  Plan& plan = planning.plan;
  plan.migration_id = make_migration_id();
  plan.created_at = planning.options.created_at;
  plan.tool_version = planning.options.tool_version;
  plan.source_database = read_database_identity(planning.source);
  plan.target_database = read_database_identity(planning.target);
  plan.one_database = is_one_database(planning.source, planning.target);
}

void choose_method(Planning& planning) {
  Plan& plan = planning.plan;
  if (planning.options.method) {
    plan.methods = {*planning.options.method};
  } else {
    plan.methods = eligible_methods(plan.one_database, planning.options.empty_source);
    plan.method_reason = plan.methods.size() > 1 ? "the run finds out by moving its first ranges by each"
                                                 : "the target is in another database";
  }
  if (plan.methods.empty()) {
    plan.methods = {Method::move};  // Refused below.
  }
  plan.method = plan.methods.front();
  if (needs_one_database(plan.method) && !plan.one_database) {
    planning.refusals.add(
        refused(planning.options.method
                    ? "the method " + std::string(name_of(plan.method)) + " works inside one database only"
                    : "rows are moved out of the source inside one database only")
            .detail("Source: " + planning.source.description() + "; target: " + planning.target.description() + ".")
            .hint("Use --method stream between two databases."));
  }
}

// A partition that goes into its own parent is split: its new partitions are made beside that.
QualifiedName target_name(const Planning& planning) {
  QualifiedName name = planning.is_split ? default_target_name(planning.facts().name)
                                         : planning.options.into.value_or(default_target_name(planning.facts().name));
  if (name.schema.empty()) {
    name.schema = planning.facts().name.schema;
  }
  return name;
}

void look_for_split(Planning& planning) {
  if (planning.facts().is_partition && planning.options.into && planning.options.strategy != Strategy::offline &&
      planning.plan.one_database) {
    QualifiedName into = *planning.options.into;
    into.schema = into.schema.empty() ? planning.facts().name.schema : into.schema;
    planning.is_split = is_split(planning.source, planning.facts(), into);
  }
}

// Why changes cannot be captured while rows travel; empty where they can.
std::string reason_against_capture(const Planning& planning) {
  const Plan& plan = planning.plan;
  if (!plan.one_database) {
    return "the target is in another database";
  }
  if (empties_source(plan.method)) {
    return "the method " + std::string(name_of(plan.method)) + " takes rows out of the table";
  }
  if (!planning.options.guard) {
    return "--guard is about nobody writing";
  }
  if (planning.options.split == SplitChoice::ctid) {
    return "rows are read by ctid, which an update changes";
  }
  if ((plan.source.is_partition && !planning.is_split) || (plan.source.kind != "r" && !plan.source.is_partitioned())) {
    return "the source is a partition of a table that --into does not name, or no table";
  }
  if (read_relation_kind(planning.target, target_name(planning))) {
    return "the target exists already";
  }
  try {
    choose_range_key(plan.source, SplitChoice::key, planning.source.server_major_version(), false);
  } catch (const Failure&) {
    return "the source has no unique key of NOT NULL columns";
  }
  return "";
}

void choose_strategy(Planning& planning) {
  Plan& plan = planning.plan;
  if (planning.options.strategy || planning.options.capture_form) {
    plan.strategy = planning.options.strategy.value_or(Strategy::capture);
  } else {
    planning.why_offline = reason_against_capture(planning);
    plan.strategy = planning.why_offline.empty() ? Strategy::capture : Strategy::offline;
  }
  plan.guard = planning.options.guard && plan.strategy == Strategy::offline;
  planning.is_split = planning.is_split && plan.strategy == Strategy::capture;
}

void take_existing(Planning& planning, const QualifiedName& name, const std::string& kind) {
  const std::string shown = pg::display(name);
  if (planning.plan.one_database && name == planning.facts().name) {
    throw refused("source and target are the same table, " + shown).hint("Name another table with --into.");
  }
  if (kind != "p") {
    throw refused("the target " + shown + " exists already and is not partitioned")
        .hint("Name another table with --into, or drop that one.");
  }
  if (!planning.options.levels.empty()) {
    throw refused("the target " + shown + " exists already, so its layout cannot be chosen with --by")
        .hint("Leave out --by to fill it as it is, or name another table with --into.");
  }
  if (read_has_rows(planning.target, name)) {
    throw refused("the target " + shown + " is not empty")
        .detail("Rows that were there before could not be told from those that arrive.")
        .hint("Empty it, or name another table with --into.");
  }
  planning.plan.layout = read_existing_layout(planning.target, name);
}

void design(Planning& planning, const QualifiedName& name) {
  if (planning.options.levels.empty()) {
    throw refused("there is no table " + pg::display(name) + " to fill, and no layout to make it by")
        .hint("Say how it is to be partitioned: --by \"HASH (uid)\" --partitions 16, for example.");
  }
  NameAllocator names(read_relation_names(planning.target, name.schema));
  planning.plan.layout = design_layout(planning.source, planning.facts(), name, planning.options.levels, names);
}

void lay_out_split(Planning& planning, const QualifiedName& name) {
  if (read_relation_kind(planning.target, name)) {
    throw refused("the name " + pg::display(name) + ", which the new partitions need until the cutover, is taken")
        .hint("Rename or drop what has it.");
  }
  SplitPlan split = plan_split(planning.source, planning.facts(), planning.options.levels, name);
  planning.plan.parent = std::move(split.parent);
  planning.plan.layout = std::move(split.layout);
  planning.parent_notices = std::move(split.notices);
}

void refuse_level_without_key(const Planning& planning) {
  for (const LevelSpec& level : planning.options.levels) {
    if (level.columns.empty()) {
      throw refused("the bounds that are wished say nothing without --by")
          .hint("It can be left out where --into names the table whose partition --table is.");
    }
  }
}

void lay_out(Planning& planning) {
  const QualifiedName name = target_name(planning);
  if (planning.is_split) {
    lay_out_split(planning, name);
    return;
  }
  refuse_level_without_key(planning);
  const std::optional<std::string> kind = read_relation_kind(planning.target, name);
  kind ? take_existing(planning, name, *kind) : design(planning, name);
}

void name_parts(Planning& planning) {
  if (planning.plan.layout.existing) {
    return;
  }
  TakenNames taken;
  for (const PartitionNode* node : nodes(planning.plan.layout)) {
    const std::string& schema = node->name.schema;
    if (!taken.relations.contains(schema)) {
      taken.relations[schema] = read_relation_names(planning.target, schema);
      taken.statistics[schema] = read_statistics_names(planning.target, schema);
    }
  }
  for (const PartitionNode* node : nodes(planning.plan.layout)) {
    taken.relations[node->name.schema].insert(node->name.name);
  }
  planning.plan.names = choose_target_names(planning.facts(), planning.plan.layout, taken);
}

// A primary key cannot contain a column with NULLs, and that would show only after all rows are moved.
void find_null_keys(Planning& planning) {
  const TableFacts& facts = planning.facts();
  const bool has_primary_key =
      std::any_of(facts.indexes.begin(), facts.indexes.end(), [](const Index& index) { return index.is_primary; });
  if (!has_primary_key || planning.plan.layout.existing) {
    return;
  }
  for (const std::string& name : partition_key_columns(planning.plan.layout)) {
    const Column* column = facts.column(name);
    if (column == nullptr || (column->not_null && column->not_null_is_valid)) {
      continue;
    }
    const PartitionColumn asked = read_partition_column(planning.source, facts, *column);
    if (read_null_count(planning.source, facts, asked) > 0) {
      planning.plan.key_columns_with_nulls.push_back(name);
    }
  }
}

// A subscription's worker fires triggers for rows only.
bool is_subscribed(Planning& planning) {
  return read_statement(planning.source, "is_subscribed", {pg::quoted(planning.facts().name)}).boolean(0, 0);
}

// What the strategy `capture` cannot do, whatever the table's columns.
void refuse_uncapturable(Planning& planning) {
  const auto refuse = [&](const std::string& message, const std::string& detail, const std::string& hint) {
    planning.refusals.add(refused(message).detail(detail).hint(hint));
  };
  const Plan& plan = planning.plan;
  const std::string table = pg::display(plan.source.name);
  constexpr const char* kOffline = "With --strategy offline, which stops writes meanwhile, it can be done.";
  if (!plan.one_database) {
    refuse("changes are captured inside one database only",
           "Source: " + planning.source.description() + "; target: " + planning.target.description() + ".", kOffline);
  }
  if (empties_source(plan.method)) {
    refuse("the method " + std::string(name_of(plan.method)) + " takes rows out of a table that is in use",
           "Until the cutover the application finds its rows in " + table + ".",
           "Use --method insert, --method stream, or auto.");
  }
  if (plan.source.is_partition && !planning.is_split) {
    refuse(
        table + " is a partition of another table",
        "It cannot become a partitioned table itself in this version, but it can be split into partitions beside it.",
        std::string("Name that other table with --into. ") + kOffline);
  }
  if (planning.is_split && plan.source.is_partitioned()) {
    refuse(table + " is a partition that is partitioned itself",
           "Only one that holds its rows itself can be split into others beside it.", kOffline);
  }
  if (plan.parent) {
    refuse_unsplittable(plan, planning.refusals);
  }
  if (planning.is_split && planning.options.capture_form == CaptureForm::statement) {
    refuse("changes of " + table + " cannot be captured by statement",
           "Triggers of a partition for statements do not fire for those that name its parent.", "Use --capture row.");
  }
  if (planning.options.capture_form == CaptureForm::statement && plan.source.is_partitioned()) {
    refuse("changes of " + table + " cannot be captured by statement",
           "It is partitioned: a statement that names a partition fires the triggers of that one alone.",
           "Use --capture row.");
  }
  if (planning.options.capture_form == CaptureForm::statement && is_subscribed(planning)) {
    refuse("changes of " + table + " cannot be captured by statement",
           "A subscription fills it, whose worker fires triggers for rows only.", "Use --capture row.");
  }
  if (plan.layout.existing) {
    refuse("changes are captured for a target that the plan makes, and " + pg::display(plan.layout.root.name) +
               " exists already",
           "Its indexes and triggers would have to be such that a row can be brought over again.",
           "Name another table with --into and choose the layout with --by.");
  }
}

// Rows a statement, as far as the counters of the table can tell; there is no counter of statements, but one that
// changes rows scans for them.
CaptureForm read_better_form(Planning& planning) {
  if (planning.is_split || planning.facts().is_partitioned() || is_subscribed(planning)) {
    return CaptureForm::row;
  }
  constexpr double kRowsPerStatement = 20;
  const pg::Result row =
      read_statement(planning.source, "rows_changed_per_scan", {std::to_string(planning.facts().oid)});
  return row.row_count() == 1 && !row.is_null(0, 0) && row.number(0, 0) >= kRowsPerStatement ? CaptureForm::statement
                                                                                             : CaptureForm::row;
}

// What is noted of a changed row, and how.
void choose_capture(Planning& planning) {
  Plan& plan = planning.plan;
  plan.capture_form = planning.options.capture_form ? *planning.options.capture_form : read_better_form(planning);
  std::vector<std::string> names;
  for (const KeyColumn& column : plan.key.columns) {
    names.push_back(column.name);
  }
  const std::size_t key_count = names.size();
  for (const std::string& name : partition_key_columns(plan.layout)) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      names.push_back(name);
    }
  }
  CatalogSnapshot snapshot(planning.source);
  snapshot.write_definitions_in_full();
  const pg::Result rows = snapshot.read("captured_columns", {std::to_string(plan.source.oid), to_array_text(names)});
  for (std::size_t i = 0; i < names.size(); ++i) {
    for (int row = 0; row < rows.row_count(); ++row) {
      if (rows.text(row, rows.column("name")) == names[i]) {
        plan.captured.push_back({names[i], std::string(rows.text(row, rows.column("type"))),
                                 std::string(rows.text(row, rows.column("collation"))), i < key_count,
                                 rows.boolean(row, rows.column("not_null")),
                                 rows.boolean(row, rows.column("has_own_equality"))});
      }
    }
  }
}

// What is kept, changed and lost. Where there is no layout, still all that forbids the migration by itself.
void judge_into(Planning& planning) {
  Plan& plan = planning.plan;
  std::optional<TableFacts> existing;
  if (plan.layout.existing) {
    existing = read_table_facts(planning.target, plan.layout.root.name);
  }
  KeepOptions options;
  options.strict_unique = !planning.options.widen_unique;
  options.accepted = planning.options.accepted;
  options.empties_source = empties_source(plan.method);
  options.is_cut_over = plan.strategy == Strategy::capture;
  options.target_major_version = planning.target.server_major_version();
  options.one_database = plan.one_database;
  options.columns_with_nulls = plan.key_columns_with_nulls;
  options.existing_target = existing ? &*existing : nullptr;
  Verdict verdict = judge(plan.parent ? own_facts(plan.source, *plan.parent) : plan.source, plan.layout, options);
  plan.notices = std::move(verdict.notices);
  if (plan.parent) {
    const std::vector<Notice> more = split_notices(plan.source, *plan.parent, plan.layout);
    plan.notices.insert(plan.notices.end(), more.begin(), more.end());
    plan.notices.insert(plan.notices.end(), planning.parent_notices.begin(), planning.parent_notices.end());
  }
  for (pg::Failure& refusal : verdict.refusals) {
    planning.refusals.add(std::move(refusal));
  }
}

void refuse_unwritable(Planning& planning, pg::Connection& connection, std::string_view side, const std::string& hint) {
  const ServerFacts server = read_server_facts(connection);
  const std::string where = "the " + std::string(side) + "'s server ";
  if (server.in_recovery) {
    planning.refusals.add(
        refused(where + "is a standby, which takes no changes").detail(connection.description()).hint(hint));
  } else if (server.default_transaction_read_only) {
    planning.refusals.add(
        refused(where + "is read-only for this role")
            .detail(connection.description() + " has default_transaction_read_only = on.")
            .hint("Turn it off for this role: ALTER ROLE … SET default_transaction_read_only = off."));
  }
}

void check_servers(Planning& planning) {
  refuse_unwritable(planning, planning.target, "target", "Connect to the primary server with --target.");
  const bool writes_to_source = planning.plan.guard || empties_source(planning.plan.method);
  if (!planning.plan.one_database && writes_to_source) {
    refuse_unwritable(planning, planning.source, "source",
                      "Connect to the primary server with --source; or, when nobody writes there, --guard off lets "
                      "the rows be read from a standby.");
  }
}

void check_privileges(Planning& planning) {
  const std::vector<Privilege> privileges =
      read_privileges(planning.source, planning.target, planning.facts(), target_name(planning),
                      empties_source(planning.plan.method), planning.plan.one_database);
  std::optional<Failure> missing = missing_privileges(privileges);
  if (missing && !planning.options.only_looking) {
    planning.refusals.add(*missing);
  }
}

void warn(Planning& planning) {
  const auto add = [&](std::string what, std::string instead) {
    planning.plan.notices.push_back({Notice::Kind::warning, std::move(what), std::move(instead), ""});
  };
  if (!planning.why_offline.empty()) {
    add("nobody may write to the source from `pgsluice run` on (strategy offline)",
        "a migration beside writes (strategy capture) is not possible here: " + planning.why_offline);
  }
  const std::size_t tables = nodes(planning.plan.layout).size();
  const auto locks = static_cast<std::int64_t>(tables * (1 + planning.facts().indexes.size()));
  const ServerFacts server = read_server_facts(planning.target);
  if (locks > server.lock_count_max) {
    add("a statement that touches every partition locks " + std::to_string(locks) + " tables and indexes",
        "the server has room for " + std::to_string(server.lock_count_max) +
            " locks at once; raise max_locks_per_transaction, or make fewer partitions");
  }
  const LargestValue largest = read_largest_value(planning.source, planning.facts());
  constexpr std::int64_t kLarge = std::int64_t{16} << 20U;
  if (largest.bytes >= kLarge) {
    add("values of column " + pg::display(std::string_view(largest.column)) + " reach " +
            std::to_string(largest.bytes >> 20U) + " MB (stored size, seen in a sample)",
        "each session of the server needs several times that memory for one row; use few --workers");
  }
}

std::string differing_parts(const TableFacts& planned, const TableFacts& now) {
  const nlohmann::json before = planned;
  const nlohmann::json after = now;
  const std::set<std::string> indifferent = {"size", "file_node", "row_security_active", "dependents", "partitions"};
  std::string names;
  for (const auto& [name, value] : after.items()) {
    if (!indifferent.contains(name) && before.value(name, nlohmann::json()) != value) {
      names += (names.empty() ? "" : ", ") + name;
    }
  }
  return names;
}

std::string identity_text(const DatabaseIdentity& identity) {
  std::string text =
      pg::display(std::string_view(identity.database)) + " (OID " + std::to_string(identity.database_oid);
  text += identity.system_identifier.empty() ? "" : ", system " + identity.system_identifier;
  return text + ")";
}

void check_same_database(const DatabaseIdentity& planned, pg::Connection& connection, std::string_view side) {
  const DatabaseIdentity now = read_database_identity(connection);
  const bool has_both = !planned.system_identifier.empty() && !now.system_identifier.empty();
  const bool is_same =
      planned.database_oid == now.database_oid &&
      (has_both ? planned.system_identifier == now.system_identifier : planned.database == now.database);
  if (!is_same) {
    throw refused("the " + std::string(side) + " is another database than the one of the plan")
        .detail("Planned for database " + identity_text(planned) + "; this is " + connection.description() + ", " +
                identity_text(now) + ".")
        .hint("Give the same --source, --target and --checkpoint as to `pgsluice plan`.")
        .status("nothing was changed; the checkpoint is as it was");
  }
}

}  // namespace

Plan make_plan(pg::Connection& source, pg::Connection& target, const PlanOptions& options) {
  Planning planning{source, target, options, {}, {}, {}, false, {}};
  Plan& plan = planning.plan;
  plan.source = read_table_facts(source, options.table);
  refuse_foreign_partitions(plan.source);
  identify(planning);
  choose_method(planning);
  look_for_split(planning);
  choose_strategy(planning);
  check_servers(planning);
  check_privileges(planning);

  Refusals& refusals = planning.refusals;
  const bool is_laid_out = refusals.attempt([&] { lay_out(planning); });
  refusals.attempt([&] {
    const bool rows_stay = plan.guard && !empties_source(plan.method);
    // A changed row is found again by its key, so there must be one.
    const SplitChoice split = plan.strategy == Strategy::capture && options.split == SplitChoice::automatic
                                  ? SplitChoice::key
                                  : options.split;
    try {
      plan.key = choose_range_key(plan.source, split, source.server_major_version(), rows_stay);
    } catch (Failure& failure) {
      if (plan.strategy == Strategy::capture && split == SplitChoice::key) {
        failure.hint(
            "A changed row is found again by a key: make one, CREATE UNIQUE INDEX CONCURRENTLY on NOT NULL "
            "columns; or use --strategy offline, which stops writes meanwhile.");
      }
      throw;
    }
    if (plan.strategy == Strategy::capture && plan.key.is_ctid()) {
      throw refused("changes of " + pg::display(plan.source.name) + " cannot be captured by ctid")
          .detail("A row that is updated gets another one.")
          .hint("Leave out --split.");
    }
  });
  if (is_laid_out) {
    name_parts(planning);
    refusals.attempt([&] { find_null_keys(planning); });
  }
  if (plan.strategy == Strategy::capture) {
    refuse_uncapturable(planning);
  }
  judge_into(planning);
  refusals.throw_if_any();
  if (plan.strategy == Strategy::capture) {
    choose_capture(planning);
  }

  plan.rows_come_leaf_by_leaf = read_rows_come_leaf_by_leaf(source, plan);
  // Only now what takes longest.
  plan.ranges = cut_ranges(source, plan.source, plan.key, options.range_limits);
  warn(planning);
  return plan;
}

std::vector<Method> eligible_methods(bool one_database, bool empty_source) {
  if (!one_database) {
    return empty_source ? std::vector<Method>{} : std::vector{Method::stream};
  }
  return empty_source ? std::vector{Method::move, Method::stream_move} : std::vector{Method::insert, Method::stream};
}

QualifiedName default_target_name(const QualifiedName& source) {
  return {source.schema, fitted_name(source.name + "_partitioned")};
}

void check_databases(const Plan& plan, pg::Connection& source, pg::Connection& target) {
  check_same_database(plan.source_database, source, "source");
  check_same_database(plan.target_database, target, "target");
}

void check_plan_still_holds(const Plan& plan, pg::Connection& source, pg::Connection& target) {
  check_databases(plan, source, target);
  const TableFacts now = read_table_facts(source, plan.source.name);
  const std::string table = pg::display(plan.source.name);
  constexpr const char* kHint = "Undo what was done with `pgsluice rollback`, then plan again.";
  constexpr const char* kStatus = "nothing was changed by this command";
  if (now.oid != plan.source.oid) {
    throw refused("the table " + table + " is not the one of the plan: it was made anew").hint(kHint).status(kStatus);
  }
  if (definition_digest(now) != definition_digest(plan.source)) {
    throw refused("the table " + table + " was changed after it was planned")
        .detail("What differs: " + differing_parts(plan.source, now) + ".")
        .hint(kHint)
        .status(kStatus);
  }
  if (plan.key.is_ctid() && now.file_node != plan.source.file_node) {
    throw refused("the rows of " + table +
                  " were rewritten after they were planned, so ranges of heap blocks have lost their meaning")
        .detail("Something like VACUUM FULL, CLUSTER or ALTER TABLE gave the table a new file.")
        .hint(kHint)
        .status(kStatus);
  }
}

std::optional<pg::Failure> missing_privileges(const std::vector<Privilege>& privileges) {
  std::string missing;
  std::string grants;
  for (const Privilege& privilege : privileges) {
    if (!privilege.held) {
      missing += (missing.empty() ? "" : "\n") + privilege.what;
      grants += privilege.grant_sql.empty() ? "" : (grants.empty() ? "" : "\n") + privilege.grant_sql + ";";
    }
  }
  if (missing.empty()) {
    return std::nullopt;
  }
  Failure failure = refused("this role lacks privileges that the migration needs");
  failure.detail(missing).status("nothing was changed");
  return grants.empty() ? failure : failure.hint("Somebody who may must say:\n" + grants);
}

std::vector<Privilege> read_privileges(const Plan& plan, pg::Connection& source, pg::Connection& target) {
  return read_privileges(source, target, plan.source, plan.layout.root.name, empties_source(plan.method),
                         plan.one_database);
}

}  // namespace pgsluice::planner

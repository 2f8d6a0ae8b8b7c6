#include "planner/feed.hpp"

#include <algorithm>
#include <array>

#include "planner/index_sql.hpp"
#include "planner/names.hpp"
#include "planner/swap_sql.hpp"
#include "planner/target_table_sql.hpp"

namespace pgsluice::planner {

namespace {

constexpr std::size_t kTagBytes = 8;

std::vector<CapturedColumn> of_kind(const Plan& plan, bool is_key) {
  std::vector<CapturedColumn> columns;
  std::copy_if(plan.captured.begin(), plan.captured.end(), std::back_inserter(columns),
               [&](const CapturedColumn& column) { return column.is_key == is_key; });
  return columns;
}

std::vector<std::string> names_of(const std::vector<CapturedColumn>& columns) {
  std::vector<std::string> names;
  for (const CapturedColumn& column : columns) {
    names.push_back(column.name);
  }
  return names;
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<std::string> fixed_columns(const Plan& plan, bool on_target) {
  std::vector<std::string> names;
  for (const Column& column : plan.source.columns) {
    const bool is_identity = on_target ? numbering_of(plan, column) == Numbering::identity : !column.identity.empty();
    if (is_identity && column.identity == "a") {
      names.push_back(column.name);
    }
  }
  return names;
}

// Whether each column that no UPDATE may set is of the key by which rows are found again, so that none needs setting.
bool can_be_updated(const Feed& feed, const std::vector<std::string>& conflict_columns) {
  return std::all_of(feed.fixed_columns.begin(), feed.fixed_columns.end(),
                     [&](const std::string& name) { return contains(conflict_columns, name); });
}

Feed common(const Plan& plan) {
  Feed feed;
  feed.migration_id = plan.migration_id;
  feed.key = of_kind(plan, true);
  feed.lead = of_kind(plan, false);
  feed.columns = plan.source.insertable_columns();
  if (plan.parent) {
    feed.parent = plan.parent->name;
  }
  return feed;
}

}  // namespace

bool Feed::keys_can_be_divided() const {
  constexpr std::array<std::string_view, 11> kTypes = {"bigint",
                                                       "integer",
                                                       "smallint",
                                                       "uuid",
                                                       "date",
                                                       "text",
                                                       "character varying",
                                                       "boolean",
                                                       "bytea",
                                                       "timestamp without time zone",
                                                       "timestamp with time zone"};
  return std::all_of(key.begin(), key.end(), [&](const CapturedColumn& column) {
    return column.collation.empty() && std::find(kTypes.begin(), kTypes.end(), column.type) != kTypes.end();
  });
}

QualifiedName Feed::log() const {
  return function("");
}

QualifiedName Feed::function(std::string_view event) const {
  const std::string what = direction == FeedDirection::forward ? "changes_" : "changes_back_";
  return {"pgsluice", what + migration_id.substr(0, kTagBytes) + (event.empty() ? "" : "_" + std::string(event))};
}

QualifiedName Feed::partitions() const {
  return function("partitions");
}

std::string Feed::time_column() const {
  std::string name = "noted_at";
  const auto is_taken = [&](const CapturedColumn& column) { return column.name == name; };
  while (std::any_of(key.begin(), key.end(), is_taken) || std::any_of(lead.begin(), lead.end(), is_taken)) {
    name += '_';
  }
  return name;
}

std::string Feed::trigger(std::string_view event) const {
  return "pgsluice_" + function(event).name;
}

QualifiedName Feed::snapshot_function() const {
  return {"pgsluice", "pgsluice_old_snapshots_" + function("").name};
}

bool target_key_has_no_nulls(const Plan& plan) {
  const std::vector<TargetIndex> indexes = target_indexes(plan);
  return std::any_of(indexes.begin(), indexes.end(), [&](const TargetIndex& index) {
    if (index.source->name != plan.key.index) {
      return false;
    }
    return index.is_primary || std::all_of(index.key_columns.begin(), index.key_columns.end(), [&](const auto& name) {
             const Column* column = plan.source.column(name);
             return column != nullptr && column->not_null && column->not_null_is_valid;
           });
  });
}

Feed forward_feed(const Plan& plan) {
  Feed feed = common(plan);
  feed.direction = FeedDirection::forward;
  feed.form = plan.capture_form;
  feed.from = plan.source.name;
  feed.to = plan.layout.root.name;
  feed.from_is_partitioned = plan.source.is_partitioned();
  for (const SourcePartition& partition : plan.source.partitions) {
    feed.truncatable.push_back(partition.name);
  }
  std::vector<std::string> conflict = names_of(feed.key);
  const std::vector<std::string> lead = names_of(feed.lead);
  conflict.insert(conflict.end(), lead.begin(), lead.end());
  feed.fixed_columns = fixed_columns(plan, true);
  if (target_key_has_no_nulls(plan) && can_be_updated(feed, conflict)) {
    feed.conflict_columns = conflict;
  }
  return feed;
}

Feed reverse_feed(const Plan& plan) {
  Feed feed = common(plan);
  feed.direction = FeedDirection::back;
  feed.form = CaptureForm::row;  // A statement that names a leaf fires the leaf's triggers alone.
  feed.from = table_in_use(plan);
  feed.to = name_after_swap(plan);
  feed.fixed_columns = fixed_columns(plan, false);
  if (const std::vector<std::string> key = names_of(feed.key); can_be_updated(feed, key)) {
    feed.conflict_columns = key;
  }
  for (const PartitionNode* node : nodes(plan.layout)) {
    if (node != &plan.layout.root) {
      (plan.parent ? feed.parts : feed.truncatable).push_back(node->name);
    }
  }
  return feed;
}

}  // namespace pgsluice::planner

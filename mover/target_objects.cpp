#include "mover/target_objects.hpp"

#include <array>
#include <cstddef>
#include <string_view>
#include <utility>

#include "pg/failure.hpp"
#include "pg/statements.hpp"
#include "planner/key.hpp"
#include "planner/mark.hpp"

namespace pgsluice::mover {

namespace {

using Kind = TargetObjects::Kind;

constexpr std::array<std::pair<std::string_view, Kind>, 7> kKinds = {{{"index", Kind::index},
                                                                      {"constraint", Kind::constraint},
                                                                      {"trigger", Kind::trigger},
                                                                      {"policy", Kind::policy},
                                                                      {"statistics", Kind::statistics},
                                                                      {"publication", Kind::publication},
                                                                      {"grantee", Kind::grantee}}};

std::optional<Kind> kind_named(std::string_view name) {
  for (const auto& [text, kind] : kKinds) {
    if (text == name) {
      return kind;
    }
  }
  return std::nullopt;
}

}  // namespace

TargetObjects TargetObjects::read(pg::Connection& target, const std::vector<const planner::PartitionNode*>& nodes) {
  std::vector<std::string> schemas;
  std::vector<std::string> names;
  for (const planner::PartitionNode* node : nodes) {
    schemas.push_back(node->name.schema);
    names.push_back(node->name.name);
  }
  const pg::Result rows = target.query(pg::statement("target_objects", target.server_major_version()),
                                       {planner::to_array_text(schemas), planner::to_array_text(names)});
  TargetObjects objects;
  for (int i = 0; i < rows.row_count(); ++i) {
    const pg::QualifiedName& node = nodes[static_cast<std::size_t>(rows.integer(i, 0) - 1)]->name;
    const std::string name(rows.text(i, 2));
    if (const std::optional<Kind> kind = kind_named(rows.text(i, 1))) {
      objects.objects_[{node, *kind, name}] = {rows.boolean(i, 3), rows.boolean(i, 4)};
    } else {
      objects.relations_[node] = {name, std::string(rows.text(i, 5))};
    }
  }
  return objects;
}

std::optional<TargetObjects::Relation> TargetObjects::relation(const planner::PartitionNode& node) const {
  const auto found = relations_.find(node.name);
  return found == relations_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<TargetObjects::Object> TargetObjects::find(const planner::PartitionNode& node, Kind kind,
                                                         const std::string& name) const {
  const auto found = objects_.find({node.name, kind, name});
  return found == objects_.end() ? std::nullopt : std::optional(found->second);
}

bool TargetObjects::has_valid(const planner::PartitionNode& node, Kind kind, const std::string& name) const {
  const std::optional<Object> object = find(node, kind, name);
  return object && object->is_valid;
}

std::vector<std::string> TargetObjects::names(const planner::PartitionNode& node, Kind kind) const {
  std::vector<std::string> found;
  for (auto at = objects_.lower_bound({node.name, kind, ""}); at != objects_.end(); ++at) {
    const auto& [table, object_kind, name] = at->first;
    if (table != node.name || object_kind != kind) {
      break;
    }
    found.push_back(name);
  }
  return found;
}

bool TargetObjects::is_made(const planner::PartitionNode& node, const std::string& migration_id) const {
  const std::optional<Relation> found = relation(node);
  if (!found) {
    return false;
  }
  if (!planner::is_marked(found->comment, migration_id)) {
    throw pg::Failure(pg::FailureKind::refused,
                      "there is something called " + pg::display(node.name) + " that this migration did not make")
        .detail("What a migration makes has the line \"" + planner::mark(migration_id) + "\" in its comment.")
        .hint(
            "Rename or drop it, then run the same command again; or undo with `pgsluice rollback` and plan with "
            "another --into.");
  }
  return true;
}

}  // namespace pgsluice::mover

// What there is of a new target already, as the catalogue says: every step of making it looks here first and does what
// is missing, so that it can be repeated after a crash at any point.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "pg/connection.hpp"
#include "planner/layout.hpp"

namespace pgsluice::mover {

class TargetObjects {
 public:
  enum class Kind { index, constraint, trigger, policy, statistics, publication, grantee };
  struct Object {
    bool is_valid = false;
    bool is_attached = false;  // An index or constraint that belongs to the parent table's.
  };
  struct Relation {
    std::string kind;  // relkind
    std::string comment;
  };

  // Looks at these nodes. Fails: server, connection.
  static TargetObjects read(pg::Connection& target, const std::vector<const planner::PartitionNode*>& nodes);

  // The table of that name; absent when there is none.
  std::optional<Relation> relation(const planner::PartitionNode& node) const;
  // Absent when the node has no such object. Names are unquoted; a grantee's is quoted SQL text.
  std::optional<Object> find(const planner::PartitionNode& node, Kind kind, const std::string& name) const;
  bool has(const planner::PartitionNode& node, Kind kind, const std::string& name) const {
    return find(node, kind, name).has_value();
  }
  bool has_valid(const planner::PartitionNode& node, Kind kind, const std::string& name) const;
  std::vector<std::string> names(const planner::PartitionNode& node, Kind kind) const;

  // True when the node is there and carries the mark. Fails: refused, when something else has its name.
  bool is_made(const planner::PartitionNode& node, const std::string& migration_id) const;

 private:
  std::map<pg::QualifiedName, Relation> relations_;
  std::map<std::tuple<pg::QualifiedName, Kind, std::string>, Object> objects_;
};

}  // namespace pgsluice::mover

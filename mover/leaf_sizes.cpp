#include "mover/leaf_sizes.hpp"

#include <cstddef>
#include <string>

#include "mover/target_session.hpp"
#include "planner/key.hpp"

namespace pgsluice::mover {

std::vector<LeafSize> read_leaf_sizes(pg::Connection& target, const planner::Layout& layout) {
  const std::vector<const planner::PartitionNode*> leaves = planner::leaves(layout);
  std::vector<std::string> schemas;
  std::vector<std::string> names;
  for (const planner::PartitionNode* leaf : leaves) {
    schemas.push_back(leaf->name.schema);
    names.push_back(leaf->name.name);
  }
  const pg::Result rows =
      fixed_query(target, "relation_sizes", {planner::to_array_text(schemas), planner::to_array_text(names)});
  std::vector<LeafSize> sizes;
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const int row = static_cast<int>(i);
    sizes.push_back({leaves[i], rows.integer(row, 0), rows.integer(row, 1)});
  }
  return sizes;
}

}  // namespace pgsluice::mover
